"""Rows as the report shows them: question, answer, and each quote marked where it stands in its passage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axolotl_ragdata.page import link_to
from axolotl_ragdata.records import PATH_JOINT, Example, PageBox, Passage

MOST_SHOWN = 200
AROUND = 450
"""Characters of a passage that are shown before the first and after the last quote."""
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Sample:
    """A passage with what is marked in it, and the way to its file."""

    title: str
    section: str
    parts: tuple[tuple[str, bool], ...]
    """Pieces of the passage and whether each is marked."""
    path: str
    link: str | None
    offsets: str
    pages: str


@dataclass(frozen=True)
class Row:
    """A row with the passages that its quotes stand in."""

    example: Example
    prompt: tuple[tuple[str, str], ...]
    """Role and text of each turn, where there is more to a row than its question and its answer."""
    quoted: tuple[Sample, ...]


def samples(examples: Sequence[Example], passages: Mapping[str, Passage], sources: Path, page: Path) -> list[Row]:
    """Return up to 200 rows, spread evenly over question types and sections, in the order of the documents."""
    chosen = sorted(spread(examples, MOST_SHOWN), key=_by_place)
    return [_row(example, passages, sources, page) for example in chosen]


def spread(examples: Sequence[Example], most: int) -> list[Example]:
    """Return up to `most` rows, taken in turn from each type of each section."""
    groups: dict[tuple[Any, ...], list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda one: one.id):
        groups[example.type, example.provenance.doc_id, example.provenance.section_path].append(example)
    taken: list[Example] = []
    depth = 0
    while len(taken) < min(most, len(examples)):
        taken += [group[depth] for group in groups.values() if len(group) > depth]
        depth += 1
    return taken[:most]


def flagged_sample(passage: Passage, spans: Spans, manifest: Mapping[str, Any], sources: Path, page: Path) -> Sample:
    """Return a passage with what gives a model orders marked."""
    path = next((str(one["path"]) for one in manifest["documents"] if one["id"] == passage.doc_id), "")
    return Sample(
        title=passage.doc_title,
        section=PATH_JOINT.join(passage.section_path),
        parts=marked(passage.text, spans),
        path=path,
        link=_link(sources / path, page, "") if path else None,
        offsets=f"{passage.start:,}–{passage.end:,}",
        pages="",
    )


def marked(text: str, spans: Spans) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces, those inside a span marked; what is far from every span is left out.

    >>> marked("one two three", [(4, 7)])
    (('one ', False), ('two', True), (' three', False))
    """
    merged = _merged(spans, len(text))
    if not merged:
        return ((text, False),)
    first, last = merged[0][0], merged[-1][1]
    at, end = _reach(text, first, last)
    parts: list[tuple[str, bool]] = [("… ", False)] if at else []
    for start, stop in merged:
        parts += [(text[at:start], False), (text[start:stop], True)]
        at = stop
    parts += [(text[at:end] + (" …" if end < len(text) else ""), False)]
    return tuple(part for part in parts if part[0])


def _reach(text: str, first: int, last: int) -> tuple[int, int]:
    """Return where the shown part of a text starts and ends: between words, where there is a space."""
    at, end = max(0, first - AROUND), min(len(text), last + AROUND)
    if at:
        at = max(at, text.find(" ", at, first) + 1)
    if end < len(text):
        space = text.rfind(" ", last, end)
        end = space if space >= 0 else end
    return at, end


def _merged(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start), min(length, end)) for start, end in spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _by_place(example: Example) -> tuple[Any, ...]:
    origin = example.provenance
    return origin.doc_title, origin.doc_id, min((quote.start for quote in origin.citations), default=0), example.id


def _row(example: Example, passages: Mapping[str, Passage], sources: Path, page: Path) -> Row:
    origin = example.provenance
    quoted: dict[str, list[int]] = defaultdict(list)
    for at, quote in enumerate(origin.citations):
        quoted[quote.passage_id].append(at)
    turns = tuple((turn.role, turn.content) for turn in example.messages)
    plain = [text for role, text in turns if role != "system"] == [example.question, example.answer]
    found = [_quoted(example, passages[key], at, sources, page) for key, at in quoted.items() if key in passages]
    return Row(example, () if plain else turns, tuple(found))


def _quoted(example: Example, passage: Passage, numbers: Sequence[int], sources: Path, page: Path) -> Sample:
    origin = example.provenance
    quotes = [origin.citations[at] for at in numbers]
    boxes = [box for at in numbers if at < len(origin.places) for box in origin.places[at].boxes]
    own = passage.doc_id == origin.doc_id
    # a quote of another document is not in this row's file
    path = (origin.source_pdf or origin.source_path) if own else ""
    first = f"page={boxes[0].page}" if boxes and origin.source_pdf and own else ""
    return Sample(
        title=passage.doc_title or "(no title)",
        section=PATH_JOINT.join(passage.section_path) or "(no heading)",
        parts=marked(passage.text, [(quote.start - passage.start, quote.end - passage.start) for quote in quotes]),
        path=path,
        link=_link(sources / path, page, first) if path else None,
        offsets=", ".join(f"{quote.start:,}–{quote.end:,}" for quote in quotes),
        pages=_pages(boxes),
    )


def _pages(boxes: Sequence[PageBox]) -> str:
    return "; ".join(
        f"page {box.page}, {box.x:.0f} × {box.y:.0f} pt, {box.width:.0f} wide, {box.height:.0f} high"
        for box in boxes[:4]
    )


def _link(path: Path, page: Path, fragment: str) -> str | None:
    try:
        return link_to(path, page, fragment) if path.is_file() else None
    except (OSError, ValueError):
        return None
