"""Many files → documents or refusals, in order, on all cores.

The processes are ours and talk over pipes: `multiprocessing` would either fork a process with threads or run the main
module of whoever calls a second time, and its pool breaks as a whole when the kernel kills one process for its memory.
Here that file is refused, and the others go on. Each process has its next files before it is done with one, and room
for their answers, so that it never waits for this one; and this one has no threads that would wait for each other.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import select
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.interruption import rarely_collected
from axolotl_ragdata.lines import line_bytes
from axolotl_ragdata.readers import MAX_BYTES, read_document, readers
from axolotl_ragdata.readers.structured import to_json
from axolotl_ragdata.records import Document

LEAST_BYTES = 24 * 2**20
"""Less than this is read faster than processes start: a core reads about 30 MB a second."""
MOST_WORKERS = 16
PATIENCE_S = 2.0
AHEAD = 3
"""Files that a process has in hand."""
PIPE_BYTES = 2**20
F_SETPIPE_SZ = 1031
HEADER = struct.Struct(">cQ")
"""Of an answer: what it is, and its bytes."""
WINDOW = 4
"""Files for each process that are being read or wait to be taken: what bounds the memory."""
START = "import gc, sys; gc.disable(); sys.path[:] = {path!r}; from axolotl_ragdata.readers._worker import main; main()"
"""What is imported stays: to look for garbage among it would take a seventh of the start."""

Wanted = tuple[Path, "str | None"]
"""A file, and the name of its reader (None: by content)."""
Answer = Union[Document, str, DocumentRefused]


def read_documents(
    files: Sequence[Wanted], workers: int | None = None
) -> Generator[Document | DocumentRefused, None, None]:
    """Yield the document of each file, or its refusal, in order; no more than a few are held at a time.

    Args:
        files: What to read.
        workers: Processes; None: one a core where there is enough to read, else this process reads by itself.

    Raises:
        UnknownName: There is no reader of a name.
    """
    n_workers = _count(files) if workers is None else workers
    if n_workers < 2:
        yield from (_read(*wanted) for wanted in files)
        return
    for found in _answers(files, n_workers, as_json=False):
        assert not isinstance(found, str)
        yield found


def read_json(files: Sequence[Wanted], workers: int | None = None) -> Generator[str | DocumentRefused, None, None]:
    """Yield each document as the line of JSON that `ragdata read --json` prints; else as `read_documents`."""
    n_workers = _count(files) if workers is None else workers
    if n_workers < 2:
        for wanted in files:
            found = _read(*wanted)
            yield found if isinstance(found, DocumentRefused) else _line(found)
        return
    for answer in _answers(files, n_workers, as_json=True):
        assert not isinstance(answer, Document)
        yield answer


def _read(path: Path, reader: str | None) -> Document | DocumentRefused:
    try:
        return read_document(path, reader)
    except DocumentRefused as refusal:
        return refusal


def _line(document: Document) -> str:
    return json.dumps(to_json(document), ensure_ascii=False)


def _opened(kind: bytes, payload: bytearray) -> Answer:
    """Return what a process answered."""
    if kind == b"F":
        return Document.model_validate(marshal.loads(payload))  # noqa: S302 - from a process of ours
    if kind == b"D":
        return Document.model_validate_json(payload)
    return payload.decode("utf-8", "surrogatepass") if kind == b"J" else DocumentRefused(*json.loads(payload))


def _count(files: Sequence[Wanted]) -> int:
    """Return how many processes are worth their start; 0 for none."""
    size = 0
    for path, _ in files:
        with contextlib.suppress(OSError, ValueError):
            size += line_bytes(path) or path.stat().st_size
    if size < LEAST_BYTES or not sys.executable or os.name == "nt":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, len(files), MOST_WORKERS)


def _answers(files: Sequence[Wanted], n_workers: int, as_json: bool) -> Generator[Answer, None, None]:
    """Yield what the processes answer, in the order of the files."""
    for name in {reader for _, reader in files if reader is not None}:
        readers.get(name, "reader")
    pool = _Pool(files, n_workers, as_json)
    try:
        # a document is thousands of records, and holds no cycle
        with rarely_collected():
            for number in range(len(files)):
                yield pool.take(number)
    finally:
        pool.end()


class _Task(NamedTuple):
    """A file that a process was asked for: its place among the files, and the line that asks."""

    number: int
    line: bytes


class _Pool:
    """Processes that read files; each is started when it is first needed, and again when it died."""

    def __init__(self, files: Sequence[Wanted], size: int, as_json: bool) -> None:
        self._files = files
        self._as_json = as_json
        self._workers = [_Worker() for _ in range(size)]
        self._found: dict[int, tuple[bytes, bytearray] | Answer] = {}
        self._asked = 0

    def take(self, number: int) -> Answer:
        """Return what a file came to, one after the other in order; a file whose process dies is refused."""
        self._ask(number)
        self._collect(0)
        while number not in self._found:
            self._collect(None)
            self._ask(number)
        self._ask(number)
        found = self._found.pop(number)
        return _opened(*found) if isinstance(found, tuple) else found

    def end(self) -> None:
        """End the processes, whatever they are doing."""
        for worker in self._workers:
            worker.end()

    def _ask(self, number: int) -> None:
        """Give every process work, but hold no more than a few answers."""
        last = min(len(self._files), number + WINDOW * len(self._workers))
        while self._asked < last:
            worker = min(self._workers, key=lambda one: len(one.tasks))
            if len(worker.tasks) >= AHEAD:
                return
            path, reader = self._files[self._asked]
            request = {"path": str(path), "reader": reader, "max_bytes": MAX_BYTES, "as_json": self._as_json}
            self._give(worker, _Task(self._asked, json.dumps(request).encode() + b"\n"))
            self._asked += 1

    def _give(self, worker: _Worker, task: _Task) -> None:
        if not worker.send(task):
            self._found[task.number] = self._here(task)

    def _collect(self, timeout_s: float | None) -> None:
        """Take the answers that are there; without a timeout wait for one, where any is to come."""
        busy = {worker.answers: worker for worker in self._workers if worker.tasks}
        for ready in _readable(list(busy), timeout_s) if busy else ():
            self._hear(busy[ready])

    def _hear(self, worker: _Worker) -> None:
        kind, payload = worker.receive()
        if kind == b"N":
            if json.loads(payload) != readers.names():
                worker.usable = False
                worker.end()
                self._again(worker)
            return
        if kind == b"":
            worker.end(PATIENCE_S)
            if not worker.greeted:
                # it never spoke: another would not either
                worker.usable = False
            else:
                file, _ = self._files[worker.tasks[0].number]
                fix = "read it alone; a file of its size may want more memory"
                self._found[worker.tasks.popleft().number] = DocumentRefused(str(file), worker.epitaph(), fix)
            self._again(worker)
            return
        self._found[worker.tasks.popleft().number] = (kind, payload)

    def _again(self, worker: _Worker) -> None:
        """Ask once more for what a process did not come to."""
        left, worker.tasks = worker.tasks, deque()
        for task in left:
            self._give(worker, task)

    def _here(self, task: _Task) -> Answer:
        """Return what this process reads, where no other can as it does."""
        found = _read(*self._files[task.number])
        return _line(found) if self._as_json and isinstance(found, Document) else found


class _Worker:
    """A process that reads, not started yet.

    Attributes:
        tasks: What it was asked for, the one that it reads first.
        usable: Whether it can be started and reads as this process does.
        greeted: Whether it said which readers it knows.
    """

    def __init__(self) -> None:
        self.tasks: deque[_Task] = deque()
        self.usable = True
        self.greeted = False
        self._process: subprocess.Popen[bytes] | None = None
        self._code: int | None = None

    @property
    def answers(self) -> int:
        """The descriptor that becomes readable when an answer comes."""
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def send(self, task: _Task) -> bool:
        """Ask for a file; False where the process cannot be used."""
        if self._process is not None and not self.tasks and self._process.poll() is not None:
            self.end()  # it died while it had nothing to do: no file is to blame
        if not self.usable or (self._process is None and not self._start()):
            return False
        assert self._process is not None
        assert self._process.stdin is not None
        # where the process is gone, `receive` says so
        with contextlib.suppress(OSError):
            self._process.stdin.write(task.line)
        self.tasks.append(task)
        return True

    def receive(self) -> tuple[bytes, bytearray]:
        """Return the kind and the payload of the next answer; (b"", b"") where the process is gone."""
        header = self._exactly(HEADER.size)
        if len(header) < HEADER.size:
            return b"", bytearray()
        kind, size = HEADER.unpack(header)
        payload = self._exactly(size)
        self.greeted = self.greeted or kind == b"N"
        return (kind, payload) if len(payload) == size else (b"", bytearray())

    def epitaph(self) -> str:
        """Return how the process died."""
        died = f"signal {-self._code}" if self._code and self._code < 0 else f"exit code {self._code}"
        return f"the process that read it died ({died})"

    def end(self, patience_s: float = 0.0) -> None:
        """End the process, after it had the time to die by itself; the next request starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
        process.kill()
        self._code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _start(self) -> bool:
        """Start the process; False where none can be started."""
        pipe, code = subprocess.PIPE, START.format(path=sys.path)
        try:
            self._process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, bufsize=0)
        except (OSError, ValueError):
            self.usable = False
            return False
        self.greeted = False
        _widen(self.answers)
        return True

    def _exactly(self, size: int) -> bytearray:
        """Return so many bytes, fewer where the process is gone."""
        room = bytearray(size)
        got = 0
        with memoryview(room) as view, contextlib.suppress(OSError):
            while got < size and (read := os.readv(self.answers, [view[got:]])):
                got += read
        del room[got:]
        return room


def _readable(pipes: Sequence[int], timeout_s: float | None) -> list[int]:
    """Return the pipes from which something can be read, waiting for one for so long; None: as long as it takes.

    As `multiprocessing.connection.wait` does, in a fifth of its time: two are asked for each document.
    """
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    return [pipe for pipe, _ in poll.poll(None if timeout_s is None else 1000 * timeout_s)]


def _widen(pipe: int) -> None:
    """Make room for whole answers in a pipe, where the system lets us: a process then goes on while nobody reads."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
