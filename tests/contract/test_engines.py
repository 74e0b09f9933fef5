"""What every engine promises; see `axolotl_ragdata.engines`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import pytest

from axolotl_ragdata.engines import Engine
from axolotl_ragdata.engines.local import LocalEngine
from axolotl_ragdata.errors import EndpointError
from axolotl_ragdata.records import Failure, Message, Rejected
from axolotl_ragdata.stage import Context, Outcome

ENGINES = [LocalEngine]
NO_CONTEXT = cast(Context, None)


def note(text: str) -> Message:
    return Message(role="user", content=text)


class Split:
    """Makes `fan` records of one; what ends in 3 is rejected, 5 raises, 7 ends the run when asked to."""

    version = "1"

    def __init__(self, name: str, fan: int, fatal: bool = False) -> None:
        self.name, self.fan, self.fatal = name, fan, fatal
        self.running = self.peak = self.cancelled = 0

    async def process(self, record: Message, ctx: Context) -> Sequence[Outcome]:
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(0.001 * (hash(record.content) % 3))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if record.content.endswith("3"):
            return [Rejected(stage=self.name, subject_id=record.content, reason="three")]
        if record.content.endswith("5"):
            raise ValueError("five")
        if self.fatal and record.content.endswith("7"):
            raise EndpointError("here", "is down", "wait")
        return [note(f"{record.content}.{number}0") for number in range(self.fan)]


async def outcomes(
    engine: Engine, stages: list[Any], source: Iterable[Message], in_flight: int
) -> list[tuple[str, Any]]:
    return [outcome async for outcome in engine.run(stages, source, NO_CONTEXT, in_flight)]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_record_has_an_outcome_and_each_is_yielded_once(engine: type[Engine]) -> None:
    source = [note(str(number)) for number in range(100)]
    found = asyncio.run(outcomes(engine(), [Split("a", 3), Split("b", 1)], source, 8))
    assert max(Counter((stage, str(outcome)) for stage, outcome in found).values()) == 1
    kinds = Counter((stage, type(outcome).__name__) for stage, outcome in found)
    assert kinds == {
        ("a", "Message"): 240,
        ("a", "Rejected"): 10,
        ("a", "Failure"): 10,
        ("b", "Message"): 240,
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exception_is_the_failure_of_one_record(engine: type[Engine]) -> None:
    found = asyncio.run(outcomes(engine(), [Split("a", 1)], [note("5"), note("6")], 2))
    failures = [outcome for _, outcome in found if isinstance(outcome, Failure)]
    assert [(failure.error, failure.detail, failure.retryable) for failure in failures] == [
        ("ValueError", "five", True)
    ]
    assert len(found) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_the_source_is_not_read_ahead(engine: type[Engine]) -> None:
    taken = 0
    stage = Split("a", 1)

    def source() -> Iterator[Message]:
        nonlocal taken
        for number in range(50):
            taken += 1
            yield note(f"{number}0")

    async def run() -> None:
        done = 0
        async for _ in engine().run([stage], source(), NO_CONTEXT, 4):
            done += 1
            assert taken <= done + 4 + 4

    asyncio.run(run())
    assert taken == 50
    assert stage.peak <= 4


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_that_ends_the_run_cancels_what_is_in_flight(engine: type[Engine]) -> None:
    stage = Split("a", 1, fatal=True)
    with pytest.raises(EndpointError, match="is down"):
        asyncio.run(outcomes(engine(), [stage], [note(str(number)) for number in range(1000)], 16))
    assert stage.running == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_consumer_that_stops_leaves_nothing_running(engine: type[Engine]) -> None:
    stage = Split("a", 1)

    async def run() -> None:
        stream = engine().run([stage], (note(f"{number}0") for number in range(10_000)), NO_CONTEXT, 16)
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]
        assert stage.running == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


@pytest.mark.parametrize("engine", ENGINES)
def test_no_record_at_all(engine: type[Engine]) -> None:
    assert asyncio.run(outcomes(engine(), [Split("a", 1)], [], 4)) == []
