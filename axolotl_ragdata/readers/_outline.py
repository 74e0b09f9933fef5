"""The hierarchy of sections, rebuilt from headings that stand flat one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence

MULTI = re.compile(r"([1-9]\d?(?:\.\d{1,2}){1,4})\.?\s+(?=[^\W\d_a-z])")
SINGLE = re.compile(r"([1-9]\d?|[IVX]{1,5})\.\s+(?=[^\W\d_])")
LETTER = re.compile(r"([A-H])\.\s+(?=[A-Z])")
PART = re.compile(r"[A-Za-z0-9]{1,5}")
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


def number_parts(number: str | None) -> tuple[str, ...]:
    """Return the parts of a section number, () of what is none.

    >>> number_parts("2.1."), number_parts("IV"), number_parts("see below"), number_parts(None)
    (('2', '1'), ('IV',), (), ())
    """
    parts = [part for part in (number or "").strip(" §()").split(".") if part.strip()]
    parts = [part.strip() for part in parts]
    return tuple(parts) if 0 < len(parts) <= 6 and all(map(PART.fullmatch, parts)) else ()


def number_in_title(title: str, lettered: bool = False) -> str | None:
    """Return the number at the beginning of a heading; a bare number is none: "2 patients" is no section 2.

    Args:
        title: The heading.
        lettered: A letter counts too, as it does below Roman numbers.

    >>> number_in_title("2.1 Datasets"), number_in_title("3. Results"), number_in_title("2 patients relapsed")
    ('2.1', '3', None)
    >>> number_in_title("2.5 mg of lithium")
    """
    found = MULTI.match(title) or SINGLE.match(title) or (LETTER.match(title) if lettered else None)
    return found[1] if found else None


class Outline:
    """Where the next section stands, from the headings so far.

    Args:
        base: The path of the element that holds the headings.
    """

    def __init__(self, base: Sequence[str] = ()) -> None:
        self.base = tuple(base)
        self.numbered: list[tuple[tuple[str, ...], str]] = []
        self.parents: list[str] = []

    def place(self, title: str, number: str | None, alone: bool) -> tuple[tuple[str, ...], str | None]:
        """Return the path of a section and its number.

        Args:
            title: Its heading.
            number: Its number as the file gives it apart from the heading.
            alone: The heading has no text below it, so that it may be the parent of what follows.
        """
        number = number or number_in_title(title, self._is_lettered())
        parts = number_parts(number)
        if parts:
            return self._place_numbered(title, parts), (number or "").strip().rstrip(".")
        path = self._place_plain(title, alone)
        return path, number

    def _is_lettered(self) -> bool:
        return any(len(parts) == 1 and ROMAN.fullmatch(parts[0]) for parts, _ in self.numbered[:1])

    def _place_numbered(self, title: str, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Put a numbered section below the longest number that begins its own."""
        self.parents.clear()
        while self.numbered and not self._is_above(self.numbered[-1][0], parts):
            self.numbered.pop()
        self.numbered.append((parts, title))
        return (*self.base, *(heading for _, heading in self.numbered))

    def _is_above(self, above: tuple[str, ...], parts: tuple[str, ...]) -> bool:
        """Return whether one number is the parent of another: 2 of 2.1, and of single ones II of A, and A of 1."""
        if len(above) < len(parts):
            return parts[: len(above)] == above
        if len(above) > 1 or len(parts) > 1:
            return False
        return _rank(above[0]) < _rank(parts[0], below=above[0]) and _rank(above[0]) < 2

    def _place_plain(self, title: str, alone: bool) -> tuple[str, ...]:
        if TOP_LEVEL.fullmatch(title):
            self.numbered.clear()
            self.parents = [title] if alone else []
            return (*self.base, title)
        if self.numbered and not CLOSING.match(self.numbered[0][1]):
            return (*self.base, *(heading for _, heading in self.numbered), title)
        while self.parents and self._is_sibling(self.parents[-1], title, alone):
            self.parents.pop()
        path = (*self.base, *self.parents, title)
        if alone:
            self.parents.append(title)
        return path

    def _is_sibling(self, parent: str, title: str, alone: bool) -> bool:
        """Return whether a heading stands beside what was a parent so far."""
        if TOP_LEVEL.fullmatch(parent):
            return parent.isupper() and title.isupper() and len(title) > 3
        return alone or (parent.isupper() and title.isupper())


def _rank(part: str, below: str = "") -> int:
    """Return the level that a single number has beside others: Roman 0, letter 1, digits 2."""
    if part.isdigit():
        return 2
    if ROMAN.fullmatch(part) and not (len(below) == 1 and below.isalpha() and not ROMAN.fullmatch(below)):
        return 0
    return 1
