"""Where a book is cut: along its bookmarks where it has some, else by pages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from axolotl_ragdata.grobid.pdf import Bookmark

LEAST_PAGES = 5
"""A section of a long chapter is no shorter."""
LEAST_MEAN_PAGES = 2
"""Bookmarks that are closer mark slides or articles of a law: parts of one page would be many, and poor."""


@dataclass(frozen=True)
class Part:
    """Pages `first` to `last` of a PDF, from 1 and both included; `title` is the bookmark that it begins at.

    Parts with the same `chapter` belong to one chapter; the first of them carries its title.
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

    def halves(self) -> tuple[Part, Part]:
        """Return the two parts that a part of two pages or more is cut into."""
        middle = self.first + self.pages // 2 - 1
        return Part(self.first, middle, self.title, self.chapter), Part(middle + 1, self.last, None, self.chapter)


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
    return [Part(mark.page, edge - 1, mark.title or None, number) for number, (mark, edge) in spans]


def _along_sections(chapter: Part, bookmarks: Sequence[Bookmark], longest: int) -> list[Part]:
    """Return the parts of a chapter that is too long: as few as its own bookmarks allow, else by pages."""
    inside = sorted({mark.page for mark in bookmarks if chapter.first < mark.page <= chapter.last})
    parts: list[Part] = []
    first = chapter.first
    while chapter.last - first + 1 > longest:
        reachable = [page for page in inside if first + LEAST_PAGES <= page <= first + longest]
        start = reachable[-1] if reachable else first + _even(chapter.last - first + 1, longest)
        parts.append(Part(first, start - 1, chapter.title if first == chapter.first else None, chapter.chapter))
        first = start
    parts.append(Part(first, chapter.last, chapter.title if first == chapter.first else None, chapter.chapter))
    return parts


def _even(pages: int, longest: int) -> int:
    """Return the length of the first of as few parts as there can be, all of about the same length."""
    return -(-pages // -(-pages // longest))


def _by_pages(part: Part, longest: int) -> list[Part]:
    """Return parts of about the same length."""
    count = -(-part.pages // longest)
    edges = [part.first + part.pages * number // count for number in range(count + 1)]
    return [Part(first, following - 1) for first, following in itertools.pairwise(edges)]
