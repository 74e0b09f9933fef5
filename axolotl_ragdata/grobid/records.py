"""What became of each PDF: one line of `parse-report.jsonl`, which is also what the next run goes on from."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import ValidationError, field_validator

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Record
from axolotl_ragdata.store import sha256_of, write_atomically

REPORT = "parse-report.jsonl"
STAGED = ".staged"
COORDS = re.compile(rb"""\bcoords\s*=\s*["']([\d.,; -]+)["']""")
PAGE = re.compile(rb"(?:^|;)\s*(\d{1,7})(?=,)")
Status = Literal["parsed", "partial", "failed", "copy"]


class PartRecord(Record):
    """A part of a PDF that was cut: pages from 1, both ends included; `code` is None where it went well."""

    first_page: int
    last_page: int
    title: str | None = None
    code: str | None = None
    reason: str | None = None
    retryable: bool = False


class ParseRecord(Record):
    """What became of one PDF.

    `parsed`: `tei` holds all of it. `partial`: `tei` holds all but `failed_pages`. `failed`: there is no TEI. `copy`:
    the same bytes as `copy_of`. Paths are relative to the folder of the report.
    """

    pdf: str
    sha256: str
    status: Status
    pages: int | None = None
    tei: str | None = None
    tei_sha256: str | None = None
    code: str | None = None
    reason: str | None = None
    advice: str | None = None
    retryable: bool = False
    failed_pages: str | None = None
    silent_pages: str | None = None
    """Pages that went through and of which nothing in the TEI has a place: blank, of references alone, or lost."""
    copy_of: str | None = None
    parts: tuple[PartRecord, ...] = ()
    options: str = ""
    grobid_version: str | None = None
    seconds: float = 0.0
    finished_at: str = ""

    @field_validator("tei")
    @classmethod
    def _tei_is_inside(cls, value: str | None) -> str | None:
        # a report may come with a folder from elsewhere; what it names is written and removed
        if value is not None and (PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts):
            raise ValueError("must lie in the folder of the report")
        return value

    @property
    def complete(self) -> bool:
        """Whether nothing of the PDF is missing; a TEI that should have been made anew and was not has a `code`."""
        return self.status in ("parsed", "copy") and self.code is None

    @property
    def suspicious_pages(self) -> str | None:
        """The silent pages without the last ones, which mostly are references: GROBID gives those no place."""
        ranges = self.silent_pages.split(", ") if self.silent_pages else []
        first, _, last = ranges[-1].partition("-") if ranges else ("", "", "")
        if ranges and int(last or first) == self.pages and 2 * (self.pages - int(first) + 1) < self.pages:
            ranges.pop()
        return ", ".join(ranges) or None


class ReportFile:
    """The report of a folder of TEI files.

    A TEI is laid aside first, then its line is written, then it is put in its place, so that a process that is killed
    between any two of these has either finished a PDF or not begun to.

    Args:
        folder: Where the TEI files are.

    Raises:
        StoreError: The report cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / REPORT
        self.by_pdf: dict[str, ParseRecord] = {}
        self._by_sha256: dict[str, ParseRecord] = {}
        for record in read_report(self.path):
            self._remember(record)
        names = Counter(record.tei for record in self.by_pdf.values() if record.tei)
        self._shared = {name for name, count in names.items() if count > 1}
        for record in self.by_pdf.values():
            self._put_in_place(record)

    def known(self, pdf: str, sha256: str) -> ParseRecord | None:
        """Return what became of these bytes before, under this name or another."""
        own = self.by_pdf.get(pdf)
        if own is not None and own.sha256 == sha256 and own.status != "copy":
            return own
        same = self._by_sha256.get(sha256)
        return same if same is not None and self.by_pdf.get(same.pdf) is same else None

    def has_tei(self, record: ParseRecord) -> bool:
        """Return whether the TEI of a record is there, not empty and, where another record names it too, its own."""
        if record.tei is None:
            return False
        path = self.folder / record.tei
        with contextlib.suppress(OSError, StoreError):
            is_own = record.tei not in self._shared or sha256_of(path) == record.tei_sha256
            return is_own and path.stat().st_size > 0
        return False

    def stage(self, sha256: str, tei: bytes) -> None:
        """Lay the TEI of a PDF aside; the next `add` for these bytes puts it in its place.

        Raises:
            StoreError: The folder cannot be written.
        """
        write_atomically(self._staged(sha256), tei)

    def add(self, record: ParseRecord) -> str | None:
        """Keep what became of a PDF, durably, and put the TEI in its place that was laid aside.

        Returns:
            Why the TEI cannot be put there; None where it is.

        Raises:
            StoreError: The folder cannot be written.
        """
        self._append(record)
        self._remember(record)
        return self._put_in_place(record)

    def rename(self, record: ParseRecord, pdf: str) -> None:
        """Keep what became of a PDF under the name that it has now.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.by_pdf.pop(record.pdf, None)
        self.add(record.model_copy(update={"pdf": pdf}))

    def remove_tei(self, name: str) -> None:
        """Take the TEI of a PDF away that has changed since and could not be parsed again."""
        if not any(record.tei == name for record in self.by_pdf.values()):
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def close(self) -> None:
        """Write the report anew: one line for each PDF, what is missing first.

        Raises:
            StoreError: It cannot be written.
        """
        records = sorted(self.by_pdf.values(), key=lambda record: (record.complete, record.pdf))
        payload = _lines(records)
        if not self.path.exists() or self.path.read_bytes() != payload:
            write_atomically(self.path, payload)
        # what is still there was laid aside by a killed process that did not write its line
        shutil.rmtree(self.folder / STAGED, ignore_errors=True)

    def _remember(self, record: ParseRecord) -> None:
        self.by_pdf[record.pdf] = record
        if record.status != "copy":
            self._by_sha256[record.sha256] = record

    def _append(self, record: ParseRecord) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                torn = file.tell() and _last_byte(self.path) != b"\n"
                file.write((b"\n" if torn else b"") + _lines([record]))
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            fix = "free some space or check the permissions, and run it again; finished PDFs are kept"
            raise StoreError(str(self.path), f"cannot be written: {problem.strerror}", fix) from None

    def _staged(self, sha256: str) -> Path:
        return self.folder / STAGED / f"{sha256}.tei.xml"

    def _put_in_place(self, record: ParseRecord) -> str | None:
        staged = self._staged(record.sha256)
        if record.tei is None or not staged.exists() or sha256_of(staged) != record.tei_sha256:
            return None
        target = self.folder / record.tei
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)
        except OSError as problem:
            staged.unlink(missing_ok=True)
            return f"{record.tei} cannot be written: {problem.strerror}"
        return None


def page_ranges(pages: Iterable[tuple[int, int]]) -> str:
    """Return page ranges as they are shown, neighbours joined.

    >>> page_ranges([(1, 2), (3, 3), (10, 12)])
    '1-3, 10-12'
    """
    joined: list[list[int]] = []
    for first, last in sorted(pages):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in joined)


def silent_pages(tei: bytes, pages: int | None, lost: Iterable[tuple[int, int]] = ()) -> str | None:
    """Return the pages that no `@coords` names, without the `lost` ones; None where there is none, or no `@coords`.

    >>> silent_pages(b'<p coords="1,7,7,9,9;3,7,7,9,9">', 4)
    '2, 4'
    """
    named = {page for first, last in lost for page in range(first, last + 1)}
    found = {int(box[1]) for coords in COORDS.findall(tei) for box in PAGE.finditer(coords)}
    if not found or pages is None:
        return None
    return page_ranges((page, page) for page in range(1, pages + 1) if page not in found | named) or None


def read_report(path: Path) -> list[ParseRecord]:
    """Return the lines of a report in order, none where it is not there; the last one of a PDF counts.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as problem:
        raise StoreError(str(path), f"cannot be read: {problem.strerror}", "check its permissions") from None
    records = []
    for line in lines:
        # a line that a killed process left half written: its PDF was not finished
        with contextlib.suppress(ValidationError, ValueError):
            records.append(ParseRecord.model_validate(json.loads(line)))
    return records


def _lines(records: Iterable[ParseRecord]) -> bytes:
    rows = (json.dumps(record.model_dump(mode="json", exclude_none=True), ensure_ascii=False) for record in records)
    return "".join(f"{row}\n" for row in rows).encode("utf-8", "surrogateescape")


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
