"""What the JSON dialects of others have in common: text, names, DOIs, blocks, and the sections that they come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from axolotl_ragdata.readers._marked import Span, marked_text, squeezed
from axolotl_ragdata.readers._tables import float_text

Entry = Mapping[str, Any]
Json = dict[str, Any]
Path = tuple[str, ...]


def text_in(value: Any) -> str:
    """Return a text of JSON squeezed and clean; "" of null.

    Raises:
        TypeError: It is neither.
    """
    return squeezed(raw_text(value))


def raw_text(value: Any) -> str:
    """Return a text of JSON as it is; "" of null.

    Raises:
        TypeError: It is neither.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def author_name(author: Any) -> str:
    """Return a name that is given whole or in parts."""
    if isinstance(author, str):
        return text_in(author)
    if "name" in author:
        return text_in(author["name"])
    middle = author.get("middle") or ()
    middle = [middle] if isinstance(middle, str) else middle
    parts = [author.get("first"), *middle, author.get("last"), author.get("suffix")]
    return " ".join(part for part in map(text_in, parts) if part)


def author_names(authors: Iterable[Any] | None) -> list[str]:
    """Return the names that are not empty."""
    return [name for name in map(author_name, authors or ()) if name]


def doi_of(about: Entry) -> str | None:
    """Return the DOI wherever the dialects keep it: `doi`, `identifiers`, `other_ids` or `externalids`."""
    for holder in (about, *(about.get(key) or {} for key in ("identifiers", "other_ids", "externalids"))):
        value = holder.get("doi") or holder.get("DOI") if isinstance(holder, Mapping) else None
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value.strip():
            return text_in(value)
    return None


def text_block(kind: str, raw: str, marks: Sequence[Span], known: Collection[str], swaps: Sequence[Span] = ()) -> Json:
    """Return a block of running text.

    Args:
        kind: What it is.
        raw: Its text, in which marks and swaps count.
        marks: Citations, with the id of what they cite.
        known: The ids of the bibliography.
        swaps: Stretches, and what to put in their place.
    """
    text, found = marked_text(raw, marks, swaps)
    citations = [
        {"start": start, "end": end, "text": text[start:end], "ref_id": ref_id if ref_id in known else None}
        for start, end, ref_id in found
    ]
    return {"kind": kind, "text": text, "citations": citations}


def float_block(kind: str, label: str | None, caption: str, rows: list[list[Json]], note: str = "") -> Json:
    """Return a table or figure; the note stands below it."""
    text, _ = float_text(label, caption, rows)
    text = "\n".join(part for part in (text, note) if part)
    return {"kind": kind, "text": text, "label": label or None, "caption": caption or None, "rows": rows}


def add_block(sections: list[Json], path: Path, part: str, block: Json, number: str | None = None) -> None:
    """Put a block into the last section, or into a new one where that has another heading."""
    last = sections[-1] if sections else None
    if last is None or (last["path"], last["part"], last["number"]) != (path, part, number):
        sections.append({"path": path, "number": number, "part": part, "blocks": []})
    if block["text"]:
        sections[-1]["blocks"].append(block)


def add_rest(sections: list[Json], blocks: Iterable[Json]) -> None:
    """Put blocks that nothing refers to behind the body."""
    rest = [block for block in blocks if block["text"]]
    body = [section for section in sections if section["part"] == "body"]
    if rest and not body:
        body = [{"path": (), "number": None, "part": "body", "blocks": []}]
        sections.append(body[0])
    if rest:
        body[-1]["blocks"] += rest
