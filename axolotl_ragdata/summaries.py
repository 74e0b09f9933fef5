"""What the terminal shows of a run directory: what it holds, what it cost, what a build would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axolotl_ragdata.display import printable, stdout

if TYPE_CHECKING:
    from rich.table import Column

    from axolotl_ragdata.changes import Diff
    from axolotl_ragdata.estimates import Estimate, StageEstimate
    from axolotl_ragdata.overview import Overview
    from axolotl_ragdata.records import Usage

MOST_NAMES = 12


def show_diff(found: Diff) -> None:
    """Print what a build would do."""
    console = stdout()
    console.print(
        "a build would do nothing" if found.changes_nothing else f"a build is due: {found.reason}", style="bold"
    )
    for kind, names in found.documents.items():
        shown = ", ".join(names[:MOST_NAMES]) + (
            f", and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
        )
        console.print(printable(f"  documents {kind}: {len(names):,} ({shown})"))
    console.print(f"  documents unchanged: {found.unchanged_documents:,}")
    for what, consequence in found.settings.items():
        console.print(printable(f"  {what}: {consequence}"))
    console.print("  passages " + ", ".join(f"{count:,} {kind}" for kind, count in found.passages.items()))
    for fate, count in found.rows.items():
        console.print(printable(f"  rows {count:,} {fate}"))
    if found.retried:
        console.print(f"  failures {found.retried:,} would be tried again")


def show_runs(found: Overview) -> None:
    """Print what a run directory holds: tables, spending by stage, builds."""
    from rich.table import Table

    console = stdout()
    console.print(f"{found.folder}: {found.journal_bytes / 1e6:,.1f} MB of journal", style="bold")
    console.print(
        f"  dataset {found.dataset_id}, finished {found.finished_at}" if found.dataset_id else "  not finished"
    )
    if found.rows:
        console.print("  " + "  ".join(f"{name} {count:,}" for name, count in found.rows.items()))
    stages = Table(
        "stage", *(_right(name) for name in ("answers", "failed", "tokens in", "tokens out", "cost")), box=None
    )
    for stage in found.stages:
        cost = _money(found.stage_costs[stage.stage])
        stages.add_row(
            printable(stage.stage), *_numbers(stage.answers, stage.failed_attempts, *_tokens(stage.usage)), cost
        )
    if found.stages:
        stages.add_row("all", *_numbers(*_all_calls(found), *_tokens(found.total)), _money(found.total_cost))
        console.print(stages)
    builds = Table(
        "build", "ended", *(_right(name) for name in ("seconds", "rows", "calls", "tokens", "cost")), box=None
    )
    for build, cost_of_build in zip(found.builds, found.build_costs, strict=True):
        ended = f"{build.outcome}: {build.detail}" if build.detail else build.outcome
        tokens = sum(_tokens(build.usage))
        numbers = (build.seconds, build.rows, build.usage.calls, tokens)
        builds.add_row(build.started_at[:19], printable(ended), *_numbers(*numbers), _money(cost_of_build))
    if found.builds:
        console.print(builds)


def _right(name: str) -> Column:
    from rich.table import Column

    return Column(name, justify="right", no_wrap=True)


def _numbers(*values: float | None) -> list[str]:
    return ["-" if value is None else f"{value:,}" for value in values]


def _tokens(usage: Usage) -> tuple[int, int]:
    return usage.input_tokens, usage.output_tokens


def _all_calls(found: Overview) -> tuple[int, int]:
    return sum(stage.answers for stage in found.stages), sum(stage.failed_attempts for stage in found.stages)


def _money(cost: float | None) -> str:
    return "no price" if cost is None else f"{cost:,.4f}"


EXPECTED = ("expected calls", "expected cost")


def show_estimate(found: Estimate) -> None:
    """Print what a build would ask, by stage."""
    from rich.table import Table

    console = stdout()
    # without a quota both are the same
    expects = found.expected_calls != found.calls
    names = ("calls at most", "in the journal", "tokens in", "tokens out", "cost")
    table = Table("stage", *map(_right, names), *map(_right, EXPECTED if expects else ()), box=None)
    for stage in found.stages:
        name = stage.stage if stage.counted else f"{stage.stage} (to come)"
        table.add_row(printable(name), *_estimated(stage, expects))
    table.add_row("all", *_estimated(found, expects))
    console.print(table)
    for note in found.notes:
        console.print(printable(note))


def _estimated(one: StageEstimate | Estimate, expects: bool) -> list[str]:
    numbers = _numbers(one.calls, one.in_journal, one.input_tokens, one.output_tokens)
    expected = [*_numbers(one.expected_calls), _money(one.expected_cost)] if expects else []
    return [*numbers, _money(one.cost), *expected]
