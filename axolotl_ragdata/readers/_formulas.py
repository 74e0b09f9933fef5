"""Formulas that stand between the halves of a sentence, put back into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from axolotl_ragdata.readers._text import Piece

if TYPE_CHECKING:
    from axolotl_ragdata.readers._tei_blocks import Raw

LONGEST_INLINE_FORMULA = 400
"""Characters; a longer one is no formula within a sentence."""
SENTENCE_ENDS = (".", "!", "?", "…")
CLOSERS = ")]}\"'”’» "
CONTINUES = re.compile(r"[^\W\d_A-ZÀ-Þ]|[,;:)\]]|\(\d+[a-z]?\)")
LEADS = re.compile(r"(where|wherein|with|here|in which|où|avec|wobei|mit|donde)\b", re.I)


def join_formulas(raws: Sequence[Raw]) -> list[Raw]:
    """Return the blocks with every formula that splits a sentence put back into its paragraph."""
    joined: list[Raw] = []
    open_formula = False
    for raw in raws:
        last = joined[-1] if joined and joined[-1].block is None else None
        if raw.block is None and raw.kind == "formula" and last and last.kind == "paragraph" and _takes(last, raw):
            _join(last, raw)
            open_formula = True
        elif raw.block is None and raw.kind == "paragraph" and last and open_formula and _continues(raw):
            _join(last, raw)
            last.kind = "paragraph"
            open_formula = False
        else:
            joined.append(raw)
            open_formula = raw.block is None and raw.kind == "formula" and _length(raw) <= LONGEST_INLINE_FORMULA
    return joined


def _join(first: Raw, second: Raw) -> None:
    """Put the second block behind the first; the first takes over whatever refers to the second."""
    _join_sentences(first, second)
    first.pieces += [" ", *second.pieces]
    first.coords = _boxes_of_both(first, second, first.coords, second.coords)
    first.beside += second.beside


def _join_sentences(first: Raw, second: Raw) -> None:
    """Make one sentence of what the parser marked as two on both sides of the seam; a formula belongs to its side's."""
    before, after = _sentence_at_end(first.pieces), _sentence_at_start(second.pieces)
    if second.kind == "formula" and before is not None:
        second.pieces = [("s", ";".join(second.coords)), *second.pieces, None]
        after = 0
    elif first.kind == "formula" and after is not None:
        first.pieces = [("s", ";".join(first.coords)), *first.pieces, None]
        before = 0, len(first.pieces) - 1
    if before is None or after is None:
        return
    opening, closing = before
    boxes = _boxes_of_both(
        first,
        second,
        *((value,) if (value := _carried(one)) else () for one in (first.pieces[opening], second.pieces[after])),
    )
    first.pieces[opening] = ("s", ";".join(boxes))
    del first.pieces[closing:], second.pieces[: after + 1]


def _carried(piece: Piece) -> str:
    return str(piece[1]) if isinstance(piece, tuple) else ""


def _boxes_of_both(first: Raw, second: Raw, one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the boxes of both; a formula's only beside those of its text, all of which would seem to stand there."""
    text = other if first.kind == "formula" else one if second.kind == "formula" else one + other
    return one + other if text else ()


def _sentence_at_end(pieces: Sequence[Piece]) -> tuple[int, int] | None:
    """Return where the sentence opens and closes with which the pieces end; None where they end otherwise."""
    closing = len(pieces) - 1
    while closing >= 0 and _is_blank(pieces[closing]):
        closing -= 1
    depth = 0
    for at in range(closing, -1, -1):
        piece = pieces[at]
        if isinstance(piece, str):
            if not depth:
                return None
            continue
        depth += 1 if piece is None else -1
        if not depth:
            return (at, closing) if piece is not None and piece[0] == "s" else None
    return None


def _sentence_at_start(pieces: Sequence[Piece]) -> int | None:
    """Return where the sentence opens with which the pieces begin; None where they begin otherwise."""
    at = next((at for at, piece in enumerate(pieces) if not _is_blank(piece)), None)
    if at is None:
        return None
    piece = pieces[at]
    return at if isinstance(piece, tuple) and piece[0] == "s" else None


def _is_blank(piece: Piece) -> bool:
    return isinstance(piece, str) and not piece.strip()


def _length(raw: Raw) -> int:
    return sum(len(piece) for piece in raw.pieces if isinstance(piece, str))


def _takes(paragraph: Raw, formula: Raw) -> bool:
    """Return whether a paragraph stops in the middle of a sentence that the formula goes on with."""
    end = next((p for p in reversed(paragraph.pieces) if isinstance(p, str) and p.strip()), "").rstrip()
    return _length(formula) <= LONGEST_INLINE_FORMULA and not end.rstrip(CLOSERS).endswith(SENTENCE_ENDS)


def _continues(raw: Raw) -> bool:
    """Return whether a paragraph begins in the middle of a sentence."""
    start = next((p for p in raw.pieces if isinstance(p, str) and p.strip()), "").strip()
    return bool(CONTINUES.match(start) or LEADS.match(start))
