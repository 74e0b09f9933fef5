"""Readers: one file → one Document, or one refusal that says why.

A reader is chosen by what a file holds; its name decides only where the content does not. Another reader is one module
here that registers an object with the methods of `Reader`, or an entry point of the group `ragdata.readers`.
"""

from __future__ import annotations

import contextlib
import gc
import glob
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from axolotl_ragdata.errors import DocumentRefused, UnknownName
from axolotl_ragdata.lines import holds_lines, line_bytes, lines_of, read_line
from axolotl_ragdata.records import Document, Source
from axolotl_ragdata.registry import Registry

Result = TypeVar("Result")

HEAD_BYTES = 4096
MAX_BYTES = 256 * 2**20
"""The default cap on the size of one file."""
FALLBACK = "text"
"""The reader that takes what no other recognises."""

MAGIC = {
    b"%PDF-": ("it is a PDF", "turn it into TEI first: ragdata parse FILE.pdf -o tei/"),
    b"PK\x03\x04": ("it is a ZIP archive or an office document", "unpack it, or export it as Markdown or plain text"),
    b"\x1f\x8b": ("it is compressed with gzip", "unpack it first: gunzip FILE"),
    b"\xd0\xcf\x11\xe0": ("it is an old office document", "export it as Markdown or plain text"),
}


Fields = dict[str, Any]
"""What `Document.model_validate` makes a document of, in plain values: `marshal` takes it to another process."""


class Reader(Protocol):
    """What a reader offers; `version` goes into the id of every document that it reads.

    One that makes many documents may offer `fields` too, with the parameters of `read`, which returns the same document
    as `Fields`: where several processes read, checking them is left to the one that gets them.
    """

    suffixes: tuple[str, ...]
    version: str

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return whether this reader is the one for a file with that name and these first bytes."""
        ...

    def read(self, path: Path, raw: bytes) -> Document:
        """Return the document.

        Raises:
            DocumentRefused: The file is not one that can be read.
        """
        ...


readers: Registry[Reader] = Registry("reader", "axolotl_ragdata.readers", "ragdata.readers")


def read_document(path: Path, reader: str | None = None, max_bytes: int = MAX_BYTES) -> Document:
    """Return the document that a file holds.

    Args:
        path: The file.
        reader: A name of the registry; None takes the reader that recognises the content.
        max_bytes: The largest file that is read, in bytes.

    Raises:
        UnknownName: There is no reader of that name.
        DocumentRefused: Anything else that is wrong, with the file's name, the reason and a way out.
    """
    return _read(path, reader, max_bytes, lambda chosen, raw: chosen.read(path, raw))


def read_fields(path: Path, reader: str | None = None, max_bytes: int = MAX_BYTES) -> Document | Fields:
    """Return what a file holds, as `Fields` where its reader gives them; otherwise as `read_document`."""

    def read(chosen: Reader, raw: bytes) -> Document | Fields:
        fields: Callable[[Path, bytes], Fields] | None = getattr(chosen, "fields", None)
        return chosen.read(path, raw) if fields is None else fields(path, raw)

    return _read(path, reader, max_bytes, read)


def _read(path: Path, reader: str | None, max_bytes: int, read: Callable[[Reader, bytes], Result]) -> Result:
    chosen = readers.get(reader, "reader") if reader else None
    raw = _bytes_of(path, max_bytes)
    if not raw.strip(b" \t\r\n\xef\xbb\xbf"):
        raise DocumentRefused(str(path), "empty file", "make the file again; a parser left it empty")
    chosen = chosen or choose_reader(path, raw[:HEAD_BYTES])
    try:
        with _no_collector():
            return read(chosen, raw)
    except (DocumentRefused, UnknownName):
        raise
    except RecursionError:
        raise DocumentRefused(str(path), "its elements are nested too deeply", "flatten the file") from None
    except MemoryError:
        raise DocumentRefused(str(path), "it does not fit into memory", "split the file") from None
    except Exception as problem:
        fact = f"the reader failed with {type(problem).__name__}: {str(problem)[:200]}"
        raise DocumentRefused(str(path), fact, "report this file to the authors of the reader") from problem


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Look for no cycles meanwhile: a document is thousands of records and holds none."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def choose_reader(path: Path, head: bytes) -> Reader:
    """Return the reader for a file, by its first bytes and then by its name.

    Raises:
        DocumentRefused: No reader recognises the file.
    """
    for name in sorted(readers.names(), key=lambda name: (name == FALLBACK, name)):
        candidate = readers.get(name, str(path))
        if candidate.recognises(path, head):
            return candidate
    for magic, (what, fix) in MAGIC.items():
        if head.startswith(magic):
            raise DocumentRefused(str(path), what, fix)
    known = ", ".join(known_suffixes())
    raise DocumentRefused(str(path), "no reader recognises it", f"name one with `reader:`, or use one of {known}")


def known_suffixes() -> tuple[str, ...]:
    """Return the suffixes that some reader reads, sorted."""
    named = (readers.get(name, "reader").suffixes for name in readers.names())
    return tuple(sorted({suffix for suffixes in named for suffix in suffixes}))


def find_files(source: Path | str, also: tuple[str, ...] = ()) -> list[Path]:
    """Return the files of a source, sorted; none where nothing matches.

    JSON Lines that are named, or match, are given line by line, as `papers.jsonl:12`.

    Args:
        source: A file; a folder, of which the files with a known suffix are taken at any depth, hidden ones left out;
            or a glob such as `tei/**/*.xml`, of which every file that matches is taken.
        also: More suffixes that are taken in a folder.
    """
    path = Path(source)
    try:
        if path.is_file() or line_bytes(path) is not None:
            return _parted(path)
        if path.is_dir():
            known = (*known_suffixes(), *also)
            return [file for file in _visible_files(path) if file.name.lower().endswith(known)]
    except (OSError, ValueError):
        return []
    if not glob.has_magic(str(source)):
        return []
    matches = glob.glob(str(source), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = sorted({file for name in matches if (file := Path(name)).is_file()})
    return [part for file in files for part in _parted(file)]


def _parted(file: Path) -> list[Path]:
    """Return the lines of JSON Lines; of another file, or where there are none or too many, the file."""
    with contextlib.suppress(OSError):
        return (lines_of(file) if holds_lines(file) else []) or [file]
    return [file]


def unread_files(folder: Path | str) -> list[Path]:
    """Return the visible files of a folder that `find_files` passes over, sorted; none where it is no folder."""
    path = Path(folder)
    if not path.is_dir():
        return []
    known = known_suffixes()
    return [file for file in _visible_files(path) if not file.name.lower().endswith(known)]


def source_of(path: Path, raw: bytes, reader: str, version: str, grobid_version: str | None = None) -> Source:
    """Return where a document comes from; bytes of the path that are not UTF-8 are written as escapes."""
    shown = str(path).encode("utf-8", "backslashreplace").decode()
    digest = hashlib.sha256(raw).hexdigest()
    return Source(path=shown, sha256=digest, reader=reader, reader_version=version, grobid_version=grobid_version)


def _visible_files(folder: Path) -> Iterable[Path]:
    """Return the files below a folder, sorted, without those that are hidden or lie in a hidden folder."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _bytes_of(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of an ordinary file that is not larger than the cap."""
    try:
        if (size := line_bytes(path)) is not None and size <= max_bytes:
            return read_line(path) or b""
        if size is not None:
            raise DocumentRefused(str(path), f"the line is larger than {max_bytes:,} bytes", "leave the line out")
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise DocumentRefused(str(path), "it is no ordinary file", "name a file")
        if about.st_size > max_bytes:
            raise DocumentRefused(str(path), f"it is larger than {max_bytes:,} bytes", "split it, or raise the cap")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise DocumentRefused(str(path), f"cannot be read: {reason}", "check the path and the permissions") from None
