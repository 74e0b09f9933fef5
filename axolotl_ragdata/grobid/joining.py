"""The TEI of the parts of a book → one TEI: ids stay unique, pages are those of the book, cut paragraphs are whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axolotl_ragdata import __version__
from axolotl_ragdata.grobid.cutting import Part
from axolotl_ragdata.grobid.headers import header_text, title_key
from axolotl_ragdata.grobid.places import XML_ID, local_name, rename_ids, shift_pages
from axolotl_ragdata.grobid.seams import FLOATS, go_on_in, in_flow, last_section, rejoin


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
        self.before: Part | None = None

    def add(self, part: Part, root: Any) -> None:
        """Take a part."""
        shift_pages(root, part.first - 1)
        before, self.before = self.before, part
        if self.root is None and part.first == 1:
            self._begin(part, root)
            return
        if self.root is None:
            self._begin_without(root)
        self.ids |= rename_ids(root, f"-p{part.first}", self.ids)
        self._rename_space(root)
        title, lead = header_text(root, part, self.ns)
        content = [*([] if title is None else [title]), *lead, *self._content(self._found(root, "text/body"))]
        _put_under_title(content)
        # across pages that are missing, a sentence of both ends would be made up
        if before is not None and part.first == before.last + 1:
            rejoin(self._place("text/body"), content, self.ns)
            # a title that did not go on with a sentence may be the heading of what follows
            if not part.title and part.chapter == before.chapter and title not in content:
                content = self._gone_on(content)
        self._append(part, content)
        for back in root.iterfind(self._path("text/back")):
            self._place("text/back").extend(list(back))
        self._surfaces(root)

    def _gone_on(self, content: list[Any]) -> list[Any]:
        """Put what comes before the first heading into the section that the text so far ends in; return the rest."""
        holder = self._place("text/body") if self.chapter is None else self.chapter[1]
        section = last_section(holder)
        return content if section is holder else go_on_in(section, content, self.ns)

    def _content(self, body: Any) -> list[Any]:
        """Return the elements of a part's body, and its bare text as a paragraph."""
        if body is None:
            return []
        content = list(body)
        if body.text and body.text.strip():
            paragraph = body.makeelement(f"{self.ns}p")
            paragraph.text = body.text
            content.insert(0, paragraph)
        return content

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
        if self.title and (not said or title_key(said) == title_key(parts[0].title or "")):
            # the title of the first chapter is not that of the book
            main[:] = []
            main.text = self.title

    def _begin(self, part: Part, root: Any) -> None:
        self.root = root
        self.ns = root.tag.rpartition("TEI")[0]
        self.ids = {element.get(XML_ID) for element in root.iter() if element.get(XML_ID)}
        body = self._place("text/body")
        if part.chapter is not None:
            content = self._content(body)
            body[:], body.text = [], None
            self._append(part, content)

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

    def _append(self, part: Part, content: list[Any]) -> None:
        """Put what a part holds at the end of the body, below its chapter where it has one."""
        body = self._place("text/body")
        holder = body if part.chapter is None else self._chapter(part, content, body)
        for element in content:
            (body if local_name(element) in FLOATS else holder).append(element)

    def _chapter(self, part: Part, content: list[Any], body: Any) -> Any:
        """Return the division of a part's chapter; it is made with the first of its parts that is there."""
        if self.chapter is not None and self.chapter[0] == part.chapter:
            return self.chapter[1]
        division = self._child(body, "div")
        if title := part.title or part.chapter_title:
            own = self._own_head(title, content)
            division.append(self._head(title) if own is None else own)
        self.chapter = (part.chapter or 0, division)
        return division

    def _own_head(self, title: str, content: list[Any]) -> Any:
        """Return the first heading of a part, taken out, where it says what the bookmark says."""
        first = next((element for element in content if element.tag == f"{self.ns}div"), None)
        if first is None or first is not content[0] or not len(first) or first[0].tag != f"{self.ns}head":
            return None
        head = first[0]
        if title_key("".join(head.itertext())) != title_key(title):
            return None
        tail, head.tail = head.tail, None
        first.remove(head)
        first.text = (first.text or "") + (tail or "")
        return head

    def _head(self, title: str) -> Any:
        head = self.root.makeelement(f"{self.ns}head")
        head.text = title
        return head

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


def _put_under_title(content: list[Any]) -> None:
    """Move the title that a part begins with into the division behind it, where that has no heading."""
    flow = in_flow(content)[:2]
    if len(flow) < 2 or any(local_name(element) != "div" for element in flow):
        return
    titled, below = flow
    if [local_name(child) for child in titled] == ["head"] and "head" not in map(local_name, below[:1]):
        content.remove(titled)
        below.insert(0, titled[0])


def _root(tei: bytes) -> Any:
    from axolotl_ragdata.readers._xml import parse_xml

    return parse_xml(tei, "part")[0]
