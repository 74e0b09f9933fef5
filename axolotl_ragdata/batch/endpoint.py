"""The files and batches of an endpoint: what it says, its refusals explained, its absences waited out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from axolotl_ragdata.batch.files import ENDPOINT
from axolotl_ragdata.endpoints import NO_KEY, ending
from axolotl_ragdata.errors import EndpointError
from axolotl_ragdata.limits import is_passing

SHARD_KEY = "ragdata_shard"
RETRIES = 2
"""Of the SDK; what fails even so is waited out here."""
LOOK_S = 60.0
"""Seconds that a look at a batch may take."""
AWAY_S = 6 * 3600.0
"""How long an endpoint that has answered may be away before the run ends: its batches go on for a day."""
Say = Callable[[str], None]
Found = TypeVar("Found")


class Away(EndpointError):
    """The endpoint gives no answer now, and may give one later."""


class Unknown(EndpointError):
    """The endpoint knows no such batch, file or path."""


class BatchEndpoint:
    """The Batch API of one endpoint; use it in an `async with`.

    Attributes:
        has_answered: Whether it has, in this run or an earlier one: only then is it waited for.

    Args:
        base_url: The endpoint, ending in /v1.
        key: Its key.
        key_env: The variable that holds it, for errors.
        poll_s: Seconds between two tries while it is away.
        say: Hears that it is away, and back.
    """

    def __init__(self, base_url: str, key: str, key_env: str, poll_s: float, say: Say) -> None:
        self.base_url = base_url
        self.has_answered = False
        self._key, self._key_env = key, key_env
        self._poll_s = poll_s
        self._say = say
        self._client: Any = None
        self._away_since: float | None = None

    async def __aenter__(self) -> BatchEndpoint:
        """Open the client."""
        import openai

        self._client = openai.AsyncOpenAI(api_key=self._key, base_url=self.base_url, max_retries=RETRIES)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close its connections."""
        await self._client.close()

    async def upload(self, name: str, content: bytes) -> str:
        """Return the id of a file of requests; raises `EndpointError`, as all that follow."""
        file = (f"{name}.jsonl", content)
        return str((await self._answer(lambda: self._client.files.create(file=file, purpose="batch"))).id)

    async def make(self, name: str, file: str) -> str:
        """Return the id of the batch of a file, made once: where no answer came it is looked for, then made again."""
        client, was_tried = self._client.with_options(max_retries=0), False

        async def make() -> Any:
            nonlocal was_tried
            if was_tried and (found := await self._find({name})):
                return found[name]
            was_tried = True
            return await client.batches.create(
                input_file_id=file, endpoint=ENDPOINT, completion_window="24h", metadata={SHARD_KEY: name}
            )

        return str((await self._answer(make)).id)

    async def batch(self, batch: str) -> Any:
        """Return how a batch stands."""
        return await self._answer(lambda: self._client.batches.retrieve(batch, timeout=LOOK_S))

    async def content(self, file: str) -> bytes:
        """Return what stands in a file."""

        async def read() -> bytes:
            return bytes((await self._client.files.content(file)).content)

        return await self._answer(read)

    async def named(self, names: set[str]) -> dict[str, str]:
        """Return the ids of the batches of these shards, as far as there are any."""
        return {name: str(batch.id) for name, batch in (await self._answer(lambda: self._find(names))).items()}

    async def _find(self, names: set[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        async for batch in self._client.batches.list(limit=100):
            name = (batch.metadata or {}).get(SHARD_KEY)
            if name in names:
                found[name] = batch
            if len(found) == len(names):
                break
        return found

    async def _answer(self, ask: Callable[[], Awaitable[Found]]) -> Found:
        """Return what it answers, asked again and again while it is away."""
        while True:
            try:
                async with self._explained():
                    found = await ask()
                    if _is_page(found):
                        raise self._away("answers with a page that is no JSON")
            except Away as problem:
                self._bear(problem)
                await asyncio.sleep(self._poll_s)
                continue
            if self._away_since is not None:
                self._say(f"{self.base_url} answers again")
            self._away_since, self.has_answered = None, True
            return found

    def _bear(self, problem: Away) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            if self.has_answered:
                hours = f"{AWAY_S / 3600:g} h"
                self._say(f"{self.base_url} {problem.what}; it is waited for, up to {hours}: submitted batches go on")
        if not self.has_answered or now - self._away_since >= AWAY_S:
            raise problem

    @contextlib.asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        import openai

        try:
            yield
        except openai.APIStatusError as problem:
            raise self._refusal(problem.status_code, self._safe(str(problem))) from None
        except openai.APIError as problem:
            raise self._away(f"does not answer: {self._safe(str(problem))}") from None

    def _refusal(self, status: int, said: str) -> EndpointError:
        if found := ending(status, said, "", self._key_env, self.has_answered):
            return EndpointError(self.base_url, *found)
        if status == 404:
            fix = "this endpoint may not have the Batch API: set llm.mode: live, or correct base_url"
            return Unknown(self.base_url, "knows no such path or batch (404)", fix)
        if is_passing(status):
            return self._away(f"does not answer: {said}")
        return EndpointError(self.base_url, said, "correct what it says, then run again")

    def _away(self, what: str) -> Away:
        fix = "start or repair the endpoint, then run the same command again: submitted batches go on"
        return Away(self.base_url, what, fix)

    def _safe(self, text: str) -> str:
        line = " ".join(text.split())[:400]
        return line if self._key == NO_KEY else line.replace(self._key, "…")


def _is_page(found: Any) -> bool:
    """Return whether a proxy's page stands in the place of JSON."""
    return isinstance(found, (str, bytes)) and found.lstrip()[:1] in ("<", b"<")
