"""A GROBID server on loopback: it reads the PDF that it is sent and answers as GROBID would, or as it is told to.

    server = GrobidServer(); server.start(); server.url; server.requests; server.stop()

Its TEI has a paragraph for each line of a page, with ids and coordinates as GROBID gives them, pages counted from 1 in
the PDF that was sent. `behaviour` may replace an answer: it gets the request's number from 0 and the text of the PDF,
and returns None or an `Answer`. `HANG` never answers and `CUT` closes the connection in the middle of one.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import pypdf
from aiohttp import web

NS = "http://www.tei-c.org/ns/1.0"
HANG, CUT = -1, -2


@dataclass(frozen=True)
class Answer:
    """A status with its body and content type; `status` may be HANG or CUT."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/xml"


@dataclass(frozen=True)
class Request:
    """What was sent: the form's fields in order, the number of pages, and the text of each."""

    form: tuple[tuple[str, str], ...]
    pages: tuple[str, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The text of all pages."""
        return "\n".join(self.pages)


Behaviour = Callable[[int, str], "Answer | None"]


class GrobidServer:
    """A server in a thread; more requests at once than `threads` are answered 503.

    With `canned` it answers that, and does not look at the PDF.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        latency_s: float = 0.0,
        threads: int = 1000,
        port: int = 0,
        canned: bytes | None = None,
    ) -> None:
        self.canned = canned
        self.behaviour = behaviour
        self.latency_s = latency_s
        self.threads = threads
        self.requests: list[Request] = []
        self.answered: list[Request] = []
        self.refused = 0
        self.most_at_once = 0
        self.takes_titles = False
        """Whether the first line of what it is sent is taken for its title, as GROBID does with a part of a book."""
        self.alive = b"true"
        self.version: bytes = b'{"version":"0.9.1","revision":"0.9.1-0-g1"}'
        self._running = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._port = port

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> GrobidServer:
        """Listen, on a free port if none was named."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/api/isalive", self._alive)
        app.router.add_get("/api/version", self._version)
        app.router.add_post("/api/processFulltextDocument", self._process)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        self._loop.run_until_complete(site.start())
        self._port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._stopping.set()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(body=self.alive, content_type="text/plain", status=200 if self.alive == b"true" else 503)

    async def _version(self, request: web.Request) -> web.Response:
        return web.Response(body=self.version, content_type="application/json")

    async def _process(self, request: web.Request) -> web.StreamResponse:
        if self._running >= self.threads:
            self.refused += 1
            return web.Response(status=503)
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            return await self._answer(request)
        finally:
            self._running -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        with form["input"].file as file:  # type: ignore[union-attr]
            pdf = file.read()
        if self.canned is not None:
            await asyncio.sleep(self.latency_s)
            return web.Response(body=self.canned, content_type="application/xml")
        fields = tuple((name, str(value)) for name, value in form.items() if name != "input")
        pages = tuple(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
        asked = Request(fields, pages)
        number = len(self.requests)
        self.requests.append(asked)
        await asyncio.sleep(self.latency_s)
        answer = self.behaviour(number, asked.text) if self.behaviour is not None else None
        if answer is None:
            answer = Answer(body=tei_of(*_titled(pages)) if self.takes_titles else tei_of(pages))
        if answer.status == HANG:
            await self._stopping.wait()
        if answer.status == CUT:
            return await self._cut(request, answer.body or tei_of(pages))
        if answer.status == 200:
            self.answered.append(asked)
        return web.Response(status=answer.status, body=answer.body, content_type=answer.kind)

    async def _cut(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/xml", "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.abort()
        return response


def _titled(pages: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the pages without their first line, and the line."""
    title, _, rest = pages[0].strip().partition("\n")
    return [rest, *pages[1:]], title.lstrip("# ")


def tei_of(pages: Sequence[str], title: str = "") -> bytes:
    """Return the TEI of pages: a line with `#` in front is a heading, any other a paragraph of one sentence."""
    body: list[str] = []
    number = 0
    for page, text in enumerate(pages, 1):
        for line in filter(None, map(str.strip, text.splitlines())):
            number += 1
            box = f"{page},72.00,{100 + number % 600}.00,400.00,12.00"
            if line.startswith("#"):
                body.append(f'</div><div xmlns="{NS}"><head coords="{box}">{escape(line.lstrip("# "))}</head>')
                continue
            mark = f'<ref type="bibr" coords="{box}" target="#b0">[1]</ref>'
            own = f'<s xml:id="_s{number}" coords="{box}">{escape(line).replace("[1]", mark)}</s>'
            body.append(f'<p xml:id="_p{number}" coords="{box}">{own}</p>')
    surfaces = "".join(
        f'<surface n="{page}" ulx="0.0" uly="0.0" lrx="612.0" lry="792.0"/>' for page in range(1, len(pages) + 1)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<TEI xml:space="preserve" xmlns="{NS}">
<teiHeader xml:lang="en"><fileDesc><titleStmt><title level="a" type="main">{escape(title)}</title></titleStmt>
<sourceDesc><biblStruct><analytic/></biblStruct></sourceDesc></fileDesc>
<encodingDesc><appInfo><application version="0.9.1" ident="GROBID" when="2026-01-01T00:00+0000"><desc>GROBID</desc>
</application></appInfo></encodingDesc></teiHeader>
<facsimile>{surfaces}</facsimile>
<text xml:lang="en"><body><div xmlns="{NS}">{"".join(body)}</div>
<figure xmlns="{NS}" xml:id="fig_0" coords="1,72.0,300.0,100.0,100.0"><head>Figure 1</head><label>1</label>
<figDesc>A figure of page text.</figDesc></figure></body>
<back><div type="references"><listBibl><biblStruct xml:id="b0"><analytic>
<title level="a" type="main">A cited work</title></analytic>
<monogr><title level="j">A journal</title><imprint><date type="published" when="2020"/></imprint></monogr>
</biblStruct></listBibl></div></back></text></TEI>""".encode()


def pdf_of(
    pages: Sequence[str], bookmarks: Sequence[tuple[str, int, int]] = (), title: str = "", password: str | None = None
) -> bytes:
    """Return a PDF whose pages hold the lines of these texts (Latin-1), with an outline.

    Args:
        pages: The text of each page.
        bookmarks: Title, page from 1 and depth from 0 of each entry of the outline.
        title: The title of its metadata.
        password: What opens it.
    """
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        shown = "".join(f"({_literal(line)}) Tj 0 -14 Td " for line in text.splitlines())
        stream = f"BT /F1 11 Tf 72 720 Td {shown}ET".encode("latin-1", "replace")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        contents = len(objects)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % contents
        )
        kids.append(len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), listed)
    plain = _file(objects)
    if not bookmarks and not title and password is None:
        return plain
    return _dressed(plain, bookmarks, title, password)


def _dressed(plain: bytes, bookmarks: Sequence[tuple[str, int, int]], title: str, password: str | None) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(plain))
    if title:
        writer.add_metadata({"/Title": title})
    above: dict[int, Any] = {}
    for name, page, level in bookmarks:
        above[level] = writer.add_outline_item(title=name, page_number=page - 1, parent=above.get(level - 1))
    if password is not None:
        writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _literal(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
