"""Where a book is cut: along its bookmarks where it has some, else by pages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from axolotl_ragdata.grobid.pdf import Bookmark

LEAST_PAGES = 5
"""A section of a long chapter is no shorter."""
LEAST_MEAN_PAGES = 2
"""Bookmarks that are closer mark slides or articles of a law: parts of one page would be many, and poor."""


@dataclass(frozen=True)
class Part:
    """Pages `first` to `last` of a PDF, from 1 and both included; `title` is the bookmark that it begins at.

    Parts with the same `chapter` belong to one chapter and know its title; `title` is that of the part that begins it.
    """

    first: int
    last: int
    title: str | None = None
    chapter: int | None = None
    chapter_title: str | None = None

    @property
    def pages(self) -> int:
        """How many."""
        return self.last - self.first + 1


def parts_of(pages: int, bookmarks: Sequence[Bookmark], longest: int) -> list[Part]:
    """Return the parts of a PDF in order; together they hold every page once, and none has more than `longest` pages.

    >>> [(part.first, part.last) for part in parts_of(5, [], 2)]
    [(1, 1), (2, 3), (4, 5)]
    """
    if pages <= longest:
        return [Part(1, pages)]
    chapters = _chapters(bookmarks, pages)
    if not chapters:
        return _by_pages(Part(1, pages), longest)
    parts = [] if chapters[0].first == 1 else _by_pages(Part(1, chapters[0].first - 1), longest)
    for chapter in chapters:
        parts += _along_sections(chapter, bookmarks, longest) if chapter.pages > longest else [chapter]
    return parts


def smaller(part: Part, bookmarks: Sequence[Bookmark]) -> tuple[Part, Part]:
    """Return the two parts that a part of two pages or more is cut into, at the bookmark that is nearest to its middle.

    >>> [(each.first, each.last) for each in smaller(Part(1, 40), [Bookmark("Two", 13, 0), Bookmark("Three", 35, 0)])]
    [(1, 12), (13, 40)]
    """
    middle = part.first + part.pages // 2
    reachable = range(part.first + LEAST_PAGES, part.last - LEAST_PAGES + 2)
    inside = (mark.page for mark in bookmarks if mark.page in reachable)
    start = min(inside, key=lambda page: abs(page - middle), default=middle)
    return replace(part, last=start - 1), replace(part, first=start, title=None)


def _chapters(bookmarks: Sequence[Bookmark], pages: int) -> list[Part]:
    """Return the chapters: the highest level of bookmarks that point to more than one page."""
    for level in sorted({bookmark.level for bookmark in bookmarks}):
        firsts: dict[int, Bookmark] = {}
        for bookmark in bookmarks:
            if bookmark.level <= level:
                firsts.setdefault(bookmark.page, bookmark)
        if len(firsts) > 1:
            return _spans(list(firsts.values()), pages)
    return []


def _spans(bookmarks: Sequence[Bookmark], pages: int) -> list[Part]:
    """Return the pages of each bookmark; none where they stand so close that they are no chapters."""
    if (pages + 1 - bookmarks[0].page) / len(bookmarks) < LEAST_MEAN_PAGES:
        return []
    edges = [*(bookmark.page for bookmark in bookmarks[1:]), pages + 1]
    spans = enumerate(zip(bookmarks, edges, strict=True))
    return [Part(mark.page, edge - 1, mark.title or None, number, mark.title or None) for number, (mark, edge) in spans]


def _along_sections(part: Part, bookmarks: Sequence[Bookmark], longest: int) -> list[Part]:
    """Return the parts of a part that is too long: as few as its own bookmarks allow, else by pages."""
    inside = sorted({mark.page for mark in bookmarks if part.first < mark.page <= part.last})
    firsts = [part.first]
    while part.last - firsts[-1] + 1 > longest:
        first = firsts[-1]
        reachable = [page for page in inside if first + LEAST_PAGES <= page <= first + longest]
        firsts.append(reachable[-1] if reachable else first + _even(part.last - first + 1, longest))
    edges = [*firsts[1:], part.last + 1]
    return [
        replace(part, first=first, last=edge - 1, title=part.title if first == part.first else None)
        for first, edge in zip(firsts, edges, strict=True)
    ]


def _even(pages: int, longest: int) -> int:
    """Return the length of the first of as few parts as there can be, all of about the same length."""
    return -(-pages // -(-pages // longest))


def _by_pages(part: Part, longest: int) -> list[Part]:
    """Return parts of about the same length."""
    count = -(-part.pages // longest)
    edges = [part.first + part.pages * number // count for number in range(count + 1)]
    return [Part(first, following - 1) for first, following in itertools.pairwise(edges)]
