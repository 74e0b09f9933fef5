"""Pages and ids of a part → those of the book."""

from __future__ import annotations

from typing import Any

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
POINTERS = ("target", "corresp", "ref", "facs", "next", "prev", "sameAs", "copyOf", "ana", "resp", "source", "who")


def shift_pages(root: Any, by: int) -> None:
    """Add a number to the page of every `@coords` and every surface below an element, in place."""
    if not by:
        return
    for element in root.iter():
        if coords := element.get("coords") if isinstance(element.tag, str) else None:
            element.set("coords", shifted(coords, by))
        if local_name(element) == "surface" and (number := element.get("n") or "").isdigit():
            element.set("n", str(int(number) + by))


def shifted(coords: str, by: int) -> str:
    """Return `page,x,y,width,height;…` with a number added to each page; what has no page stays as it is.

    >>> shifted("1,72.0,10.5,94.19,10.52;2,1,2,3,4;odd", 40)
    '41,72.0,10.5,94.19,10.52;42,1,2,3,4;odd'
    """
    boxes = []
    for box in coords.split(";"):
        page, comma, rest = box.partition(",")
        number = page.strip()
        boxes.append(f"{int(number) + by}{comma}{rest}" if comma and number.isdecimal() else box)
    return ";".join(boxes)


def rename_ids(root: Any, suffix: str, taken: set[str]) -> set[str]:
    """Give every `xml:id` below an element a suffix, and every pointer to one; return the new ids.

    A pointer whose target is in no part gets it too: it must not begin to point into another part.
    """
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    while any(f"{element.get(XML_ID)}{suffix}" in taken for element in elements):
        suffix += "x"
    new = set()
    for element in elements:
        if own := element.get(XML_ID):
            element.set(XML_ID, f"{own}{suffix}")
            new.add(f"{own}{suffix}")
        for name in POINTERS:
            if "#" in (value := element.get(name) or ""):
                tokens = (f"{token}{suffix}" if token.startswith("#") else token for token in value.split())
                element.set(name, " ".join(tokens))
    return new


def local_name(element: Any) -> str:
    """Return the name of an element without its namespace; a comment has none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
