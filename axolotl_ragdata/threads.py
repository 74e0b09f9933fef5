"""Threads for what blocks a loop, which nobody need wait for when the loop is left."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

Job = tuple["Future[Any]", Callable[[], Any]]
MOST = min(32, (os.cpu_count() or 1) + 4)
"""As many as Python's own executor has."""


class Threads(ThreadPoolExecutor):
    """An executor whose threads may be left to what they are doing, and then end with the process.

    A loop takes no executor but this kind, whose own threads would be waited for.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._started: list[threading.Thread] = []
        self._unfinished = 0
        self._left = False
        self._count = threading.Lock()

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Return what will be done by one of the threads."""
        future: Future[Any] = Future()
        with self._count:
            self._unfinished += 1
            if len(self._started) < min(self._unfinished, MOST):
                self._started.append(threading.Thread(target=self._work, name="beside the loop", daemon=True))
                self._started[-1].start()
        self._jobs.put((future, lambda: work(*arguments, **named)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end when they are done, and wait for those that were not left."""
        for _ in self._started:
            self._jobs.put(None)
        for thread in self._started if wait and not self._left else ():
            thread.join()

    def leave(self) -> None:
        """Wait for no thread any more."""
        self._left = True

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, work = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as problem:
                    future.set_exception(problem)
            del job, future, work  # what they hold must not live until the next comes
            with self._count:
                self._unfinished -= 1
