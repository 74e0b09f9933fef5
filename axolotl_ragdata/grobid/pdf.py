"""What a PDF says about itself, and parts of it as PDFs; the only door to pypdf (BSD-3-Clause, pure Python)."""

from __future__ import annotations

import asyncio
import io
import logging
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axolotl_ragdata.grobid.bounded import bounded
from axolotl_ragdata.grobid.refusals import Refusal

HEAD_BYTES = 1024
MAGIC = b"%PDF-"
DEEPEST = 4
LONGEST_TITLE = 300


@dataclass(frozen=True)
class Bookmark:
    """An entry of the outline: the page that it points to, from 1, and its depth from 0."""

    title: str
    page: int
    level: int


@dataclass(frozen=True)
class PdfFacts:
    """What is known of a PDF before it is sent.

    `refusal` says why it is not sent at all. `pages` is None where pypdf cannot read what the server may still read;
    `problem` says why.
    """

    pages: int | None = None
    title: str = ""
    bookmarks: tuple[Bookmark, ...] = ()
    refusal: Refusal | None = None
    problem: str | None = None


class Scissors:
    """Cuts page ranges out of one PDF, one at a time.

    Args:
        path: The PDF.
        seconds: How long a cut may take.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._reader: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._is_stuck = False

    async def cut(self, first: int, last: int) -> bytes:
        """Return the pages from `first` to `last`, from 1 and both included, as a PDF of their own.

        Raises:
            ValueError: pypdf cannot write them, or not in time.
        """
        async with self._one_at_a_time:
            what = f"pages {first}-{last} cannot be cut out"
            if self._is_stuck:
                raise ValueError(f"{what}: pypdf is still busy with others")
            try:
                return await bounded(lambda: self._cut(first, last), self._seconds)
            except asyncio.TimeoutError:
                self._is_stuck = True
                raise ValueError(f"{what} within {self._seconds:g} s") from None
            except Exception as problem:
                raise ValueError(f"{what}: {_said(problem)}") from problem

    def _cut(self, first: int, last: int) -> bytes:
        from pypdf import PdfWriter

        if self._reader is None:
            self._reader = _opened(self._path)
        writer = PdfWriter()
        writer.append(self._reader, pages=(first - 1, last), import_outline=False)
        payload = io.BytesIO()
        writer.write(payload)
        return payload.getvalue()


async def inspect(path: Path, seconds: float) -> PdfFacts:
    """Return what a PDF says about itself; what is wrong with it, or takes too long to find out, is no exception."""
    try:
        return await bounded(lambda: inspect_at_leisure(path), seconds)
    except asyncio.TimeoutError:
        return PdfFacts(problem=f"pypdf does not get through it within {seconds:g} s")


def inspect_at_leisure(path: Path) -> PdfFacts:
    """Return what a PDF says about itself; nothing that is wrong with it is an exception."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return PdfFacts(refusal=Refusal("UNREADABLE", "it is no regular file"))
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as problem:
        return PdfFacts(refusal=Refusal("UNREADABLE", f"cannot be read: {problem.strerror}"))
    if not head:
        return PdfFacts(refusal=Refusal("EMPTY_FILE", "the file has no bytes"))
    if MAGIC not in head:
        return PdfFacts(refusal=Refusal("NOT_A_PDF", f"it begins with {head[:12]!r}, not with %PDF-"))
    try:
        return _facts(path)
    except Exception as problem:  # pypdf raises whatever a broken file leads it to
        return PdfFacts(problem=_said(problem))


def _needs_cryptography(problem: BaseException) -> bool:
    from pypdf.errors import DependencyError

    return isinstance(problem, DependencyError)


def _facts(path: Path) -> PdfFacts:
    reader = _opened(path)
    if reader is None:
        return PdfFacts(refusal=Refusal("ENCRYPTED", "it is encrypted and wants a password"))
    pages = len(reader.pages)
    if not pages:
        return PdfFacts(problem="no page is found")
    return PdfFacts(pages=pages, title=_title(reader), bookmarks=_bookmarks(reader, pages))


def _opened(path: Path) -> Any:
    """Return a reader; None where only a password opens the file."""
    from pypdf import PdfReader

    # it reports each oddity of a file as a log line; what matters comes back as a value
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(path, strict=False)
    # many PDFs are encrypted with the empty password, which only forbids printing; the server opens them too
    if reader.is_encrypted and not reader.decrypt(""):
        return None
    return reader


def _title(reader: Any) -> str:
    try:
        return _one_line(reader.metadata.title if reader.metadata else "")
    except Exception:
        return ""


def _bookmarks(reader: Any, pages: int) -> tuple[Bookmark, ...]:
    try:
        entries = list(_entries(reader, reader.outline, 0))
    except Exception:
        return ()  # a broken outline is none: the PDF is cut by pages
    return tuple(sorted((each for each in entries if 1 <= each.page <= pages), key=lambda each: each.page))


def _entries(reader: Any, outline: Sequence[Any], level: int) -> Iterator[Bookmark]:
    for entry in outline:
        if isinstance(entry, list):
            if level + 1 < DEEPEST:
                yield from _entries(reader, entry, level + 1)
            continue
        number = _page_index(reader, entry)
        if number is not None and number >= 0:
            yield Bookmark(_one_line(entry.title), number + 1, level)


def _page_index(reader: Any, entry: Any) -> int | None:
    """Return the page that an entry of the outline points to, from 0."""
    # many writers give the number of the page instead of its object; pypdf would look for an object of that number
    if isinstance(entry.page, int):
        return int(entry.page)
    number: int | None = reader.get_destination_page_number(entry)
    return number


def _one_line(text: Any) -> str:
    kept = "".join(character for character in str(text or "") if character.isprintable() or character.isspace())
    return " ".join(kept.split())[:LONGEST_TITLE]


def _said(problem: BaseException) -> str:
    if _needs_cryptography(problem):
        return "it is encrypted with AES; `pip install cryptography` to have its pages counted and cut"
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}"
