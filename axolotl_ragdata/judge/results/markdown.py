"""`results.md`: the table for a paper, then everything beside it."""

from __future__ import annotations

from collections.abc import Iterator

from axolotl_ragdata.card import escaped
from axolotl_ragdata.judge.results import sections
from axolotl_ragdata.judge.results.records import Results
from axolotl_ragdata.judge.results.sections import Shown


def markdown(results: Results) -> str:
    """Return the results as Markdown; names and texts from elsewhere are escaped."""
    parts = [f"# {escaped(results.name)}: the models compared"]
    if results.void:
        parts.append("**VOID: a judge failed its self-test. These numbers say nothing of the models.**")
    parts += [_bullets(sections.notes(results))]
    parts += [table(shown) for shown in _shown(results)]
    parts.append(escaped(sections.methods()))
    return "\n\n".join(parts) + "\n"


def _shown(results: Results) -> Iterator[Shown]:
    yield from sections.judged(results)
    yield from sections.pairwise(results)
    yield from sections.claims(results)
    yield from sections.exact(results)
    yield from sections.probes(results)
    if by_type := sections.breakdown(results, "type"):
        yield by_type
    yield from sections.trust(results)
    if cost := sections.costs(results):
        yield cost


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def table(shown: Shown) -> str:
    """Return one table with its title and note."""
    header = [escaped(cell) for cell in shown.header]
    lines = [
        f"| {' | '.join(header)} |",
        f"|{''.join(' --- |' if at in shown.words else ' ---: |' for at in range(len(header)))}",
    ]
    lines += [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in shown.rows]
    note = [escaped(shown.note)] if shown.note else []
    return "\n\n".join([f"## {escaped(shown.title)}", *note, "\n".join(lines)])
