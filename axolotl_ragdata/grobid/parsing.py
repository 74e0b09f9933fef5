"""PDFs → a folder of TEI and its report; what was done before is not done again."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from axolotl_ragdata.errors import EndpointError, Interrupted, RunLocked, StoreError
from axolotl_ragdata.grobid.books import Book, Converted, forget_parts
from axolotl_ragdata.grobid.options import ParseOptions
from axolotl_ragdata.grobid.pdf import PdfFacts, inspect
from axolotl_ragdata.grobid.records import ParseRecord, ReportFile, silent_pages
from axolotl_ragdata.grobid.refusals import Refusal
from axolotl_ragdata.grobid.server import GrobidServer
from axolotl_ragdata.grobid.sources import PdfSource, shown, tei_name
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.store import RunDirectory, sha256_of

PARTS = ".parts"
SUSPECT = frozenset({"SERVER_GONE", "CONNECTION", "NO_ANSWER"})
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


@dataclass
class _Job:
    """A PDF of this run."""

    source: PdfSource
    pdf: str
    sha256: str
    tei: str = ""
    before: ParseRecord | None = None
    started: bool = False


@dataclass
class _Run:
    """What the workers of a run share."""

    report: ReportFile
    options: ParseOptions
    server: GrobidServer
    version: str
    progress: Progress
    waiting: Iterator[_Job]
    done: set[str] = field(default_factory=set)
    failed: int = 0


def parse_pdfs(
    pdfs: Sequence[PdfSource], folder: Path, options: ParseOptions, progress: Progress | None = None
) -> ParseReport:
    """Return what became of each PDF; its TEI is in `folder`, beside the report.

    A PDF is sent only where its bytes, the options or the outcome of last time ask for it; without one to send, no
    server is needed.

    Raises:
        EndpointError: There is no GROBID server, or it went away and did not come back; the report names what was not
            sent.
        StoreError: The folder cannot be written.
        RunLocked: Another run writes it.
        Interrupted: SIGINT or SIGTERM; finished PDFs are kept.
    """
    heard = progress or Silent()
    with _alone_in(folder):
        report = ReportFile(folder)
        jobs = _jobs(pdfs, report, heard)
        firsts: dict[str, _Job] = {}
        for job in jobs:
            firsts.setdefault(job.sha256, job)
        waiting = [job for job in jobs if _is_due(job, firsts[job.sha256], report, options)]
        # what a server died of must not keep the others from it a second time
        waiting.sort(key=lambda job: job.before is not None and job.before.code in SUSPECT)
        try:
            if waiting:
                run_interruptibly(_parse(waiting, report, options, heard), str(folder))
        except Interrupted as stop:
            raise Interrupted(stop.where, stop.signal_number, KEPT) from None
        finally:
            report.close()
        return ParseReport(folder, tuple(_settled(job, report) for job in jobs), len(waiting))


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    try:
        with RunDirectory(folder).locked():
            yield
    except RunLocked:
        fix = "wait for it to finish, or choose another folder"
        raise RunLocked(str(folder), "another run is writing this folder", fix) from None


def _jobs(pdfs: Sequence[PdfSource], report: ReportFile, progress: Progress) -> list[_Job]:
    """Return the PDFs with their hashes and what is known of them, and a TEI of its own for each."""
    progress.start("looking at PDFs", len(pdfs))
    jobs = []
    for source in pdfs:
        name = shown(Path(os.path.relpath(source.path, report.folder)))
        job = _Job(source, name, _sha256(source.path, name))
        job.before = report.known(job.pdf, job.sha256)
        jobs.append(job)
        progress.advance()
    mine = {job.pdf for job in jobs}
    taken = {str(record.tei) for record in report.by_pdf.values() if record.tei and record.pdf not in mine}
    for job in jobs:
        keeps = job.before is not None and job.before.tei is not None and job.before.tei not in taken
        job.tei = str(job.before.tei) if keeps and job.before else tei_name(job.source.name, job.sha256, taken)
        taken.add(job.tei)
    return jobs


def _sha256(path: Path, name: str) -> str:
    try:
        return sha256_of(path)
    except StoreError:
        # it is refused by name later; two such files are not copies of each other
        return hashlib.sha256(name.encode()).hexdigest()


def _is_due(job: _Job, first: _Job, report: ReportFile, options: ParseOptions) -> bool:
    """Return whether something has to be done about a PDF; what is known of the others goes into the report."""
    if first is not job:
        why = "the same bytes as another PDF"
        copy = ParseRecord(pdf=job.pdf, sha256=job.sha256, status="copy", copy_of=first.pdf, reason=why)
        if report.by_pdf.get(job.pdf) != copy:
            report.add(copy)
        return False
    before = job.before
    if before is None or options.force or before.options != options.fingerprint:
        return True
    if before.retryable or (before.status != "failed" and not report.has_tei(before)):
        return True
    if options.retry_failed and before.status != "parsed":
        return True
    if before.pdf != job.pdf:
        report.rename(before, job.pdf)
    return False


async def _parse(jobs: Sequence[_Job], report: ReportFile, options: ParseOptions, progress: Progress) -> None:
    """Work on the jobs side by side; when the server goes away, those that are left are named in the report."""
    async with GrobidServer(options, progress.say) as server:
        version = await server.check()
        progress.say(f"GROBID {version} at {options.shown_url}")
        progress.start("parsing PDFs", len(jobs))
        run = _Run(report, options, server, version, progress, iter(jobs))
        workers = [asyncio.create_task(_work(run)) for _ in range(min(options.concurrency, len(jobs)))]
        try:
            await asyncio.gather(*workers)
        except EndpointError as gone:
            await _stop(workers)
            _name_unsent(jobs, run, gone)
            raise
        finally:
            await _stop(workers)


async def _stop(workers: Sequence[asyncio.Task[None]]) -> None:
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def _work(run: _Run) -> None:
    for job in run.waiting:
        await _one(run, job)
        run.progress.advance(note=f"({run.failed} failed)" if run.failed else "")


async def _one(run: _Run, job: _Job) -> None:
    job.started, started = True, time.monotonic()
    facts = await asyncio.to_thread(inspect, job.source.path)
    kept = run.report.folder / PARTS / f"{job.sha256[:24]}-{run.options.fingerprint[-12:]}"
    if run.options.force:
        forget_parts(kept)
    if facts.refusal is not None:
        outcome = Converted(None, facts.refusal)
    else:
        book = Book(job.source.path, facts, kept, lambda note: run.progress.advance(0, note))
        outcome = await book.convert(run.server, run.options.retry_failed)
    record = _timed(_record(run, job, facts, outcome), time.monotonic() - started)
    if outcome.tei is not None:
        await asyncio.to_thread(run.report.stage, job.sha256, outcome.tei)
    # not in a thread: a line that is written is known to be written
    _keep(run, job, record)
    if not outcome.retryable:
        forget_parts(kept)
    run.done.add(record.pdf)
    run.failed += not record.complete


def _keep(run: _Run, job: _Job, record: ParseRecord) -> None:
    """Write what became of a PDF; a failure that may pass takes no older TEI of the same bytes away."""
    before = job.before
    if record.tei is None and record.retryable and before is not None and run.report.has_tei(before):
        record = before.model_copy(
            update={"pdf": job.pdf, "code": record.code, "reason": record.reason, "advice": record.advice}
            | {"retryable": True, "finished_at": record.finished_at}
        )
        run.report.add(record)
        return
    stale = run.report.by_pdf.get(job.pdf)
    run.report.add(record)
    if record.tei is None and stale is not None and stale.tei is not None:
        run.report.remove_tei(stale.tei)


def _record(run: _Run, job: _Job, facts: PdfFacts, outcome: Converted) -> ParseRecord:
    refusal = outcome.refusal
    reason = refusal.reason if refusal else None
    if reason and facts.problem:
        reason = f"{reason} (its pages could not be counted: {facts.problem})"
    return ParseRecord(
        pdf=job.pdf,
        sha256=job.sha256,
        status="failed" if outcome.tei is None else "partial" if refusal else "parsed",
        pages=facts.pages,
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


def _name_unsent(jobs: Sequence[_Job], run: _Run, gone: EndpointError) -> None:
    """Name in the report what the server that went away has not parsed."""
    for job in jobs:
        if job.pdf not in run.done:
            code = "SERVER_GONE" if job.started else "NOT_SENT"
            refusal = Refusal(code, f"the server went away: {gone.what}")
            record = _record(run, job, PdfFacts(), Converted(None, refusal, retryable=True))
            _keep(run, job, _timed(record, 0.0))


def _settled(job: _Job, report: ReportFile) -> ParseRecord:
    return report.by_pdf[job.pdf]


def explain(record: ParseRecord, folder: Path) -> str:
    """Return one line about a PDF of which something is missing: file, pages, code, reason, fix."""
    pages = f" ({record.pages} page{'s' * (record.pages > 1)})" if record.pages else ""
    lost = f" pages {record.failed_pages} are missing:" if record.status == "partial" else ""
    lost = " the TEI of an earlier run is kept:" if record.status == "parsed" else lost
    shown_path = os.path.normpath(folder / record.pdf)
    line = f"{shown_path}{pages}:{lost} {record.code}: {record.reason}; fix: {record.advice}"
    return " ".join(line.split())
