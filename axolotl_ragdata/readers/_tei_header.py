"""The header and the bibliography of a TEI document."""

from __future__ import annotations

import re
from typing import Any

YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
FURNITURE = re.compile(
    r"(original |research |review |full |short |regular )*"
    r"(article|paper|report|communication|open access|editorial|review|letter|contents lists available.*|"
    r"vol(ume|\.)? ?\d.*|www\..*|https?:.*|\d+)\W*",
    re.I,
)
"""Titles that journals print above the title."""
BIBL_TAGS = ("biblStruct", "bibl", "title", "author", "editor", "forename", "surname", "date", "idno", "note")


def squeezed(text: str | None) -> str:
    """Return the text with one blank for each run of white space, None as ""."""
    return " ".join(text.split()) if text else ""


def text_of(element: Any) -> str:
    """Return all text of an element, squeezed; "" of None."""
    return squeezed("".join(element.itertext())) if element is not None else ""


def year_in(*values: str | None) -> int | None:
    """Return the first year from 1500 to 2099 in the values.

    >>> year_in(None, "published 2019-06-13")
    2019
    """
    found = next((match for value in values if value and (match := YEAR.search(value))), None)
    return int(found[0]) if found else None


class Header:
    """What a `teiHeader` says, as the fields of a Document.

    Args:
        root: The root element.
        ns: The namespace of its tags, "{…}" or "".
    """

    def __init__(self, root: Any, ns: str) -> None:
        self.ns = ns
        found = root.find(f"{ns}teiHeader")
        self.header = found if found is not None else root.makeelement(f"{ns}teiHeader")
        self.text = root.find(f"{ns}text")
        self.bibl = self.header.find(self.path("fileDesc/sourceDesc/biblStruct"))

    def path(self, path: str) -> str:
        """Return a path of tag names with their namespace."""
        return "/".join(step if step in (".", "") else self.ns + step for step in path.split("/"))

    def first(self, *paths: str) -> Any:
        """Return the first element below the header that has text, on the first path that leads to one."""
        for path in paths:
            for element in self.header.iterfind(self.path(path)):
                if text_of(element):
                    return element
        return None

    def titles(self) -> tuple[str, str | None]:
        """Return the title, and a warning where the first one was journal furniture."""
        places = ("fileDesc/titleStmt/title", "fileDesc/sourceDesc/biblStruct/analytic/title")
        found = [text_of(title) for place in places for title in self.header.iterfind(self.path(place))]
        titles = [title for title in found if title]
        journal = text_of(self.first("fileDesc/sourceDesc/biblStruct/monogr/title")).casefold()
        good = [title for title in titles if not FURNITURE.fullmatch(title) and title.casefold() != journal]
        if good == titles or not titles:
            return (titles[0] if titles else ""), None
        if good:
            return good[0], (None if good[0] == titles[0] else f"title {titles[0]!r} is journal furniture: not used")
        return titles[0], f"title {titles[0]!r} looks like journal furniture"

    def authors(self) -> list[str]:
        """Return the names of the authors, forenames first."""
        if self.bibl is None:
            return []
        names = []
        for author in self.bibl.iterfind(self.path("analytic/author")):
            person = author.find(f"{self.ns}persName")
            names.append(self._name(person if person is not None else author))
        return [name for name in names if name]

    def _name(self, person: Any) -> str:
        parts = [text_of(part) for tag in ("forename", "surname") for part in person.iterfind(self.ns + tag)]
        if not parts and person.tag == f"{self.ns}persName":
            parts = [text_of(person)]
        return " ".join(part for part in parts if part)

    def doi(self) -> str | None:
        """Return the document's own DOI."""
        places = [self.bibl, self.header.find(self.path("fileDesc/publicationStmt"))]
        for place in places:
            for idno in place.iter(f"{self.ns}idno") if place is not None else ():
                if (idno.get("type") or "").upper() == "DOI" and text_of(idno):
                    return text_of(idno)
        return None

    def year(self) -> int | None:
        """Return the year of publication."""
        dates = [*self.header.iterfind(self.path("fileDesc/publicationStmt/date"))]
        dates += self.bibl.iter(f"{self.ns}date") if self.bibl is not None else ()
        return year_in(*(value for date in dates for value in (date.get("when"), text_of(date))))

    def licence(self) -> str | None:
        """Return what the file says about its licence: the target or the text of `licence`, else of `availability`."""
        place = self.header.find(self.path("fileDesc/publicationStmt/availability"))
        if place is None:
            return None
        licence = place.find(f"{self.ns}licence")
        said = (text_of(licence) or licence.get("target")) if licence is not None else None
        return said or text_of(place) or None

    def language(self) -> str | None:
        """Return the language that the file declares: that of the text, else of the header."""
        for element in (self.text, self.header):
            if element is not None and element.get(XML_LANG):
                return str(element.get(XML_LANG)).strip() or None
        return None

    def grobid_version(self) -> str | None:
        """Return the version of GROBID that the file names."""
        for application in self.header.iter(f"{self.ns}application"):
            if (application.get("ident") or "").upper() == "GROBID":
                return str(application.get("version") or "unknown")
        return None


def references(text: Any, ns: str) -> list[dict[str, Any]]:
    """Return the entries of every bibliography below an element, in order.

    The elements are gone through once: half of a file and more is its bibliography.
    """
    if text is None:
        return []
    names = {ns + tag: tag for tag in BIBL_TAGS}
    entries: list[_Entry] = []
    for bibliography in text.iter(f"{ns}listBibl"):
        for element in bibliography.iter(*names):
            tag = names[element.tag]
            if tag in ("biblStruct", "bibl"):
                entries.append(_Entry(element, len(entries)))
            elif entries:
                entries[-1].take(tag, element)
    return [entry.as_dict() for entry in entries]


class _Entry:
    """An entry of the bibliography as its elements come by."""

    __slots__ = ("element", "fields", "ordinal", "people", "person", "titles")

    def __init__(self, element: Any, ordinal: int) -> None:
        self.element = element
        self.ordinal = ordinal
        self.fields: dict[str, Any] = {}
        self.titles: dict[str, str] = {}
        self.people: list[tuple[list[str], list[str]]] = []
        self.person: tuple[list[str], list[str]] = ([], [])

    def take(self, tag: str, element: Any) -> None:
        """Take an element of the entry."""
        if tag == "forename":
            if element.text:
                self.person[0].append(squeezed(element.text))
        elif tag == "surname":
            if element.text:
                self.person[1].append(squeezed(element.text))
        elif tag == "author":
            self.person = ([], [])
            self.people.append(self.person)
            if not len(element) and element.text:
                self.person[1].append(squeezed(element.text))
        elif tag == "editor":
            self.person = ([], [])
        elif tag == "title":
            self.titles.setdefault(element.get("level") or "m", text_of(element))
        elif tag == "date":
            if "year" not in self.fields and (year := year_in(element.get("when"), element.text)):
                self.fields["year"] = year
        elif tag == "idno":
            if element.text and (element.get("type") or "").upper() == "DOI":
                self.fields.setdefault("doi", squeezed(element.text))
        elif element.get("type") == "raw_reference":
            self.fields["raw"] = text_of(element)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a Reference; an entry without a title keeps its whole text as `raw`."""
        titles = {level: title for level, title in self.titles.items() if title}
        order = [level for level in ("a", "m", "u", "j", "s") if level in titles]
        fields = self.fields
        fields["id"] = self.element.get(XML_ID) or f"entry{self.ordinal}"
        fields["authors"] = [" ".join(fore + sur) for fore, sur in self.people if fore or sur]
        if order and order[0] != "j":
            fields["title"] = titles[order[0]]
        fields["venue"] = next((titles[level] for level in ("j", "m", "s") if level in order and level != order[0]), None)
        if order and order[0] == "j":
            fields["venue"] = titles["j"]
        if "title" not in fields and not fields.get("raw"):
            fields["raw"] = text_of(self.element) or None
        return fields
