"""Where a book was cut: whether its text goes on behind the cut, and making whole what the cut went through."""

from __future__ import annotations

import re
from typing import Any

from axolotl_ragdata.grobid.places import local_name

FLOATS = ("figure", "table", "note")
"""What GROBID hangs under the body; the reader puts it where it is mentioned, so it stays there."""
MOST_PIECES = 3
"""Pieces that the rest of a cut paragraph may come in: GROBID may take its lines for a title and an abstract."""
HEADING_WORDS = 8
SENTENCE_END = re.compile(r"[.!?…:;。！？][\"'”’»)\]]*$")
GOES_ON = re.compile(r"[\d,;:)\]%&/–—-]")
STOPS_SHORT = re.compile(r"[,(–—-]$")
LIST_LABEL = re.compile(r"(?:\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]|[•▪‣◦*])\s", re.I)
DASH = re.compile(r"[–—-]\s")


def rejoin(body: Any, content: list[Any], ns: str) -> None:
    """Put the rest of a paragraph that the cut went through behind its beginning, in place.

    Args:
        body: The body so far.
        content: The elements of the part behind it.
        ns: Their namespace, as it stands before a name.
    """
    before = last_paragraph(body)
    for _ in range(MOST_PIECES):
        holder, rest = _first_paragraph(content)
        if before is None or rest is None or not goes_on(_words(before), _words(rest)):
            return
        join_paragraphs(before, rest, ns)
        if holder is None:
            content.remove(rest)
        else:
            holder.remove(rest)
            if not len(holder) and not (holder.text or "").strip():
                content.remove(holder)


def in_flow(elements: Any) -> list[Any]:
    """Return the elements that are running text: neither floats nor comments."""
    return [element for element in elements if local_name(element) not in (*FLOATS, "")]


def last_paragraph(body: Any) -> Any:
    """Return the paragraph that ends the running text so far, None where something else does."""
    flow = in_flow(_path_to_the_end(body)[-1])
    return flow[-1] if flow and local_name(flow[-1]) == "p" else None


def last_section(holder: Any) -> Any:
    """Return the division with a heading that the running text ends in, `holder` where it ends in none."""
    headed = (each for each in reversed(_path_to_the_end(holder)) if "head" in map(local_name, each))
    return next(headed, holder)


def is_headless(element: Any) -> bool:
    """Return whether an element is a plain division without a heading."""
    return local_name(element) == "div" and not element.attrib and "head" not in map(local_name, element)


def go_on_in(section: Any, content: list[Any], ns: str) -> list[Any]:
    """Move what a part holds before its first heading to the end of a section; return what is left of the content."""
    left = []
    for number, element in enumerate(content):
        name = local_name(element)
        if name in FLOATS:
            left.append(element)
        elif is_headless(element):
            _unwrap_into(section, element, ns)
        elif name == "div":
            return [*left, *content[number:]]
        else:
            section.append(element)
    return left


def _unwrap_into(section: Any, division: Any, ns: str) -> None:
    if (division.text or "").strip():
        paragraph = section.makeelement(f"{ns}p")
        paragraph.text = division.text
        section.append(paragraph)
    section.extend(list(division))


def _path_to_the_end(holder: Any) -> list[Any]:
    """Return the holder and the divisions below it that the running text ends in, from the outside in."""
    path = [holder]
    while (flow := in_flow(path[-1])) and local_name(flow[-1]) == "div":
        path.append(flow[-1])
    return path


def _first_paragraph(content: list[Any]) -> tuple[Any, Any]:
    """Return the division that holds the paragraph that a part begins with, and the paragraph."""
    first = next((element for element in content if local_name(element) not in FLOATS), None)
    if first is not None and local_name(first) == "p":
        return None, first
    if first is not None and local_name(first) == "div" and len(first) and local_name(first[0]) == "p":
        return first, first[0]
    return None, None


def goes_on(before: str, rest: str) -> bool:
    """Return whether a paragraph at the end of a part goes on with the one that the next part begins with.

    >>> goes_on("Symptoms must last for at least", "two weeks."), goes_on("It ends here.", "it seems")
    (True, False)
    """
    before, rest = before.rstrip(), rest.lstrip()
    if not before or not rest or SENTENCE_END.search(before) or _is_next_item(before, rest):
        return False
    stops_short = before[-1].islower() or STOPS_SHORT.search(before)
    return bool(rest[0].islower() or GOES_ON.match(rest) or (stops_short and len(before.split()) > HEADING_WORDS))


def _is_next_item(before: str, rest: str) -> bool:
    """Return whether what follows is an item of a list, not the rest of a sentence."""
    return bool(LIST_LABEL.match(rest) or (DASH.match(rest) and DASH.match(before)))


def join_paragraphs(before: Any, rest: Any, ns: str) -> None:
    """Put what a paragraph holds behind another, in place; a sentence that the cut went through is one again."""
    hyphen = _words(before).rstrip().endswith("-")
    seam = "\n" if hyphen else " "  # the reader decides about a hyphen at a line end
    _add_coords(before, rest)
    last = before[-1] if len(before) else None
    first = rest[0] if len(rest) and not (rest.text or "").strip() else None
    sentence = f"{ns}s"
    if last is not None and first is not None and last.tag == first.tag == sentence and not (last.tail or "").strip():
        _add_coords(last, first)
        last.tail = first.tail
        _add_text(last, seam + (first.text or "").lstrip())
        last.extend(list(first))
        rest.remove(first)
    else:
        _add_text(before, seam + (rest.text or "").lstrip())
    before.extend(list(rest))


def _add_text(element: Any, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "").rstrip() + text
    else:
        element.text = (element.text or "").rstrip() + text


def _add_coords(first: Any, second: Any) -> None:
    both = [coords for element in (first, second) if (coords := element.get("coords"))]
    if both:
        first.set("coords", ";".join(both))


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())
