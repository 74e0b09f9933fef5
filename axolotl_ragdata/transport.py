"""JSON over HTTP to a chat endpoint: one session, one connection a call in flight, nothing retried.

It stands where an SDK could: `benchmarks/chat.py` measures both, and the SDK's own work on a request is several times
that of everything else that a build does for one call.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    import aiohttp

SPARE_CONNECTIONS = 8
"""Beside those of the calls in flight: an attempt that is given up may still be closing."""


@dataclass(frozen=True)
class Reply:
    """What an endpoint answered: `payload` is the parsed JSON, None where the body is none; `text` is the body."""

    status: int
    headers: Mapping[str, str]
    text: str
    payload: Any = None


class Unreachable(Exception):
    """There was no answer: the connection could not be made or was lost."""


class TimedOut(Exception):
    """There was no whole answer in time."""


class Transport:
    """Requests to one endpoint; use it in an `async with`.

    Redirects are not followed: the key would be sent to whoever is named. Proxies are those of the environment.

    Args:
        base_url: What paths are appended to.
        key: Sent as a bearer token.
        connections: Most calls at once.
        timeout_s: Seconds for a whole call.
    """

    def __init__(self, base_url: str, key: str, connections: int, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connections = connections
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        """Open the session."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections + SPARE_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            headers=self._headers,
            # of the environment, looked up once: aiohttp does it in a thread for each request
            proxy=_proxy(self._base_url),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, path: str, body: Mapping[str, Any], key: str = "") -> Reply:
        """Return the answer to a body; `key` is for transports that carry many calls at once.

        Raises:
            Unreachable: The connection could not be made or was lost.
            TimedOut: There was no whole answer in time.
        """
        return await self._call("POST", path, _encoded(body))

    def journalled(self, key: str) -> None:
        """Hear that the reply to a key is in the journal: of no matter here, where each call is its own."""

    async def get(self, path: str) -> Reply:
        """Return what stands at a path; raises as `post`."""
        return await self._call("GET", path, None)

    async def _call(self, method: str, path: str, data: bytes | None) -> Reply:
        import aiohttp

        assert self._session is not None, "use it in an `async with`"
        url = f"{self._base_url}/{path}"
        try:
            async with self._session.request(method, url, data=data, allow_redirects=False) as answer:
                content = await answer.read()
                return Reply(answer.status, answer.headers, *_parsed(content))
        except (asyncio.TimeoutError, TimeoutError):
            raise TimedOut from None
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise Unreachable(str(problem) or type(problem).__name__) from None


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _encoded(body: Mapping[str, Any]) -> bytes:
    from pydantic_core import PydanticSerializationError, to_json

    try:
        # a seventh of the time that the standard library takes for a long prompt
        return to_json(body)
    except PydanticSerializationError:
        # half of a surrogate pair, which only an escape can stand for
        return json.dumps(body).encode()


def _parsed(content: bytes) -> tuple[str, Any]:
    try:
        text = content.decode()
        return text, json.loads(text)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace"), None
