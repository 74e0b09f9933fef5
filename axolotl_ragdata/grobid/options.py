"""What a GROBID server is asked for, and how patiently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.records import content_id

DEFAULT_URL = "http://localhost:8070"
DEFAULT_PORT = 8070
HTTP_PORT = 80
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LOGIN = re.compile(r"//[^/\s'\"]*@")
IMAGE = "grobid/grobid:0.9.1-crf"
VERSION = "1"
"""Goes up when the same PDF, form and page limit would give another TEI."""

FORM: tuple[tuple[str, str], ...] = (
    # sent although they are the server's defaults: with consolidation on, it would ask services elsewhere about the PDF
    ("consolidateHeader", "0"),
    ("consolidateCitations", "0"),
    ("consolidateFunders", "0"),
    ("includeRawCitations", "1"),
    ("includeRawAffiliations", "0"),
    ("includeRawCopyrights", "1"),
    ("includeDiscardedText", "1"),
    ("generateIDs", "1"),
    ("segmentSentences", "1"),
    *(("teiCoordinates", name) for name in ("p", "s", "head", "figure", "ref", "formula")),
)
"""The fields of `processFulltextDocument`, in order; `teiCoordinates` comes once for each element."""


@dataclass(frozen=True)
class ParseOptions:
    """How PDFs are parsed.

    Args:
        url: The server, without `/api`.
        concurrency: Most PDFs, or parts of PDFs, at the server at once; it falls while the server says that it is busy.
        timeout_s: Seconds after which a request counts as hung.
        part_pages: Longest PDF that is sent whole, in pages; a longer one is cut.
        force: Send everything again.
        retry_failed: Send again what the server has refused for good.
        busy_wait_s: Shortest and longest wait after a 503, in seconds.
        busy_waits: Waits after which a PDF is given up for this run.
        tries: Tries of a request whose connection is cut.
        retry_wait_s: Wait before the second try, in seconds; it doubles.
        start_wait_s: How long a server that is starting, or starting again, is waited for, in seconds.
        pdf_s: Seconds that looking at a PDF, or cutting a part out of it, may take.
    """

    url: str = DEFAULT_URL
    concurrency: int = 10
    timeout_s: float = 300.0
    part_pages: int = 60
    force: bool = False
    retry_failed: bool = False
    busy_wait_s: tuple[float, float] = (5.0, 10.0)
    busy_waits: int = 120
    tries: int = 3
    retry_wait_s: float = 2.0
    start_wait_s: float = 60.0
    pdf_s: float = 120.0

    @property
    def fingerprint(self) -> str:
        """What a TEI depends on besides its PDF; a change makes it again."""
        return content_id("grobid", VERSION, [list(field) for field in FORM], self.part_pages)

    @property
    def shown_url(self) -> str:
        """The server without a user name or password that the URL may hold."""
        return without_login(self.url)


def without_login(text: str) -> str:
    """Return a text without the user names and passwords of the URLs in it.

    >>> without_login("http://me:p@ss@host:1/x is away")
    'http://host:1/x is away'
    """
    return LOGIN.sub("//", text)


def checked_url(url: str, where: str) -> str:
    """Return the server's URL without a slash at its end and without `/api`.

    Raises:
        RecipeError: It is no http or https URL.

    >>> checked_url("http://localhost:8070/api/", "--grobid")
    'http://localhost:8070'
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise RecipeError(
            where, f"{without_login(url)!r} is not the URL of a server", f"give one such as {DEFAULT_URL}"
        )
    return url.rstrip("/").removesuffix("/api")


def docker_line(url: str) -> str | None:
    """Return the command that starts a GROBID server where the URL looks for one; None for another machine.

    The CRF image needs no GPU and is the one that GROBID's documentation gives for full texts:
    https://grobid.readthedocs.io/en/latest/Grobid-docker/

    >>> docker_line("http://localhost:9000")
    'docker run --rm --init --ulimit core=0 -p 9000:8070 grobid/grobid:0.9.1-crf'
    """
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK or parts.scheme != "http":
        return None
    return f"docker run --rm --init --ulimit core=0 -p {parts.port or HTTP_PORT}:{DEFAULT_PORT} {IMAGE}"
