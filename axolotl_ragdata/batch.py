"""The OpenAI Batch API in the place of live calls: half the price, an answer within a day.

It stands where `axolotl_ragdata.transport.Transport` stands: what is posted waits until nothing more comes, goes into
files (sharded by count and bytes, `custom_id` = the journal's key), and its answer is handed back as that of a call.
Submitted batches are on the disk before their answers are waited for, so that a restart submits nothing twice: it waits
for the same batches and takes their answers. Requests that expired are queued again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from axolotl_ragdata.blocks import BatchBlock
from axolotl_ragdata.errors import EndpointError, StoreError
from axolotl_ragdata.records import content_id
from axolotl_ragdata.transport import Reply, Transport

ENDPOINT = "/v1/chat/completions"
LEDGER = "batches.jsonl"
ENDED = ("completed", "failed", "expired", "cancelled")
EXPIRED = "batch_expired"
SHARD_KEY = "ragdata_shard"
RETRIES = 6
"""Of the SDK, for uploads and polls; a poll that fails even so is tried again at the next."""
Say = Callable[[str], None]


class BatchTransport:
    """Calls by way of batches; use it in an `async with`.

    Args:
        base_url: The endpoint, ending in /v1.
        key: Its key.
        key_env: The variable that holds it, for errors.
        block: Sizes and waits.
        folder: Where the ledger of submitted batches lies: the journal's.
        is_answered: Whether the journal holds an answer for a key.
        say: Hears what happens to the batches.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        key_env: str,
        block: BatchBlock,
        folder: Path,
        is_answered: Callable[[str], bool],
        say: Say,
    ) -> None:
        self._base_url, self._key, self._key_env = base_url, key, key_env
        self._block = block
        self._ledger = folder / LEDGER
        self._is_answered = is_answered
        self._say = say
        self._client: Any = None
        self._models = Transport(base_url, key, 1, 30.0)
        self._queued: dict[str, Mapping[str, Any]] = {}
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._kept: dict[str, Reply] = {}
        self._open: dict[str, set[str]] = {}
        """Batches that have not ended, with their keys."""
        self._last_post = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> BatchTransport:
        """Take up what an earlier run submitted."""
        import openai

        self._client = openai.AsyncOpenAI(api_key=self._key, base_url=self._base_url, max_retries=RETRIES)
        await self._models.__aenter__()
        await self._take_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop waiting; batches that run go on at the endpoint, and the next run takes their answers."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._open:
            self._say(
                f"{len(self._open)} batches go on at the endpoint: run the same command again to take their answers"
            )
        await self._client.close()
        await self._models.__aexit__(kind, error, trace)

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> Reply:
        """Return the answer to a body once its batch has ended; one that an earlier run paid for comes at once.

        Raises:
            EndpointError: The endpoint refuses the batch or the key.
            StoreError: The ledger cannot be written.
        """
        if (kept := self._kept.pop(key, None)) is not None:
            return kept
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        if not any(key in keys for keys in self._open.values()):
            self._queue(key, body)
        return await answer

    async def get(self, path: str) -> Reply:
        """Return what stands at a path, at once."""
        return await self._models.get(path)

    def _queue(self, key: str, body: Mapping[str, Any]) -> None:
        self._queued[key] = body
        self._last_post = time.monotonic()
        if not any(task.get_name() == "submit" for task in self._tasks):
            self._start(self._submit_when_quiet(), "submit")

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(problem)

    async def _submit_when_quiet(self) -> None:
        while self._queued:
            quiet_s = time.monotonic() - self._last_post
            if quiet_s < self._block.quiet_s and len(self._queued) < self._block.max_requests:
                await asyncio.sleep(self._block.quiet_s - quiet_s)
                continue
            queued, self._queued = self._queued, {}
            for shard in shards(queued, self._block.max_requests, self._block.max_bytes):
                await self._submit(shard)

    async def _submit(self, shard: Sequence[tuple[str, bytes]]) -> None:
        keys = [key for key, _ in shard]
        name = content_id("shard", *sorted(keys), time.time_ns())
        # known before it exists: a run that is killed between the two finds it by its name
        self._record({"shard": name, "keys": keys, "base_url": self._base_url})
        content = b"".join(line for _, line in shard)
        async with self._explained():
            file = await self._client.files.create(file=(f"{name}.jsonl", content), purpose="batch")
            made = await self._client.batches.create(
                input_file_id=file.id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={SHARD_KEY: name},
            )
        self._record({"shard": name, "batch": made.id})
        self._say(f"submitted batch {made.id}: {len(keys):,} requests, {len(content) / 1e6:.1f} MB")
        self._follow(made.id, keys)

    def _follow(self, batch: str, keys: Iterable[str]) -> None:
        self._open[batch] = set(keys)
        self._start(self._await(batch), batch)

    async def _await(self, batch: str) -> None:
        said = ""
        while True:
            async with self._explained():
                found = await self._client.batches.retrieve(batch)
            if found.status != said:
                said = found.status
                counts = found.request_counts
                done = f", {counts.completed:,} of {counts.total:,} done" if counts else ""
                self._say(f"batch {batch}: {said}{done}")
            if found.status in ENDED:
                break
            await asyncio.sleep(self._block.poll_s)
        await self._take(batch, found)

    async def _take(self, batch: str, found: Any) -> None:
        for file in (found.output_file_id, found.error_file_id):
            if file:
                await self._take_file(file)
        left = {key for key in self._open.pop(batch) if not self._has(key)}
        if not left:
            return
        if found.status != "expired":
            problems = "; ".join(str(item.message) for item in (found.errors.data if found.errors else None) or [])
            what = (
                f"batch {batch} {found.status}{f': {problems}' if problems else ''}; {len(left):,} requests unanswered"
            )
            raise EndpointError(self._base_url, what[:600], "correct what it says, then run the same command again")
        self._requeue(left)

    def _has(self, key: str) -> bool:
        answer = self._waiting.get(key)
        return key in self._kept or answer is None or answer.done()

    async def _take_file(self, file: str) -> None:
        async with self._explained():
            content = (await self._client.files.content(file)).content
        for line in content.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                # a line that is none leaves its request unanswered, which is found below
                self._answer(json.loads(line))

    def _answer(self, line: Mapping[str, Any]) -> None:
        key, response, error = str(line["custom_id"]), line.get("response"), line.get("error") or {}
        if error.get("code") == EXPIRED:
            return
        if response:
            body = response["body"]
            reply = Reply(int(response["status_code"]), {}, json.dumps(body), body)
        else:
            reply = Reply(500, {}, str(error.get("message") or error), {"error": error})
        answer = self._waiting.pop(key, None)
        if answer is None or answer.done():
            self._kept[key] = reply
        else:
            answer.set_result(reply)

    def _requeue(self, keys: set[str]) -> None:
        self._say(f"{len(keys):,} requests expired; they are queued again")
        for key in sorted(keys):
            answer = self._waiting.pop(key, None)
            if answer is not None and not answer.done():
                # the seam asks again, with the body that it has
                answer.set_result(Reply(408, {"retry-after": "0"}, "expired in its batch", None))

    async def _take_up(self) -> None:
        """Follow the batches of earlier runs whose answers are not all in the journal."""
        submitted: dict[str, dict[str, Any]] = {}
        for line in self._recorded():
            submitted.setdefault(line["shard"], {}).update(line)
        wanted = {
            name: line
            for name, line in submitted.items()
            # those of another endpoint, such as a judge's, are unknown here
            if line.get("base_url", self._base_url) == self._base_url
            and not all(map(self._is_answered, line.get("keys", ())))
        }
        if lost := {name for name, line in wanted.items() if "batch" not in line}:
            async for batch in await self._listed():
                name = (batch.metadata or {}).get(SHARD_KEY)
                if name in lost:
                    wanted[name]["batch"] = batch.id
                    self._record({"shard": name, "batch": batch.id})
        for line in wanted.values():
            if "batch" in line:
                self._follow(line["batch"], line["keys"])

    async def _listed(self) -> Any:
        async with self._explained():
            return self._client.batches.list(limit=100)

    def _recorded(self) -> list[dict[str, Any]]:
        try:
            text = self._ledger.read_bytes() if self._ledger.exists() else b""
        except OSError as problem:
            raise self._unwritable(problem) from None
        found = []
        for line in text.splitlines():
            # the last line of a killed run may be torn: its batch, if there is one, is found by its name
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [line for line in found if isinstance(line, dict) and "shard" in line]

    def _record(self, line: Mapping[str, Any]) -> None:
        try:
            self._ledger.parent.mkdir(parents=True, exist_ok=True)
            with self._ledger.open("ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise self._unwritable(problem) from None

    def _unwritable(self, problem: OSError) -> StoreError:
        fix = "free some space or correct the permissions, then run the same command again"
        return StoreError(str(self._ledger), f"cannot be read or written: {problem.strerror}", fix)

    @contextlib.asynccontextmanager
    async def _explained(self) -> Any:
        import openai

        try:
            yield
        except (openai.AuthenticationError, openai.PermissionDeniedError):
            fix = f"correct the environment variable {self._key_env}, then run the same command again"
            raise EndpointError(self._base_url, "refuses the key", fix) from None
        except openai.NotFoundError:
            what = "knows no such path or batch (404)"
            fix = "this endpoint may not have the Batch API: set llm.mode: live, or correct base_url"
            raise EndpointError(self._base_url, what, fix) from None
        except openai.APIStatusError as problem:
            raise EndpointError(
                self._base_url, self._safe(str(problem)), "correct what it says, then run again"
            ) from None
        except openai.APIConnectionError as problem:
            fix = "start or repair the endpoint, then run the same command again: submitted batches go on"
            raise EndpointError(self._base_url, f"does not answer: {self._safe(str(problem))}", fix) from None

    def _safe(self, text: str) -> str:
        return " ".join(text.replace(self._key, "…").split())[:400]


def shards(queued: Mapping[str, Mapping[str, Any]], max_requests: int, max_bytes: int) -> list[list[tuple[str, bytes]]]:
    """Return requests as (key, line of a batch file), cut so that no file has too many of them or too many bytes.

    >>> [len(shard) for shard in shards({"a": {}, "b": {}, "c": {}}, 2, 10_000)]
    [2, 1]
    """
    made: list[list[tuple[str, bytes]]] = []
    size = 0
    for key, body in queued.items():
        line = json.dumps({"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}).encode() + b"\n"
        if not made or len(made[-1]) >= max_requests or size + len(line) > max_bytes:
            made.append([])
            size = 0
        made[-1].append((key, line))
        size += len(line)
    return made
