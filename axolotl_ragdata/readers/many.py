"""Many files → documents or refusals, in order, on all cores.

The processes are ours and talk over pipes: `multiprocessing` would either fork a process with threads or run the main
module of whoever calls a second time, and its pool breaks as a whole when the kernel kills one process for its memory.
Here that file is refused, and the others go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import MAX_BYTES, read_document, readers
from axolotl_ragdata.readers.structured import to_json
from axolotl_ragdata.records import Document

LEAST_BYTES = 24 * 2**20
"""Less than this is read faster than processes start: a core reads about 30 MB a second."""
MOST_WORKERS = 16
PATIENCE_S = 2.0
WINDOW = 4
"""Files for each process that are being read or wait to be taken: what bounds the memory."""
START = "import sys; sys.path[:] = {path!r}; from axolotl_ragdata.readers._worker import main; main()"

Wanted = tuple[Path, str | None]
"""A file, and the name of its reader (None: by content)."""


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
    for payload in _answers(files, n_workers, as_json=False):
        yield payload if isinstance(payload, DocumentRefused) else Document.model_validate_json(payload)


def read_json(files: Sequence[Wanted], workers: int | None = None) -> Generator[str | DocumentRefused, None, None]:
    """Yield each document as the line of JSON that `ragdata read --json` prints; else as `read_documents`."""
    n_workers = _count(files) if workers is None else workers
    if n_workers < 2:
        for wanted in files:
            found = _read(*wanted)
            yield found if isinstance(found, DocumentRefused) else json.dumps(to_json(found), ensure_ascii=False)
        return
    for payload in _answers(files, n_workers, as_json=True):
        yield payload if isinstance(payload, DocumentRefused) else payload.decode("utf-8", "surrogatepass")


def _read(path: Path, reader: str | None) -> Document | DocumentRefused:
    try:
        return read_document(path, reader)
    except DocumentRefused as refusal:
        return refusal


def _count(files: Sequence[Wanted]) -> int:
    """Return how many processes are worth their start; 0 for none."""
    size = 0
    for path, _ in files:
        with contextlib.suppress(OSError, ValueError):
            size += path.stat().st_size
    if size < LEAST_BYTES or not sys.executable:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, len(files), MOST_WORKERS)


def _answers(files: Sequence[Wanted], n_workers: int, as_json: bool) -> Generator[bytes | DocumentRefused, None, None]:
    """Yield what the processes answer, in the order of the files."""
    for name in {reader for _, reader in files if reader is not None}:
        readers.get(name, "reader")
    pool = _Pool(n_workers, as_json)
    threads = ThreadPoolExecutor(n_workers)
    pending: deque[Future[bytes | DocumentRefused]] = deque()
    try:
        for path, reader in files:
            pending.append(threads.submit(pool.read, path, reader))
            if len(pending) >= WINDOW * n_workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.stop()
        threads.shutdown(cancel_futures=True)
        pool.end()


class _Pool:
    """Processes that wait for work; each is started when it is first needed, and again when it died."""

    def __init__(self, size: int, as_json: bool) -> None:
        self.as_json = as_json
        self.closed = False
        self.idle: SimpleQueue[_Worker] = SimpleQueue()
        self.workers = [_Worker() for _ in range(size)]
        for worker in self.workers:
            self.idle.put(worker)

    def read(self, path: Path, reader: str | None) -> bytes | DocumentRefused:
        """Return the payload of a document; a file whose process dies is refused, and so is one after `stop`."""
        request = {"path": str(path), "reader": reader, "max_bytes": MAX_BYTES, "as_json": self.as_json}
        worker = self.idle.get()
        try:
            reply = b"" if self.closed else worker.ask(request)
        finally:
            self.idle.put(worker)
        if reply is None:
            found = _read(path, reader)
            return found if isinstance(found, DocumentRefused) else self._payload(found)
        if not reply:
            return DocumentRefused(
                str(path), worker.epitaph(), "read it alone; a file of its size may want more memory"
            )
        if reply[:1] == b"R":
            return DocumentRefused(*json.loads(reply[1:]))
        return reply[1:]

    def _payload(self, document: Document) -> bytes:
        if self.as_json:
            return json.dumps(to_json(document), ensure_ascii=False).encode("utf-8", "surrogatepass")
        return document.model_dump_json().encode()

    def stop(self) -> None:
        """Kill the processes, so that nobody waits for an answer any more."""
        self.closed = True
        for worker in self.workers:
            if (process := worker.process) is not None:
                process.kill()

    def end(self) -> None:
        """Take the processes off; no thread uses them by now."""
        for worker in self.workers:
            worker.end()


class _Worker:
    """A process that reads, not started yet."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.code: int | None = None
        self.same_readers = True

    def ask(self, request: Mapping[str, object]) -> bytes | None:
        """Return the answer, b"" where the process died of the request, None where it cannot read as this one can."""
        if not self.same_readers or (self.process is None and not self._start()):
            return None
        process = self.process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            return self._receive()
        except (OSError, ValueError):
            self.end(PATIENCE_S)
            return b""

    def epitaph(self) -> str:
        """Return how the process died."""
        died = f"signal {-self.code}" if self.code and self.code < 0 else f"exit code {self.code}"
        return f"the process that read it died ({died})"

    def end(self, patience_s: float = 0.0) -> None:
        """End the process, after it had the time to die by itself; the next request starts another."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
        process.kill()
        self.code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _start(self) -> bool:
        """Start the process; False where none can be started, or it has other readers than this one."""
        code = START.format(path=sys.path)
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe)
            self.same_readers = json.loads(self._receive()) == readers.names()
        except (OSError, ValueError):
            self.end()
            self.same_readers = False
        return self.same_readers

    def _receive(self) -> bytes:
        """Return the next answer.

        Raises:
            EOFError, an OSError: The process is gone.
        """
        process = self.process
        assert process is not None
        assert process.stdout is not None
        size = process.stdout.readline()
        payload = process.stdout.read(int(size)) if size.strip().isdigit() else b""
        if not payload or len(payload) < int(size):
            raise BrokenPipeError
        return payload
