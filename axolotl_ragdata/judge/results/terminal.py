"""The table that the command prints: plain text in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from axolotl_ragdata.judge.results import sections
from axolotl_ragdata.judge.results.records import Results
from axolotl_ragdata.judge.results.sections import Shown


def summary(results: Results) -> str:
    """Return what a reader wants first: what voids the table, judged totals, pairs, claims, exact scores."""
    parts = [f"VOID: {reason}" for reason in results.void_reasons]
    parts += [text_table(shown) for shown in _shown(results)]
    return "\n\n".join(parts)


def text_table(shown: Shown) -> str:
    """Return a table in columns, as wide as its cells.

    >>> print(text_table(Shown("T", ("model", "n"), (("a", "10"), ("long", "9")))))
    T
    model   n
    a      10
    long    9
    """
    lines = [shown.header, *shown.rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(shown.header))]
    placed = (_line(line, widths, shown.words) for line in lines)
    return "\n".join([shown.title, *([shown.note] if shown.note else []), *placed])


def _line(cells: Sequence[str], widths: Sequence[int], words: Sequence[int]) -> str:
    placed = (
        cell.ljust(width) if at in words else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(placed).rstrip()


def _shown(results: Results) -> Iterator[Shown]:
    yield from sections.judged(results)
    yield from sections.pairwise(results)
    yield from sections.claims(results)
    yield from sections.exact(results)
