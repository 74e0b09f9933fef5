"""`report.html`: one file without a script, that loads nothing; every text from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from axolotl_ragdata.judge.records import CandidateAnswer, Score
from axolotl_ragdata.judge.results import charts, sections
from axolotl_ragdata.judge.results.cases import Case, disputed, worst
from axolotl_ragdata.judge.results.records import PairRow, Results
from axolotl_ragdata.judge.results.sections import Shown
from axolotl_ragdata.judge.results.wording import NONE, share

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
SECTIONS_SHOWN = 200
UNSCORED_SHOWN = 200


def report(results: Results) -> str:
    """Return the report as one HTML page."""
    title = f"{results.name}: the models compared"
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f'<div class="void" role="alert">VOID: {escape(reason)}.</div>' for reason in results.void_reasons),
        _notes(results),
        _chapter("Totals", _totals(results)),
        _chapter("Pairs", _pairs(results)),
        _chapter("Claims and exact scores", _tables([*sections.claims(results), *sections.exact(results)])),
        _chapter("By type and section", _breakdowns(results)),
        _chapter("Probes", _tables(sections.probes(results))),
        _chapter("The judges", _tables(sections.trust(results))),
        _chapter("Most disputed answers", _cases(disputed(results))),
        _chapter("Worst answers", _cases(worst(results))),
        _chapter("What is missing", _tables([lost] if (lost := sections.unscored(results, UNSCORED_SHOWN)) else [])),
        _chapter("Cost", _tables([cost] if (cost := sections.costs(results)) else [])),
        f"<footer><p>{escape(sections.methods())}</p><p>axolotl-ragdata {escape(results.ragdata_version)}, "
        f"results schema {escape(results.schema_version)}</p></footer>",
    ]
    return page(title, "\n".join(part for part in parts if part))


def page(title: str, body: str) -> str:
    """Return a whole page."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _chapter(title: str, inner: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{inner}</section>" if inner else ""


def _notes(results: Results) -> str:
    # what voids the table has a box of its own
    lines = [line for line in sections.notes(results) if not line.startswith("VOID")]
    return f'<ul class="notes">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _totals(results: Results) -> str:
    shown = list(sections.judged(results))
    chart = charts.means(results.tables[0]) if results.tables else ""
    spread = charts.distributions(results)
    spread = f"<h3>How scores are spread</h3>{spread}" if spread else ""
    return chart + _tables(shown) + spread


def _pairs(results: Results) -> str:
    if not results.pairs:
        return ""
    return _matrix(results) + _tables(sections.pairwise(results))


def _matrix(results: Results) -> str:
    """Return the win rate of each row against each column."""
    rates = {(row.first, row.second): row for row in results.pairs}
    header = "".join(f"<th>{escape(name)}</th>" for name in results.candidates)
    rows = []
    for name in results.candidates:
        cells = "".join(f"<td>{_cell(rates, name, other)}</td>" for other in results.candidates)
        rows.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    caption = '<p class="soft">Win rate of the row against the column, with its 95% interval.</p>'
    table = f"<table><thead><tr><th>wins of</th>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'{caption}<div class="scroll">{table}</div>'


def _cell(rates: Mapping[tuple[str, str], PairRow], name: str, other: str) -> str:
    row, turned = rates.get((name, other)), False
    if row is None:
        row, turned = rates.get((other, name)), True
    if row is None or row.win_rate is None:
        return NONE
    rate = 1 - row.win_rate if turned else row.win_rate
    tint = round(45 * abs(rate - 0.5) * 2)
    colour = f"color-mix(in srgb, var({'--good' if rate > 0.5 else '--bad'}) {tint}%, transparent)"
    shown = row.interval
    if shown is not None and turned:
        shown = shown.model_copy(update={"low": 1 - shown.high, "high": 1 - shown.low})
    reach = f"{share(shown.low)} to {share(shown.high)}" if shown is not None else NONE
    return f'<span class="cell" style="background: {colour}">{share(rate)}</span> <span class="soft">{reach}</span>'


def _breakdowns(results: Results) -> str:
    found = [sections.breakdown(results, kind) for kind in ("type", "section")]
    tables = []
    for shown in found:
        if shown is not None:
            more = len(shown.rows) - SECTIONS_SHOWN
            note = f"The {SECTIONS_SHOWN} largest; {more} more in results.json." if more > 0 else ""
            tables.append(Shown(shown.title, shown.header, shown.rows[:SECTIONS_SHOWN], note))
    return _tables(tables)


def _tables(tables: Iterable[Shown]) -> str:
    return "\n".join(_table(shown) for shown in tables)


def _table(shown: Shown) -> str:
    header = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in shown.header)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in shown.rows)
    note = f'<p class="soft">{escape(shown.note)}</p>' if shown.note else ""
    table = f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<h3>{escape(shown.title)}</h3>{note}<div class="scroll">{table}</div>'


def _cases(cases: Sequence[Case]) -> str:
    return "\n".join(_case(case) for case in cases)


def _case(case: Case) -> str:
    question = case.question
    facts = [fact for fact in (question.origin, question.type, question.section) if fact]
    reference = f'<h3>Reference</h3><p class="text">{escape(question.reference)}</p>' if question.reference else ""
    sources = "".join(
        f'<div class="source"><span class="soft">{escape(passage.heading or passage.passage_id)}</span>'
        f'<p class="text">{escape(passage.text)}</p></div>'
        for passage in question.passages
    )
    answers = "".join(_answer(answer, case.scores.get(answer.candidate, ())) for answer in case.answers)
    return (
        f'<details><summary>{escape(question.question)} <span class="soft">{escape(case.why)}</span></summary>'
        f'<p class="soft">{escape(" · ".join(facts))}</p><div class="side">{answers}</div>{reference}'
        f"{f'<h3>Sources</h3>{sources}' if sources else ''}</details>"
    )


def _answer(answer: CandidateAnswer, scores: Sequence[Score]) -> str:
    text = answer.text if answer.text is not None else f"no answer: {answer.failure}"
    said = "".join(
        f"<p><strong>{escape(score.judge)}: {score.value:g}</strong> "
        f'<span class="soft">{escape(score.reason)}</span></p>'
        for score in scores
        if score.value is not None
    )
    return f'<div class="answer"><h3>{escape(answer.candidate)}</h3><p class="text">{escape(text)}</p>{said}</div>'
