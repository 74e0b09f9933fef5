"""The JSON dialects of others as the fields of a Document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from axolotl_ragdata.readers._numbers import number_parts
from axolotl_ragdata.readers._tables import float_text
from axolotl_ragdata.readers._tei_header import squeezed, year_in
from axolotl_ragdata.readers._text import clean

Entry = Mapping[str, Any]
Json = dict[str, Any]
HTML_KEYS = ("html", "content")


def s2orc_fields(data: Mapping[str, Any]) -> Json:
    """Return the fields of a document of S2ORC or CORD-19.

    S2ORC keeps the text under `pdf_parse` or `latex_parse`, CORD-19 at the top; both have the same entries. Tables and
    figures, which only `ref_entries` holds, follow the paragraph that refers to them first, or else the body.
    """
    parse = data.get("pdf_parse") or data.get("latex_parse") or data
    about = data.get("metadata") or data
    known = {str(key): _bib_entry(str(key), entry) for key, entry in (parse.get("bib_entries") or {}).items()}
    floats = {str(key): _float(entry) for key, entry in (parse.get("ref_entries") or {}).items()}
    abstract = parse.get("abstract") or data.get("abstract") or ()
    if isinstance(abstract, str):
        abstract = [{"text": abstract}]
    sections: list[Json] = []
    for entries, part in ((abstract, "abstract"), (parse.get("body_text"), "body"), (parse.get("back_matter"), "back")):
        _add_entries(sections, entries or (), part, known.keys(), floats)
    _add_rest(sections, [block for block in floats.values() if block])
    return {
        "title": _clean(about.get("title")),
        "authors": [name for name in map(_author, about.get("authors") or ()) if name],
        "year": year_in(str(about.get("year") or "")),
        "doi": _doi(about) or _doi(data),
        "sections": sections,
        "references": list(known.values()),
    }


def client_fields(data: Mapping[str, Any]) -> Json:
    """Return the fields of a document of grobid-client-python."""
    about = data["biblio"]
    entries = list(enumerate(data.get("references") or ()))
    references = [_client_reference(entry, at) for at, entry in entries]
    known = {reference["id"] for reference in references}
    sections: list[Json] = []
    for paragraph in about.get("abstract") or ():
        _add(sections, (), "abstract", _client_block(paragraph if isinstance(paragraph, list) else [paragraph], known))
    for path, paragraph in _client_paragraphs(data.get("body_text") or ()):
        _add(sections, path, "body", _client_block(paragraph, known))
    _add_rest(sections, [_client_float(entry) for entry in data.get("figures_and_tables") or ()])
    return {
        "title": _clean(about.get("title")),
        "authors": [name for name in map(_clean, about.get("authors") or ()) if name],
        "year": year_in(str(about.get("publication_year") or ""), str(about.get("publication_date") or "")),
        "doi": _clean(about.get("doi")) or None,
        "sections": sections,
        "references": references,
    }


def _clean(text: Any) -> str:
    """Return a text squeezed and clean; "" of None.

    Raises:
        TypeError: It is neither.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} where text belongs")
    return squeezed(clean(text))


def _add(sections: list[Json], path: tuple[str, ...], part: str, block: Json, number: str | None = None) -> None:
    """Put a block into the last section, or into a new one where that has another heading."""
    last = sections[-1] if sections else None
    if last is None or (last["path"], last["part"], last["number"]) != (path, part, number):
        sections.append({"path": path, "number": number, "part": part, "blocks": []})
    if block["text"]:
        sections[-1]["blocks"].append(block)


def _add_rest(sections: list[Json], blocks: Iterable[Json]) -> None:
    """Put blocks that nothing refers to behind the body."""
    rest = [block for block in blocks if block["text"]]
    body = [section for section in sections if section["part"] == "body"]
    if rest and not body:
        body = [{"path": (), "number": None, "part": "body", "blocks": []}]
        sections.append(body[0])
    if rest:
        body[-1]["blocks"] += rest


def _add_entries(sections: list[Json], entries: Iterable[Any], part: str, known: Iterable[str], floats: Json) -> None:
    """Take the paragraphs of S2ORC; the heading "Abstract" of an abstract is none."""
    known = set(known)
    for entry in entries:
        title = _clean(entry.get("section"))
        path = () if not title or (part == "abstract" and title.lower() == "abstract") else (title,)
        number = _clean(str(entry.get("sec_num") or "")) or None
        _add(sections, path, part, _paragraph(entry, known), number if number_parts(number) else None)
        for span in entry.get("ref_spans") or ():
            block = floats.pop(str(span.get("ref_id")), None)
            if block and block["text"]:
                sections[-1]["blocks"].append(block)


def _paragraph(entry: Mapping[str, Any], known: set[str]) -> Json:
    raw = entry.get("text") or ""
    spans = [(int(s["start"]), int(s["end"]), str(s.get("ref_id") or "")) for s in entry.get("cite_spans") or ()]
    return _block("paragraph", raw, spans, known)


def _block(kind: str, raw: str, spans: Iterable[tuple[int, int, str]], known: set[str]) -> Json:
    """Return a block of running text; the spans, which count in `raw`, count in its text afterwards."""
    text = _clean(raw)
    citations = []
    for start, end, ref_id in spans:
        if text != raw:
            lead = squeezed(clean(raw[:start])) if 0 <= start <= end <= len(raw) else ""
            said = squeezed(clean(raw[start:end])) if 0 <= start <= end <= len(raw) else ""
            start = text.find(said, max(0, len(lead) - 1)) if said else -1
            end = start + len(said)
        if 0 <= start < end <= len(text):
            ref = ref_id if ref_id in known else None
            citations.append({"start": start, "end": end, "text": text[start:end], "ref_id": ref})
    return {"kind": kind, "text": text, "citations": citations}


def _float(entry: Mapping[str, Any]) -> Json:
    """Return a table or figure of `ref_entries`; the cells of its HTML become rows."""
    kind = "table" if "table" in str(entry.get("type_str") or entry.get("type") or "") else "figure"
    number = entry.get("fig_num") or entry.get("num")
    label = _clean(f"{kind.capitalize()} {number}") if number else None
    caption = _clean(entry.get("text"))
    html = next((entry[key] for key in HTML_KEYS if isinstance(entry.get(key), str) and entry[key].strip()), "")
    return _settled_float(kind, label, caption, html_rows(html))


def _settled_float(kind: str, label: str | None, caption: str, rows: list[list[Json]], note: str = "") -> Json:
    text, _ = float_text(label, caption, rows)
    text = "\n".join(part for part in (text, note) if part)
    return {"kind": kind, "text": text, "label": label or None, "caption": caption or None, "rows": rows}


def html_rows(html: str) -> list[list[Json]]:
    """Return the cells of the tables in a piece of HTML.

    >>> html_rows("<table><tr><th>A</th><td colspan='2'>1 &lt; 2</td></tr></table>")
    [[{'text': 'A', 'header': True}, {'text': '1 < 2', 'col_span': 2}]]
    """
    from axolotl_ragdata.readers._html import TableParser

    return TableParser.rows_of(html)


def _author(author: Any) -> str:
    if isinstance(author, str):
        return _clean(author)
    if "name" in author:
        return _clean(author["name"])
    middle = author.get("middle") or ()
    middle = [middle] if isinstance(middle, str) else middle
    parts = [author.get("first"), *middle, author.get("last"), author.get("suffix")]
    return " ".join(part for part in map(_clean, parts) if part)


def _doi(about: Mapping[str, Any]) -> str | None:
    """Return the DOI wherever the dialects keep it: `doi`, `identifiers`, `other_ids` or `externalids`."""
    for holder in (about, *(about.get(key) or {} for key in ("identifiers", "other_ids", "externalids"))):
        value = holder.get("doi") or holder.get("DOI") if isinstance(holder, Mapping) else None
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value.strip():
            return _clean(value)
    return None


def _bib_entry(key: str, entry: Mapping[str, Any]) -> Json:
    return {
        "id": key,
        "title": _clean(entry.get("title")) or None,
        "authors": [name for name in map(_author, entry.get("authors") or ()) if name],
        "year": year_in(str(entry.get("year") or "")),
        "venue": _clean(entry.get("venue")) or None,
        "doi": _doi(entry),
        "raw": _clean(entry.get("raw_text")) or None,
    }


def _client_reference(entry: Mapping[str, Any], at: int) -> Json:
    authors = entry.get("authors") or ()
    return {
        "id": _clean(entry.get("target")) or f"b{at}",
        "title": _clean(entry.get("title")) or None,
        "authors": [name for name in map(_clean, [authors] if isinstance(authors, str) else authors) if name],
        "year": year_in(str(entry.get("year") or ""), str(entry.get("publication_date") or "")),
        "venue": _clean(entry.get("journal") or entry.get("series")) or None,
        "doi": _clean(entry.get("doi")) or None,
        "raw": _clean(entry.get("raw_reference") or entry.get("reference_text")) or None,
    }


def _client_paragraphs(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, ...], list[Entry]]]:
    """Yield each paragraph with its section path; the sentences of one paragraph share its id."""
    last: tuple[tuple[str, ...], Any] | None = None
    group: list[Mapping[str, Any]] = []
    for entry in entries:
        heads = (_clean(entry.get("head_paragraph")), _clean(entry.get("head_section")))
        place = tuple(head for head in heads if head), entry.get("id")
        if group and (place != last or place[1] is None):
            yield last[0] if last else (), group
            group = []
        last = place
        group.append(entry)
    if group:
        yield last[0] if last else (), group


def _client_block(sentences: list[Mapping[str, Any]], known: set[str]) -> Json:
    """Return a paragraph of one entry or of several sentences."""
    raw, spans = "", []
    for sentence in sentences:
        raw += " " if raw else ""
        for ref in sentence.get("refs") or ():
            if ref.get("type", "bibr") == "bibr":
                target = str(ref.get("target") or "").lstrip("#")
                spans.append((len(raw) + int(ref["offset_start"]), len(raw) + int(ref["offset_end"]), target))
        raw += sentence.get("text") or ""
    kind = "formula" if sentences[0].get("type") == "formula" else "paragraph"
    boxes = [box for sentence in sentences for box in sentence.get("coords") or () if "page" in box]
    return _block(kind, raw, spans, known) | {"boxes": boxes}


def _client_float(entry: Mapping[str, Any]) -> Json:
    kind = "table" if entry.get("type") == "table" else "figure"
    content = entry.get("content") or {}
    lines = [*([content["headers"]] if content.get("headers") else []), *(content.get("rows") or ())]
    rows = [[{"text": _clean(text)} for text in line] for line in lines]
    label = _clean(entry.get("head")) or _clean(entry.get("label")) or None
    return _settled_float(kind, label, _clean(entry.get("desc")), rows, _clean(entry.get("note")))
