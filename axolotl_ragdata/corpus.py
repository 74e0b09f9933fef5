"""The sources of a recipe → documents, with every file that was not read named and explained."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from axolotl_ragdata import pdfs
from axolotl_ragdata.errors import DocumentRefused, NoDocuments
from axolotl_ragdata.previous import Previous
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.readers import find_files, readers, unread_files
from axolotl_ragdata.readers.many import read_documents
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Failure, Rejected
from axolotl_ragdata.store import sha256_of

if TYPE_CHECKING:
    from axolotl_ragdata.grobid import ParseRecord

STAGE = "read"
PARSE_STAGE = "parse"
Read = Union[Document, Rejected, Failure]
Parsed = Mapping[Path, "ParseRecord | Path"]


@dataclass(frozen=True)
class SourceFile:
    """A file that a source names, and the reader that the recipe asks for (None: by content)."""

    path: Path
    reader: str | None

    @property
    def is_pdf(self) -> bool:
        """Whether it goes through GROBID first."""
        return pdfs.is_for_grobid(self.path, self.reader)


def source_files(recipe: Recipe) -> list[SourceFile]:
    """Return the files of all sources, each once, in the order of the recipe and then by path.

    Raises:
        NoDocuments: A source names no file.
    """
    found: dict[Path, SourceFile] = {}
    for number, source in enumerate(recipe.ragdata.sources):
        folder = recipe.resolve(source.path)
        paths = [path for path in find_files(folder, also=(pdfs.SUFFIX,)) if not _is_output(path, folder, recipe)]
        if not paths:
            where = recipe.where("sources", number, "path")
            what = f"no document there: {recipe.resolve(source.path)}"
            raise NoDocuments(
                where, what, "name a file, a folder or a glob of .pdf, .tei.xml, .json, .md or .txt files"
            )
        for path in paths:
            found.setdefault(path, SourceFile(path, source.reader))
    return list(found.values())


def fingerprint(files: list[SourceFile], folder: Path) -> list[list[str | None]]:
    """Return name, SHA-256 and reader of each file: what the documents depend on.

    Raises:
        StoreError: A file cannot be read.
    """
    return [[_shown(file.path, folder), sha256_of(file.path), file.reader] for file in files]


def still_reads(file: SourceFile, reader: str, version: str) -> bool:
    """Return whether what a version of a reader made of an unchanged file is what would be made of it now."""
    return file.reader in (None, reader) and readers.get(reader, str(file.path)).version == version


class Known(Mapping[Path, Document]):
    """The documents of files that have not changed since the last build, nor has their reader; read when asked for.

    Args:
        files: The files of the sources.
        wanted: The fingerprint of the build that is to come.
        previous: The last build.
    """

    def __init__(self, files: Sequence[SourceFile], wanted: Mapping[str, Any], previous: Previous) -> None:
        shown = (
            (file, previous.sources.get((name, sha256)))
            for file, (name, sha256, _) in zip(files, wanted["sources"], strict=True)
        )
        self._ids = {
            file.path: taken.id
            for file, taken in shown
            if taken and still_reads(file, taken.reader, taken.reader_version)
        }
        self._documents = previous.documents

    def __getitem__(self, path: Path) -> Document:
        """Return the document of a file.

        Raises:
            StoreError: It cannot be read any more.
        """
        return self._documents[self._ids[path]][0]

    def __contains__(self, path: object) -> bool:
        return path in self._ids

    def __iter__(self) -> Iterator[Path]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _is_output(path: Path, source: Path, recipe: Recipe) -> bool:
    """Return whether a file was found only because the run directory lies inside the source."""
    return path.is_relative_to(recipe.output) and not source.is_relative_to(recipe.output)


def parse_pdfs(recipe: Recipe, files: Sequence[SourceFile], progress: Progress) -> Parsed:
    """Return, for each PDF among the files, what GROBID made of it, or the TEI that stands beside it.

    Raises:
        RagdataError: As `pdfs.parse_sources`.
    """
    paths = {file.path for file in files}
    beside = {file.path: tei for file in files if file.is_pdf and (tei := pdfs.tei_beside(file.path, paths))}
    wanted = [file.path for file in files if file.is_pdf and file.path not in beside]
    return {**beside, **pdfs.parse_sources(recipe, wanted, progress)}


def read_corpus(
    recipe: Recipe,
    files: Sequence[SourceFile],
    parsed: Parsed | None = None,
    known: Mapping[Path, Document] | None = None,
) -> Iterator[Read]:
    """Yield a document, or a `Rejected` with the reason, for each file.

    A PDF that may be parsed another time is a `Failure`; pages that are missing in a book are rejected beside its
    document. A document whose id came before (the same bytes under another name) is rejected as a copy; files of a
    folder that no reader takes are rejected as passed over.

    Args:
        recipe: Whose sources.
        files: The files of the sources.
        parsed: What `parse_pdfs` returned for them.
        known: Documents that are taken over, by source file; the file is not read again.
    """
    standing = known or {}
    seen: dict[str, str] = {}
    made = [(parsed or {}).get(file.path) for file in files]
    paths = [
        None if file.path in standing else _to_read(file, each, recipe) for file, each in zip(files, made, strict=True)
    ]
    wanted = [(path, file.reader) for file, path in zip(files, paths, strict=True) if path is not None]
    with contextlib.closing(read_documents(wanted)) as read:
        for file, each, path in zip(files, made, paths, strict=True):
            taken = standing.get(file.path)
            outcome = taken if path is None else _outcome(next(read), path, recipe.folder)
            for told in _told(_shown(file.path, recipe.folder), each, outcome, recipe):
                yield _once(told, seen) if isinstance(told, Document) else told
    yield from _passed_over(recipe)


def _to_read(file: SourceFile, parsed: ParseRecord | Path | None, recipe: Recipe) -> Path | None:
    """Return the file to read for a source: itself, the TEI that was made of it, or None."""
    if parsed is None:
        return file.path
    if isinstance(parsed, Path) or parsed.tei is None:
        return None
    return pdfs.tei_folder(recipe) / parsed.tei


def _told(
    shown: str, parsed: ParseRecord | Path | None, outcome: Document | Rejected | None, recipe: Recipe
) -> Iterator[Read]:
    """Yield what is said of a source: what was read of it and, of a PDF, what is missing."""
    if isinstance(parsed, Path):
        yield _rejected(shown, "its TEI stands beside it", _shown(parsed, recipe.folder))
    elif parsed is not None:
        yield from _of_pdf(shown, parsed, outcome)
    elif outcome is not None:
        yield outcome


def _once(document: Document, seen: dict[str, str]) -> Document | Rejected:
    first = seen.setdefault(document.id, document.source.path)
    if first != document.source.path:
        return _rejected(document.source.path, "a copy of another file", first)
    return document


def _passed_over(recipe: Recipe) -> Iterator[Rejected]:
    for source in recipe.ragdata.sources:
        folder = recipe.resolve(source.path)
        for path in unread_files(folder):
            if _is_output(path, folder, recipe) or pdfs.is_for_grobid(path, source.reader) or path.name == pdfs.REPORT:
                continue
            yield _rejected(_shown(path, recipe.folder), "no reader for such a file", path.suffix or "no suffix")


def _outcome(found: Document | DocumentRefused, path: Path, folder: Path) -> Document | Rejected:
    """Return a document with its path as it is shown, or why it was refused."""
    shown = _shown(path, folder)
    if isinstance(found, DocumentRefused):
        return _rejected(shown, found.what, found.fix)
    source: dict[str, Any] = {"path": shown}
    if found.source.path != str(path):
        # our own JSON names the file that it was made of; a row leads back to the one that was read
        source["sha256"] = sha256_of(path)
    return found.model_copy(update={"source": found.source.model_copy(update=source)})


def _of_pdf(shown: str, record: ParseRecord, outcome: Document | Rejected | None) -> Iterator[Read]:
    """Yield the document of a PDF that was parsed, and what is missing of it."""
    if record.status == "copy":
        yield _rejected(shown, "a copy of another file", str(record.copy_of))
        return
    lost = f"pages {record.failed_pages} are missing: {record.code}" if record.tei else f"{record.code}"
    if isinstance(outcome, Document):
        source = outcome.source.model_copy(update={"pdf": shown, "pdf_sha256": record.sha256})
        warnings = (*outcome.warnings, lost) if record.failed_pages else outcome.warnings
        yield outcome.model_copy(update={"source": source, "warnings": warnings})
    elif outcome is not None:
        yield outcome
    if record.retryable:
        detail = f"{shown}: {record.reason}"
        yield Failure(stage=PARSE_STAGE, subject_id=_subject(shown), error=lost, detail=detail, retryable=True)
    elif record.code is not None:
        stage = STAGE if record.tei is None else PARSE_STAGE
        yield _rejected(shown, lost, f"{record.reason}; {record.advice}", stage)


def _rejected(path: str, reason: str, detail: str, stage: str = STAGE) -> Rejected:
    return Rejected(stage=stage, subject_id=_subject(path), reason=reason, detail=detail, subject={"path": path})


def _subject(path: str) -> str:
    return f"file-{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def _shown(path: Path, folder: Path) -> str:
    # never absolute: it is published with the dataset
    return Path(os.path.relpath(path, folder)).as_posix()
