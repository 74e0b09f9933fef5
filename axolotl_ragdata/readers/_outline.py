"""The hierarchy of sections, rebuilt from headings that stand flat one after the other."""

from __future__ import annotations

import re

from axolotl_ragdata.readers._numbers import Number, given_number, number_in_title

WORD = re.compile(r"[^\W\d_]+")
ROMAN = re.compile(r"[IVX]+")
TOP_LEVEL = re.compile(
    r"(introduction|background|(materials?,? *(and|&) *)?(patients? (and|&) )?methods?( (and|&) materials?)?|"
    r"methodology|"
    r"results?( (and|&) discussions?)?|(general )?discussions?( (and|&) conclusions?)?|"
    r"(summary (and|&) )?conclusions?( (and|&) .*)?|concluding remarks|acknowledge?ments?|funding.*|references|"
    r"bibliography|(supplementary|supporting) (information|materials?|data)|appendi(x|ces)\b.*|abbreviations|"
    r"(author|authors'|authors’) contributions?.*|(conflicts?|declaration) of (competing )?interests?|"
    r"competing interests|data availability.*|availability of data.*|ethics.*|disclosures?|notes|"
    r"m[ée]thod(e|es|ologie)|résultats?|conclusions?|remerciements|bibliographie|références|annexes?|"
    r"einleitung|methoden|ergebnisse|diskussion|fazit|danksagung|literatur)[\s.:]*",
    re.I,
)
"""Headings that stand at the top of an article wherever they stand."""
CLOSING = re.compile(r"(summary|conclu|acknowledg|reference|append|supple|fazit|annexe)", re.I)
"""Numbered headings that have no sections below them: what follows stands beside them."""
CAPTION = re.compile(
    r"(?:support\w+ (?:information|material)\W+|extended data )?"
    r"(?:(?:Tab(?:le(?:au)?|\.)|Fig(?:ure|s)?)\W*S?\d|S\d+\W? (?:Fig|Table|Text|File)\b)",
    re.I,
)
"""The caption of a table or a figure that stands as a heading: no section stands below it."""
LONGEST_ABBREVIATION = 4
MOST_BEFORE_STOP = 6
"""Characters within which a number in a heading has its full stop."""


class Heading:
    """A heading as it comes by, and the path of its section once all of them are known.

    Args:
        title: Its text.
        number: Its number as the file gives it apart from the heading.
        alone: The heading has no text below it, so that it may be the parent of what follows.
        coords: Where it stands, as the file says it.

    Attributes:
        holds_sections: Whether the element of its section holds others.
    """

    __slots__ = ("alone", "coords", "holds_sections", "number", "path", "title")

    def __init__(self, title: str, number: str | None, alone: bool, coords: str | None = None) -> None:
        self.title = title
        self.number = number
        self.alone = alone
        self.coords = coords
        self.holds_sections = False
        self.path: tuple[str, ...] = ()


class Outline:
    """Where the next section stands, from the headings so far.

    Args:
        below: The heading of the element that holds the headings.
        capitals: Headings in capitals are those of the main sections.
    """

    def __init__(self, below: Heading | None = None, capitals: bool = False) -> None:
        self.below = below
        self.capitals = capitals
        self.numbered: list[tuple[Number, str]] = []
        self.parents: list[str] = []

    @property
    def base(self) -> tuple[str, ...]:
        """The path of the element that holds the headings."""
        return self.below.path if self.below else ()

    def place(
        self, title: str, number: str | None, alone: bool, read: Number | None = None
    ) -> tuple[tuple[str, ...], str | None]:
        """Return the path of a section and its number.

        Args:
            title: Its heading.
            number: Its number as the file gives it apart from the heading.
            alone: The heading has no text below it, so that it may be the parent of what follows.
            read: What the number is, where that is known already.
        """
        found = read or given_number(number) or self._read(title)
        if found:
            return self._place_numbered(title, found, alone), found.shown
        return self._place_plain(title, alone), number

    def close(self, title: str) -> None:
        """Hear that the section that was placed last holds its sections itself: what follows stands beside it."""
        if self.numbered and self.numbered[-1][1] == title:
            self.numbered.pop()
        elif self.parents and self.parents[-1] == title:
            self.parents.pop()

    def _read(self, title: str) -> Number | None:
        if "." not in title[:MOST_BEFORE_STOP]:
            return None
        lettered = any(len(number.parts) == 1 and ROMAN.fullmatch(number.parts[0]) for number, _ in self.numbered[:1])
        found = number_in_title(title, lettered)
        return Number(tuple(found.split(".")), found) if found else None

    def _place_numbered(self, title: str, number: Number, alone: bool) -> tuple[str, ...]:
        """Put a numbered section below the one whose number is above its own."""
        self.parents = [title] if alone and number.kind == "appendix" else []
        while self.numbered and not _is_above(self.numbered[-1][0], number):
            self.numbered.pop()
        self.numbered.append((number, title))
        return (*self.base, *(heading for _, heading in self.numbered))

    def _place_plain(self, title: str, alone: bool) -> tuple[str, ...]:
        if TOP_LEVEL.fullmatch(title):
            self.numbered.clear()
            self.parents = [title] if self._may_hold(title, alone) else []
            return (*self.base, title)
        if self.numbered and not CLOSING.match(self.numbered[0][1]):
            return (*self.base, *(heading for _, heading in self.numbered), title)
        if CAPTION.match(title):
            return (*self.base, *self.parents, title)
        while self.parents and self._is_sibling(self.parents[-1], title, alone):
            self.parents.pop()
        path = (*self.base, *self.parents, title)
        if self._may_hold(title, alone):
            self.parents.append(title)
        return path

    def _may_hold(self, title: str, alone: bool) -> bool:
        """Return whether sections may stand below a heading: it is alone, or one of the main ones in capitals."""
        return alone or (self.capitals and in_capitals(title) and not CLOSING.match(title))

    def _is_sibling(self, parent: str, title: str, alone: bool) -> bool:
        """Return whether a heading stands beside what was a parent so far, or above it."""
        if self.capitals and in_capitals(parent) != in_capitals(title):
            return in_capitals(title)
        if TOP_LEVEL.fullmatch(parent):
            return parent.isupper() and title.isupper() and len(title) > 3
        return alone or (parent.isupper() and title.isupper())


def in_capitals(title: str) -> bool:
    """Return whether a heading is in capitals, and more than an abbreviation.

    >>> in_capitals("MATERIALS & METHODS"), in_capitals("RT-PCR"), in_capitals("Results")
    (True, False, False)
    """
    return title.isupper() and any(len(word) > LONGEST_ABBREVIATION for word in WORD.findall(title))


def _is_above(above: Number, number: Number) -> bool:
    """Return whether one number is the parent of another: 2 of 2.1, a chapter of 1, II of A, A of 1, and 1 of 1)."""
    if number.kind in ("part", "appendix") or above.kind == "part":
        return number.kind not in ("part", "appendix")
    if "loose" in (above.kind, number.kind):
        return above.kind != "loose"
    if len(above.parts) < len(number.parts):
        return number.parts[: len(above.parts)] == above.parts
    if number.kind or above.kind:
        return above.kind == "chapter" and not number.kind
    if len(above.parts) > 1 or len(number.parts) > 1:
        return False
    first, second = above.parts[0], number.parts[0]
    return _rank(first) < _rank(second, below=first) and _rank(first) < 2


def _rank(part: str, below: str = "") -> int:
    """Return the level that a single number has beside others: Roman 0, letter 1, digits 2."""
    if part.isdigit():
        return 2
    if ROMAN.fullmatch(part) and not (len(below) == 1 and below.isalpha() and not ROMAN.fullmatch(below)):
        return 0
    return 1
