"""One chain of stages over its records, with what is said of it meanwhile: rows, calls, tokens, money, errors."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.progress import Progress
from axolotl_ragdata.selection import Rows
from axolotl_ragdata.stage import Context, Outcome, Stage

if TYPE_CHECKING:
    from axolotl_ragdata.llm import Chat

SAY_EVERY_S = 0.25
"""Faster than anybody reads what was spent."""
IN_FLIGHT = 64
"""Source records worked on at once where no chat model is asked."""


async def run_stages(
    chain: Sequence[Stage[Any]],
    source: Sequence[Any],
    name: str,
    ctx: Context,
    chat: Chat | None,
    rows: Rows,
    progress: Progress,
) -> list[Outcome]:
    """Return every outcome of a chain over its records, filed in `rows` as it came.

    Raises:
        RagdataError: What ends a run.
    """
    from axolotl_ragdata.engines.local import LocalEngine

    in_flight = min(max(1, len(source)), chat.in_flight if chat else IN_FLIGHT)
    progress.start(name, len(source))
    heard: list[Outcome] = []
    async with _telling(chat, rows, progress):
        async for _, outcome in LocalEngine().run(chain, Finished(source, progress, in_flight), ctx, in_flight):
            rows.add(outcome)
            heard.append(outcome)
    return heard


@contextlib.asynccontextmanager
async def _telling(chat: Chat | None, rows: Rows, progress: Progress) -> AsyncIterator[None]:
    """Say what is spent as time goes by: where calls are turned away or wait, nothing else happens."""
    if chat is None:
        yield
        return
    spending = _Spending(chat)

    async def tell() -> None:
        while True:
            progress.advance(0, spending.shown(len(rows.answers)))
            await asyncio.sleep(SAY_EVERY_S)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        progress.advance(0, spending.shown(len(rows.answers)))


class Part:
    """The records of a stage that are counted as they are done by something that is used again in later stages.

    Args:
        progress: Who hears of it.
        total: The records of the stage.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._left = total

    def advance(self, records: int) -> None:
        """Count records as done, of the stage's at most."""
        counted = min(records, self._left)
        if counted:
            self._left -= counted
            self._progress.advance(counted)

    def finish(self) -> None:
        """Count the rest as done, and nothing later."""
        self.advance(self._left)


class Finished(Iterator[Any]):
    """Records for an engine; each counts as done when it is finished, and not when it is begun.

    A worker comes for its next record when it is done with the one before: only the first time it is not.

    Args:
        source: The records.
        progress: Who hears of it.
        workers: How many records are worked on at once.
    """

    def __init__(self, source: Sequence[Any], progress: Progress, workers: int) -> None:
        self._records = iter(source)
        self._progress = progress
        self._idle = workers

    def __next__(self) -> Any:
        """Return the next record; whoever asks has finished another one, but for the first time."""
        if self._idle:
            self._idle -= 1
        else:
            self._progress.advance()
        return next(self._records)


@dataclass
class _Spending:
    """What a stage has spent so far; rates are of this stage alone."""

    chat: Chat
    started: float = field(default_factory=time.monotonic)
    calls_before: int = field(init=False)
    tokens_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.calls_before, self.tokens_before = self.chat.stats.answered, self._tokens

    @property
    def _tokens(self) -> int:
        return self.chat.usage.input_tokens + self.chat.usage.output_tokens

    def shown(self, rows: int) -> str:
        """Return it in a line, what matters most first: a narrow terminal cuts the end."""
        stats = self.chat.stats
        seconds = max(time.monotonic() - self.started, 0.001)
        calls, tokens = stats.answered - self.calls_before, self._tokens - self.tokens_before
        parts = [f"{rows:,} rows answered", f"{stats.answered:,} calls ({calls / seconds:.1f}/s)"]
        parts += [f"{_short(self._tokens)} tokens ({_short(tokens / seconds)}/s)"]
        parts += [] if self.chat.cost is None else [f"{_money(self.chat.cost)} spent"]
        parts += [f"{count:,} × {error}, tried again" for error, count in stats.retries.most_common(3)]
        parts += [f"{count:,} × {error}, given up" for error, count in stats.failures.most_common(3)]
        return ", ".join(parts)


def _short(number: float) -> str:
    """Return a number as short as it is told.

    >>> _short(950), _short(12_345), _short(1_250_000)
    ('950', '12.3 k', '1.2 M')
    """
    for size, name in ((1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if name == 'k' else size):.1f} {name}"
    return f"{number:,.0f}"


def _money(cost: float) -> str:
    return f"{cost:.2f}" if cost >= 1 else f"{cost:.4f}"
