"""PDFs → a folder of TEI and its report; what was done before is not done again."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from axolotl_ragdata.errors import EndpointError, Interrupted, RunLocked
from axolotl_ragdata.grobid.books import Book, Converted
from axolotl_ragdata.grobid.jobs import Job, due, jobs_of
from axolotl_ragdata.grobid.kept import KeptParts
from axolotl_ragdata.grobid.options import ParseOptions
from axolotl_ragdata.grobid.pdf import PdfFacts, inspect
from axolotl_ragdata.grobid.records import ParseRecord, ReportFile, silent_pages
from axolotl_ragdata.grobid.refusals import Refusal
from axolotl_ragdata.grobid.server import GrobidServer
from axolotl_ragdata.grobid.sources import PdfSource
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.store import RunDirectory

PARTS = ".parts"
MOST_LOOKED_AT = 8
"""PDFs that pypdf has in memory at once."""
KEPT = "every finished PDF is kept"


@dataclass(frozen=True)
class ParseReport:
    """What became of the PDFs of one run, in the order that they were given."""

    folder: Path
    records: tuple[ParseRecord, ...]
    sent: int
    """PDFs that this run had to do something about; 0 means that no server was needed."""

    @property
    def missing(self) -> tuple[ParseRecord, ...]:
        """Those of which something is missing."""
        return tuple(record for record in self.records if not record.complete)

    def count(self, status: str) -> int:
        """Return how many ended with a status."""
        return sum(record.status == status for record in self.records)


class RunStopped(EndpointError):
    """The server went away, or answers nothing any more; `report` has what was parsed before."""

    def __init__(self, reason: EndpointError, report: ParseReport) -> None:
        super().__init__(reason.where, reason.what, reason.fix)
        self.report = report


@dataclass
class _Run:
    """What the workers of a run share."""

    report: ReportFile
    options: ParseOptions
    server: GrobidServer
    version: str
    progress: Progress
    owners: Mapping[str, str]
    """The PDF that each TEI is of."""
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_LOOKED_AT))
    done: set[str] = field(default_factory=set)
    failed: int = 0


def parse_pdfs(
    pdfs: Sequence[PdfSource], folder: Path, options: ParseOptions, progress: Progress | None = None
) -> ParseReport:
    """Return what became of each PDF; its TEI is in `folder`, beside the report.

    A PDF is sent only where its bytes, the options or the outcome of last time ask for it; without one to send, no
    server is needed.

    Raises:
        EndpointError: There is no GROBID server.
        RunStopped: It went away and did not come back, or had nothing but refusals of a busy server or a proxy left;
            the report names what was not sent.
        StoreError: The folder cannot be written.
        RunLocked: Another run writes it.
        Interrupted: SIGINT or SIGTERM; finished PDFs are kept.
    """
    heard = progress or Silent()
    with _alone_in(folder):
        report = ReportFile(folder)
        jobs = jobs_of(pdfs, report, heard)
        waiting = due(jobs, report, options)
        stopped = None
        try:
            if waiting:
                stopped = run_interruptibly(_parse(waiting, report, options, heard), str(folder))
        except Interrupted as stop:
            raise Interrupted(stop.where, stop.signal_number, KEPT) from None
        finally:
            report.close()
        ended = ParseReport(folder, tuple(report.by_pdf[job.pdf] for job in jobs), len(waiting))
        if stopped is not None:
            raise RunStopped(stopped, ended)
        return ended


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    try:
        with RunDirectory(folder).locked():
            yield
    except RunLocked:
        fix = "wait for it to finish, or choose another folder"
        raise RunLocked(str(folder), "another run is writing this folder", fix) from None


async def _parse(
    jobs: Sequence[Job], report: ReportFile, options: ParseOptions, progress: Progress
) -> EndpointError | None:
    """Work on the jobs side by side; when the server goes away, those that are left are named in the report."""
    async with GrobidServer(options, progress.say) as server:
        version = await server.check()
        progress.say(f"GROBID {version} at {options.shown_url}")
        progress.start("parsing PDFs", len(jobs))
        run = _Run(report, options, server, version, progress, {job.tei: job.pdf for job in jobs})
        try:
            await _side_by_side(run, [job for job in jobs if not job.is_to_be_alone], options.concurrency)
            await _side_by_side(run, [job for job in jobs if job.is_to_be_alone], 1)
        except EndpointError as gone:
            return await _unsent(jobs, run, gone)
        return await _unsent(jobs, run, server.trouble) if server.trouble is not None else None


async def _side_by_side(run: _Run, jobs: Sequence[Job], most: int) -> None:
    waiting = iter(jobs)
    workers = [asyncio.create_task(_work(run, waiting)) for _ in range(min(most, len(jobs)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _work(run: _Run, waiting: Iterator[Job]) -> None:
    for job in waiting:
        if run.server.trouble is not None:
            return
        await _one(run, job)
        run.progress.advance(note=f"({run.failed} failed)" if run.failed else "")


async def _one(run: _Run, job: Job) -> None:
    job.started, started = True, time.monotonic()
    async with run.looking:
        facts = job.facts = await inspect(job.source.path, run.options.pdf_s)
    parts = KeptParts(run.report.folder / PARTS / f"{job.sha256[:24]}-{run.options.fingerprint[-12:]}", job.pdf)
    parts.forget_others()
    if run.options.force:
        parts.forget()
    if facts.refusal is not None:
        outcome = Converted(None, facts.refusal)
    else:
        seconds = run.options.pdf_s
        book = Book(job.source.path, facts, parts, seconds, lambda note: run.progress.advance(0, note))
        outcome = await book.convert(run.server, run.options.retry_failed)
    record = _timed(_record(run, job, facts, outcome), time.monotonic() - started)
    kept = await _keep(run, job, record, outcome.tei)
    # the good parts of a book that is not whole are not sent again with --retry-failed
    if not outcome.retryable and (outcome.refusal is None or outcome.tei is None):
        parts.forget()
    run.done.add(job.pdf)
    run.failed += not kept.complete


async def _keep(run: _Run, job: Job, record: ParseRecord, tei: bytes | None = None) -> ParseRecord:
    """Write what became of a PDF, and return it; no failure takes a better TEI of the same bytes away."""
    before = job.before
    if before is not None and _is_worse(record, before) and run.report.has_tei(before):
        record = _still(before, record)
    elif tei is not None:
        await asyncio.to_thread(run.report.stage, job.sha256, tei)
    stale = run.report.by_pdf.get(job.pdf)
    # not in a thread: a line that is written is known to be written
    problem = run.report.add(record)
    if problem is not None:
        record = _refused(record, Refusal("UNWRITABLE", problem))
        run.report.add(record)
    elif tei is not None and job.stands_there is not None:
        run.progress.say(
            f"{job.stands_there} is not of this folder's PDFs and stays; the TEI of {job.pdf} is {job.tei}"
        )
    if stale is not None and stale.tei is not None and stale.tei != record.tei:
        _remove_stale(run, job, stale.tei)
    return record


def _remove_stale(run: _Run, job: Job, tei: str) -> None:
    """Remove the TEI of what a PDF was before it changed, unless another PDF of this run has its name."""
    if run.owners.get(tei, job.pdf) == job.pdf:
        run.report.remove_tei(tei)


def _is_worse(record: ParseRecord, before: ParseRecord) -> bool:
    return record.tei is None or (record.status == "partial" and before.status == "parsed")


def _still(before: ParseRecord, failed: ParseRecord) -> ParseRecord:
    """Return the record of an older TEI that is kept, with why there is no newer one."""
    # what was refused for good with these options is not sent again for them
    options = before.options if failed.retryable else failed.options
    return before.model_copy(
        update={"pdf": failed.pdf, "code": failed.code, "reason": failed.reason, "advice": failed.advice}
        | {"retryable": failed.retryable, "finished_at": failed.finished_at, "options": options}
    )


def _refused(record: ParseRecord, refusal: Refusal) -> ParseRecord:
    """Return the record of a PDF whose TEI could not be kept."""
    return record.model_copy(
        update={"status": "failed", "tei": None, "tei_sha256": None, "silent_pages": None, "failed_pages": None}
        | {"code": refusal.code, "reason": refusal.reason, "advice": refusal.advice, "retryable": refusal.retryable}
    )


def _record(run: _Run, job: Job, facts: PdfFacts, outcome: Converted) -> ParseRecord:
    refusal = outcome.refusal
    reason = refusal.reason if refusal else None
    if reason and facts.problem:
        reason = f"{reason} (its pages could not be counted: {facts.problem})"
    return ParseRecord(
        pdf=job.pdf,
        sha256=job.sha256,
        status="failed" if outcome.tei is None else "partial" if refusal else "parsed",
        pages=job.pages,
        tei=None if outcome.tei is None else job.tei,
        tei_sha256=None if outcome.tei is None else hashlib.sha256(outcome.tei).hexdigest(),
        code=refusal.code if refusal else None,
        reason=reason,
        advice=refusal.advice if refusal else None,
        retryable=outcome.retryable,
        failed_pages=outcome.failed_pages,
        silent_pages=None if outcome.tei is None else _silent(outcome, facts.pages),
        parts=outcome.parts,
        options=run.options.fingerprint,
        grobid_version=run.version,
    )


def _silent(outcome: Converted, pages: int | None) -> str | None:
    lost = ((part.first_page, part.last_page) for part in outcome.parts if part.code)
    return silent_pages(outcome.tei or b"", pages, lost)


def _timed(record: ParseRecord, seconds: float) -> ParseRecord:
    """Return the record with how long it took and when it was finished."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return record.model_copy(update={"seconds": round(seconds, 3), "finished_at": now})


async def _unsent(jobs: Sequence[Job], run: _Run, stop: EndpointError) -> EndpointError | None:
    """Name in the report what was not parsed, and return why; None where all of it was."""
    left = [job for job in jobs if job.pdf not in run.done]
    for job in left:
        if not job.started and job.suspicion and job.before is not None and job.before.pdf == job.pdf:
            continue  # it stays a suspect
        refusal = _suspected(job, stop) if job.started else Refusal("NOT_SENT", stop.what)
        outcome = Converted(None, refusal, retryable=refusal.retryable)
        await _keep(run, job, _timed(_record(run, job, PdfFacts(), outcome), 0.0))
    return stop if left else None


def _suspected(job: Job, stop: EndpointError) -> Refusal:
    if job.is_to_be_alone:
        return Refusal("SERVER_DIES", f"the server went away twice while it had this PDF, once alone: {stop.what}")
    return Refusal("SERVER_GONE", f"the server went away: {stop.what}")


def explain(record: ParseRecord, folder: Path) -> str:
    """Return one line about a PDF of which something is missing: file, pages, code, reason, fix."""
    pages = f" ({record.pages} page{'s' * (record.pages > 1)})" if record.pages else ""
    lost = f" pages {record.failed_pages} are missing:" if record.status == "partial" else ""
    lost = " the TEI of an earlier run is kept:" if record.status == "parsed" else lost
    shown_path = os.path.normpath(folder / record.pdf)
    line = f"{shown_path}{pages}:{lost} {record.code}: {record.reason}; fix: {record.advice}"
    return " ".join(line.split())
