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
from axolotl_ragdata.stage import ChatRequest, Completion, Context, Outcome

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


class Waiting:
    """Waits until it may go on with a record, and says which it came to the end of."""

    name, version = "waiting", "1"

    def __init__(self, slow: str) -> None:
        self.slow = slow
        self.may_go_on = asyncio.Event()
        self.ended: list[str] = []

    async def process(self, record: Message, ctx: Context) -> Sequence[Outcome]:
        if record.content == self.slow:
            await self.may_go_on.wait()
        self.ended.append(record.content)
        return [record]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slow_record_holds_no_other_back(engine: type[Engine]) -> None:
    async def run() -> list[str]:
        stage, order = Waiting(slow="0"), []
        source = (note(str(number)) for number in range(200))
        async for _, outcome in engine().run([stage, Split("b", 1)], source, NO_CONTEXT, 4):
            if isinstance(outcome, Message):
                order.append(outcome.content)
            if stage.ended == [str(number) for number in range(1, 200)]:
                # all the others are through, and their outcomes are here or on their way
                stage.may_go_on.set()
        return [content for content in order if "." not in content]

    order = asyncio.run(asyncio.wait_for(run(), 20))
    assert order[-1] == "0"
    assert sorted(order, key=int) == [str(number) for number in range(200)]


class Paid:
    """A context that journals: what was answered is answered again without a call. Every call takes a while."""

    def __init__(self) -> None:
        self.journal: dict[str, Completion] = {}
        self.calls: Counter[str] = Counter()
        self.in_flight = self.cut_off = 0
        self.well_under_way = asyncio.Event()

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        if request.user not in self.journal:
            self.calls[request.user] += 1
            self.in_flight += 1
            try:
                await asyncio.sleep(0.002)
                self.journal[request.user] = Completion(request.user, None, "m")
                if len(self.journal) == 20:
                    self.well_under_way.set()
            except asyncio.CancelledError:
                self.cut_off += 1
                raise
            finally:
                self.in_flight -= 1
        return self.journal[request.user]


class Asks:
    """Says what the chat model says."""

    version = "1"

    def __init__(self, name: str) -> None:
        self.name = name

    async def process(self, record: Message, ctx: Context) -> Sequence[Outcome]:
        said = await ctx.complete(ChatRequest(self.name, record.content, "", f"{self.name} {record.content}"))
        return [said] if isinstance(said, Failure) else [note(said.text)]


CHAIN = [Asks("a"), Asks("b")]


async def through(engine: Engine, ctx: Paid, most: int | None = None) -> list[str]:
    """Return what came to the end of the chain; with `most` stop after so many outcomes."""
    ended: list[str] = []
    stream = engine.run(CHAIN, (note(str(number)) for number in range(100)), cast(Context, ctx), 8)
    async for stage, outcome in stream:
        assert isinstance(outcome, Message)
        if stage == "b":
            ended.append(outcome.content)
        if len(ended) == most:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    return ended


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stops_after", [1, 40, 99])
def test_what_was_done_is_not_done_again(engine: type[Engine], stops_after: int) -> None:
    calm, ctx = Paid(), Paid()
    undisturbed = asyncio.run(through(engine(), calm))
    asyncio.run(through(engine(), ctx, stops_after))
    assert ctx.in_flight == 0
    assert ctx.cut_off <= 8
    done = set(ctx.journal)
    assert sorted(asyncio.run(through(engine(), ctx))) == sorted(undisturbed)
    assert all(ctx.calls[asked] == 1 for asked in done)
    assert ctx.calls.total() == calm.calls.total() + ctx.cut_off, "only what was cut off is asked again"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_is_cancelled_from_outside_leaves_nothing_running(engine: type[Engine]) -> None:
    ctx = Paid()

    async def run() -> None:
        task = asyncio.create_task(through(engine(), ctx))
        await ctx.well_under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ctx.in_flight == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
    asked = ctx.calls.total()
    assert asked < 200
    assert len(asyncio.run(through(engine(), ctx))) == 100
    assert ctx.calls.total() == 200 + ctx.cut_off


@pytest.mark.parametrize("engine", ENGINES)
def test_no_record_at_all(engine: type[Engine]) -> None:
    assert asyncio.run(outcomes(engine(), [Split("a", 1)], [], 4)) == []
