"""The header and the bibliography of a TEI document."""

from __future__ import annotations

import re
from typing import Any

from axolotl_ragdata.readers._made import made
from axolotl_ragdata.readers._text import TextRules, nfc
from axolotl_ragdata.records import Reference

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
BIBL_TAGS = ("forename", "surname", "author", "title", "date", "idno", "editor", "biblStruct", "bibl")
ARTICLE_LEVELS = ("a", "m", "-", "u")
"""Levels of the title of an entry: article, book, none given, unpublished."""
VENUE_LEVELS = ("j", "m", "s")
"""Levels of what an entry appeared in: journal, book, series."""
TITLE_MARKS = {"a": "a", "m": "m", None: "-", "u": "u", "j": "j", "s": "s"}
AUTHOR, DATE, DOI, IGNORED = "A", "D", "I", "x"
FIELD, ENTRY = "\0", "\1"
"""What stands before each field and each entry of the bibliography; XML cannot hold them."""


def squeezed(text: str | None) -> str:
    """Return the text with one blank for each run of white space, None as ""."""
    return " ".join(text.split()) if text else ""


def whole_text(element: Any) -> str:
    """Return all text of an element; "" of None."""
    if element is None:
        return ""
    return "".join(element.itertext()) if len(element) else element.text or ""


def text_of(element: Any) -> str:
    """Return all text of an element, squeezed and as NFC; "" of None."""
    return nfc(squeezed(whole_text(element)))


def year_in(*values: str | None) -> int | None:
    """Return the first year from 1500 to 2099 in the values.

    >>> year_in(None, "published 2019-06-13")
    2019
    """
    for value in values:
        if value and (found := YEAR.search(value)):
            return int(found[0])
    return None


class Header:
    """What a `teiHeader` says, as the fields of a Document.

    Args:
        root: The root element.
        ns: The namespace of its tags, "{…}" or "".
    """

    def __init__(self, root: Any, ns: str) -> None:
        self.ns = ns
        found = root.find(f"{ns}teiHeader")
        self.header = found if found is not None else root.makeelement("teiHeader")
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


def references(text: Any, ns: str, rules: TextRules) -> list[Reference]:
    """Return the entries of every bibliography below an element, in order.

    Half of a file and more is its bibliography: its elements are gone through once, without a call for each, and what
    they say is squeezed as one text, in which marks that XML cannot hold keep the fields and the entries apart.
    """
    if text is None:
        return []
    parts: list[str] = []
    holders: list[Any] = []
    for bibliography in text.iter(f"{ns}listBibl"):
        _collect(bibliography, ns, parts, holders)
    raw_note = f"{ns}note" if b"raw_reference" in rules.data else None
    told = rules.squeeze(" ".join(parts)).split(ENTRY)[1:]
    numbered = enumerate(zip(holders, told, strict=True))
    return [_reference(holder, at, entry, rules, raw_note) for at, (holder, entry) in numbered]


def _collect(bibliography: Any, ns: str, parts: list[str], holders: list[Any]) -> None:
    """Collect what the elements of a bibliography say, each field behind its mark, and the elements of the entries."""
    tags = tuple(ns + tag for tag in BIBL_TAGS)
    forename, surname, author, title, date, idno, editor, *_ = tags
    add = parts.append
    in_author = False
    for element in bibliography.iter(*tags):
        tag = element.tag
        if tag == forename or tag == surname:  # noqa: SIM109
            if in_author and (said := element.text):
                add(said)
            continue
        in_author = tag == author
        if in_author:
            add(FIELD + AUTHOR)
            add(element.text or "")
        elif tag == title:
            add(FIELD + TITLE_MARKS.get(element.get("level"), IGNORED))
            add(whole_text(element))
        elif tag == date:
            add(FIELD + DATE)
            add(element.get("when") or "")
            add(element.text or "")
        elif tag == idno:
            if element.get("type") == "DOI":
                add(FIELD + DOI)
                add(element.text or "")
        elif tag != editor:
            add(ENTRY)
            holders.append(element)


def _reference(holder: Any, at: int, told: str, rules: TextRules, raw_note: str | None) -> Reference:
    """Return an entry from its fields; one without a title keeps its whole text as `raw`."""
    authors: list[str] = []
    titles: dict[str, str] = {}
    dates = doi = ""
    for field in told.split(FIELD)[1:]:
        mark, value = field[0], field[1:].strip()
        if not value:
            continue
        if mark == AUTHOR:
            authors.append(value)
        elif mark == DATE:
            dates += f" {value}"
        elif mark == DOI:
            doi = doi or value
        else:
            titles.setdefault(mark, value)
    level = next(filter(titles.__contains__, ARTICLE_LEVELS), "")
    venue = next((titles[other] for other in VENUE_LEVELS if other != level and other in titles), None)
    raw = _raw(holder, raw_note) if raw_note else None
    if not level and not raw:
        raw = " ".join(holder.itertext())
    fields = {
        "id": holder.get(XML_ID) or f"entry{at}",
        "title": titles.get(level),
        "authors": tuple(authors),
        "year": year_in(dates),
        "venue": venue,
        "doi": doi or None,
        "raw": (rules.squeeze(raw) or None) if raw else None,
    }
    return made(Reference, fields)


def _raw(holder: Any, tag: str) -> str | None:
    """Return the reference as it is printed, where the file has it."""
    notes = (note for note in holder.iterchildren(tag) if note.get("type") == "raw_reference")
    return next((whole_text(note) for note in notes), None)
