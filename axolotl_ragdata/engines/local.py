"""The engine of one process: as many asyncio workers as source records may be in flight."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from axolotl_ragdata.errors import RagdataError
from axolotl_ragdata.records import Failure, Rejected
from axolotl_ragdata.stage import Context, Outcome, Stage

Outcomes = asyncio.Queue["tuple[str, Outcome] | None"]
QUEUE_SIZE = 1024


class LocalEngine:
    """Runs stages in this process; see `axolotl_ragdata.engines` for the contract."""

    async def run(
        self, stages: Sequence[Stage[Any]], records: Iterable[Any], ctx: Context, in_flight: int
    ) -> AsyncIterator[tuple[str, Outcome]]:
        """Yield (name of the stage, outcome) in completion order.

        Args:
            stages: The chain; the records that one returns are what the next is given.
            records: The source; read only as far ahead as there is room.
            ctx: What the stages may reach.
            in_flight: Most source records worked on at once, 1 or more.

        Raises:
            RagdataError: What a stage raised to end the run.
        """
        done: Outcomes = asyncio.Queue(QUEUE_SIZE)
        source = iter(records)
        workers = [asyncio.create_task(_work(stages, source, ctx, done)) for _ in range(in_flight)]
        closing = asyncio.create_task(_close(workers, done))
        try:
            while (outcome := await done.get()) is not None:
                yield outcome
            await closing
        finally:
            await _cancel([closing, *workers])


async def _work(stages: Sequence[Stage[Any]], source: Iterator[Any], ctx: Context, done: Outcomes) -> None:
    for record in source:
        await _follow(stages, record, ctx, done)


async def _close(workers: Sequence[asyncio.Task[None]], done: Outcomes) -> None:
    try:
        await asyncio.gather(*workers)
    finally:
        await done.put(None)


async def _follow(stages: Sequence[Stage[Any]], record: Any, ctx: Context, done: Outcomes) -> None:
    stage, later = stages[0], stages[1:]
    outcomes = await _process(stage, record, ctx)
    for outcome in outcomes:
        await done.put((stage.name, outcome))
    onward = [outcome for outcome in outcomes if not isinstance(outcome, (Rejected, Failure))] if later else []
    if len(onward) == 1:
        await _follow(later, onward[0], ctx, done)
    elif onward:
        await _all([asyncio.create_task(_follow(later, outcome, ctx, done)) for outcome in onward])


async def _process(stage: Stage[Any], record: Any, ctx: Context) -> Sequence[Outcome]:
    try:
        return await stage.process(record, ctx)
    except RagdataError:
        raise
    except Exception as problem:
        # one record must not take the others down; the kind of the exception is what a bug report needs
        subject = str(getattr(record, "id", record))
        return [Failure(stage=stage.name, subject_id=subject, error=type(problem).__name__, detail=str(problem))]


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    try:
        await asyncio.gather(*tasks)
    finally:
        await _cancel(tasks)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
