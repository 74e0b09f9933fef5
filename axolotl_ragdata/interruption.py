"""Runs a coroutine so that SIGINT and SIGTERM end it cleanly; a second signal ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from axolotl_ragdata.errors import Interrupted

Result = TypeVar("Result")
SELDOM = (50_000, 20, 100)
"""Containers made since the last look, and looks at the young after which one is had at the older."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_interruptibly(work: Coroutine[Any, Any, Result], where: str) -> Result:
    """Return what the coroutine returns.

    The first signal cancels it, so that it can close the journal; then the signals mean what they meant before, so that
    a second one stops at once. Outside the main thread signals are left alone.

    Args:
        work: What to run.
        where: The run directory, for the message.

    Raises:
        Interrupted: A signal came.
    """
    return run(_watched(work, where))


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the coroutine returns, on the faster of the loops that are here.

    A build's own work on a call costs about a tenth less on uvloop, which has no version for Windows.
    """
    with rarely_collected():
        if sys.platform == "win32":
            return asyncio.run(work)
        import uvloop

        return uvloop.run(work)


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


async def _watched(work: Coroutine[Any, Any, Result], where: str) -> Result:
    if threading.current_thread() is not threading.main_thread():
        return await work
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    came: list[int] = []

    def interrupt(number: int) -> None:
        came.append(number)
        restore()
        task.cancel()

    def restore() -> None:
        for each in SIGNALS:
            loop.remove_signal_handler(each)

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await task
    except asyncio.CancelledError:
        if came:
            raise Interrupted(where, came[0]) from None
        raise
    finally:
        restore()
