"""The JSON of Semantic Scholar's datasets, one text with annotations, as the fields of a Document.

`s2orc` keeps all of a paper in `content`; `s2orc_v2` has `body` and `bibliography`, and words in its names that are
joined by underscores. The lists of annotations are JSON again, in strings.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from axolotl_ragdata.readers._foreign import Entry, Json, raw_text, text_in
from axolotl_ragdata.readers._marked import disjoint
from axolotl_ragdata.readers._s2orc import s2orc_fields
from axolotl_ragdata.readers._tei_header import year_in
from axolotl_ragdata.readers.structured import free_key

PARTS = {
    "sectionheader": "body_text",
    "paragraph": "body_text",
    "formula": "body_text",
    "abstract": "abstract",
    "figure": "ref_entries",
    "table": "ref_entries",
}
"""The annotations that hold text, and where S2ORC would have it; of two that are the same the first is taken."""
ASIDE = ("title", "author", "authoraffiliation", "venue", "publisher", "bibentry")
"""What is no paragraph where a file has no paragraphs, but lines."""
MOST_NOTES = 300_000
"""Annotations of a kind; a paper has some thousands."""
LINE = re.compile(r"[^\n]*\S[^\n]*")
FLOAT_LABEL = re.compile(r"(?:supplementary |extended data )?(?:fig(?:ure)?|tab(?:le)?|scheme|box)\b.{0,12}", re.I)
"""A heading that is none: the label of the figure that follows."""


class Note(NamedTuple):
    """An annotation: where it stands in the text, and its attributes."""

    start: int
    end: int
    attributes: Entry


def scholar_fields(data: Entry) -> Json:
    """Return the fields of a document of Semantic Scholar."""
    held = data.get("content") or data["body"]
    body = Layer(held)
    bibliography = Layer(data["bibliography"]) if data.get("bibliography") else body
    access = data.get("openaccessinfo") or (held.get("source") or {}).get("oainfo") or {}
    warnings: list[str] = []
    parse = _parse(body, warnings)
    fields = s2orc_fields(
        {
            "title": raw_text(data.get("title")) or next(body.texts("title"), ""),
            "authors": data.get("authors") or list(dict.fromkeys(_names(body, "author"))),
            "year": data.get("year"),
            "externalids": data.get("externalids") or access.get("externalids"),
            **parse,
            "bib_entries": _bibliography(bibliography),
        }
    )
    n_lost = body.n_outside + (bibliography.n_outside if bibliography is not body else 0)
    if n_lost:
        warnings.append(f"{n_lost} annotations lie outside the text")
    return fields | {"licence": text_in(access.get("license")) or None, "warnings": warnings}


class Layer:
    """A text with its annotations by name, each list in order.

    Attributes:
        text: The text.
        n_outside: Annotations so far that are not wholly within the text.
    """

    def __init__(self, held: Entry) -> None:
        self.text = raw_text(held.get("text"))
        self.n_outside = 0
        self._raw = {key.replace("_", "").lower(): value for key, value in (held.get("annotations") or {}).items()}
        self._found: dict[str, list[Note]] = {}

    def notes(self, kind: str) -> list[Note]:
        """Return the annotations of a kind.

        Raises:
            TypeError, ValueError, KeyError, AttributeError: They have another shape.
        """
        if kind not in self._found:
            self._found[kind] = sorted(self._read(kind), key=lambda note: (note.start, -note.end))
        return self._found[kind]

    def within(self, kind: str, start: int, end: int) -> Iterator[Note]:
        """Yield the annotations of a kind that lie within a stretch of the text."""
        notes = self.notes(kind)
        for at in range(bisect_left(notes, start, key=lambda note: note.start), len(notes)):
            if notes[at].start >= end:
                return
            if notes[at].end <= end:
                yield notes[at]

    def texts(self, kind: str, start: int = 0, end: int | None = None) -> Iterator[str]:
        """Yield what the annotations of a kind say that lie within a stretch of the text and not within each other."""
        reached = start
        for note in self.within(kind, start, len(self.text) if end is None else end):
            if note.start >= reached:
                reached = note.end
                yield self.text[note.start : note.end]

    def _read(self, kind: str) -> Iterator[Note]:
        value = self._raw.get(kind)
        if isinstance(value, str) and value.count("{") > MOST_NOTES:
            raise ValueError(f"more than {MOST_NOTES:,} annotations")
        listed = json.loads(value) if isinstance(value, str) and value.strip() else value
        for note in listed or ():
            start, end = int(note["start"]), int(note["end"])
            self.n_outside += not 0 <= start <= end <= len(self.text)
            start, end = max(start, 0), min(end, len(self.text))
            if start < end:
                yield Note(start, end, note.get("attributes") or note)


def _parse(body: Layer, warnings: list[str]) -> Json:
    """Return the text as S2ORC keeps it: entries in the order of the text, each with the heading above it."""
    parse: Json = {"abstract": [], "body_text": [], "ref_entries": {}}
    heading: Json = {"section": "", "sec_num": None}
    label = ""
    items = _items(body, warnings)
    for at, (kind, note) in enumerate(items):
        if kind == "sectionheader":
            following = items[at + 1][0] if at + 1 < len(items) else ""
            title = text_in(body.text[note.start : note.end])
            if PARTS.get(following) == "ref_entries" and FLOAT_LABEL.fullmatch(title):
                label = title
                continue
            heading = {"section": title, "sec_num": note.attributes.get("n")}
            parse["body_text"].append(heading | {"text": ""})
        elif PARTS[kind] == "ref_entries":
            text = f"{label} {body.text[note.start : note.end]}"
            key = str(note.attributes.get("id") or len(parse["ref_entries"]))
            parse["ref_entries"][free_key(key, parse["ref_entries"])] = {"type": kind, "text": text}
        else:
            parse[PARTS[kind]].append(_entry(body, kind, note) | (heading if kind != "abstract" else {}))
        label = ""
    return parse


def _items(body: Layer, warnings: list[str]) -> list[tuple[str, Note]]:
    """Return the annotations that hold text, in order; of what overlaps, each character comes once."""
    found = [(kind, note) for kind in PARTS for note in body.notes(kind)]
    if body.text.strip() and not body.notes("paragraph"):
        if body.text.count("\n") > MOST_NOTES:
            raise ValueError(f"no paragraphs are annotated, and it has more than {MOST_NOTES:,} lines")
        warnings.append("no paragraphs are annotated: each line is taken for one")
        found += [("", note) for kind in ASIDE for note in body.notes(kind)]
        found += [("paragraph", Note(*line.span(), {})) for line in LINE.finditer(body.text)]
    items = []
    reached = 0
    for kind, note in sorted(found, key=lambda item: (item[1].start, -item[1].end)):
        if note.end > reached:
            if kind:
                items.append((kind, note._replace(start=max(note.start, reached))))
            reached = note.end
    return items


def _entry(body: Layer, kind: str, note: Note) -> Json:
    """Return a paragraph with its citations and what it refers to."""

    def spans(*names: str) -> list[Json]:
        inside = (each for name in names for each in body.within(name, note.start, note.end))
        return [
            {
                "start": each.start - note.start,
                "end": each.end - note.start,
                "ref_id": each.attributes.get("ref_id"),
            }
            for each in inside
        ]

    text = body.text[note.start : note.end]
    formula = [{"start": 0, "end": len(text)}] if kind == "formula" else []
    return {
        "text": text,
        "cite_spans": spans("bibref"),
        "ref_spans": spans("figureref", "tableref"),
        "eq_spans": formula,
    }


def _bibliography(layer: Layer) -> Json:
    """Return the entries of the bibliography by the ids that citations give."""
    entries: Json = {}
    spans = disjoint((note.start, note.end, str(note.attributes.get("id") or "")) for note in layer.notes("bibentry"))
    attributes = {note.start: note.attributes for note in reversed(layer.notes("bibentry"))}
    for number, (start, end, key) in enumerate(spans):
        raw = layer.text[start:end]
        entries[free_key(key or f"b{number}", entries)] = {
            "title": next(layer.texts("bibtitle", start, end), None),
            "authors": _names(layer, "bibauthor", start, end),
            "venue": next(layer.texts("bibvenue", start, end), None),
            "year": year_in(raw),
            "doi": attributes[start].get("doi"),
            "raw_text": raw,
        }
    return entries


def _names(layer: Layer, kind: str, start: int = 0, end: int | None = None) -> list[str]:
    """Return the names of persons in a stretch of the text: first and last names, or what the annotations say."""
    end = len(layer.text) if end is None else end
    people = disjoint((note.start, note.end, "") for note in layer.within(kind, start, end))
    found = [_named(layer, kind, first, last) for first, last, _ in people or [(start, end, "")]]
    if any(found):
        return [name for names in found for name in names]
    return [text_in(layer.text[first:last].partition("\n")[0]) for first, last, _ in people]


def _named(layer: Layer, kind: str, start: int, end: int) -> list[str]:
    """Return the names in a stretch of the text; one ends where a first or last name comes again after the other."""
    parts = disjoint(
        (note.start, note.end, part)
        for part in ("firstname", "lastname")
        for note in layer.within(kind + part, start, end)
    )
    names: list[dict[str, list[str]]] = []
    for first, last, part in parts:
        if not names or (part == parts[0][2] and len(names[-1]) > 1):
            names.append({})
        names[-1].setdefault(part, []).append(text_in(layer.text[first:last]))
    return [" ".join((*name.get("firstname", ()), *name.get("lastname", ()))) for name in names]
