"""The numbers of headings: as a file gives them, and as they stand in the heading's text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

MULTI = re.compile(r"([1-9]\d?(?:\.\d{1,2}){1,4})\.?\s+(?=[^\W\d_a-z])")
SINGLE = re.compile(r"([1-9]\d?|[IVX]{1,5})\.\s+(?=[^\W\d_])")
LETTER = re.compile(r"([A-H])\.\s+(?=[A-Z])")
DECIMAL = re.compile(r"\d{1,5}(?:\.\d{1,5}){0,5}\.?")
PART = re.compile(r"[A-Za-z0-9]{1,5}")

MAY_BEGIN = re.compile(r"[\d(§]|[A-Z]\.\d|[IVX]+\.|(?:cha|kap|cap|hoo|par|tei|app|ann|anh|ap[eé]|bij)", re.I)
"""How a heading begins that may hold a number; most do not."""
OTHERS = (
    ("", re.compile(r"([1-9]\d?(?:\.\d{1,2}){1,4})[):]\s*(?=[^\W\d_])")),
    ("", re.compile(r"([A-Z](?:\.\d{1,2}){1,4})[.):]?\s+(?=[^\W\d_a-z])")),
    ("", re.compile(r"([1-9]\d?):\s+(?=[^\W\d_])")),
    ("", re.compile(r"§+\s*([1-9]\d{0,2}(?:\.\d{1,2}){0,4})[.):]?\s+(?=[^\W\d_])")),
    ("loose", re.compile(r"\(?([1-9]\d?)\)\s*(?=[^\W\d_])")),
    ("chapter", re.compile(r"(?i:chapter|chapitre|kapitel|cap[ií]tulo|capitolo|hoofdstuk)\s+(\d{1,3}|[IVXL]+)\b")),
    ("appendix", re.compile(r"(?i:appendix|annexe?|appendice|anhang|ap[eé]ndice|bijlage)\s+([A-Z]|\d{1,2}|[IVX]+)\b")),
)
"""What kind of number each pattern finds."""
PART_OF = re.compile(r"(?i:part|partie|teil|parte)\s+(\d{1,2}|[IVX]+|[A-H])\b(?!['’])")
BARE = re.compile(r"([1-9]\d?)\s+(?=[^\W\d_]*[^\W\d_a-z])")
LOWER = re.compile(r"([1-9]\d?(?:\.\d{1,2}){1,4})(\.?)\s+(?=[a-z])")


class Number(NamedTuple):
    """The number of a heading; `kind` is "part", "chapter", "appendix", "loose" for `1)`, and "" for the others."""

    parts: tuple[str, ...]
    shown: str
    kind: str = ""


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


def given_number(number: str | None) -> Number | None:
    """Return the number that a file gives apart from the heading, None where that is no number.

    >>> given_number(" 2.1. ")
    Number(parts=('2', '1'), shown='2.1', kind='')
    >>> given_number("1)").kind, given_number("Fig.")
    ('loose', Number(parts=('Fig',), shown='Fig', kind=''))
    """
    if not number:
        return None
    if DECIMAL.fullmatch(number):
        shown = number.rstrip(".")
        return Number(tuple(shown.split(".")), shown)
    if not (parts := number_parts(number)):
        return None
    return Number(parts, number.strip().rstrip("."), "loose" if len(parts) == 1 and number.rstrip()[-1] == ")" else "")


def read_number(title: str) -> Number | None:
    """Return the number at the beginning of a heading that is sure to be one, whatever stands around it.

    >>> read_number("Chapter 2 Anxiety"), read_number("(3) Results").kind, read_number("A.1 Proof").parts
    (Number(parts=('2',), shown='2', kind='chapter'), 'loose', ('A', '1'))
    >>> read_number("2 patients relapsed"), read_number("2019 results")
    (None, None)
    """
    if not MAY_BEGIN.match(title):
        return None
    if (number := number_in_title(title)) is not None:
        return Number(tuple(number.split(".")), number)
    for kind, pattern in OTHERS:
        if found := pattern.match(title):
            return Number(tuple(found[1].split(".")), found[1], kind)
    return None


def numbers_of(headings: Sequence[tuple[str, str | None]], is_major: Callable[[str], object]) -> list[Number | None]:
    """Return the numbers of the headings of a document, each with the number that the file gives apart from it.

    What may be a number by itself, such as `2 Methods`, is one where it goes on with the others.

    Args:
        headings: Titles and numbers in the order of the document.
        is_major: Says whether a title is that of an article's main section, such as `Methods`.
    """
    known = [given_number(number) for _, number in headings]
    begun = [at for at, (title, _) in enumerate(headings) if known[at] is None and MAY_BEGIN.match(title)]
    for at in begun:
        known[at] = read_number(headings[at][0])
    doubtful = {at: headings[at][0] for at in begun if known[at] is None}
    if not doubtful:
        return known
    weak = _Weak(known, doubtful)
    for at, (title, _) in enumerate(headings):
        if at in doubtful:
            known[at] = weak.read(title, at)
        weak.pass_by(known[at], title, is_major)
    return known


class _Weak:
    """Reads numbers that are some only beside the others of a document."""

    def __init__(self, known: Sequence[Number | None], doubtful: Mapping[int, str]) -> None:
        plain = [number.parts for number in known if number is not None and number.kind in ("", "chapter")]
        self.taken = {parts[0] for parts in plain if len(parts) == 1}
        self.above = {parts[0] for parts in plain if len(parts) > 1}
        self.bare = {found[1]: at for at, title in doubtful.items() if (found := BARE.match(title))}
        self.last: tuple[str, ...] = ()
        self.n_bare = 0
        self.begun = self.parted = False

    def pass_by(self, number: Number | None, title: str, is_major: Callable[[str], object]) -> None:
        """Take note of a heading."""
        if number is None:
            self.begun = self.begun or bool(is_major(title))
        elif number.kind in ("", "chapter"):
            self.last, self.begun = number.parts, True

    def read(self, title: str, at: int) -> Number | None:
        """Return the number of the heading at a place."""
        if found := PART_OF.match(title):
            self.parted = self.parted or not self.begun
            return Number((found[1],), found[1], "part") if self.parted else None
        if found := LOWER.match(title):
            parts = tuple(found[1].split("."))
            return Number(parts, found[1]) if found[2] or self._goes_on(parts) else None
        found = BARE.match(title)
        if found is None or not self._is_bare(found[1], at):
            return None
        self.n_bare += 1
        return Number((found[1],), found[1])

    def _is_bare(self, number: str, at: int) -> bool:
        """Return whether `2 Methods` has the number 2: it goes on, and it has sections below it or one beside it."""
        if number in self.taken or not self._goes_on((number,)):
            return False
        after = str(int(number) + 1)
        return number in self.above or self.n_bare > 0 or after in self.taken or self.bare.get(after, at) > at

    def _goes_on(self, parts: tuple[str, ...]) -> bool:
        """Return whether a number is the next one beside the last, above it or below it, or the first of all."""
        *above, own = parts
        if not self.last:
            return parts == ("1",) and not self.begun
        if list(self.last) == above:
            return own == "1"
        before = self.last[len(above)] if list(self.last[: len(above)]) == above and len(self.last) > len(above) else ""
        return before.isdigit() and int(own) == int(before) + 1
