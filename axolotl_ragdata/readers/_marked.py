"""Running text with marks, from JSON: blanks are squeezed, stand-ins are replaced, and offsets stay exact."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from axolotl_ragdata.readers._text import clean

Span = tuple[int, int, str]
"""Start, end, and what the span carries."""
BLANKS = re.compile(r"\s+")
MOST_COVERED = 10
"""How often marks may cover a text; citations hardly overlap, and each keeps its words."""
SHORT = 10_000


def marked_text(raw: str, marks: Sequence[Span], swaps: Sequence[Span] = ()) -> tuple[str, list[Span]]:
    """Return the clean text with one blank for each run of white space, and the marks in it.

    Marks outside the text are left out; one that ends within a swap covers all that came in its place.

    Args:
        raw: The text in which marks and swaps count.
        marks: What is to be found again.
        swaps: Stretches, and what to put in their place; of two that overlap the first is taken.

    Raises:
        ValueError: The marks overlap beyond measure.

    >>> marked_text("As  [1] and EQUATION say.", [(4, 7, "b0")], [(12, 20, "a = b")])
    ('As [1] and a = b say.', [(3, 6, 'b0')])
    """
    marks = [mark for mark in marks if 0 <= mark[0] < mark[1] <= len(raw)]
    check_cover(raw, marks)
    swaps = disjoint([swap for swap in swaps if 0 <= swap[0] < swap[1] <= len(raw)])
    if swaps or (marks and squeezed(raw) != raw):
        starts = [start for start, _, _ in swaps]
        marks = [_widened(mark, swaps, starts) for mark in marks]
        text, at = _put_together(raw, marks, swaps)
        marks = [(at[start], at[end], carried) for start, end, carried in marks]
    else:
        text = squeezed(raw)
    found = (_trimmed(text, mark) for mark in marks)
    return text, [mark for mark in found if mark[0] < mark[1]]


def squeezed(raw: str) -> str:
    """Return the clean text with one blank for each run of white space, none at the ends."""
    return " ".join(clean(raw).split())


def check_cover(text: str, marks: Iterable[Span]) -> None:
    """Refuse marks that would take memory out of all proportion to their text.

    Raises:
        ValueError: They cover it more than `MOST_COVERED` times.
    """
    covered = sum(end - start for start, end, _ in marks)
    if covered > MOST_COVERED * len(text) + SHORT:
        raise ValueError(f"marks cover {covered:,} characters of a text that has {len(text):,}")


def disjoint(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, without those that begin within another.

    >>> disjoint([(4, 6, "b"), (0, 5, "a"), (0, 2, "c"), (6, 7, "d")])
    [(0, 5, 'a'), (6, 7, 'd')]
    """
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _widened(mark: Span, swaps: Sequence[Span], starts: Sequence[int]) -> Span:
    """Return a mark that holds the swaps whole in which it begins or ends."""
    start, end, carried = mark
    before = bisect_right(starts, start) - 1
    if before >= 0 and start < swaps[before][1]:
        start = swaps[before][0]
    before = bisect_left(starts, end) - 1
    if before >= 0 and end < swaps[before][1]:
        end = swaps[before][1]
    return start, end, carried


def _put_together(raw: str, marks: Iterable[Span], swaps: Iterable[Span]) -> tuple[str, dict[int, int]]:
    """Return the text, and where in it each edge of a mark or swap has come to stand."""
    edges = {edge for spans in (marks, swaps) for start, end, _ in spans for edge in (start, end)}
    instead = {start: text for start, _, text in swaps}
    parts, at, length, after_blank = [], {}, 0, True
    for start, end in pairwise(sorted(edges | {0, len(raw)})):
        at[start] = length
        piece = BLANKS.sub(" ", clean(instead.get(start, raw[start:end])))
        piece = piece.removeprefix(" ") if after_blank else piece
        if piece:
            parts.append(piece)
            length += len(piece)
            after_blank = piece[-1] == " "
    at[len(raw)] = length
    return "".join(parts).rstrip(), at


def _trimmed(text: str, mark: Span) -> Span:
    """Return a mark without the blank at either end."""
    start, end, carried = mark
    end = min(end, len(text))
    start += text[start : start + 1] == " "
    end -= start < end and text[end - 1] == " "
    return start, end, carried
