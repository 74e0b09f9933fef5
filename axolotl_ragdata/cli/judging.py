"""`ragdata judge`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@RECIPE
@click.option("--tuned", type=click.Path(path_type=Path), default=None, help="Trained weights.  [default: output_dir]")
@click.option("--calibrate", "ratings", metavar="FILE", type=FILE, help="Judge answers that people scored; see below.")
@click.option("--export-blind", "exporting", is_flag=True, help="Write blind answer pairs of the last run for raters.")
@click.option(
    "--pairs", "pairs_most", type=click.IntRange(1), help="Most pairs that --export-blind draws.  [default: all]"
)
@click.option("--import-blind", "rated", metavar="FILE", type=FILE, multiple=True, help="Join rated pairs; repeatable.")
@AS_JSON
def judge(
    recipe_path: Path,
    tuned: Path | None,
    ratings: Path | None,
    exporting: bool,
    pairs_most: int | None,
    rated: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare the model that RECIPE trained with others on held-out questions.

    Without a `judge:` block: the base model, the adapter and the base model with retrieval, by exact scores alone.
    Questions that stand in training rows are found first and excluded. Answers and verdicts are journalled: the same
    command goes on where it was, and pays for nothing twice. Exit code 4 when a judge fails its self-test, 3 when too
    many verdicts are missing; what was found is written all the same.

    People: --export-blind writes pairs of answers without their authors, as CSV and JSONL, and the key beside them;
    --import-blind joins what raters chose and reports how far they agree. --calibrate takes JSONL or CSV rows of
    question, answer and score (0 to 10), or of question_id, candidate and score of the last run, and reports how far
    the judges agree with people.
    """
    if sum((ratings is not None, exporting, bool(rated))) > 1 or (pairs_most is not None and not exporting):
        raise click.UsageError(
            "--calibrate, --export-blind and --import-blind exclude each other; --pairs is for exports"
        )
    if ratings is not None:
        _calibrate(recipe_path, ratings, as_json)
    elif exporting:
        _export_blind(recipe_path, pairs_most, as_json)
    elif rated:
        _import_blind(recipe_path, rated, as_json)
    else:
        _judge(recipe_path, tuned, as_json)


def _judge(recipe_path: Path, tuned: Path | None, as_json: bool) -> None:
    from axolotl_ragdata.judge.results.terminal import summary
    from axolotl_ragdata.judge.run import judge as run_judge
    from axolotl_ragdata.judge.run import refuse_untrustworthy
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        done = run_judge(recipe, progress, tuned)
    if as_json:
        click.echo(done.results.model_dump_json())
    else:
        click.echo(summary(done.results) + "\n")
        for name in ("results.md", "results.json", "report.html"):
            click.echo(done.judgement.folder / name)
    refuse_untrustworthy(recipe, done)


def _calibrate(recipe_path: Path, ratings: Path, as_json: bool) -> None:
    from axolotl_ragdata.judge.people.running import calibrate, refuse_void
    from axolotl_ragdata.judge.people.writing import calibration_markdown
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        found = calibrate(recipe, ratings, progress)
    click.echo(found.model_dump_json() if as_json else calibration_markdown(found), nl=as_json)
    refuse_void(found, recipe)


def _export_blind(recipe_path: Path, pairs_most: int | None, as_json: bool) -> None:
    from axolotl_ragdata.judge.people.running import send_blind
    from axolotl_ragdata.recipe import load_recipe

    table, lines, key = send_blind(load_recipe(recipe_path), pairs_most)
    if as_json:
        click.echo(json.dumps({"csv": str(table), "jsonl": str(lines), "key": str(key)}))
        return
    click.echo(f"for raters: {table}\nthe same as JSONL: {lines}\nkept back: {key}")


def _import_blind(recipe_path: Path, rated: tuple[Path, ...], as_json: bool) -> None:
    from axolotl_ragdata.judge.people.running import receive_blind
    from axolotl_ragdata.judge.people.writing import human_markdown
    from axolotl_ragdata.recipe import load_recipe

    found = receive_blind(load_recipe(recipe_path), rated)
    click.echo(found.model_dump_json() if as_json else human_markdown(found), nl=as_json)
