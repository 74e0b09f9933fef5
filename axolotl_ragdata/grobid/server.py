"""A GROBID server: whether it is there, and one request that waits, tries again and ends as TEI or as a refusal.

The only door to aiohttp.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import EndpointError
from axolotl_ragdata.grobid.options import FORM, ParseOptions, docker_line
from axolotl_ragdata.grobid.refusals import Refusal, refused_body, refused_status
from axolotl_ragdata.limits import Limiter

CONNECT_S = 10.0
ANSWER_S = 20.0
POLL_S = 0.5
BUSY = (429, 503)
HUNG, LOST = -1, -2
CUT = (LOST, 502, 504)
"""502 and 504 are what a proxy says when the connection behind it was cut."""
MAX_BYTES = 256 * 2**20
LONGEST_WAIT_S = 60.0

Answer = tuple[int, str, bytes]


class GrobidServer:
    """One server, for one run; use it as an async context.

    Args:
        options: Where it is, and how patiently it is asked.
        say: Hears lines that the user should see.
    """

    def __init__(self, options: ParseOptions, say: Callable[[str], None]) -> None:
        self.options = options
        self._say = say
        # adaptive concurrency is the same matter for a chat endpoint; a block without rates asks for nothing else
        self._limiter = Limiter(LlmBlock(concurrency=options.concurrency))
        self._session: Any = None

    async def __aenter__(self) -> GrobidServer:
        """Open the session."""
        import aiohttp

        # a new connection for each PDF costs nothing beside the work, and none is cut because it was idle
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        await self._session.close()

    async def check(self) -> str:
        """Return the version of a server that is alive; one that is starting is waited for.

        Raises:
            EndpointError: There is no server, or it is not GROBID; the fix is the line that starts one.
        """
        deadline = time.monotonic() + self.options.start_wait_s
        said = False
        while True:
            status, _, body = await self._asked("isalive")
            if status == 200 and body.strip().lower() == b"true":
                return await self._version()
            starting = status == 503 or (status == 200 and body.strip().lower() == b"false")
            if not starting or time.monotonic() > deadline:
                raise self._gone(f"/api/isalive answers {status}: {body[:80].decode('utf-8', 'replace')!r}")
            if not said:
                self._say(f"waiting for {self.options.shown_url} to start")
                said = True
            await asyncio.sleep(POLL_S)

    async def convert(self, pdf: Callable[[], Awaitable[bytes]], as_part: bool = False) -> bytes | Refusal:
        """Return the TEI of a PDF, or why there is none.

        Args:
            pdf: Gives its bytes; called when there is a place for it at the server.
            as_part: Whether it is a part of a book, of which any text will do.

        Raises:
            EndpointError: The server is gone, and does not come back.
        """
        payload: bytes | None = None
        busy = cut = 0
        while True:
            await self._limiter.acquire(0)
            sent_at = time.monotonic()
            try:
                payload = await pdf() if payload is None else payload
                status, kind, body = await self._tried(payload)
            except OSError as problem:
                return Refusal("UNREADABLE", f"cannot be read: {problem.strerror or problem}")
            except ValueError as problem:
                return Refusal("BROKEN_PDF", str(problem))
            finally:
                self._limiter.release()
            # what waits holds no place: others may be luckier, and no more than there are workers wait
            if status in BUSY:
                busy += 1
                if busy > self.options.busy_waits:
                    return Refusal("SERVER_BUSY", f"the server was busy (503) {busy} times")
                self._limiter.overloaded(sent_at)
                await asyncio.sleep(random.uniform(*self.options.busy_wait_s))  # noqa: S311
            elif status == HUNG:
                await self._revive()
                return Refusal("NO_ANSWER", f"no answer within {self.options.timeout_s:g} s")
            elif status in CUT:
                cut += 1
                if cut >= self.options.tries:
                    return Refusal("CONNECTION", f"cut {cut} times: {body[:200].decode('utf-8', 'replace')}")
                await self._recover(cut)
            else:
                self._limiter.succeeded()
                return refused_status(status, body) or refused_body(body, kind, as_part) or body

    async def _tried(self, pdf: bytes) -> Answer:
        """Return the answer to one request; what went wrong with the connection is a status of ours."""
        try:
            status, kind, body = await self._post(pdf)
        except asyncio.TimeoutError:
            return HUNG, "", b""
        except OSError as problem:
            return LOST, "", str(problem).encode()
        if status == 200 and is_torn(body):
            return LOST, "", b"the TEI stops before its end"
        return status, kind, body

    async def _recover(self, cut: int) -> None:
        wait_s = min(LONGEST_WAIT_S, self.options.retry_wait_s * 2 ** (cut - 1))
        await asyncio.sleep(wait_s * random.uniform(1.0, 1.25))  # noqa: S311
        await self._revive()

    async def _revive(self) -> None:
        """Return when the server is alive; one that died of a PDF may be started again by whoever runs it.

        Raises:
            EndpointError: It does not come back.
        """
        deadline = time.monotonic() + self.options.start_wait_s
        while True:
            try:
                await self.check()
                return
            except EndpointError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(POLL_S)

    async def _post(self, pdf: bytes) -> Answer:
        import aiohttp

        form = aiohttp.FormData()
        # a file is sent in pieces; bytes would hold the loop up
        form.add_field("input", io.BytesIO(pdf), filename="input.pdf", content_type="application/pdf")
        for name, value in FORM:
            form.add_field(name, value)
        timeout = aiohttp.ClientTimeout(total=self.options.timeout_s, sock_connect=CONNECT_S)
        return await self._request("POST", "processFulltextDocument", timeout, data=form)

    async def _request(self, method: str, path: str, timeout: Any, **more: Any) -> Answer:
        """Return status, content type and body.

        Raises:
            OSError: There is no connection, or it was cut.
            asyncio.TimeoutError: The answer does not come.
        """
        import aiohttp

        url = f"{self.options.url}/api/{path}"
        headers = {"Accept": "application/xml" if method == "POST" else "*/*"}
        try:
            async with self._session.request(
                method, url, headers=headers, timeout=timeout, allow_redirects=False, **more
            ) as answer:
                body = bytearray()
                while piece := await answer.content.read(1 << 20):
                    body += piece
                    if len(body) > MAX_BYTES:
                        return 413, "", f"the answer is larger than {MAX_BYTES:,} bytes".encode()
                return answer.status, answer.content_type, bytes(body)
        except aiohttp.ConnectionTimeoutError as problem:
            raise OSError("the connection could not be made in time") from problem
        except aiohttp.ClientError as problem:
            raise OSError(str(problem) or type(problem).__name__) from problem

    async def _asked(self, path: str) -> Answer:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
        try:
            return await self._request("GET", path, timeout)
        except asyncio.TimeoutError:
            raise self._gone(f"/api/{path} does not answer within {ANSWER_S:g} s") from None
        except OSError as problem:
            raise self._gone(f"no GROBID server answers there ({problem})") from None

    async def _version(self) -> str:
        status, _, body = await self._asked("version")
        text = body[:1000].decode("utf-8", "replace").strip()
        version = text
        if text.startswith("{"):
            try:
                version = str(json.loads(text)["version"])
            except (ValueError, KeyError):
                version = ""
        if status != 200 or not version[:1].isdigit() or len(version) > 80:
            raise self._gone(f"/api/version answers {status}: {text[:80]!r}; that is not GROBID")
        return version

    def _gone(self, what: str) -> EndpointError:
        fix = f"start one with `{docker_line(self.options.url)}`, or name yours with --grobid URL or GROBID_URL"
        return EndpointError(self.options.shown_url, what, fix)


def is_torn(body: bytes) -> bool:
    """Return whether a TEI was cut off: a mended one would look whole.

    >>> is_torn(b"<TEI><text><body><p>The end is miss"), is_torn(b"<TEI/>"), is_torn(b"<html>")
    (True, False, False)
    """
    end = body[-200:].replace(b"\0", b"").rstrip()
    return b"<TEI" in body[:2000].replace(b"\0", b"") and not end.endswith((b"TEI>", b"/>", b"-->"))
