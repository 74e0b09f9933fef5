"""`report.html`: the results as one page without a script, that loads nothing; every text from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.judge.results import sections
from axolotl_ragdata.judge.results.cases import Case, disputed, worst
from axolotl_ragdata.judge.results.records import Interval, PairRow, Results
from axolotl_ragdata.judge.results.sections import Shown
from axolotl_ragdata.judge.results.wording import NONE, share
from axolotl_ragdata.judge.rubrics import HIGHEST, LOWEST
from axolotl_ragdata.page import Chart, bars, intervals, render

TEMPLATE = Path(__file__).with_name("report.html")
SECTIONS_SHOWN = 200
UNSCORED_SHOWN = 200
SCALE = range(HIGHEST, LOWEST - 1, -1)
CHAPTERS = {
    "totals": "Totals",
    "pairs": "Pairs",
    "facts": "Claims and exact scores",
    "parts": "By type and section",
    "probes": "Probes",
    "judges": "The judges",
    "disputed": "Most disputed answers",
    "worst": "Worst answers",
    "missing": "What is missing",
    "cost": "Cost",
}


@dataclass(frozen=True)
class Cell:
    """A cell of the pairwise matrix: the row's win rate against the column, how strongly it is tinted, its interval."""

    rate: float
    tint: int
    shown: str
    reach: str


def report(results: Results) -> str:
    """Return the report as one HTML page."""
    tables = _tables(results)
    charts = {"totals": _charts(results)}
    cases = {"disputed": disputed(results), "worst": worst(results)}
    chapters = [(key, title) for key, title in CHAPTERS.items() if tables.get(key) or charts.get(key) or cases.get(key)]
    return render(
        TEMPLATE,
        title=f"{results.name}: the models compared",
        version=results.ragdata_version,
        results=results,
        # what voids the table and what warns have boxes of their own
        notes=[line for line in sections.notes(results) if not line.startswith(("VOID", "Note"))],
        chapters=chapters,
        tables={key: tables.get(key, []) for key in CHAPTERS},
        charts={key: charts.get(key, []) for key in CHAPTERS},
        cases={key: list[Case](cases.get(key, [])) for key in CHAPTERS},
        matrix=_matrix(results),
        methods=sections.methods(),
    )


def _tables(results: Results) -> dict[str, list[Shown]]:
    lost, cost = sections.unscored(results, UNSCORED_SHOWN), sections.costs(results)
    return {
        "totals": list(sections.judged(results)),
        "pairs": list(sections.pairwise(results)),
        "facts": [*sections.claims(results), *sections.exact(results)],
        "parts": [_cut(one) for kind in ("type", "section") if (one := sections.breakdown(results, kind))],
        "probes": list(sections.probes(results)),
        "judges": list(sections.trust(results)),
        "missing": [lost] if lost else [],
        "cost": [cost] if cost else [],
    }


def _cut(shown: Shown) -> Shown:
    more = len(shown.rows) - SECTIONS_SHOWN
    note = f"The {SECTIONS_SHOWN} largest; {more} more in results.json." if more > 0 else ""
    return Shown(shown.title, shown.header, shown.rows[:SECTIONS_SHOWN], note)


def _charts(results: Results) -> list[Chart]:
    """Return each model's mean with its interval, and how its scores are spread."""
    if not results.tables:
        return []
    rows = [
        (total.candidate, total.mean, *_ends(total.interval, total.mean))
        for total in results.tables[0].totals
        if total.mean is not None
    ]
    found = [intervals("Mean score with its 95% interval", rows, LOWEST, HIGHEST)] if rows else []
    plain = {question.id for question in results.questions if question.probe is None}
    for name in results.candidates:
        values = [
            score.value
            for score in results.verdicts.scores
            if score.candidate == name and score.value is not None and score.question_id in plain
        ]
        if values:
            counts = [float(sum(round(value) == score for value in values)) for score in SCALE]
            found.append(bars(f"Scores of {name}", [str(score) for score in SCALE], {"answers": counts}, "answers"))
    return found


def _ends(interval: Interval | None, mean: float) -> tuple[float, float]:
    return (interval.low, interval.high) if interval is not None else (mean, mean)


def _matrix(results: Results) -> Sequence[tuple[str, list[Cell | None]]]:
    rates = {(row.first, row.second): row for row in results.pairs}
    names = results.candidates
    return [(name, [_cell(rates.get((name, other)), rates.get((other, name))) for other in names]) for name in names]


def _cell(there: PairRow | None, back: PairRow | None) -> Cell | None:
    row = there or back
    if row is None or row.win_rate is None:
        return None
    rate, found = row.win_rate, row.interval
    ends = (found.low, found.high) if found else None
    if there is None:
        rate, ends = 1 - rate, (1 - ends[1], 1 - ends[0]) if ends else None
    reach = f"{share(ends[0])} to {share(ends[1])}" if ends else NONE
    return Cell(rate, round(90 * abs(rate - 0.5)), share(rate), reach)
