"""The TEI of the parts of a book → one TEI: ids stay unique, pages are those of the book, cut paragraphs are whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from axolotl_ragdata import __version__
from axolotl_ragdata.grobid.cutting import Part

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
POINTERS = ("target", "corresp", "ref", "facs", "next", "prev", "sameAs", "copyOf", "ana", "resp", "source", "who")
FLOATS = ("figure", "table", "note")
"""What GROBID hangs under the body; the reader puts it where it is mentioned, so it stays there."""
HEADER_TEXT = ("author", "editor", "date", "idno", "affiliation", "orgName", "keywords", "note", "licence", "funder")
MOST_PIECES = 3
"""Pieces that the rest of a cut paragraph may come in: GROBID may take its lines for a title and an abstract."""
HEADING_WORDS = 8
SENTENCE_END = re.compile(r"[.!?…:;。！？][\"'”’»)\]]*$")
GOES_ON = re.compile(r"[^\W\d_A-ZÀ-Þ]|[\d,;:)\]%&/–—-]")
STOPS_SHORT = re.compile(r"[a-zà-ÿ,(–—-]$")
LABEL = re.compile(
    r"^(?:(?:chapter|part|section|appendix|chapitre|partie|kapitel|teil)\s+)?[\divxlc.]+[\s.:–—-]+", re.I
)


def join_parts(parts: Sequence[tuple[Part, bytes]], title: str = "", missing: str = "") -> bytes:
    """Return one TEI of the parts, in the order of their pages.

    The header is that of the first part; what the headers of the others hold (a chapter's title, its authors, what was
    taken for an abstract) goes to where their text begins. A chapter is a division under its bookmark's title.

    Args:
        parts: Each part with its TEI, as GROBID gave it.
        title: The PDF's own title, for a header without one.
        missing: The pages that are in no part, for the header.
    """
    from lxml import etree

    ordered = sorted(parts, key=lambda item: item[0].first)
    book = _Book(title)
    for part, tei in ordered:
        book.add(part, _root(tei))
    book.describe([part for part, _ in ordered], missing)
    return bytes(etree.tostring(book.root, encoding="UTF-8", xml_declaration=True))


class _Book:
    """The TEI that grows by a part at a time."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.root: Any = None
        self.ns = ""
        self.ids: set[str] = set()
        self.chapter: tuple[int, Any] | None = None

    def add(self, part: Part, root: Any) -> None:
        """Take a part."""
        shift_pages(root, part.first - 1)
        if self.root is None and part.first == 1:
            self._begin(part, root)
            return
        if self.root is None:
            self._begin_without(root)
        self.ids |= rename_ids(root, f"-p{part.first}", self.ids)
        self._rename_space(root)
        lead = self._header_text(root, part)
        body = self._found(root, "text/body")
        content = [*lead, *(list(body) if body is not None else [])]
        self._put_under_title(content)
        self._rejoin(content)
        self._append(part, content, body.text if body is not None else None)
        for back in root.iterfind(self._path("text/back")):
            self._place("text/back").extend(list(back))
        self._surfaces(root)

    def describe(self, parts: Sequence[Part], missing: str) -> None:
        """Say in the header what the book is called, how it was cut and what is missing."""
        place = self._place("teiHeader/encodingDesc/appInfo")
        application = self._child(place, "application", ident="axolotl-ragdata", version=__version__)
        ranges = ", ".join(f"{part.first}-{part.last}" for part in parts)
        text = f"Joined from {len(parts)} parts: pages {ranges}." + (
            f" Pages {missing} are missing." if missing else ""
        )
        self._child(application, "desc").text = text
        titles = self._place("teiHeader/fileDesc/titleStmt")
        main = titles.find(f"{self.ns}title")
        if main is None:
            main = self._child(titles, "title", level="a", type="main")
        said = "".join(main.itertext()).strip()
        if self.title and (not said or _key(said) == _key(parts[0].title or "")):
            # the title of the first chapter is not that of the book
            main[:] = []
            main.text = self.title

    def _begin(self, part: Part, root: Any) -> None:
        self.root = root
        self.ns = root.tag.rpartition("TEI")[0]
        self.ids = {element.get(XML_ID) for element in root.iter() if element.get(XML_ID)}
        body = self._place("text/body")
        if part.chapter is not None:
            content, text = list(body), body.text
            for element in content:
                body.remove(element)
            body.text = None
            self._append(part, content, text)

    def _begin_without(self, root: Any) -> None:
        """Begin the book with a part that is not its first: the header says nothing but who parsed it."""
        self.ns = root.tag.rpartition("TEI")[0]
        self.root = root.makeelement(root.tag, nsmap=root.nsmap)
        for path in ("teiHeader", "text"):
            place, own = self._place(path), self._found(root, path)
            for name in () if own is None else own.attrib:
                place.set(name, own.get(name))
        titles = self._place("teiHeader/fileDesc/titleStmt")
        self._child(titles, "title", level="a", type="main").text = self.title or None
        encoding = self._found(root, "teiHeader/encodingDesc")
        if encoding is not None:
            self._place("teiHeader").append(encoding)
        self._place("text/body")

    def _append(self, part: Part, content: list[Any], text: str | None) -> None:
        """Put what a part holds at the end of the body, below its chapter where it has one."""
        body = self._place("text/body")
        holder = body if part.chapter is None else self._chapter(part, content, body)
        if text and text.strip():
            paragraph = holder.makeelement(f"{self.ns}p")
            paragraph.text = text
            content.insert(0, paragraph)
        for element in content:
            name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
            if name in FLOATS:
                body.append(element)
            else:
                holder.append(element)

    def _chapter(self, part: Part, content: list[Any], body: Any) -> Any:
        """Return the division of a part's chapter; it is made where the chapter begins."""
        if self.chapter is not None and self.chapter[0] == part.chapter:
            return self.chapter[1]
        division = self._child(body, "div")
        if part.title:
            own = self._own_head(part.title, content)
            division.append(self._head(part.title) if own is None else own)
        self.chapter = (part.chapter or 0, division)
        return division

    def _own_head(self, title: str, content: list[Any]) -> Any:
        """Return the first heading of a part, taken out, where it says what the bookmark says."""
        first = next((element for element in content if element.tag == f"{self.ns}div"), None)
        if first is None or first is not content[0] or not len(first) or first[0].tag != f"{self.ns}head":
            return None
        head = first[0]
        if _key("".join(head.itertext())) != _key(title):
            return None
        tail, head.tail = head.tail, None
        first.remove(head)
        first.text = (first.text or "") + (tail or "")
        return head

    def _head(self, title: str) -> Any:
        head = self.root.makeelement(f"{self.ns}head")
        head.text = title
        return head

    def _header_text(self, root: Any, part: Part) -> list[Any]:
        """Return what the header of a part says, as elements of its body."""
        header = root.find(f"{self.ns}teiHeader")
        if header is None:
            return []
        found: list[Any] = []
        main = header.find(f"{self._path('fileDesc/titleStmt/title')}")
        words = " ".join("".join(main.itertext()).split()) if main is not None else ""
        if words and _key(words) != _key(part.title or ""):
            # at a bookmark it is a heading; elsewhere GROBID took the first line of the page for one
            found.append(self._titled(words, main, part))
        for abstract in header.iter(f"{self.ns}abstract"):
            division = self.root.makeelement(f"{self.ns}div")
            division.text = abstract.text
            division.extend(list(abstract))
            if "".join(division.itertext()).strip():
                found += list(division) if len(division) and not (division.text or "").strip() else [division]
        return found + self._notes(header)

    def _titled(self, words: str, main: Any, part: Part) -> Any:
        division = self.root.makeelement(f"{self.ns}div")
        element = self._child(division, "head" if part.title else "p")
        element.text = words
        if main.get("coords"):
            element.set("coords", main.get("coords"))
        return division if part.title else element

    def _put_under_title(self, content: list[Any]) -> None:
        """Move the title that a part begins with into the division behind it, where that has no heading."""
        flow = [element for element in content if _name(element) not in FLOATS][:2]
        if len(flow) < 2 or any(_name(element) != "div" for element in flow):
            return
        titled, below = flow
        if [_name(child) for child in titled] == ["head"] and "head" not in [_name(child) for child in below][:1]:
            content.remove(titled)
            below.insert(0, titled[0])

    def _notes(self, header: Any) -> list[Any]:
        """Return a note of what else a header holds: authors, dates, keywords of a chapter."""
        said: list[str] = []
        inside = {f"{self.ns}{name}" for name in HEADER_TEXT}
        for element in header.iter():
            if element.tag in inside and not any(above.tag in inside for above in element.iterancestors()):
                words = " ".join(" ".join(element.itertext()).split())
                if words and words not in (*said, "unknown") and element.get("type") != "MD5":
                    said.append(words)
        if not said:
            return []
        note = self.root.makeelement(f"{self.ns}note", {"type": "header"})
        note.text = "; ".join(said)
        return [note]

    def _rejoin(self, content: list[Any]) -> None:
        """Put the rest of a paragraph that the cut went through behind its beginning."""
        before = self._last_paragraph()
        for _ in range(MOST_PIECES):
            holder, rest = self._first_paragraph(content)
            if before is None or rest is None or not goes_on(_words(before), _words(rest)):
                return
            join_paragraphs(before, rest, self.ns)
            if holder is None:
                content.remove(rest)
            else:
                holder.remove(rest)
                if not len(holder) and not (holder.text or "").strip():
                    content.remove(holder)

    def _last_paragraph(self) -> Any:
        """Return the paragraph that ends the running text so far, None where something else does."""
        last: Any = None
        stack = [self._place("text/body")]
        while stack:
            element = stack.pop()
            inner = [child for child in element if _name(child) not in FLOATS]
            last = inner[-1] if inner else None
            if last is not None and _name(last) == "div":
                stack.append(last)
        return last if last is not None and _name(last) == "p" else None

    def _first_paragraph(self, content: Sequence[Any]) -> tuple[Any, Any]:
        """Return the paragraph that a part begins with, and the division that holds it."""
        first = next((element for element in content if _name(element) not in FLOATS), None)
        if first is not None and _name(first) == "p":
            return None, first
        if first is not None and _name(first) == "div" and len(first) and _name(first[0]) == "p":
            return first, first[0]
        return None, None

    def _surfaces(self, root: Any) -> None:
        surfaces = list(root.iterfind(self._path("facsimile/surface")))
        if surfaces:
            place = self.root.find(f"{self.ns}facsimile")
            if place is None:
                place = self.root.makeelement(f"{self.ns}facsimile")
                self.root.insert(1, place)
            place.extend(surfaces)

    def _rename_space(self, root: Any) -> None:
        """Put a part into the namespace of the first one; a server changes it never, a proxy might."""
        ns = root.tag.rpartition("TEI")[0]
        if ns != self.ns:
            for element in root.iter():
                if isinstance(element.tag, str) and element.tag.startswith(ns):
                    element.tag = self.ns + element.tag[len(ns) :]

    def _path(self, path: str) -> str:
        return "/".join(self.ns + name for name in path.split("/"))

    def _found(self, root: Any, path: str) -> Any:
        return root.find(self._path(path))

    def _place(self, path: str) -> Any:
        """Return the element at a path below the root, made where it is missing."""
        element = self.root
        for name in path.split("/"):
            below = element.find(self.ns + name)
            element = below if below is not None else self._child(element, name)
        return element

    def _child(self, parent: Any, name: str, **attributes: str) -> Any:
        child = parent.makeelement(self.ns + name, attributes)
        parent.append(child)
        return child


def shift_pages(root: Any, by: int) -> None:
    """Add a number to the page of every `@coords` and every surface below an element, in place."""
    if not by:
        return
    for element in root.iter():
        if coords := element.get("coords") if isinstance(element.tag, str) else None:
            element.set("coords", shifted(coords, by))
        if _name(element) == "surface" and (number := element.get("n") or "").isdigit():
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


def goes_on(before: str, rest: str) -> bool:
    """Return whether a paragraph at the end of a part goes on with the one that the next part begins with.

    >>> goes_on("Symptoms must last for at least", "two weeks."), goes_on("It ends here.", "it seems")
    (True, False)
    """
    before, rest = before.rstrip(), rest.lstrip()
    if not before or not rest or SENTENCE_END.search(before):
        return False
    stops_short = STOPS_SHORT.search(before) and len(before.split()) > HEADING_WORDS
    return bool(GOES_ON.match(rest) or stops_short)


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


def _key(title: str) -> str:
    """Return a title without number, case and punctuation, for comparison."""
    words = " ".join(title.split()).casefold()
    return "".join(character for character in LABEL.sub("", words) if character.isalnum())


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _root(tei: bytes) -> Any:
    from axolotl_ragdata.readers._xml import parse_xml

    return parse_xml(tei, "part")[0]
