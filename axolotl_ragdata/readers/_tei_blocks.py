"""Blocks of a TEI document: from the pieces that the walk collected to the fields of `Block`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from axolotl_ragdata.readers._cited import Targets
from axolotl_ragdata.readers._formulas import join_formulas
from axolotl_ragdata.readers._labels import label_of, leading_note
from axolotl_ragdata.readers._outline import Heading, Outline
from axolotl_ragdata.readers._tables import TRAILING, float_text
from axolotl_ragdata.readers._text import Piece, Span, TextRules, settle

Fields = dict[str, Any]


class Raw:
    """A block whose text is not settled yet, or one that is (`block`)."""

    __slots__ = ("beside", "block", "coords", "kept", "kind", "part", "pieces")

    def __init__(self, kind: str, part: Part, block: Fields | None = None) -> None:
        self.kind = kind
        self.part = part
        self.block = block
        self.pieces: list[Piece] = []
        self.coords: tuple[str, ...] = ()
        self.beside: tuple[Raw, ...] = ()
        self.kept = False

    def settled(self, rules: TextRules, known: Targets) -> list[Fields]:
        """Return the block and what goes beside it."""
        block = self.block or text_block(self.kind, self.pieces, self.coords, rules, known)
        beside = [one for raw in self.beside for one in raw.settled(rules, known)] if self.beside else []
        return [block, *beside] if block is not None else beside


class Part:
    """A section whose blocks are not settled yet."""

    __slots__ = (
        *("floats", "goes_on", "has_formula", "heading", "number", "outline", "path", "raws", "tail", "where"),
    )

    def __init__(self, outline: Outline, where: str, heading: Heading | None) -> None:
        self.outline = outline
        self.where = where
        self.heading = heading
        self.goes_on = False
        self.path: tuple[str, ...] = ()
        self.number: str | None = None
        self.raws: list[Raw] = []
        self.floats: list[tuple[int, Raw]] = []
        self.tail: list[Raw] = []
        self.has_formula = False

    def holds(self) -> bool:
        """Return whether the section has a heading or a block."""
        return bool(self.heading or self.raws or self.floats or self.tail)

    def settled(self, rules: TextRules, known: Targets) -> Fields:
        """Return the fields of the section: its blocks, its floats in the order of their mentions, then the others."""
        if self.has_formula:
            self.raws = join_formulas(self.raws)
        raws = [*self.raws, *(raw for _, raw in sorted(self.floats, key=lambda item: item[0])), *self.tail]
        self.raws, self.floats, self.tail = [], [], []  # each holds its part: without this cycle all is freed at once
        blocks = [block for raw in raws for block in raw.settled(rules, known)]
        return {"path": self.path, "number": self.number, "part": self.where, "blocks": blocks}


class Float:
    """A figure or table as its parts come by."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.head: list[Piece] = []
        self.label: list[Piece] = []
        self.before = ""
        self.caption: list[Piece] = []
        self.notes: list[list[Piece]] = []
        self.rows: list[list[Fields]] = []
        self.coords: list[str | None] = []
        self.graphics: list[str | None] = []

    def note(self, pieces: list[Piece], rules: TextRules) -> None:
        """Take a note; before the head it may hold the first words of the label."""
        if not (self.head or self.label or self.before) and (words := leading_note(pieces, rules)):
            self.before = words
        else:
            self.notes.append(pieces)

    def stray(self, text: str | None) -> None:
        """Take text that stands in none of the parts."""
        if text and not text.isspace():
            self.notes.append([text])

    def block(self, rules: TextRules, known: Targets) -> Fields | None:
        """Return the fields of the block; None where there is neither text nor place."""
        label, lead, behind = label_of(self.head, self.label, self.caption, self.before, rules)
        caption, spans = settle([*lead, *self.caption], rules)
        text, shift = float_text(label, caption, self.rows)
        spans = [(start + shift, end + shift, carried) for start, end, carried in spans]
        for pieces in [behind, *self.notes]:
            note, found = settle(pieces, rules)
            if note.strip(TRAILING):
                shift = len(text) + 1 if text else 0
                spans += [(start + shift, end + shift, carried) for start, end, carried in found]
                text = f"{text}\n{note}" if text else note
        boxes = boxes_of(self.coords) or boxes_of(self.graphics)
        if not text and not boxes:
            return None
        fields = block_fields(self.kind, text, boxes)
        fields |= {"label": label or None, "caption": caption or None, "rows": self.rows}
        mark(fields, spans, known)
        return fields


def text_block(
    kind: str, pieces: Sequence[Piece], coords: Iterable[str | None], rules: TextRules, known: Targets
) -> Fields | None:
    """Return the fields of a block of running text; None where it has none."""
    text, spans = settle(pieces, rules)
    if not text:
        return None
    fields = block_fields(kind, text, boxes_of(coords) if coords else ())
    if spans:
        mark(fields, spans, known)
    return fields


def list_block(
    items: Sequence[Sequence[Piece]], coords: Iterable[str | None], rules: TextRules, known: Targets
) -> Fields | None:
    """Return the fields of a list, one item a line; None where no item has text."""
    lines: list[str] = []
    spans: list[Span] = []
    shift = 0
    for pieces in items:
        text, found = settle(pieces, rules)
        if text:
            spans += [(start + shift, end + shift, carried) for start, end, carried in found]
            lines.append(text)
            shift += len(text) + 1
    if not lines:
        return None
    fields = block_fields("list", "\n".join(lines), boxes_of(coords))
    fields["items"] = lines
    mark(fields, spans, known)
    return fields


def block_fields(kind: str, text: str, boxes: Sequence[Fields]) -> Fields:
    """Return the fields that every block has."""
    return {"kind": kind, "text": text, "boxes": boxes}


def mark(fields: Fields, spans: Iterable[Span], known: Targets) -> None:
    """Put the citations and sentences of the spans into a block."""
    text = fields["text"]
    citations: list[Fields] = []
    sentences: list[Fields] = []
    for start, end, (what, value) in spans:
        if what == "s":
            sentences.append({"start": start, "end": end, "boxes": boxes_of((value,))})
            continue
        said = text[start:end]
        targets = value.split() or ("",)
        for target in targets:
            ref_id = known.resolve(said, target.lstrip("#"), len(targets) == 1)
            citations.append({"start": start, "end": end, "text": said, "ref_id": ref_id})
    fields["citations"], fields["sentences"] = citations, sentences


def boxes_of(coords: Iterable[str | None]) -> list[Fields]:
    """Return the page boxes of `page,x,y,width,height;…`; what is not five numbers is left out.

    >>> boxes_of(["1,72.0,10.5,94.19,10.52", "nonsense", None])
    [{'page': 1, 'x': 72.0, 'y': 10.5, 'width': 94.19, 'height': 10.52}]
    """
    boxes = []
    for value in coords:
        for box in value.split(";") if value else ():
            try:
                page, x, y, width, height = map(float, box.split(","))
            except ValueError:
                continue
            if math.isfinite(page + x + y + width + height) and 0 <= page < 1e6:
                boxes.append({"page": int(page), "x": x, "y": y, "width": width, "height": height})
    return boxes
