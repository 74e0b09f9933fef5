"""One chain of stages over its records, with what is said of it meanwhile: rows, calls, tokens, money, errors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.progress import Progress
from axolotl_ragdata.selection import Rows
from axolotl_ragdata.stage import Context, Outcome, Stage

if TYPE_CHECKING:
    from axolotl_ragdata.llm import Chat

SAY_EVERY_S = 0.1
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
    spending = _Spending(chat) if chat else None
    heard: list[Outcome] = []
    said = time.monotonic()
    async for _, outcome in LocalEngine().run(chain, Finished(source, progress, in_flight), ctx, in_flight):
        rows.add(outcome)
        heard.append(outcome)
        if spending and (now := time.monotonic()) - said > SAY_EVERY_S:
            said = now
            progress.advance(0, spending.shown(len(rows.answers)))
    if spending:
        progress.advance(0, spending.shown(len(rows.answers)))
    return heard


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
        parts = [f"{rows:,} answers", f"{stats.answered:,} calls ({calls / seconds:.1f}/s)"]
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
