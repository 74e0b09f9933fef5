"""The header and the bibliography of a TEI document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from axolotl_ragdata.readers._text import TextRules, nfc

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
BIBL_TAGS = ("forename", "surname", "author", "title", "date", "idno", "ptr", "editor", "biblStruct", "bibl")
WHOLE_NAMES = ("persName", "name", "orgName")
"""What holds a name that may not be in parts."""
DOI_ADDRESS = re.compile(r"https?://(?:dx\.)?doi\.org/(10\.\d{4,}/(?=\D*\d).{4,}?)(?:PMID:\d+)?", re.I)
"""GROBID cuts many addresses short (`10.1038/s`): what is left of a DOI must at least have a digit."""
TITLE_LEVELS = ("a", "m", None, "u")
VENUE_LEVELS = ("j", "m", "s")
SHORT = 32
AUTHOR = "\0"
"""What stands before the names of each author; XML cannot hold it."""
ENTRY = "\1"
"""What stands between two entries."""
LIST = b"listBibl"


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
        if value and (year := _short_date(value) if len(value) <= SHORT else _date(value)) is not None:
            return year
    return None


def _date(value: str) -> int | None:
    found = YEAR.search(value)
    return int(found[0]) if found else None


_short_date = lru_cache(maxsize=4_096)(_date)
"""Of the few dates that the entries of bibliographies repeat."""


def is_doi(idno: Any) -> bool:
    """Return whether an `idno` says that it is a DOI."""
    kind = idno.get("type")
    return kind == "DOI" or (kind is not None and kind.upper() == "DOI")


def whole_name(author: Any, ns: str) -> str:
    """Return the name of an author in one piece: of a person or an organisation, else what stands there itself."""
    places = author.iterchildren(*(ns + tag for tag in WHOLE_NAMES))
    return next((name for place in places if (name := whole_text(place)).strip()), author.text or "")


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
        self.texts = root.findall(f"{ns}text")
        self.bibl = self.header.find(self.path("fileDesc/sourceDesc/biblStruct"))

    def path(self, path: str) -> str:
        """Return a path of tag names with their namespace."""
        if not self.ns:
            return path
        return "/".join(step if step in (".", "") else self.ns + step for step in path.split("/"))

    def text_has(self, name: str) -> bool:
        """Return whether a text of the file has an element of that name."""
        return any(text.find(f".//{self.ns}{name}") is not None for text in self.texts)

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
        journal = self.journal().casefold()
        good = [title for title in titles if not FURNITURE.fullmatch(title) and title.casefold() != journal]
        if good == titles or not titles:
            return (titles[0] if titles else ""), None
        if good:
            return good[0], (None if good[0] == titles[0] else f"title {titles[0]!r} is journal furniture: not used")
        return titles[0], f"title {titles[0]!r} looks like journal furniture"

    def journal(self) -> str:
        """Return the title of the journal or the book."""
        return text_of(self.first("fileDesc/sourceDesc/biblStruct/monogr/title"))

    def authors(self) -> list[str]:
        """Return the names of the authors, forenames first."""
        if self.bibl is None:
            return []
        names = (self._name(author) for author in self.bibl.iterfind(self.path("analytic/author")))
        return [name for name in names if name]

    def _name(self, author: Any) -> str:
        person = author.find(f"{self.ns}persName")
        place = author if person is None else person
        parts = [text_of(part) for tag in ("forename", "surname") for part in place.iterfind(self.ns + tag)]
        return " ".join(part for part in parts if part) or nfc(squeezed(whole_name(author, self.ns)))

    def doi(self) -> str | None:
        """Return the document's own DOI."""
        places = [self.bibl, self.header.find(self.path("fileDesc/publicationStmt"))]
        for place in places:
            for idno in place.iter(f"{self.ns}idno") if place is not None else ():
                if is_doi(idno) and text_of(idno):
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
        for element in (*self.texts, self.header):
            if element.get(XML_LANG):
                return str(element.get(XML_LANG)).strip() or None
        return None

    def grobid_version(self) -> str | None:
        """Return the version of GROBID that the file names."""
        for application in self.header.iter(f"{self.ns}application"):
            if (application.get("ident") or "").upper() == "GROBID":
                return str(application.get("version") or "unknown")
        return None


def references(texts: Iterable[Any], ns: str, rules: TextRules) -> list[dict[str, Any]]:  # noqa: C901 - see its docstring
    """Return the entries of every bibliography in the texts, in order.

    Half of a file and more is its bibliography: the elements are gone through once, and without a call for each.
    """
    entries = [entry := _Entry(None)]
    names = entry.names
    tags = tuple(ns + tag for tag in BIBL_TAGS)
    forename, surname, author, title, date, idno, ptr, editor, *_ = tags
    for bibliography in _bibliographies(texts, f"{ns}listBibl", rules.data):
        for element in bibliography.iter(*tags):
            tag = element.tag
            if tag == forename or tag == surname:  # noqa: SIM109
                names.append(element.text or "")
            elif tag == author:
                names = entry.names
                names.append(AUTHOR)
                if (said := element.text) and not said.isspace():
                    names.append(said)
            elif tag == title:
                said = whole_text(element) if len(element) else element.text or ""
                entry.titles.setdefault(element.get("level"), said)
            elif tag == date:
                entry.dates += (element.get("when"), element.text)
            elif tag == idno:
                if is_doi(element):
                    entry.doi = entry.doi or element.text
            elif tag == ptr:
                entry.addresses += (element.get("target") or "",)
            elif tag == editor:
                names = []
            else:
                entries.append(entry := _Entry(element))
                names = []
    raw_note = f"{ns}note" if b"raw_reference" in rules.data else None
    # squeezed in one go: a call for each takes a fiftieth of all the time
    said = rules.squeeze(ENTRY.join([entry.said(raw_note) for entry in entries[1:]])).split(ENTRY)
    found = zip(entries[1:], said, strict=False)
    return [entry.as_dict(at, text, rules, ns) for at, (entry, text) in enumerate(found)]


def _doi_in(address: str) -> str | None:
    """Return the DOI that an address leads to.

    >>> _doi_in("https://doi.org/10.1000/x182PMID:20685706"), _doi_in("https://doi.org/10.1038/nature")
    ('10.1000/x182', None)
    """
    found = DOI_ADDRESS.fullmatch(address.strip())
    return found[1] if found else None


def _bibliographies(texts: Iterable[Any], tag: str, data: bytes) -> Iterator[Any]:
    """Yield the bibliographies of the texts; one within another is part of it.

    Most files have one, at the end: the rest of them is not gone through for it.
    """
    is_one = data.count(LIST) <= 2  # its tags
    for text in texts:
        if is_one and len(text) and (last := next(text[-1].iter(tag), None)) is not None:
            yield last
            return
        for bibliography in text.iter(tag):
            if next(bibliography.iterancestors(tag), None) is None:
                yield bibliography


class _Entry:
    """An entry of the bibliography as its elements come by."""

    __slots__ = ("addresses", "dates", "doi", "element", "names", "raw", "title", "titles", "venue")

    def __init__(self, element: Any) -> None:
        self.element = element
        self.titles: dict[str | None, str] = {}
        self.names: list[str] = []
        self.dates: tuple[str | None, ...] = ()
        self.doi: str | None = None
        self.addresses: tuple[str, ...] = ()
        self.title: str | None = None
        self.venue: str | None = None
        self.raw: str | None = None

    def said(self, raw_note: str | None) -> str:
        """Return its texts as they are written, one behind the other; one without a title keeps all of it as `raw`."""
        title, venue = self._title_and_venue()
        raw = self._raw(raw_note) if raw_note else None
        if title is None and not raw:
            raw = " ".join(self.element.itertext())
        if self.doi is None and self.addresses:
            self.doi = next(filter(None, map(_doi_in, self.addresses)), None)
        self.title, self.venue, self.raw = title, venue, raw
        return AUTHOR.join((title or "", venue or "", self.doi or "", raw or "", " ".join(self.names)))

    def as_dict(self, at: int, said: str, rules: TextRules, ns: str) -> dict[str, Any]:
        """Return the fields of a Reference; `said` is its texts, squeezed."""
        shown, venue, doi, raw, *authors = map(str.strip, said.split(AUTHOR))
        names = [name for name in authors if name]
        if len(names) + 1 < len(authors):
            names = self._whole_names(authors, rules, ns)
        return {
            "id": self.element.get(XML_ID) or f"entry{at}",
            "title": None if self.title is None else shown,
            "authors": names,
            "year": year_in(*self.dates) if self.dates else None,
            "venue": self.venue and (venue or None),
            "doi": self.doi and doi,
            "raw": self.raw and (raw or None),
        }

    def _title_and_venue(self) -> tuple[str | None, str | None]:
        """Return the title of the entry and of what it stands in, as they are written."""
        titles = self.titles
        level: str | None
        for level in TITLE_LEVELS:
            if level in titles and not titles[level].isspace() and titles[level]:
                title = titles[level]
                break
        else:
            level, title = "", None
        for other in VENUE_LEVELS:
            if other != level and other in titles:
                return title, titles[other]
        return title, None

    def _whole_names(self, authors: Sequence[str], rules: TextRules, ns: str) -> list[str]:
        """Return the names of the authors; one without forename and surname is asked for a name in one piece."""
        before, *names = authors
        found = zip(names, self.element.iter(f"{ns}author"), strict=False)
        whole = (name or rules.squeeze(whole_name(element, ns)) for name, element in found)
        return [name for name in (before, *whole) if name]

    def _raw(self, tag: str) -> str | None:
        """Return the reference as it is printed, where the file has it."""
        for note in self.element.iterchildren(tag):
            if note.get("type") == "raw_reference":
                return whole_text(note)
        return None
