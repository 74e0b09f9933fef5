"""The run directory: JSONL tables, exported files named by their content, the manifest, and the lock of one writer.

Every file but the journal is written whole beside its place and renamed into it, so that a reader sees the old one or
the new one, never a half; those of a finished run take their places together. Names of tables and files are fixed
here; text from documents never becomes a path.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import io
import json
import os
import re
import stat
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from axolotl_ragdata.errors import RunLocked, StoreError
from axolotl_ragdata.lines import read_line
from axolotl_ragdata.records import Record
from axolotl_ragdata.replacement import MANIFEST, STAGED, is_halfway, make_folder, put_in_place, sweep
from axolotl_ragdata.shelf import Shelf

RecordT = TypeVar("RecordT", bound=Record)

TABLES = ("documents", "passages", "questions", "answers", "verdicts", "examples", "rejected", "failures")
CARD = "README.md"
LOCK = ".lock"
LOCK_POLL_S = 0.5
HALFWAY_S = 10.0
"""How long who reads waits for a build that puts its files in place, which takes milliseconds."""
ROW_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]*)"')
"""The id at the beginning of a row, as `write_table` writes it."""
ROW_DOCUMENT = re.compile(ROW_ID.pattern + rb'\s*,\s*"doc_id"\s*:\s*"([^"\\]*)"')
"""The document of a passage, behind its id."""


class RunDirectory:
    """One run directory; it is made on the first write.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def journal(self) -> Path:
        """The folder of the journal, the durable part."""
        return self.folder / "journal"

    @property
    def index(self) -> Path:
        """The folder of the LanceDB table; it can be rebuilt."""
        return self.folder / "index"

    @property
    def cache(self) -> Path:
        """The folder of the embeddings; it can be rebuilt."""
        return self.folder / "cache"

    def create(self) -> None:
        """Make the folder, and prove that it can be written.

        Raises:
            StoreError: It cannot.
        """
        with _explained(self.folder, "cannot be written"):
            make_folder(self.folder)
            with tempfile.TemporaryFile(dir=self.folder):
                pass

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the lock of the one writer; the kernel frees it when the process dies. What a dead one left is swept.

        Args:
            waiting: Called once when another process holds the lock, which is then waited for; None: do not wait.

        Raises:
            RunLocked: Another build holds it and `waiting` is None.
            StoreError: The folder cannot be written.
        """
        self.create()
        with self._lock(0.0, waiting):
            with _explained(self.folder, "what a build left half done cannot be ended"):
                put_in_place(self.folder)
                sweep(self.folder)
            yield

    @contextlib.contextmanager
    def _lock(self, patience_s: float, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK)
        with _explained(self.folder, "cannot be locked"):
            try:
                lock.acquire(timeout=patience_s, poll_interval=0.05)
            except Timeout:
                if waiting is None:
                    fix = "wait for it to finish, or give this recipe another `output:`"
                    raise RunLocked(str(self.folder), "another build is writing this run directory", fix) from None
                waiting()
                lock.acquire(poll_interval=LOCK_POLL_S)
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def replaced(self) -> Iterator[RunDirectory]:
        """Yield where a finished run is written; at the end its files take the places of those that stand, together.

        Its manifest is to be written last: until then, whatever happens leaves what stands as it was. The lock must be
        held.

        Raises:
            StoreError: It cannot be written.
        """
        staged = RunDirectory(self.folder / STAGED)
        try:
            staged.create()
            yield staged
        except BaseException:
            if not is_halfway(self.folder):
                sweep(self.folder)
            raise
        with _explained(self.folder, "files cannot be put in place"):
            put_in_place(self.folder)

    def write_table(self, name: str, records: Iterable[Record]) -> int:
        """Write a table, sorted as given; return its number of rows.

        Raises:
            StoreError: It cannot be written.
        """
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            for text in records.json() if isinstance(records, Shelf) else (one.model_dump_json() for one in records):
                count += 1
                yield f"{text}\n".encode()

        write_atomically(self.folder / f"{name}.jsonl", lines())
        return count

    def read_table(self, name: str, kind: type[RecordT]) -> list[RecordT]:
        """Return the rows of a table, [] where there is none.

        Raises:
            StoreError: A row is not what it should be; the error names file and line.
        """
        path = self.folder / f"{name}.jsonl"
        with _explained(path, "cannot be read"):
            if not path.exists():
                return []
            with path.open("rb") as file:
                return [_row(path, number, line, kind) for number, line in enumerate(file, 1)]

    def read_rows(self, name: str, kind: type[RecordT], ids: Iterable[str]) -> dict[str, RecordT]:
        """Return the rows of these ids; only they are parsed, and the table is never in memory as a whole.

        Raises:
            StoreError: As `read_table`.
        """
        wanted = {key.encode(): key for key in ids}
        found: dict[str, RecordT] = {}
        for number, line, key in self._lines(name):
            if key in wanted:
                found[wanted[key]] = _row(self.folder / f"{name}.jsonl", number, line, kind)
        return found

    def read_ids(self, name: str) -> list[str]:
        """Return the ids of a table in its order.

        Raises:
            StoreError: It cannot be read.
        """
        return [key.decode("utf-8", "replace") for _, _, key in self._lines(name)]

    def open_parts(self, name: str, key: Literal["id", "doc_id"], kind: type[RecordT]) -> Parts[RecordT]:
        """Return the rows of a table by id, or by document where those of one follow each other; {} without a table.

        Raises:
            StoreError: It cannot be read.
        """
        path = self.folder / f"{name}.jsonl"
        with _explained(path, "cannot be read"):
            return Parts(path, ROW_ID if key == "id" else ROW_DOCUMENT, kind)

    def _lines(self, name: str) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield number, bytes and id of each row; every table begins its rows with the id."""
        path = self.folder / f"{name}.jsonl"
        with _explained(path, "cannot be read"):
            if not path.exists():
                return
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    key = ROW_ID.match(line)
                    yield number, line.rstrip(b"\n"), key[1] if key else b""

    def write_rows(self, stem: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """Write an exported file named `stem-<content hash>.jsonl`; return its name.

        Raises:
            StoreError: It cannot be written.
        """
        import jsonlines

        lines = io.StringIO()
        with jsonlines.Writer(lines, dumps=functools.partial(json.dumps, ensure_ascii=False)) as writer:
            writer.write_all(rows)
        payload = lines.getvalue().encode()
        name = f"{stem}-{hashlib.sha256(payload).hexdigest()[:16]}.jsonl"
        write_atomically(self.folder / name, payload)
        return name

    def write_card(self, text: str) -> None:
        """Write the dataset card.

        Raises:
            StoreError: It cannot be written.
        """
        write_atomically(self.folder / CARD, text.encode())

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest; a run is finished when it stands.

        Raises:
            StoreError: It cannot be written.
        """
        payload = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        write_atomically(self.folder / MANIFEST, payload.encode())

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, None where there is none; where a build was killed as it ended, that is ended first.

        Raises:
            StoreError: It is not JSON.
            RunLocked: A build puts its files in place and does not come to an end.
        """
        path = self.folder / MANIFEST
        if is_halfway(self.folder):
            with self._lock(HALFWAY_S), _explained(self.folder, "what a build left half done cannot be ended"):
                put_in_place(self.folder)
        with _explained(path, "cannot be read"):
            if not path.exists():
                return None
            text = path.read_text(encoding="utf-8")
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError):
            raise StoreError(str(path), "is not a JSON object", "delete it and run `ragdata build` again") from None


class Parts(Mapping[str, Sequence[RecordT]]):
    """Rows of a table under a key at their beginning, each read when it is asked for.

    The table may be replaced meanwhile: what was opened is what is read.

    Args:
        path: The table.
        key: What finds the key of a line, as its last group.
        kind: What a row is.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, key: re.Pattern[bytes], kind: type[RecordT]) -> None:
        self._path, self._kind = path, kind
        self._spans: dict[str, tuple[int, int, int]] = {}
        """First byte, first line and the byte behind the last, by key."""
        if not path.exists():
            return
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)
        at = 0
        for number, line in enumerate(self._file, 1):
            if found := key.match(line):
                name = found[found.lastindex or 0].decode("utf-8", "replace")
                start, first, _ = self._spans.get(name, (at, number, at))
                self._spans[name] = (start, first, at + len(line))
            at += len(line)

    def __getitem__(self, name: str) -> Sequence[RecordT]:
        """Return the rows under a key, in the order of the table.

        Raises:
            StoreError: They cannot be read, or are not what they should be.
        """
        start, first, end = self._spans[name]
        with _explained(self._path, "cannot be read"):
            self._file.seek(start)
            lines = self._file.read(end - start).splitlines()
        return [_row(self._path, number, line, self._kind) for number, line in enumerate(lines, first)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)


def write_atomically(path: Path, payload: bytes | Iterable[bytes]) -> None:
    """Write a whole file beside its place, flush it to the disk and rename it into place.

    Args:
        path: Its place.
        payload: The bytes, or parts of them that are written as they come.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    with _explained(path, "cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            with beside.open("wb") as file:
                file.writelines([payload] if isinstance(payload, bytes) else payload)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a line's, in hexadecimal.

    Raises:
        StoreError: It cannot be read.
    """
    digest = hashlib.sha256()
    with _explained(path, "cannot be read"):
        if (line := read_line(path)) is not None:
            return hashlib.sha256(line).hexdigest()
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise OSError(errno.EINVAL, "it is no regular file")
    with _explained(path, "cannot be read"), path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        fix = (
            "free some space and run it again; nothing is lost"
            if problem.errno == 28
            else ("check the path and its permissions, or choose another `output:`")
        )
        raise StoreError(str(path), f"{what}: {reason}", fix) from None


def _row(path: Path, number: int, line: bytes, kind: type[RecordT]) -> RecordT:
    try:
        return kind.model_validate_json(line)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        what = f"{key}: {first['msg']}" if key else str(first["msg"])
        fix = "the file was changed by hand or by another version; run `ragdata build` again"
        raise StoreError(f"{path}:{number}", what, fix) from None
