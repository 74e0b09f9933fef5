"""The JSON of S2ORC and CORD-19 as the fields of a Document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from axolotl_ragdata.readers._foreign import (
    Entry,
    Json,
    Path,
    add_block,
    add_rest,
    author_names,
    doi_of,
    float_block,
    raw_text,
    text_block,
    text_in,
)
from axolotl_ragdata.readers._marked import Span
from axolotl_ragdata.readers._numbers import number_parts
from axolotl_ragdata.readers._outline import Outline
from axolotl_ragdata.readers._tei_header import year_in

PARSES = ("pdf_parse", "grobid_parse", "latex_parse")
"""Where the releases of S2ORC keep the text; CORD-19 has it at the top."""
HTML_KEYS = ("html", "content")
KINDS = {"footnote": "note", "equation": "formula", "formula": "formula", "section": ""}
"""Of `ref_entries`, what is neither table nor figure; a section is a heading, and stands in the text already."""
TYPES = {"TABREF": "table", "FIGREF": "figure", "FOOTREF": "footnote", "EQREF": "equation", "SECREF": "section"}
STAND_IN = re.compile(r"(?:EQUATION|FORMULA|(?:INLINE|DISPLAY)FORM|EQREF)\d*")
"""What stands in the text for a formula."""
FORMULA_KEYS = ("raw_str", "text", "latex")
PARAGRAPH_BREAK = ":::"
"""Between the paragraphs of an abstract in the metadata of S2ORC."""


def s2orc_fields(data: Entry) -> Json:
    """Return the fields of a document of S2ORC or CORD-19.

    What only `ref_entries` holds (tables, figures, footnotes) follows the paragraph that refers to it first, or else
    the body.
    """
    parses = [parse for key in PARSES if (parse := data.get(key))]
    parse = next((parse for parse in parses if parse.get("body_text")), parses[0] if parses else data)
    about = data.get("metadata") or data
    known = {str(key): _reference(str(key), entry) for key, entry in (parse.get("bib_entries") or {}).items()}
    abstract = parse.get("abstract") or data.get("abstract") or about.get("abstract") or ()
    if isinstance(abstract, str):
        abstract = [{"text": text} for text in abstract.split(PARAGRAPH_BREAK)]
    parts = {
        "abstract": list(abstract),
        "body": list(parse.get("body_text") or ()),
        "back": list(parse.get("back_matter") or ()),
    }
    shown = {text for entries in parts.values() for entry in entries for text in _formulas(entry)}
    floats = _floats(parse.get("ref_entries") or {}, shown)
    sections: list[Json] = []
    for part, entries in parts.items():
        _add_entries(sections, entries, part, known.keys(), floats)
    add_rest(sections, floats.values())
    return {
        "title": text_in(about.get("title")),
        "authors": author_names(about.get("authors")),
        "year": year_in(str(about.get("year") or "")),
        "doi": doi_of(about) or doi_of(data),
        "sections": sections,
        "references": list(known.values()),
    }


class Headings:
    """Where the sections of one part stand, by their headings as they come.

    doc2json joins the headings of a path by `::` from the top down, and from the bottom up by ` ::: ` where it read
    JATS, as CORD-19 does. Headings that are not joined are placed by their numbers.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        self._outline = Outline()
        self._joined = any("::" in title for title in titles)
        self._last: tuple[str, str | None] = ("", None)
        self._place: tuple[Path, str | None] = ((), None)

    def place(self, title: str, number: str | None, alone: bool) -> tuple[Path, str | None]:
        """Return the path and the number of the section that a paragraph is in.

        Args:
            title: Its heading, "" for none.
            number: Its number, where the file gives one.
            alone: Nothing stands below the heading.
        """
        if (title, number) != self._last:
            self._last = title, number
            self._place = self._placed(title, number, alone)
        return self._place

    def _placed(self, title: str, number: str | None, alone: bool) -> tuple[Path, str | None]:
        path = _path(title)
        if not path or (self._joined and not number and len(path) == 1):
            return path, number
        placed = self._outline.place(path[-1], number, alone)
        return placed if len(path) == 1 else (path, number)


def _path(title: str) -> Path:
    """Return the headings that a title joins, from the top down.

    >>> _path("Methods::Participants"), _path("Participants ::: Methods"), _path("")
    (('Methods', 'Participants'), ('Methods', 'Participants'), ())
    """
    upwards = ":::" in title
    parts = tuple(part.strip() for part in title.split(":::" if upwards else "::") if part.strip())
    return parts[::-1] if upwards else parts


def _add_entries(sections: list[Json], entries: list[Any], part: str, known: Iterable[str], floats: Json) -> None:
    """Take the paragraphs of a part; the heading "Abstract" of an abstract is none."""
    known = set(known)
    titles = [text_in(entry.get("section")) for entry in entries]
    headings = Headings(titles)
    for entry, title in zip(entries, titles, strict=True):
        title = "" if part == "abstract" and title.lower() == "abstract" else title
        said = text_in(str(entry.get("sec_num") or ""))
        block = _paragraph(entry, known)
        path, number = headings.place(title, said if number_parts(said) else None, alone=not block["text"])
        add_block(sections, path, part, block, number)
        for span in entry.get("ref_spans") or ():
            floating = floats.pop(str(span.get("ref_id")), None)
            if floating:
                sections[-1]["blocks"].append(floating)


def _paragraph(entry: Entry, known: set[str]) -> Json:
    """Return a paragraph with its formulas in their places; one that is nothing but a formula is a formula."""
    raw = raw_text(entry.get("text"))
    marks = [_span(span, str(span.get("ref_id") or "")) for span in entry.get("cite_spans") or ()]
    swaps = [*_formula_swaps(entry, raw), *_mention_swaps(entry, raw)]
    lead, end = len(raw) - len(raw.lstrip()), len(raw.rstrip())
    whole = (span for span in entry.get("eq_spans") or () if int(span["start"]) <= lead < end <= int(span["end"]))
    formula = next(whole, None)
    if formula is None:
        return text_block("paragraph", raw, marks, known, swaps)
    label = text_in(formula.get("eq_num")) or None
    return text_block("formula", raw, marks, known, swaps) | {"label": label}


def _span(span: Entry, carried: str) -> Span:
    return int(span["start"]), int(span["end"]), carried


def _formula_swaps(entry: Entry, raw: str) -> Iterator[Span]:
    """Yield the stand-ins for formulas, and what they stand for; other text is never replaced."""
    for span in entry.get("eq_spans") or ():
        start, end, said = _span(span, _formula(span))
        if said and 0 <= start < end <= len(raw) and STAND_IN.fullmatch(raw, start, end):
            yield start, end, said


def _mention_swaps(entry: Entry, raw: str) -> Iterator[Span]:
    """Yield the keys of `ref_entries` that LaTeX leaves in the text, and the numbers they stand for."""
    for span in entry.get("ref_spans") or ():
        key, said = span.get("ref_id"), span.get("text")
        if isinstance(key, str) and isinstance(said, str) and said.strip():
            start, end, _ = _span(span, key)
            if start >= 0 and end - start == len(key) and raw.startswith(key, start):
                yield start, end, said


def _formula(span: Entry) -> str:
    """Return what a formula says; "" where it is not known."""
    said = (raw_text(span.get(key)).strip() for key in FORMULA_KEYS)
    return next((text for text in said if text and not STAND_IN.fullmatch(text)), "")


def _formulas(entry: Entry) -> Iterator[str]:
    """Yield the formulas of a paragraph in every wording."""
    for span in entry.get("eq_spans") or ():
        yield from filter(None, (text_in(span.get(key)) for key in FORMULA_KEYS))


def _floats(entries: Entry, shown: set[str]) -> dict[str, Json]:
    """Return the blocks of `ref_entries` that say something, without the formulas that stand in the text."""
    found = {str(key): _float(str(key), entry) for key, entry in entries.items()}
    return {
        key: block
        for key, block in found.items()
        if block["text"] and not (block["kind"] == "formula" and block["text"] in shown)
    }


def _float(key: str, entry: Entry) -> Json:
    """Return what an entry of `ref_entries` holds; the text is "" of a section."""
    name = str(entry.get("type_str") or entry.get("type") or TYPES.get(key.rstrip("U0123456789"), "")).lower()
    number = text_in(str(entry.get("fig_num") or entry.get("num") or "")) or None
    for kind in ("table", "fig"):
        if kind in name:
            kind = "table" if kind == "table" else "figure"
            label = f"{kind.capitalize()} {number}" if number else None
            return float_block(kind, label, text_in(entry.get("text")), _rows(entry))
    kind = KINDS.get(name, "paragraph")
    text = text_in(_formula(entry)) if kind == "formula" else text_in(entry.get("text")) if kind else ""
    return {"kind": kind, "text": text, "label": number}


def _rows(entry: Entry) -> list[list[Json]]:
    """Return the cells of a table, which is HTML or, made of LaTeX, a list of rows."""
    html = next((entry[key] for key in HTML_KEYS if isinstance(entry.get(key), str) and entry[key].strip()), "")
    if html:
        return html_rows(html)
    lines = entry["content"] if isinstance(entry.get("content"), list) else ()
    rows = [[{"text": text_in(cell.get("text"))} for cell in line.get("cells") or ()] for line in lines]
    return [row for row in rows if any(cell["text"] for cell in row)]


def html_rows(html: str) -> list[list[Json]]:
    """Return the cells of the tables in a piece of HTML.

    >>> html_rows("<table><tr><th>A</th><td colspan='2'>1 &lt; 2</td></tr></table>")
    [[{'text': 'A', 'header': True}, {'text': '1 < 2', 'col_span': 2}]]
    """
    from axolotl_ragdata.readers._html import TableParser

    return TableParser.rows_of(html)


def _reference(key: str, entry: Mapping[str, Any]) -> Json:
    return {
        "id": key,
        "title": text_in(entry.get("title")) or None,
        "authors": author_names(entry.get("authors")),
        "year": year_in(str(entry.get("year") or "")),
        "venue": text_in(entry.get("venue")) or None,
        "doi": doi_of(entry),
        "raw": text_in(entry.get("raw_text")) or None,
    }
