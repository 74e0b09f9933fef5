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
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.replacement import make_folder, sync_folder

ANSWERS = "answers"
FAILURES = "failures"
SEGMENT_BYTES = 256 * 2**20
TAIL_BYTES = 2**16
PREFIX = b'{"key":"'
ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Journal:
    """The journal in a folder; open it with `Journal.open`. One process writes it, from one event loop.

    Attributes:
        notes: What was found wrong on opening and on reading since, one line each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self._places: dict[str, tuple[int, int, int]] = {}
        self._readers: list[int] = []
        self._paths: list[Path] = []
        """Of the segments that are read."""
        self._writers: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._turn: _Turn | None = None
        self._queue: SimpleQueue[_Turn | None] = SimpleQueue()
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
            make_folder(folder)
            for path in sorted(folder.glob(f"{ANSWERS}-*.jsonl")):
                journal._index(path)
            for path in sorted(folder.glob(f"{FAILURES}-*.jsonl"))[-1:]:
                journal._cut_torn(path)
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
        return key in self._places

    def get(self, key: str, fields: Sequence[str] = ()) -> dict[str, Any] | None:
        """Return the entry of a key, None where there is none, or none that can be read: that is noted, and forgotten.

        Args:
            key: The key.
            fields: What an entry must have to be one.

        Raises:
            StoreError: The disk fails.
        """
        place = self._places.get(key)
        if place is None:
            return None
        segment, start, length = place
        try:
            line = os.pread(self._readers[segment], length, start)
        except OSError as problem:
            what = f"cannot be read at byte {start:,} ({key}): {problem.strerror}"
            raise StoreError(
                str(self._paths[segment]), what, "check the disk, then run the same command again"
            ) from None
        entry = _entry(line, key, fields)
        if entry is None:
            del self._places[key]
            what = f"the answer {key} at byte {start:,} cannot be read; its call is made again"
            self.notes.append(f"{self._paths[segment]}: {what}")
        return entry

    def check(self) -> None:
        """Raise what broke the journal, where something did: what is asked now could not be kept.

        Raises:
            StoreError: It cannot be written any more.
        """
        if self._broken is not None:
            raise self._broken

    def append(self, key: str, entry: Mapping[str, Any]) -> asyncio.Future[None]:
        """Return what is done once the entry is on the disk; call it in an event loop, and await it.

        Raises:
            StoreError: It could not be written; nothing was acknowledged.
        """
        return self._enqueue(ANSWERS, key, entry)

    def append_failure(self, key: str, entry: Mapping[str, Any]) -> asyncio.Future[None]:
        """Return what is done once a failed attempt is on the disk; it never answers a `get`.

        Raises:
            StoreError: It could not be written.
        """
        return self._enqueue(FAILURES, key, entry)

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (key, entry) of every answer."""
        for key in list(self._places):
            entry = self.get(key)
            if entry is not None:
                yield key, entry

    def close(self) -> None:
        """Flush what was appended and close the files."""
        if self._thread.is_alive():
            self._hand_over()
            self._queue.put(None)
            self._thread.join()
        for descriptor in (*self._readers, *self._writers.values()):
            os.close(descriptor)
        self._readers, self._writers = [], {}

    def _enqueue(self, stem: str, key: str, entry: Mapping[str, Any]) -> asyncio.Future[None]:
        self.check()
        try:
            line = to_json({"key": key, "entry": entry})
        except PydanticSerializationError:
            # half of a surrogate pair
            line = ENCODED({"key": key, "entry": entry}).encode("utf-8", "surrogatepass")
        done: asyncio.Future[None] = asyncio.Future()
        turn = self._turn
        if turn is None or turn.loop is not done.get_loop():
            turn = self._next_turn(done.get_loop())
        turn.keys[stem].append(key)
        turn.lines[stem].append(line)
        turn.waiting.append(done)
        return done

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> _Turn:
        self._hand_over()
        self._turn = _Turn(loop)
        loop.call_soon(self._hand_over)
        return self._turn

    def _hand_over(self) -> None:
        """Give the writing thread what was appended since it last got something: one hand-over for many lines."""
        if self._turn is not None and self._turn.waiting:
            self._queue.put(self._turn)
        self._turn = None

    def _write_groups(self) -> None:
        open_for_more = True
        while open_for_more:
            group = [self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get())
            open_for_more = None not in group
            if turns := [turn for turn in group if turn is not None]:
                self._commit(turns)

    def _commit(self, turns: list[_Turn]) -> None:
        try:
            for stem in (ANSWERS, FAILURES):
                if lines := [line for turn in turns for line in turn.lines[stem]]:
                    self._flush(stem, [key for turn in turns for key in turn.keys[stem]], lines)
        except Exception as problem:
            # a disk that is full, or a bug: whoever waits must hear of either
            self._broken = self._error(problem)
        # one wake-up of the loop for many lines: one for each costs more than writing it
        for turn in turns:
            with contextlib.suppress(RuntimeError):  # a loop that is closed: nobody waits any more
                turn.loop.call_soon_threadsafe(_acknowledge, turn.waiting, self._broken)

    def _flush(self, stem: str, keys: list[str], lines: list[bytes]) -> None:
        start = self._sizes[stem]
        data = memoryview(b"\n".join([*lines, b""]))
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
            sizes = list(map(len, lines))
            starts = accumulate([size + 1 for size in sizes], initial=start)
            places = zip(repeat(len(self._readers) - 1), starts, sizes, strict=False)
            self._places.update(zip(keys, places, strict=False))
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
            sync_folder(self.folder)
        if stem == ANSWERS and (new or not self._readers):
            self._read_from(path)

    def _segment(self, stem: str, number: int) -> Path:
        return self.folder / f"{stem}-{number:06d}.jsonl"

    def _read_from(self, path: Path) -> None:
        self._readers.append(os.open(path, os.O_RDONLY))
        self._paths.append(path)

    def _index(self, path: Path) -> None:
        self._read_from(path)
        segment, start, bad = len(self._readers) - 1, 0, 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    self._cut(path, start, len(line))
                    break
                if line.startswith(PREFIX) and line.endswith(b"}}\n") and (key := key_of(line)):
                    self._places[key] = (segment, start, len(line) - 1)
                elif line.strip():
                    bad += 1
                start += len(line)
        if bad:
            self.notes.append(f"{path}: {bad} lines are not journal entries; their calls are made again")

    def _cut_torn(self, path: Path) -> None:
        """Cut a last line that is not whole: what is appended would be glued to it."""
        size = whole = path.stat().st_size
        with path.open("rb") as file:
            while whole > 0:
                start = max(0, whole - TAIL_BYTES)
                file.seek(start)
                if end := file.read(whole - start).rfind(b"\n") + 1:
                    whole = start + end
                    break
                whole = start
        if whole < size:
            self._cut(path, whole, size - whole)

    def _cut(self, path: Path, size: int, lost: int) -> None:
        os.truncate(path, size)
        self.notes.append(f"{path}: cut {lost} bytes of a last line that was not whole; its call is made again")

    def _error(self, problem: Exception) -> StoreError:
        if isinstance(problem, OSError):
            reason, first = problem.strerror or str(problem), "free some space or correct the permissions"
        else:
            reason, first = repr(problem), "report this as a bug"
        kept = "what it holds is kept, what was in flight is asked again"
        fix = f"{first}, then run the same command again: {kept}"
        return StoreError(str(self.folder), f"the journal cannot be written: {reason}", fix)


class _Turn:
    """Lines that a turn of an event loop appended, and who waits for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.keys: dict[str, list[str]] = {ANSWERS: [], FAILURES: []}
        self.lines: dict[str, list[bytes]] = {ANSWERS: [], FAILURES: []}
        self.waiting: list[asyncio.Future[None]] = []


def _acknowledge(waiting: list[asyncio.Future[None]], problem: StoreError | None) -> None:
    for done in waiting:
        if done.done():
            continue  # who waited was cancelled; the line is written all the same
        if problem is None:
            done.set_result(None)
        else:
            done.set_exception(problem)


def key_of(line: bytes) -> str:
    """Return the key of a journal's line, "" where it has none."""
    end = line.find(b'"', len(PREFIX))
    return line[len(PREFIX) : end].decode("utf-8", "replace") if end > 0 else ""


def _entry(line: bytes, key: str, fields: Sequence[str]) -> dict[str, Any] | None:
    """Return the entry of a line, None where it is none of that key or lacks a field."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    entry = found.get("entry") if isinstance(found, dict) and found.get("key") == key else None
    return entry if isinstance(entry, dict) and all(name in entry for name in fields) else None
