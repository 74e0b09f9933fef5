"""The sources of a recipe → documents, with every file that was not read named and explained."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.errors import DocumentRefused, NoDocuments
from axolotl_ragdata.readers import find_files, unread_files
from axolotl_ragdata.readers.many import read_documents
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Rejected
from axolotl_ragdata.store import sha256_of

STAGE = "read"


@dataclass(frozen=True)
class SourceFile:
    """A file that a source names, and the reader that the recipe asks for (None: by content)."""

    path: Path
    reader: str | None


def source_files(recipe: Recipe) -> list[SourceFile]:
    """Return the files of all sources, each once, in the order of the recipe and then by path.

    Raises:
        NoDocuments: A source names no file.
    """
    found: dict[Path, SourceFile] = {}
    for number, source in enumerate(recipe.ragdata.sources):
        paths = find_files(recipe.resolve(source.path))
        if not paths:
            where = recipe.where("sources", number, "path")
            what = f"no document there: {recipe.resolve(source.path)}"
            raise NoDocuments(where, what, "name a file, a folder or a glob of .tei.xml, .json, .md or .txt files")
        for path in paths:
            found.setdefault(path, SourceFile(path, source.reader))
    return list(found.values())


def fingerprint(files: list[SourceFile], folder: Path) -> list[list[str | None]]:
    """Return name, SHA-256 and reader of each file: what the documents depend on.

    Raises:
        StoreError: A file cannot be read.
    """
    return [[_shown(file.path, folder), sha256_of(file.path), file.reader] for file in files]


def read_corpus(recipe: Recipe, files: list[SourceFile]) -> Iterator[Document | Rejected]:
    """Yield a document, or a `Rejected` with the reason, for each file.

    A document whose id came before (the same bytes under another name) is rejected as a copy; files of a folder that no
    reader takes are rejected as passed over.
    """
    seen: dict[str, str] = {}
    with contextlib.closing(read_documents([(file.path, file.reader) for file in files])) as read:
        for file, found in zip(files, read, strict=True):
            outcome = _outcome(found, _shown(file.path, recipe.folder))
            if isinstance(outcome, Document):
                first = seen.setdefault(outcome.id, outcome.source.path)
                if first != outcome.source.path:
                    outcome = _rejected(outcome.source.path, "a copy of another file", first)
            yield outcome
    for source in recipe.ragdata.sources:
        for path in unread_files(recipe.resolve(source.path)):
            yield _rejected(_shown(path, recipe.folder), "no reader for such a file", path.suffix or "no suffix")


def _outcome(found: Document | DocumentRefused, shown: str) -> Document | Rejected:
    """Return a document with its path as it is shown, or why it was refused."""
    if isinstance(found, DocumentRefused):
        return _rejected(shown, found.what, found.fix)
    return found.model_copy(update={"source": found.source.model_copy(update={"path": shown})})


def _rejected(path: str, reason: str, detail: str) -> Rejected:
    subject = hashlib.sha256(path.encode()).hexdigest()[:16]
    return Rejected(stage=STAGE, subject_id=f"file-{subject}", reason=reason, detail=detail, subject={"path": path})


def _shown(path: Path, folder: Path) -> str:
    # never absolute: it is published with the dataset
    return Path(os.path.relpath(path, folder)).as_posix()
