"""A GROBID server: whether it is there, and one request that waits, tries again and ends as TEI or as a refusal.

The only door to aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import EndpointError
from axolotl_ragdata.grobid.options import FORM, ParseOptions, docker_line, without_login
from axolotl_ragdata.grobid.refusals import Refusal, refused_body, refused_status
from axolotl_ragdata.limits import Limiter

CONNECT_S = 10.0
ANSWER_S = 20.0
POLL_S = 0.5
BUSY = (429, 503)
HUNG, LOST = -1, -2
CUT = (LOST, 502, 504)
"""502 and 504 are what a proxy says when the connection behind it was cut."""
FAULTS_IN_A_ROW = 5
"""Answers of a proxy or a login page, with none of GROBID's between, after which nothing more is sent."""
MAX_BYTES = 256 * 2**20
LONGEST_WAIT_S = 60.0
LONGEST_VERSION = 80
HEAD_BYTES = 4000
"""At both ends of an answer; what stands around the root element is shorter."""
CLOSED = re.compile(rb"</(?:[\w.-]+:)?TEI\s*>(?:\s|<!--.*?-->|<\?.*?\?>)*$", re.DOTALL)
ROOT = re.compile(rb"<(?:[\w.-]+:)?TEI(?=[\s/>])")
EMPTY_ROOT = re.compile(rb"<(?:[\w.-]+:)?TEI(?:\s[^<>]*)?/>(?:\s|<!--.*?-->)*$", re.DOTALL)

Answer = tuple[int, str, bytes]


@dataclass
class _Tries:
    """What came of a request so far."""

    answers_before: int
    sent_at: float = 0.0
    busy: int = 0
    cut: int = 0


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
        self._answers = 0
        self._faults = self._hung_in_a_row = 0
        self.trouble: EndpointError | None = None
        """Why no more PDFs are to be sent; what is at the server may still end."""

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
        tries = _Tries(self._answers)
        while True:
            await self._limiter.acquire(0)
            tries.sent_at, answers = time.monotonic(), self._answers
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
                outcome = await self._turned_away(tries)
            elif status == HUNG:
                outcome = await self._hung(self._answers > answers)
            elif status in CUT:
                outcome = await self._was_cut(tries, body)
            else:
                return self._answered(status, kind, body, as_part)
            if outcome is not None:
                return outcome

    async def _turned_away(self, tries: _Tries) -> Refusal | None:
        """Wait until a busy server may be asked again; return a refusal when that was often enough."""
        tries.busy += 1
        if tries.busy <= self.options.busy_waits:
            self._limiter.overloaded(tries.sent_at)
            await asyncio.sleep(random.uniform(*self.options.busy_wait_s))  # noqa: S311
            return None
        if self._answers == tries.answers_before:
            await self._revive()
            fix = "run it again when the server has less to do, or give it more threads (concurrency in grobid.yaml)"
            self._stop_for(f"it answered 503 to everything, {tries.busy} times in a row", fix)
        return Refusal("SERVER_BUSY", f"the server was busy (503) {tries.busy} times")

    async def _hung(self, others_answered: bool) -> Refusal:
        """Return the refusal of a request that hung; where all of them hang, it is not the length of a PDF."""
        self._hung_in_a_row += 1
        slow = others_answered or self._hung_in_a_row == 1
        await self._revive()
        return Refusal("NO_ANSWER", f"no answer within {self.options.timeout_s:g} s", slow=slow)

    async def _was_cut(self, tries: _Tries, body: bytes) -> Refusal | None:
        tries.cut += 1
        if tries.cut >= self.options.tries:
            return Refusal("CONNECTION", f"cut {tries.cut} times: {body[:200].decode('utf-8', 'replace')}")
        await self._recover(tries.cut)
        return None

    def _answered(self, status: int, kind: str, body: bytes, as_part: bool) -> bytes | Refusal:
        """Return what an answer says; after many in a row that are not GROBID's the run is to end."""
        self._limiter.succeeded()
        refusal = refused_status(status, body) or refused_body(body, kind, as_part)
        if refusal is None or not refusal.is_elsewhere:
            self._answers += 1
            self._faults = self._hung_in_a_row = 0
            return refusal or body
        self._faults += 1
        if self._faults >= FAULTS_IN_A_ROW:
            self._stop_for(f"{self._faults} answers in a row are not GROBID's: {refusal.reason}", refusal.advice)
        return refusal

    def _stop_for(self, what: str, fix: str) -> None:
        self.trouble = self.trouble or EndpointError(self.options.shown_url, what, fix)

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
            raise OSError(without_login(str(problem)) or type(problem).__name__) from problem

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
        version = text if text[:1].isdigit() else ""
        # a server that was built outside a repository calls itself `unknown`
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(text)["version"]
            version = said if isinstance(said, str) else ""
        if status != 200 or not version or len(version) > LONGEST_VERSION:
            raise self._gone(f"/api/version answers {status}: {text[:80]!r}; that is not GROBID")
        return version

    def _gone(self, what: str) -> EndpointError:
        line = docker_line(self.options.url)
        start = f"start one with `{line}`, or name" if line else "see that it runs there, or name"
        return EndpointError(self.options.shown_url, what, f"{start} yours with --grobid URL or GROBID_URL")


def is_torn(body: bytes) -> bool:
    """Return whether a TEI was cut off: a mended one would look whole.

    >>> is_torn(b"<TEI><text><body><p>The end is<lb/>"), is_torn(b"<TEI/>"), is_torn(b"<html>")
    (True, False, False)
    """
    begin, end = body[:HEAD_BYTES].replace(b"\0", b""), body[-HEAD_BYTES:].replace(b"\0", b"")
    return bool(ROOT.search(begin)) and not CLOSED.search(end) and not EMPTY_ROOT.search(end)
