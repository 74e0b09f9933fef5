"""The JSON of grobid-client-python as the fields of a Document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from axolotl_ragdata.readers._foreign import Entry, Json, Path, add_block, add_rest, float_block, text_block, text_in
from axolotl_ragdata.readers._marked import Span
from axolotl_ragdata.readers._tei_header import year_in


def client_fields(data: Entry) -> Json:
    """Return the fields of a document of grobid-client-python."""
    about = data["biblio"]
    entries = list(enumerate(data.get("references") or ()))
    references = [_reference(entry, at) for at, entry in entries]
    known = {reference["id"] for reference in references}
    sections: list[Json] = []
    for paragraph in about.get("abstract") or ():
        sentences = paragraph if isinstance(paragraph, list) else [paragraph]
        add_block(sections, (), "abstract", _block(sentences, known))
    for path, paragraph in _paragraphs(data.get("body_text") or ()):
        add_block(sections, path, "body", _block(paragraph, known))
    add_rest(sections, [_float(entry) for entry in data.get("figures_and_tables") or ()])
    return {
        "title": text_in(about.get("title")),
        "authors": [name for name in map(text_in, about.get("authors") or ()) if name],
        "year": year_in(str(about.get("publication_year") or ""), str(about.get("publication_date") or "")),
        "doi": text_in(about.get("doi")) or None,
        "sections": sections,
        "references": references,
    }


def _reference(entry: Entry, at: int) -> Json:
    authors = entry.get("authors") or ()
    return {
        "id": text_in(entry.get("target")) or f"b{at}",
        "title": text_in(entry.get("title")) or None,
        "authors": [name for name in map(text_in, [authors] if isinstance(authors, str) else authors) if name],
        "year": year_in(str(entry.get("year") or ""), str(entry.get("publication_date") or "")),
        "venue": text_in(entry.get("journal") or entry.get("series")) or None,
        "doi": text_in(entry.get("doi")) or None,
        "raw": text_in(entry.get("raw_reference") or entry.get("reference_text")) or None,
    }


def _paragraphs(entries: Iterable[Entry]) -> Iterator[tuple[Path, list[Entry]]]:
    """Yield each paragraph with its section path; the sentences of one paragraph share its id."""
    last: tuple[Path, Any] | None = None
    group: list[Entry] = []
    for entry in entries:
        heads = (text_in(entry.get("head_paragraph")), text_in(entry.get("head_section")))
        place = tuple(head for head in heads if head), entry.get("id")
        if group and (place != last or place[1] is None):
            yield last[0] if last else (), group
            group = []
        last = place
        group.append(entry)
    if group:
        yield last[0] if last else (), group


def _block(sentences: list[Entry], known: set[str]) -> Json:
    """Return a paragraph of one entry or of several sentences, or a formula, whose number stands in its text too."""
    pieces: list[str] = []
    spans: list[Span] = []
    length = 0
    for sentence in sentences:
        for ref in sentence.get("refs") or ():
            if ref.get("type", "bibr") == "bibr":
                target = str(ref.get("target") or "").lstrip("#")
                spans.append((length + int(ref["offset_start"]), length + int(ref["offset_end"]), target))
        pieces.append(sentence.get("text") or "")
        length += len(pieces[-1]) + 1
    kind = "formula" if sentences[0].get("type") == "formula" else "paragraph"
    boxes = [box for sentence in sentences for box in sentence.get("coords") or () if "page" in box and _is_finite(box)]
    label = text_in(sentences[0].get("label")) or None
    return text_block(kind, " ".join(pieces), spans, known) | {"boxes": boxes, "label": label}


def _is_finite(box: Entry) -> bool:
    return all(isfinite(float(value)) for value in box.values())


def _float(entry: Entry) -> Json:
    kind = "table" if entry.get("type") == "table" else "figure"
    content = entry.get("content") or {}
    lines = [*([content["headers"]] if content.get("headers") else []), *(content.get("rows") or ())]
    rows = [[{"text": text_in(text)} for text in line] for line in lines]
    label = text_in(entry.get("head")) or text_in(entry.get("label")) or None
    return float_block(kind, label, text_in(entry.get("desc")), rows, text_in(entry.get("note")))
