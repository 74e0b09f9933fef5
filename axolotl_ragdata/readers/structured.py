"""A Document as one JSON object in the manner of S2ORC, and back without loss.

Every text is written once. The blocks of `abstract`, `body_text` and `back_matter` carry their section path; a table
or figure stands there as a `ref_id` only, and its label, caption and cells stand under `ref_entries`. What follows from
the rest (the Markdown of a table, the items of a list, the words of a citation) is left out and made again on reading.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from math import isfinite
from typing import Any

from axolotl_ragdata.readers._marked import check_cover
from axolotl_ragdata.readers._tables import float_text
from axolotl_ragdata.records import Block, Cell, Document, InlineCitation, PageBox, Reference, Section, SentenceSpan

PART_KEYS = {"abstract": "abstract", "body": "body_text", "back": "back_matter"}
FLOATS = {"table": "TABREF", "figure": "FIGREF"}

Json = dict[str, Any]


def document_schema() -> Json:
    """Return the JSON Schema (draft 2020-12) of what `to_json` returns."""
    schema: Json = json.loads(files("axolotl_ragdata").joinpath("schemas/document.json").read_text("utf-8"))
    return schema


def to_json(document: Document) -> Json:
    """Return the JSON object of a document; `from_json` gives the same document back."""
    floats: Json = {}
    parts: dict[str, list[Json]] = {key: [] for key in PART_KEYS.values()}
    for section_id, section in enumerate(document.sections):
        parts[PART_KEYS[section.part]] += _entries(section, section_id, floats)
    return {
        "paper_id": document.id,
        "schema_version": document.schema_version,
        "metadata": _metadata(document),
        **parts,
        "ref_entries": floats,
        "bib_entries": _bibliography(document.references),
        "source": document.source.model_dump(),
        "warnings": list(document.warnings),
    }


def from_json(data: Mapping[str, Any]) -> Json:
    """Return the fields of the Document that `to_json` wrote; what was edited since and does not fit is in `warnings`.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, IndexError: The object has another shape, or a span of a block
            is not within its text.
    """
    sections = _sections(data)
    doubts = [doubt for doubt in _doubts(data, sections) if doubt not in data["warnings"]]
    metadata = data["metadata"]
    return {
        "id": data["paper_id"],
        "schema_version": data["schema_version"],
        **{key: metadata[key] for key in ("title", "language", "licence", "year", "doi")},
        "authors": [author["name"] for author in metadata["authors"]],
        "sections": [section for _, section in sorted(sections.items())],
        "references": [_reference(entry) for entry in data["bib_entries"].values()],
        "source": data["source"],
        "warnings": [*data["warnings"], *doubts],
    }


def _sections(data: Mapping[str, Any]) -> dict[int, Json]:
    """Return the sections by their ids."""
    sections: dict[int, Json] = {}
    for part, key in PART_KEYS.items():
        for number, entry in enumerate(data[key]):
            where = f"{key}[{number}]"
            section = sections.setdefault(entry["section_id"], _section(entry, part))
            if (section["path"], section["part"]) != (entry["section_path"], part):
                raise ValueError(f"{where}: its section_id {entry['section_id']} is that of another section_path")
            if entry["block_type"] != "heading":
                section["blocks"].append(_block(entry, data["ref_entries"], where))
    return sections


def _doubts(data: Mapping[str, Any], sections: Mapping[int, Json]) -> list[str]:
    """Return what does not fit, a line a kind; citations are made to say what stands in the text."""
    n_other = 0
    for block in (block for section in sections.values() for block in section["blocks"]):
        for mark in block["citations"]:
            words = block["text"][mark["start"] : mark["end"]]
            n_other += mark["text"] != words
            mark["text"] = words
    placed = {entry.get("ref_id") for key in PART_KEYS.values() for entry in data[key]}
    n_lost = len(data["ref_entries"].keys() - placed)
    counts = {
        "citations said other words than the text where they stand: the text is taken": n_other,
        "entries of ref_entries stand nowhere in the text: left out": n_lost,
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def _metadata(document: Document) -> Json:
    return {
        "title": document.title,
        "authors": [{"name": name} for name in document.authors],
        "year": document.year,
        "doi": document.doi,
        "language": document.language,
        "licence": document.licence,
    }


def _entries(section: Section, section_id: int, floats: Json) -> list[Json]:
    """Return the entries of a section; one of type `heading` where it has no block."""
    place: Json = {"section_id": section_id, "section_path": list(section.path)}
    if section.number is not None:
        place["sec_num"] = section.number
    if not section.blocks:
        return [place | {"block_type": "heading", "text": ""}]
    return [_written(block, place | {"block_type": block.kind}, floats) for block in section.blocks]


def _written(block: Block, entry: Json, floats: Json) -> Json:
    """Return an entry with the fields of its block; those of a table or figure go to `floats`."""
    if block.kind not in FLOATS:
        entry["text"] = block.text
        _add_rest(entry, block)
        _add_marks(entry, block)
        return entry
    ref_id = f"{FLOATS[block.kind]}{len(floats)}"
    rows = [[_cell(cell) for cell in row] for row in block.rows]
    held: Json = {"type_str": block.kind, "label": block.label, "text": block.caption, "rows": rows}
    made, _ = float_text(block.label, block.caption, rows)
    if block.text.startswith(f"{made}\n") and made:
        held["notes"] = block.text[len(made) + 1 :]
    elif block.text != made:
        held["block_text"] = block.text
    if block.items:
        held["items"] = list(block.items)
    _add_marks(held, block)
    floats[ref_id] = held
    return entry | {"text": "", "ref_id": ref_id}


def _cell(cell: Cell) -> Json:
    """Return a cell without what every other cell has too."""
    fields: Json = {"text": cell.text}
    if cell.row_span != 1:
        fields["row_span"] = cell.row_span
    if cell.col_span != 1:
        fields["col_span"] = cell.col_span
    if cell.header:
        fields["header"] = True
    return fields


def _add_rest(entry: Json, block: Block) -> None:
    """Add the fields that few blocks have."""
    if block.label is not None:
        entry["label"] = block.label
    if block.caption is not None:
        entry["caption"] = block.caption
    if block.rows:
        entry["rows"] = [[cell.model_dump() for cell in row] for row in block.rows]
    if block.items != _items(block.kind, block.text):
        entry["items"] = list(block.items)


def _items(kind: str, text: str) -> tuple[str, ...]:
    """Return the items that a block has by its text."""
    return tuple(text.split("\n")) if kind == "list" and text else ()


def _add_marks(entry: Json, block: Block) -> None:
    """Add citations, sentences and page boxes, each where there are any."""
    if block.citations:
        entry["cite_spans"] = [_citation(citation, block.text) for citation in block.citations]
    if block.sentences:
        entry["sentence_spans"] = [_sentence(sentence) for sentence in block.sentences]
    if block.boxes:
        entry["boxes"] = _boxes(block.boxes)


def _citation(citation: InlineCitation, text: str) -> Json:
    span: Json = {"start": citation.start, "end": citation.end, "ref_id": citation.ref_id}
    said = text[citation.start : citation.end]
    return span if said == citation.text else span | {"text": citation.text}


def _sentence(sentence: SentenceSpan) -> Json:
    span: Json = {"start": sentence.start, "end": sentence.end}
    return span | {"boxes": _boxes(sentence.boxes)} if sentence.boxes else span


def _boxes(boxes: Iterable[PageBox]) -> list[list[float]]:
    return [[box.page, box.x, box.y, box.width, box.height] for box in boxes]


def _bibliography(references: Sequence[Reference]) -> Json:
    """Return the entries by their id; a second one of the same id gets a key of its own."""
    entries: Json = {}
    for reference in references:
        entries[free_key(reference.id, entries)] = {
            "ref_id": reference.id,
            "title": reference.title,
            "authors": [{"name": name} for name in reference.authors],
            "year": reference.year,
            "venue": reference.venue,
            "other_ids": {"DOI": [reference.doi]} if reference.doi is not None else {},
            "raw_text": reference.raw,
        }
    return entries


def free_key(key: str, taken: Collection[str]) -> str:
    """Return a key that is not taken yet, in few steps however many begin alike.

    >>> free_key("b0", {"b0": 1})
    'b0~1'
    """
    free = key
    while free in taken:
        free = f"{key}~{len(taken)}" if free == key else f"{free}~"
    return free


def _section(entry: Mapping[str, Any], part: str) -> Json:
    return {"path": entry["section_path"], "number": entry.get("sec_num"), "part": part, "blocks": []}


def _block(entry: Mapping[str, Any], floats: Mapping[str, Any], where: str) -> Json:
    kind = entry["block_type"]
    if kind not in FLOATS:
        text = entry["text"]
        fields = {key: entry[key] for key in ("label", "caption", "rows") if key in entry}
        fields["items"] = entry.get("items", _items(kind, text))
        return {"kind": kind, "text": text, **fields, **_read_marks(entry, text, where)}
    held = floats[entry["ref_id"]]
    text, _ = float_text(held["label"], held["text"], held["rows"])
    text = held["block_text"] if "block_text" in held else f"{text}\n{held['notes']}" if "notes" in held else text
    fields = {"label": held["label"], "caption": held["text"], "rows": held["rows"], "items": held.get("items", ())}
    return {"kind": kind, "text": text, **fields, **_read_marks(held, text, where)}


def _read_marks(entry: Mapping[str, Any], text: str, where: str) -> Json:
    cited = _checked(entry.get("cite_spans", ()), text, f"{where}.cite_spans")
    spans = _checked(entry.get("sentence_spans", ()), text, f"{where}.sentence_spans")
    return {
        "citations": [{"text": text[span["start"] : span["end"]], **span} for span in cited],
        "sentences": [{**span, "boxes": _read_boxes(span.get("boxes", ()))} for span in spans],
        "boxes": _read_boxes(entry.get("boxes", ())),
    }


def _checked(spans: Sequence[Mapping[str, Any]], text: str, where: str) -> Sequence[Mapping[str, Any]]:
    """Return the spans of a text as they are.

    Raises:
        ValueError: One is empty or not within the text, or together they overlap beyond measure.
    """
    for number, span in enumerate(spans):
        start, end = span["start"], span["end"]
        if not 0 <= start < end <= len(text):
            raise ValueError(f"{where}[{number}]: {start}-{end} is no stretch of a text of {len(text):,} characters")
    check_cover(text, ((span["start"], span["end"], "") for span in spans))
    return spans


def _read_boxes(boxes: Iterable[Sequence[float]]) -> list[Json]:
    keys = ("page", "x", "y", "width", "height")
    found = [dict(zip(keys, box, strict=True)) for box in boxes]
    if not all(isfinite(value) for box in found for value in box.values()):
        raise ValueError("a page box with a number that is not finite")
    return found


def _reference(entry: Mapping[str, Any]) -> Json:
    return {
        "id": entry["ref_id"],
        "authors": [author["name"] for author in entry["authors"]],
        **{key: entry[key] for key in ("title", "year", "venue")},
        "doi": next(iter(entry["other_ids"].get("DOI", ())), None),
        "raw": entry["raw_text"],
    }
