"""The PDFs of a run: their hashes, what is known of them, what their TEI is called, and which of them are due."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.grobid.options import ParseOptions
from axolotl_ragdata.grobid.pdf import PdfFacts
from axolotl_ragdata.grobid.records import ParseRecord, ReportFile
from axolotl_ragdata.grobid.sources import PdfSource, shown, tei_name
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.store import sha256_of

ALONE = ("SERVER_GONE", "SERVER_DIES")
SUSPECTS = ("CONNECTION", "NO_ANSWER", *ALONE)
"""What a server died of must not keep the others from it a second time; the worst comes last."""


@dataclass
class Job:
    """A PDF of a run."""

    source: PdfSource
    pdf: str
    sha256: str
    tei: str = ""
    stands_there: str | None = None
    """A file of somebody else that has the name that the TEI would have had."""
    before: ParseRecord | None = None
    facts: PdfFacts | None = None
    started: bool = False

    @property
    def suspicion(self) -> int:
        """How likely it is that the server dies of it, from 0."""
        code = None if self.before is None else self.before.code
        return SUSPECTS.index(code) + 1 if code in SUSPECTS else 0

    @property
    def is_to_be_alone(self) -> bool:
        """Whether the server went away while it had this PDF, so that nothing else is to be with it next time."""
        return self.before is not None and self.before.code in ALONE

    @property
    def pages(self) -> int | None:
        """How many pages it has, as far as that is known."""
        if self.facts is not None and self.facts.pages is not None:
            return self.facts.pages
        return None if self.before is None else self.before.pages


def jobs_of(pdfs: Sequence[PdfSource], report: ReportFile, progress: Progress) -> list[Job]:
    """Return a job for each PDF, with a TEI of its own where it is no copy."""
    progress.start("looking at PDFs", len(pdfs))
    jobs = []
    for source in pdfs:
        name = shown(Path(os.path.relpath(source.path, report.folder)))
        job = Job(source, name, _sha256(source.path, name))
        job.before = report.known(job.pdf, job.sha256)
        jobs.append(job)
        progress.advance()
    _name_teis(list(_firsts(jobs).values()), report)
    return jobs


def due(jobs: Sequence[Job], report: ReportFile, options: ParseOptions) -> list[Job]:
    """Return the jobs about which something has to be done, suspects last; what is known of the others is reported."""
    firsts = _firsts(jobs)
    waiting = [job for job in jobs if _is_due(job, firsts[job.sha256], report, options)]
    return sorted(waiting, key=lambda job: job.suspicion)


def _firsts(jobs: Sequence[Job]) -> dict[str, Job]:
    """Return the first PDF of each bytes; the others are copies."""
    return {job.sha256: job for job in reversed(jobs)}


def _sha256(path: Path, name: str) -> str:
    try:
        return sha256_of(path)
    except StoreError:
        # it is refused by name later; two such files are not copies of each other
        return hashlib.sha256(name.encode()).hexdigest()


def _name_teis(jobs: Sequence[Job], report: ReportFile) -> None:
    """Give each its TEI: first those that have one, then those that had one, then new ones. No two have the same."""
    mine = {job.pdf for job in jobs}
    given = {record.tei for record in report.by_pdf.values() if record.tei and record.pdf not in mine}
    known = [job.before or report.by_pdf.get(job.pdf) for job in jobs]
    for is_there in (True, False):
        for job, record in zip(jobs, known, strict=True):
            name = record.tei if record and report.has_tei(record) is is_there else None
            if not job.tei and name and name not in given:
                job.tei = name
                given.add(name)
    claimed = {record.tei for record in report.by_pdf.values() if record.tei}
    # a file system may not tell capitals from small letters
    taken = {name.casefold() for name in given | claimed}
    for job in jobs:
        if not job.tei:
            _name_anew(job, report, taken)
            taken.add(job.tei.casefold())


def _name_anew(job: Job, report: ReportFile, taken: set[str]) -> None:
    """Give a job a name that is free; what is there and was not parsed here is not overwritten."""
    foreign: list[str] = []

    def is_taken(name: str) -> bool:
        if name.casefold() in taken:
            return True
        if os.path.lexists(report.folder / name):
            foreign.append(name)
        return name in foreign

    job.tei = tei_name(job.source.name, job.sha256, is_taken)
    job.stands_there = foreign[0] if foreign else None


def _is_due(job: Job, first: Job, report: ReportFile, options: ParseOptions) -> bool:
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
    if options.retry_failed and not before.complete:
        return True
    if before.pdf != job.pdf:
        report.rename(before, job.pdf)
    return False
