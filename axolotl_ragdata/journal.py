"""Every completion, durable before it is used: segmented JSONL with group commit.

A line is `{"key":"c-…","entry":{…}}`. An append is acknowledged after `fdatasync` of its group, so that hundreds of
waiters share one flush. On open the lines are indexed by offset without being parsed; a torn last line is cut.
Failed attempts go to segments of their own: they are for reading, never for answering.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from axolotl_ragdata.errors import StoreError

ANSWERS = "answers"
FAILURES = "failures"
SEGMENT_BYTES = 256 * 2**20
PREFIX = b'{"key":"'
ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
Line = tuple[str, bytes, "asyncio.Future[None]"]


class Journal:
    """The journal in a folder; open it with `Journal.open`. One process writes it, from one event loop.

    Attributes:
        notes: What was found wrong on opening, one line each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self._places: dict[bytes, tuple[int, int, int]] = {}
        self._readers: list[int] = []
        self._writers: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._queue: SimpleQueue[Line | None] = SimpleQueue()
        self._broken: StoreError | None = None
        self._thread = threading.Thread(target=self._write_groups, name="journal", daemon=True)

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """Return the journal of a folder, made where there is none.

        Raises:
            StoreError: The folder cannot be read or written.
        """
        journal = cls(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob(f"{ANSWERS}-*.jsonl")):
                journal._index(path)
            for stem in (ANSWERS, FAILURES):
                journal._start_segment(stem)
        except OSError as problem:
            raise journal._error(problem) from None
        journal._thread.start()
        return journal

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        """Return whether there is an answer for a key."""
        return _packed(key) in self._places

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the entry of a key, None where there is none.

        Raises:
            StoreError: The line cannot be read.
        """
        place = self._places.get(_packed(key))
        if place is None:
            return None
        segment, start, length = place
        try:
            line = json.loads(os.pread(self._readers[segment], length, start))
        except (OSError, ValueError) as problem:
            fix = "delete that line: its call is made again"
            raise StoreError(str(self.folder), f"the entry {key} cannot be read: {problem}", fix) from None
        return dict(line["entry"])

    async def append(self, key: str, entry: Mapping[str, Any]) -> None:
        """Return once the entry is on the disk.

        Raises:
            StoreError: It could not be written; nothing was acknowledged.
        """
        await self._enqueue(ANSWERS, key, entry)

    async def append_failure(self, key: str, entry: Mapping[str, Any]) -> None:
        """Return once a failed attempt is on the disk; it never answers a `get`.

        Raises:
            StoreError: It could not be written.
        """
        await self._enqueue(FAILURES, key, entry)

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (key, entry) of every answer."""
        for packed in list(self._places):
            key = packed.decode()
            entry = self.get(key)
            if entry is not None:
                yield key, entry

    def close(self) -> None:
        """Flush what was appended and close the files."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        for descriptor in (*self._readers, *self._writers.values()):
            os.close(descriptor)
        self._readers, self._writers = [], {}

    def _enqueue(self, stem: str, key: str, entry: Mapping[str, Any]) -> asyncio.Future[None]:
        if self._broken is not None:
            raise self._broken
        line = f'{{"key":{ENCODED(key)},"entry":{ENCODED(entry)}}}\n'.encode("utf-8", "surrogatepass")
        done = asyncio.get_running_loop().create_future()
        self._queue.put((stem, line, done))
        return done

    def _write_groups(self) -> None:
        open_for_more = True
        while open_for_more:
            group = [self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get())
            open_for_more = None not in group
            lines = [line for line in group if line is not None]
            if lines:
                self._commit(lines)

    def _commit(self, lines: list[Line]) -> None:
        try:
            for stem in (ANSWERS, FAILURES):
                if payload := [line for name, line, _ in lines if name == stem]:
                    self._flush(stem, payload)
        except OSError as problem:
            self._broken = self._error(problem)
        # one wake-up of the loop for the whole group: one for each line costs more than writing it
        for loop, waiting in _by_loop(lines).items():
            with contextlib.suppress(RuntimeError):  # a loop that is closed: nobody waits any more
                loop.call_soon_threadsafe(_acknowledge, waiting, self._broken)

    def _flush(self, stem: str, payload: list[bytes]) -> None:
        start = self._sizes[stem]
        data = memoryview(b"".join(payload))
        try:
            written = 0
            while written < len(data):
                written += os.write(self._writers[stem], data[written:])
            os.fdatasync(self._writers[stem])
        except OSError:
            # a half group would be a torn line in the middle once the disk has room again
            with contextlib.suppress(OSError):
                os.ftruncate(self._writers[stem], start)
            raise
        if stem == ANSWERS:
            for line in payload:
                self._places[key_of(line)] = (len(self._readers) - 1, start, len(line) - 1)
                start += len(line)
        self._sizes[stem] += len(data)
        if self._sizes[stem] > SEGMENT_BYTES:
            self._start_segment(stem)

    def _start_segment(self, stem: str) -> None:
        """Write on in the last segment where it has room, else in a new one."""
        existing = sorted(self.folder.glob(f"{stem}-*.jsonl"))
        path = existing[-1] if existing else self._segment(stem, 1)
        if existing and path.stat().st_size > SEGMENT_BYTES:
            path = self._segment(stem, int(path.stem.rsplit("-", 1)[1]) + 1)
        new = not path.exists()
        if stem in self._writers:
            os.close(self._writers[stem])
        self._writers[stem] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._sizes[stem] = path.stat().st_size
        if new:
            self._sync_folder()
        if stem == ANSWERS and (new or not self._readers):
            self._readers.append(os.open(path, os.O_RDONLY))

    def _segment(self, stem: str, number: int) -> Path:
        return self.folder / f"{stem}-{number:06d}.jsonl"

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _index(self, path: Path) -> None:
        self._readers.append(os.open(path, os.O_RDONLY))
        segment, start, bad = len(self._readers) - 1, 0, 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    self._cut(path, start, len(line))
                    break
                if line.startswith(PREFIX) and line.endswith(b"}}\n"):
                    self._places[key_of(line)] = (segment, start, len(line) - 1)
                elif line.strip():
                    bad += 1
                start += len(line)
        if bad:
            self.notes.append(f"{path}: {bad} lines are not journal entries; their calls are made again")

    def _cut(self, path: Path, size: int, lost: int) -> None:
        os.truncate(path, size)
        self.notes.append(f"{path}: cut {lost} bytes of a last line that was not whole; its call is made again")

    def _error(self, problem: OSError) -> StoreError:
        fix = "free some space or correct the permissions, then run the same command again; nothing paid for is lost"
        return StoreError(str(self.folder), f"the journal cannot be written: {problem.strerror or problem}", fix)


def _by_loop(lines: list[Line]) -> dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]]:
    found: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for _, _, done in lines:
        found.setdefault(done.get_loop(), []).append(done)
    return found


def _acknowledge(waiting: list[asyncio.Future[None]], problem: StoreError | None) -> None:
    for done in waiting:
        if done.done():
            continue  # who waited was cancelled; the line is written all the same
        if problem is None:
            done.set_result(None)
        else:
            done.set_exception(problem)


def _packed(key: str) -> bytes:
    return key.encode()


def key_of(line: bytes) -> bytes:
    """Return the key of a journal's line."""
    return line[len(PREFIX) : line.index(b'"', len(PREFIX))]
