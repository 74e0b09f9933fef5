"""A PDF → TEI: whole where it is short enough, else in parts that are sent, kept, halved and joined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from axolotl_ragdata.grobid.cutting import Part, parts_of, smaller
from axolotl_ragdata.grobid.joining import join_parts
from axolotl_ragdata.grobid.kept import KeptParts
from axolotl_ragdata.grobid.pdf import PdfFacts, Scissors
from axolotl_ragdata.grobid.records import PartRecord, page_ranges
from axolotl_ragdata.grobid.refusals import Refusal
from axolotl_ragdata.grobid.server import GrobidServer

FEW_PAGES = 4
"""So many pages are given up together for one that cannot be parsed."""

HUNG = "NO_ANSWER"
UNCUT = "BROKEN_PDF"
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
        kept: Its parts that are done, so that an interrupted book goes on.
        seconds: How long pypdf may take over a part.
        note: Hears how far it is.
    """

    def __init__(
        self, path: Path, facts: PdfFacts, kept: KeptParts, seconds: float, note: Callable[[str], None]
    ) -> None:
        self._path = path
        self._facts = facts
        self._kept = kept
        self._note = note
        self._scissors = Scissors(path, seconds)
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
        self._server, self._retry_failed = server, retry_failed
        planned = self._planned(server.options.part_pages)
        if len(planned) > 1:
            return await self._in_parts(planned)
        whole = await self._whole()
        if isinstance(whole, bytes):
            return _of_whole(whole)
        pages = self._facts.pages or 0
        # one bad page of an article costs it: in parts it would lose the way from a citation to the bibliography
        if not whole.on_a_page and _is_worth_halving(whole, Part(1, pages)):
            return await self._in_parts(self._planned(-(-pages // 2)))
        return _of_whole(whole)

    def _planned(self, longest: int) -> list[Part]:
        return parts_of(self._facts.pages, self._facts.bookmarks, longest) if self._facts.pages else []

    async def _whole(self) -> bytes | Refusal:
        """Return what comes of the PDF in one piece; one that hung before is not sent like that again."""
        part = Part(1, self._facts.pages or 1)
        found = self._found(part)
        if isinstance(found, Refusal) and found.slow:
            return found
        outcome = await self._server.convert(lambda: asyncio.to_thread(self._path.read_bytes))
        if isinstance(outcome, Refusal) and outcome.code == HUNG:
            self._keep(part, outcome)
        return outcome

    async def _in_parts(self, planned: Sequence[Part]) -> Converted:
        results = await self.parts(planned)
        if all(isinstance(outcome, Refusal) and outcome.code == UNCUT for _, outcome in results):
            # the server may read what pypdf cannot
            return _of_whole(await self._server.convert(lambda: asyncio.to_thread(self._path.read_bytes)))
        return await asyncio.to_thread(_joined, results, self._facts.title)

    async def parts(self, planned: Sequence[Part]) -> list[Result]:
        """Return each part with its TEI or its refusal; a part that was too long comes as its pieces."""
        found = await gather_or_cancel([self._part(part) for part in planned])
        return [result for results in found for result in results]

    async def _part(self, part: Part) -> list[Result]:
        outcome = self._found(part)
        if outcome is None:
            outcome = await self._server.convert(lambda: self._scissors.cut(part.first, part.last), as_part=True)
            self._keep(part, outcome)
        self._done += part.pages
        self._note(f"{self._path.name}: {self._done} of {self._facts.pages} pages")
        if isinstance(outcome, Refusal) and _is_worth_halving(outcome, part):
            self._done -= part.pages
            return await self.parts(smaller(part, self._facts.bookmarks))
        return [(part, outcome)]

    def _found(self, part: Part) -> bytes | Refusal | None:
        """Return what is left of an earlier run for a part, None where it is to be sent."""
        found = self._kept.found(part)
        if not isinstance(found, Refusal):
            return found
        if found.code == HUNG:
            return replace(found, slow=True) if part.pages > FEW_PAGES else None
        # a part that was sent in pieces is, where any of them went through
        if self._retry_failed and not (_is_worth_halving(found, part) and self._kept.has_pieces(part)):
            return None
        return found

    def _keep(self, part: Part, outcome: bytes | Refusal) -> None:
        if isinstance(outcome, bytes) or not outcome.retryable or (outcome.code == HUNG and part.pages > FEW_PAGES):
            self._kept.keep(part, outcome)


def _of_whole(outcome: bytes | Refusal) -> Converted:
    if isinstance(outcome, bytes):
        return Converted(outcome)
    return Converted(None, outcome, retryable=outcome.retryable)


def _is_worth_halving(refusal: Refusal, part: Part) -> bool:
    """Return whether fewer pages may go through: all that are short enough, or all but the bad ones' neighbours."""
    if refusal.too_long:
        return part.pages > 1
    return (refusal.on_a_page or refusal.slow) and part.pages > FEW_PAGES


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
