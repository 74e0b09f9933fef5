"""What SIGINT and SIGTERM do: the first ends a run cleanly, in a loop or outside of one; the second ends it at once."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from axolotl_ragdata.errors import PAID, Interrupted

Result = TypeVar("Result")
SELDOM = (50_000, 20, 100)
"""Containers made since the last look, and looks at the young after which one is had at the older."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
AT_ONCE = b"error: interrupted a second time, stopped at once\nfix: run the same command to go on\n"
SHOW_CURSOR = b"\x1b[?25h"


@contextlib.contextmanager
def interruptible(where: str, kept: str = PAID) -> Iterator[None]:
    """End what is inside as `Interrupted` when SIGINT or SIGTERM comes; a second one ends the process.

    Inside the signal is a `KeyboardInterrupt`, which nothing that handles errors keeps. Outside the main thread signals
    are left alone.

    Args:
        where: The run directory or the command, for the message.
        kept: What is not lost, for the message.

    Raises:
        Interrupted: A signal came.
    """
    with _heard(_raise) as came:
        try:
            yield
        except KeyboardInterrupt:
            if came:
                raise Interrupted(where, came[0], kept) from None
            raise


def run_interruptibly(work: Coroutine[Any, Any, Result], where: str) -> Result:
    """Return what the coroutine returns; the first signal cancels it, so that it can close the journal.

    Threads that compute for it are not waited for then. Outside the main thread signals are left alone.

    Args:
        work: What to run.
        where: The run directory, for the message.

    Raises:
        Interrupted: A signal came.
    """
    return run(_cancelled_by_signals(work, where))


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the coroutine returns, on the faster of the loops that are here.

    A build's own work on a call costs about a tenth less on uvloop, which has no version for Windows.
    """
    import asyncio

    with rarely_collected():
        if sys.platform == "win32":
            return asyncio.run(_with_threads(work))
        import uvloop

        return uvloop.run(_with_threads(work))


def end_interrupted(code: int) -> None:
    """End the process with a code where threads still compute, which it would wait for; where none do, return."""
    if threading.active_count() > 1:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


@contextlib.contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for cycles of garbage more rarely: what is kept of a run grows, and is walked through each time.

    A third of what a build of many calls took went there. What stands before, modules above all, is left out.
    """
    before = gc.get_threshold()
    if before == SELDOM:
        yield
        return
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _with_threads(work: Coroutine[Any, Any, Result]) -> Result:
    import asyncio

    from axolotl_ragdata.threads import Threads

    threads = Threads()
    asyncio.get_running_loop().set_default_executor(threads)
    try:
        return await work
    except Interrupted:
        threads.leave()
        raise


async def _cancelled_by_signals(work: Coroutine[Any, Any, Result], where: str) -> Result:
    import asyncio

    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    with _heard(lambda: loop.call_soon_threadsafe(task.cancel)) as came:
        try:
            return await task
        except asyncio.CancelledError:
            if came:
                raise Interrupted(where, came[0]) from None
            raise


def _raise() -> None:
    raise KeyboardInterrupt


class _Signals:
    """What came since the outermost listener began to listen: what one has heard is not the first of another."""

    listening = 0
    came: list[int] = []  # noqa: RUF012 - one for the process, as its signals are


@contextlib.contextmanager
def _heard(act: Callable[[], object]) -> Iterator[list[int]]:
    """Yield the signals that came; at the first do what is said, at the second end the process."""

    def hear(number: int, _: FrameType | None) -> None:
        if _Signals.came:
            _end_at_once(number)
        _Signals.came.append(number)
        act()

    if threading.current_thread() is not threading.main_thread():
        yield []
        return
    # what was not set from Python could not be set back
    before = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) is not None}
    _Signals.listening += 1
    try:
        for number in before:
            signal.signal(number, hear)
        yield _Signals.came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _Signals.listening -= 1
        if not _Signals.listening:
            _Signals.came = []


def _end_at_once(number: int) -> None:
    # no stream of Python's: what is interrupted may be writing to it
    with contextlib.suppress(OSError):
        os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + AT_ONCE)
    os._exit(128 + number)
