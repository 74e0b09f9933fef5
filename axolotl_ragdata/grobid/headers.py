"""What the header of a part says → elements of the book's body, so that no word of it is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from axolotl_ragdata.grobid.cutting import Part
from axolotl_ragdata.grobid.places import local_name

ONE_STATEMENT = ("author", "editor", "affiliation", "keywords", "note", "licence", "funder", "biblScope", "meeting")
"""What is told as one, however many elements it has."""
NOT_TOLD = ("appInfo", "abstract")
"""Who parsed it is not text of the book; an abstract comes as paragraphs."""
LABEL = re.compile(
    r"^(?:(?:chapter|part|section|appendix|chapitre|partie|kapitel|teil)\s+)?[\divxlc.]+[\s.:–—-]+", re.I
)


def header_text(root: Any, part: Part, ns: str) -> tuple[Any, list[Any]]:
    """Return the title of a part, None without one, and its abstract and, as a note, all else that its header says.

    At a bookmark the title is a heading; elsewhere GROBID took the first line of the page for one.
    """
    header = root.find(f"{ns}teiHeader")
    if header is None:
        return None, []
    main = header.find(f"{ns}fileDesc/{ns}titleStmt/{ns}title")
    words = " ".join("".join(main.itertext()).split()) if main is not None else ""
    is_told = words and title_key(words) != title_key(part.title or "")
    abstracts = [element for abstract in header.iter(f"{ns}abstract") for element in _abstract(abstract, ns)]
    return _titled(words, main, part, ns) if is_told else None, abstracts + _note(header, words, ns)


def title_key(title: str) -> str:
    """Return a title without number, case and punctuation, for comparison."""
    words = " ".join(title.split()).casefold()
    return "".join(character for character in LABEL.sub("", words) if character.isalnum())


def _titled(words: str, main: Any, part: Part, ns: str) -> Any:
    element = main.makeelement(f"{ns}{'head' if part.title else 'p'}")
    element.text = words
    if main.get("coords"):
        element.set("coords", main.get("coords"))
    if not part.title:
        return element
    division = main.makeelement(f"{ns}div")
    division.append(element)
    return division


def _abstract(abstract: Any, ns: str) -> list[Any]:
    division = abstract.makeelement(f"{ns}div")
    division.text = abstract.text
    division.extend(list(abstract))
    if not "".join(division.itertext()).strip():
        return []
    return list(division) if len(division) and not (division.text or "").strip() else [division]


def _note(header: Any, title: str, ns: str) -> list[Any]:
    """Return a note of what else a header holds: authors, dates, keywords of a chapter, lines taken for a journal."""
    said = [words for words in dict.fromkeys(_statements(header)) if words not in (title, "", "unknown")]
    if not said:
        return []
    note = header.makeelement(f"{ns}note", {"type": "header"})
    note.text = "; ".join(said)
    return [note]


def _statements(element: Any) -> Iterator[str]:
    """Yield what is said below an element: each of those that have text of their own as one."""
    for child in element:
        name = local_name(child)
        if not name or name in NOT_TOLD or child.get("type") == "MD5":
            continue
        is_one = name in ONE_STATEMENT or any((text or "").strip() for text in (child.text, *(c.tail for c in child)))
        blank = "" if name == "title" else " "  # names stand side by side without one
        yield from (" ".join(blank.join(child.itertext()).split()),) if is_one else _statements(child)
