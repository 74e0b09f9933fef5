"""The OpenAI Batch API in the place of live calls: half the price, an answer within a day.

It stands where `axolotl_ragdata.transport.Transport` stands: what is posted waits until nothing more comes, goes into
files (sharded by count and bytes, `custom_id` = the journal's key), and its answer is handed back as that of a call.
Submitted batches are on the disk before their answers are waited for, so that a restart submits nothing twice: it waits
for the same batches and takes their answers. What a batch leaves open is queued again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from axolotl_ragdata.batch.endpoint import BatchEndpoint, Say, Unknown
from axolotl_ragdata.batch.files import replies, shards
from axolotl_ragdata.batch.ledger import Ledger, Shard
from axolotl_ragdata.batch.room import Room
from axolotl_ragdata.batch.standing import Standing
from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import EndpointError, StoreError
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.records import content_id
from axolotl_ragdata.transport import Reply, Transport

__all__ = ["BatchTransport", "Say", "as_batches"]

ENDED = ("completed", "failed", "expired", "cancelled")
SUBMITTING = "submit"
MODELS_S = 30.0


class Waiter(NamedTuple):
    """Who waits for the answer to a body."""

    body: Mapping[str, Any]
    answer: asyncio.Future[Reply]


class BatchTransport:
    """Calls by way of batches; use it in an `async with`.

    Args:
        base_url: The endpoint, ending in /v1.
        key: Its key.
        block: Sizes and waits, and the variable that holds the key.
        journal: What is answered; the ledger of submitted batches lies beside it.
        say: Hears what happens to the batches.
    """

    def __init__(self, base_url: str, key: str, block: LlmBlock, journal: Journal, say: Say) -> None:
        self._block = block.batch
        self._journal = journal
        self._say = say
        self._endpoint = BatchEndpoint(base_url, key, block.api_key_env, block.batch.poll_s, say)
        self._models = Transport(base_url, key, 1, MODELS_S)
        self._ledger = Ledger(journal.folder)
        self._room = Room(block.batch.max_requests)
        self._standing = Standing(say)
        self._queued: dict[str, Mapping[str, Any]] = {}
        self._waiting: dict[str, Waiter] = {}
        self._kept: dict[str, Reply] = {}
        """Replies that nobody has asked for yet."""
        self._open: dict[str, Shard] = {}
        """Batches that have not ended."""
        self._taken: dict[str, Shard] = {}
        """Keys whose paid reply was taken and is not in the journal yet."""
        self._broken: BaseException | None = None
        self._last_post = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> BatchTransport:
        """Take up what an earlier run submitted."""
        await self._endpoint.__aenter__()
        await self._models.__aenter__()
        try:
            await self._take_up()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop waiting; batches that run go on at the endpoint, and the next run takes their answers."""
        await self._close()
        # the run's own error matters more than that the next one reads some replies again
        with contextlib.suppress(StoreError):
            for shard in set(self._taken.values()):
                self._narrow(shard, shard.keys)
        if kind is not None and self._open:
            many = f"{len(self._open)} batches go" if len(self._open) > 1 else "a batch goes"
            self._say(f"{many} on at the endpoint: run the same command again to take the answers")

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._endpoint.__aexit__()
        await self._models.__aexit__(None, None, None)

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> Reply:
        """Return the answer to a body once its batch has ended; one that an earlier run paid for comes at once.

        Raises:
            EndpointError: The endpoint refuses the batch or the key, or is away for hours.
            StoreError: The ledger cannot be written.
        """
        if self._broken is not None:
            raise self._broken
        if (kept := self._kept.pop(key, None)) is not None:
            return kept
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[key] = Waiter(body, answer)
        if not any(key in shard.keys for shard in self._open.values()):
            self._queue([key])
        try:
            return await answer
        finally:
            self._waiting.pop(key, None)

    def journalled(self, key: str) -> None:
        """Hear that the reply to a key is in the journal, as an answer or as a failed attempt.

        Raises:
            StoreError: The ledger cannot be written.
        """
        if (shard := self._taken.pop(key, None)) is not None:
            shard.keys.discard(key)
            if not shard.keys:
                self._ledger.record(shard.name, ended="taken")

    async def get(self, path: str) -> Reply:
        """Return what stands at a path, at once."""
        return await self._models.get(path)

    def _queue(self, keys: Iterable[str]) -> None:
        self._queued.update((key, self._waiting[key].body) for key in keys)
        self._last_post = time.monotonic()
        self._submit_soon()

    def _submit_soon(self) -> None:
        if self._queued and not any(task.get_name() == SUBMITTING for task in self._tasks):
            self._start(self._submit_when_quiet(), SUBMITTING)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if (problem := task.exception()) is not None:
            self._broken = problem
            self._fail(self._waiting, problem)
        else:
            # what was posted after its last look, in the turn of the loop in which it ended
            self._submit_soon()

    def _fail(self, keys: Collection[str], problem: BaseException) -> None:
        for waiter in [self._waiting[key] for key in keys if key in self._waiting]:
            if not waiter.answer.done():
                waiter.answer.set_exception(problem)

    async def _submit_when_quiet(self) -> None:
        while self._queued:
            quiet_s = time.monotonic() - self._last_post
            if quiet_s < self._block.quiet_s and len(self._queued) < self._room.most:
                await asyncio.sleep(self._block.quiet_s - quiet_s)
                continue
            await self._room.wait()
            shard = next(shards(self._queued, self._room.most, self._block.max_bytes))
            for key, _ in shard:
                del self._queued[key]
            await self._submit(shard)

    async def _submit(self, lines: Sequence[tuple[str, bytes]]) -> None:
        keys = [key for key, _ in lines]
        shard = Shard(content_id("shard", *sorted(keys), time.time_ns()), set(keys), is_new=True, recorded=len(keys))
        # known before it exists: a run that is killed between the two finds it by its name
        self._ledger.record(shard.name, keys=keys, base_url=self._endpoint.base_url)
        content = b"".join(line for _, line in lines)
        shard.batch = await self._endpoint.make(shard.name, await self._endpoint.upload(shard.name, content))
        self._ledger.record(shard.name, batch=shard.batch)
        self._say(f"submitted batch {shard.batch}: {len(keys):,} requests, {len(content) / 1e6:.1f} MB")
        self._follow(shard)

    def _follow(self, shard: Shard) -> None:
        self._open[shard.batch] = shard
        self._start(self._await(shard), shard.batch)

    async def _await(self, shard: Shard) -> None:
        try:
            found = await self._wait_for(shard)
            files = [file for file in (found.output_file_id, found.error_file_id) if file]
            # all of it is read before the first is handed out: who gets a bad answer asks again at once
            contents = [await self._endpoint.content(file) for file in files]
        except Unknown:
            if shard.is_new and not shard.is_seen:
                raise
            self._vanished(shard)
            return
        del self._open[shard.batch]
        if found.status == "failed":
            self._failed(shard, found)
        else:
            self._room.ended()
            self._take(shard, found.status, contents)

    async def _wait_for(self, shard: Shard) -> Any:
        while True:
            found = await self._endpoint.batch(shard.batch)
            shard.is_seen = True
            self._standing.hear(shard.batch, found)
            if found.status in ENDED:
                return found
            await asyncio.sleep(self._block.poll_s)

    def _vanished(self, shard: Shard) -> None:
        del self._open[shard.batch]
        self._say(
            f"batch {shard.batch}: the endpoint does not know it any more (404); what is wanted of it is submitted anew"
        )
        if waiting := self._waited(shard.keys):
            # one that nobody waits for may be another key's, which the endpoint shows to that one only
            self._ledger.record(shard.name, ended="vanished")
            self._again(shard, waiting, "not known to the endpoint any more (404)")

    def _failed(self, shard: Shard, found: Any) -> None:
        self._ledger.record(shard.name, ended=found.status)
        problems = (found.errors.data if found.errors else None) or []
        what = f"batch {shard.batch} failed: {'; '.join(str(item.message) for item in problems)}"[:600]
        waiting = self._waited(shard.keys)
        if any("limit_exceeded" in str(item.code) for item in problems):
            if not self._room.turned_away(len(shard.keys), alone=not self._open):
                raise EndpointError(self._endpoint.base_url, what, "lower llm.batch.max_requests, or wait")
            self._say(f"{what}; its requests wait for room")
            self._queue(waiting)
        elif shard.is_new:
            fix = "correct what it says, then run the same command again: it is submitted anew"
            self._fail(waiting, EndpointError(self._endpoint.base_url, what, fix))
        else:
            # its cause may be repaired since
            self._say(f"{what}; what is wanted of it is submitted anew")
            self._queue(waiting)

    def _take(self, shard: Shard, status: str, contents: Sequence[bytes]) -> None:
        found: dict[str, Reply] = {}
        for content in reversed(contents):
            # where a request stands in both files, the answer counts
            found.update((key, reply) for key, reply in replies(content).items() if key in shard.keys)
        left = shard.keys - found.keys()
        # what failed was not paid for, and is asked again rather than heard again if this run ends now
        self._narrow(shard, {key for key, reply in found.items() if reply.status == 200}, status)
        for key, reply in found.items():
            self._hand_over(key, reply)
        if waiting := self._waited(left):
            self._say(f"{len(waiting):,} requests {_how(status)}; they are queued again")
            self._again(shard, waiting, f"{_how(status)} in its batch")

    def _narrow(self, shard: Shard, paid: set[str], status: str = "taken") -> None:
        """Record which answers are still to be taken from a batch, where there are fewer than before."""
        shard.keys = paid
        self._taken.update(dict.fromkeys(paid, shard))
        if not paid:
            self._ledger.record(shard.name, ended=status)
        elif len(paid) < shard.recorded:
            self._ledger.record(shard.name, keys=sorted(paid))
            shard.recorded = len(paid)

    def _hand_over(self, key: str, reply: Reply) -> None:
        waiter = self._waiting.get(key)
        if waiter is None:
            self._kept[key] = reply
        elif not waiter.answer.done():
            waiter.answer.set_result(reply)

    def _waited(self, keys: Collection[str]) -> list[str]:
        return sorted(key for key in keys if key in self._waiting and not self._waiting[key].answer.done())

    def _again(self, shard: Shard, keys: Sequence[str], why: str) -> None:
        """Ask again what a batch left open: as a failed attempt, so that it has an end, if this run submitted it."""
        if not shard.is_new:
            self._queue(keys)
            return
        for key in keys:
            # the seam asks again, with the body that it has
            self._waiting[key].answer.set_result(Reply(408, {"retry-after": "0"}, why, None))

    async def _take_up(self) -> None:
        """Follow the batches of earlier runs whose answers are not all in the journal."""
        if note := self._ledger.mend():
            self._say(note)
        wanted: dict[str, Shard] = {}
        for shard in self._ledger.shards():
            shard.keys = {key for key in shard.keys if key not in self._journal}
            # those of another endpoint, such as a judge's, are unknown here
            if shard.keys and shard.base_url in ("", self._endpoint.base_url):
                wanted[shard.name] = shard
        self._endpoint.has_answered = any(shard.batch for shard in wanted.values())
        if lost := {name for name, shard in wanted.items() if not shard.batch}:
            for name, batch in (await self._endpoint.named(lost)).items():
                wanted[name].batch = batch
                self._ledger.record(name, batch=batch)
        for shard in wanted.values():
            if shard.batch:
                self._follow(shard)


def as_batches(block: LlmBlock) -> LlmBlock:
    """Return a block whose limits are those of batches: a file full in flight, and no rate, which is one of live calls.

    A rate would hand calls over one by one, and each would go in a batch of its own.
    """
    limits = {"concurrency": block.batch.max_requests, "requests_per_minute": None, "tokens_per_minute": None}
    return block.model_copy(update=limits)


def _how(status: str) -> str:
    return {"expired": "expired", "cancelled": "were cancelled"}.get(status, "got no answer")
