"""A PDF → TEI: whole where it is short enough, else in parts that are sent, kept, halved and joined."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.grobid.cutting import Part, parts_of
from axolotl_ragdata.grobid.joining import join_parts
from axolotl_ragdata.grobid.pdf import PdfFacts, Scissors
from axolotl_ragdata.grobid.records import PartRecord, page_ranges
from axolotl_ragdata.grobid.refusals import Refusal
from axolotl_ragdata.grobid.server import GrobidServer
from axolotl_ragdata.store import write_atomically

FEW_PAGES = 4
"""So many pages are given up together for one that cannot be parsed."""

Result = tuple[Part, "bytes | Refusal"]


@dataclass(frozen=True)
class Converted:
    """What came of a PDF: a TEI, or why there is none; `parts` is empty where it was sent whole."""

    tei: bytes | None
    refusal: Refusal | None = None
    parts: tuple[PartRecord, ...] = ()
    retryable: bool = False

    @property
    def failed_pages(self) -> str | None:
        """The pages that are not in the TEI, None where all are."""
        return page_ranges((part.first_page, part.last_page) for part in self.parts if part.code) or None


class Book:
    """One PDF; where it is cut, its parts are sent side by side.

    Args:
        path: The PDF.
        facts: What is known of it.
        kept: A folder for the parts that are done, so that an interrupted book goes on.
        note: Hears how far it is.
    """

    def __init__(self, path: Path, facts: PdfFacts, kept: Path, note: Callable[[str], None]) -> None:
        self._path = path
        self._facts = facts
        self._kept = kept
        self._note = note
        self._scissors = Scissors(path)
        self._server: GrobidServer
        self._retry_failed = False
        self._done = 0

    async def convert(self, server: GrobidServer, retry_failed: bool) -> Converted:
        """Return what comes of the PDF.

        Args:
            server: Who parses it.
            retry_failed: Send parts again that were refused for good.

        Raises:
            EndpointError: The server is gone.
            StoreError: A part cannot be kept.
        """
        facts = self._facts
        self._server, self._retry_failed = server, retry_failed
        planned = parts_of(facts.pages, facts.bookmarks, server.options.part_pages) if facts.pages else []
        if len(planned) <= 1:
            whole = await server.convert(lambda: asyncio.to_thread(self._path.read_bytes))
            if isinstance(whole, bytes):
                return Converted(whole)
            if not whole.too_long or not facts.pages or facts.pages < 2:
                return Converted(None, whole, retryable=whole.retryable)
            planned = list(Part(1, facts.pages).halves())
        results = await self.parts(planned)
        return await asyncio.to_thread(_joined, results, facts.title)

    async def parts(self, planned: Sequence[Part]) -> list[Result]:
        """Return each part with its TEI or its refusal; a part that was too long comes as its pieces."""
        found = await gather_or_cancel([self._part(part) for part in planned])
        return [result for results in found for result in results]

    async def _part(self, part: Part) -> list[Result]:
        outcome = self._found(part)
        if outcome is None:
            outcome = await self._server.convert(
                lambda: asyncio.to_thread(self._scissors.cut, part.first, part.last), as_part=True
            )
            self._keep(part, outcome)
        self._done += part.pages
        self._note(f"{self._path.name}: {self._done} of {self._facts.pages} pages")
        if isinstance(outcome, Refusal) and _is_worth_halving(outcome, part):
            self._done -= part.pages
            return await self.parts(part.halves())
        return [(part, outcome)]

    def _found(self, part: Part) -> bytes | Refusal | None:
        tei, refusal = self._places(part)
        with contextlib.suppress(OSError, ValueError, TypeError):
            if tei.exists():
                return tei.read_bytes()
            if refusal.exists() and not self._retry_failed:
                return Refusal(**json.loads(refusal.read_bytes()))
        return None

    def _keep(self, part: Part, outcome: bytes | Refusal) -> None:
        tei, refusal = self._places(part)
        if isinstance(outcome, bytes):
            write_atomically(tei, outcome)
        elif not outcome.retryable:
            write_atomically(refusal, json.dumps({"code": outcome.code, "reason": outcome.reason}).encode())

    def _places(self, part: Part) -> tuple[Path, Path]:
        stem = f"{part.first:06d}-{part.last:06d}"
        return self._kept / f"{stem}.tei.xml", self._kept / f"{stem}.refused.json"


def _is_worth_halving(refusal: Refusal, part: Part) -> bool:
    """Return whether fewer pages may go through: all that are short enough, or all but the bad ones' neighbours."""
    return (refusal.too_long and part.pages > 1) or (refusal.on_a_page and part.pages > FEW_PAGES)


def forget_parts(kept: Path) -> None:
    """Remove the parts of a PDF that is done."""
    shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(OSError):
        kept.parent.rmdir()


async def gather_or_cancel(works: Sequence[object]) -> list[list[Result]]:
    """Return the results in order; when one fails, the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(work) for work in works]  # type: ignore[call-overload]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _joined(results: Sequence[Result], title: str) -> Converted:
    good = [(part, outcome) for part, outcome in results if isinstance(outcome, bytes)]
    records = tuple(_record(part, outcome) for part, outcome in results)
    bad = [outcome for _, outcome in results if isinstance(outcome, Refusal)]
    retryable = any(refusal.retryable for refusal in bad)
    if not good:
        return Converted(None, bad[0], records, retryable)
    missing = page_ranges((part.first, part.last) for part, outcome in results if isinstance(outcome, Refusal))
    return Converted(join_parts(good, title, missing), bad[0] if bad else None, records, retryable)


def _record(part: Part, outcome: bytes | Refusal) -> PartRecord:
    place = PartRecord(first_page=part.first, last_page=part.last, title=part.title)
    if isinstance(outcome, bytes):
        return place
    return place.model_copy(update={"code": outcome.code, "reason": outcome.reason, "retryable": outcome.retryable})
