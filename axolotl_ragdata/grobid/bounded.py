"""Work that may never end, in a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def bounded(work: Callable[[], Result], seconds: float) -> Result:
    """Return what a function returns.

    A broken PDF may hold pypdf up for ever. A thread of the loop's own pool would then hold up the end of the process
    too, after ^C and after everything else is done; this one is left alone.

    Raises:
        asyncio.TimeoutError: It took longer.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def settle(tell: Callable[[Any], None], value: Any) -> None:
        if not ended.done():
            tell(value)

    def run() -> None:
        try:
            told: tuple[Callable[[Any], None], Any] = (ended.set_result, work())
        except BaseException as problem:
            told = (ended.set_exception, problem)
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=run, daemon=True, name="pdf").start()
    return await asyncio.wait_for(ended, seconds)
