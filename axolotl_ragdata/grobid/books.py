"""A PDF → TEI: whole where it is short enough, else in parts that are sent, kept, halved and joined."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Sequence
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


async def convert_pdf(server: GrobidServer, path: Path, facts: PdfFacts, kept: Path, retry_failed: bool) -> Converted:
    """Return what comes of a PDF.

    Args:
        server: Who parses it.
        path: The PDF.
        facts: What is known of it.
        kept: A folder for the parts of this PDF that are done, so that an interrupted book goes on.
        retry_failed: Send parts again that were refused for good.

    Raises:
        EndpointError: The server is gone.
        StoreError: A part cannot be kept.
    """
    planned = parts_of(facts.pages, facts.bookmarks, server.options.part_pages) if facts.pages else []
    if len(planned) <= 1:
        whole = await server.convert(lambda: asyncio.to_thread(path.read_bytes))
        if isinstance(whole, bytes):
            return Converted(whole)
        if not whole.too_long or not facts.pages or facts.pages < 2:
            return Converted(None, whole, retryable=whole.retryable)
        planned = list(Part(1, facts.pages).halves())
    book = _Book(server, Scissors(path), kept, retry_failed)
    results = await book.parts(planned)
    return await asyncio.to_thread(_joined, results, facts.title)


class _Book:
    """The parts of one PDF, sent side by side."""

    def __init__(self, server: GrobidServer, scissors: Scissors, kept: Path, retry_failed: bool) -> None:
        self._server = server
        self._scissors = scissors
        self._kept = kept
        self._retry_failed = retry_failed

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
        if isinstance(outcome, Refusal) and _is_worth_halving(outcome, part):
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
