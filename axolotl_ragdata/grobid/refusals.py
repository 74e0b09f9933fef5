"""Why a PDF, or a part of one, has no TEI: a code, a fact, what to do, and whether the next run should try again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from axolotl_ragdata.errors import DocumentRefused

SAID_CHARACTERS = 300
CODE = re.compile(r"\[([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)\]")
LARGER = "cut the PDF, or raise pdf.pdfalto.timeoutSec, blocksMax and tokensMax in the server's grobid.yaml"
LOGIN = (
    "give the server's user and password in the URL (http://USER:PASSWORD@HOST), or ask who runs it; then run it again"
)
ADVICE = {
    # what the server says, in its own codes: https://grobid.readthedocs.io/en/latest/Grobid-service/#errors-handling
    "NO_BLOCKS": "it has no text layer: recognise the text first, with `ocrmypdf in.pdf out.pdf`",
    "TOO_MANY_BLOCKS": LARGER,
    "TOO_MANY_TOKENS": LARGER,
    "TIMEOUT": LARGER,
    "BAD_INPUT_DATA": "open it: if it is damaged, mend it with `qpdf in.pdf out.pdf`; if many PDFs end like this, "
    "start the server again and use --retry-failed",
    "PDFALTO_CONVERSION_FAILURE": "mend it with `qpdf in.pdf out.pdf`, or print it to a new PDF",
    "PDF2XML_CONVERSION_FAILURE": "mend it with `qpdf in.pdf out.pdf`, or print it to a new PDF",
    "TAGGING_ERROR": "the server's models do not fit its version: use the unchanged image, then --retry-failed",
    "PARSING_ERROR": "mend it with `qpdf in.pdf out.pdf`; else report it to GROBID with the PDF",
    "GENERAL": "see the server's log; report it to GROBID with the PDF",
    # what we see ourselves
    "NO_CONTENT": "the server found nothing to extract: a scan needs `ocrmypdf in.pdf out.pdf` first",
    "EMPTY_BODY": "the server found no text: look at the PDF; a scan needs `ocrmypdf in.pdf out.pdf` first",
    "NOT_TEI": "see that the URL is a GROBID server and that no proxy answers in its place",
    "NOT_GROBID": "see that the URL is a GROBID server and that no proxy answers in its place; then run it again",
    "HTTP_401": LOGIN,
    "HTTP_403": LOGIN,
    "HTTP_407": LOGIN,
    "BAD_REQUEST": "see the message; the server may be older than 0.8",
    "TOO_LARGE": "raise the limit of the proxy in front of the server, or lower --part-pages",
    "SERVER_BUSY": "run it again when the server has less to do, or give it more threads (concurrency in grobid.yaml)",
    "NO_ANSWER": "run it again: it is then sent in smaller parts; raise --timeout where it stays so",
    "CONNECTION": "run it again; a server that dies on a PDF usually needs more memory (GROBID asks for 4 GB)",
    "SERVER_GONE": "start the server and run it again; this PDF was with it, and is sent last and alone then",
    "SERVER_DIES": "give the server more memory (GROBID asks for 4 GB) or lower --part-pages, then use --retry-failed",
    "NOT_SENT": "run it again when the server is there",
    "ENCRYPTED": "it wants a password: take it off with `qpdf --decrypt --password=… in.pdf out.pdf`",
    "NOT_A_PDF": "it is another kind of file under the name of a PDF: remove or rename it",
    "EMPTY_FILE": "fetch it again",
    "UNREADABLE": "check the path and its permissions",
    "UNWRITABLE": "see what stands at that path in the output folder, or choose another; then run it again",
    "BROKEN_PDF": "mend it with `qpdf in.pdf out.pdf`, or print it to a new PDF",
}
SEEN_HERE = frozenset({"ENCRYPTED", "NOT_A_PDF", "EMPTY_FILE", "UNREADABLE"})
"""What is found before a PDF is sent: only another file ends otherwise."""
TOO_LONG = frozenset({"TOO_MANY_BLOCKS", "TOO_MANY_TOKENS", "TIMEOUT", "TOO_LARGE"})
"""What a shorter part may not end with."""
ON_A_PAGE = frozenset({"BAD_INPUT_DATA", "PDFALTO_CONVERSION_FAILURE", "TAGGING_ERROR", "PARSING_ERROR", "GENERAL"})
"""What one page can bring over a whole part of a book."""
RETRYABLE = frozenset({"SERVER_BUSY", "NO_ANSWER", "CONNECTION", "SERVER_GONE", "NOT_SENT", "NOT_GROBID", "UNWRITABLE"})
OF_OTHERS = ("text/html", "application/json")
"""What a login page or a gateway answers with, and GROBID never."""
STATUS_CODES = {204: "NO_CONTENT", 400: "BAD_REQUEST", 413: "TOO_LARGE"}


@dataclass(frozen=True)
class Refusal:
    """Why there is no TEI: a code of GROBID or of ours, and the fact with its values.

    `slow` says that the server is well, so that it may be the length of a PDF that it hangs on.
    """

    code: str
    reason: str
    slow: bool = False

    @property
    def advice(self) -> str:
        """What the user can do."""
        return ADVICE.get(self.code, ADVICE["NOT_GROBID"] if self.is_elsewhere else "see the server's log")

    @property
    def retryable(self) -> bool:
        """Whether the next run may have more luck."""
        return self.code in RETRYABLE or self.is_elsewhere

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is the fault of a proxy, a login or the URL, and says nothing about the PDF."""
        return self.code == "NOT_GROBID" or self.code.startswith("HTTP_")

    @property
    def on_a_page(self) -> bool:
        """Whether the other pages of a part may be accepted."""
        return self.code in ON_A_PAGE

    @property
    def too_long(self) -> bool:
        """Whether half of the pages may be accepted."""
        return self.code in TOO_LONG


def refused_status(status: int, body: bytes) -> Refusal | None:
    """Return why an answer is no success by its status; None for 200.

    >>> refused_status(500, b"[NO_BLOCKS] PDF parsing resulted in empty content").code
    'NO_BLOCKS'
    """
    if status == 200:
        return None
    said = " ".join(body[:4000].decode("utf-8", "replace").split())
    found = CODE.search(said)
    code = found[1] if found and status >= 400 else STATUS_CODES.get(status, f"HTTP_{status}")
    if code == "HTTP_500":
        code = "GENERAL"
    return Refusal(
        code,
        f"the server answers {status}: {said[:SAID_CHARACTERS]}"
        if said
        else f"the server answers {status} with nothing",
    )


def refused_body(body: bytes, kind: str, as_part: bool = False) -> Refusal | None:
    """Return why the body of a 200 is no success: its root is not TEI, or it has no text.

    Args:
        body: The bytes.
        kind: The content type that came with them, for the message.
        as_part: Of a part of a book any text will do: a title page has a header alone.
    """
    from axolotl_ragdata.readers._xml import parse_xml

    if not body.strip():
        return Refusal("NO_CONTENT", "the server answers 200 with no bytes")
    try:
        root, _, _ = parse_xml(body, "answer")
    except DocumentRefused as problem:
        code = "NOT_GROBID" if kind in OF_OTHERS else "NOT_TEI"
        return Refusal(code, f"the server answers 200 with {kind or 'no content type'}: {problem.what}")
    name = root.tag.rpartition("}")[2]
    if name != "TEI":
        code = "NOT_GROBID" if kind in OF_OTHERS or name.lower() == "html" else "NOT_TEI"
        what = f"the server answers 200 with {kind or 'no content type'} and the root element `{name[:60]}`, not `TEI`"
        return Refusal(code, what)
    if not has_text(root, as_part):
        return Refusal("EMPTY_BODY", "the TEI has no text in its body")
    return None


def has_text(root: Any, with_header: bool) -> bool:
    """Return whether a TEI has text in its body; with `with_header`, whether in its body, back, title or abstract."""
    ns = root.tag.rpartition("TEI")[0]
    names = ("text/body", "text/back") if with_header else ("text/body",)
    places = [found for name in names for found in root.iterfind("/".join(ns + step for step in name.split("/")))]
    if with_header:
        places += [found for name in ("title", "abstract") for found in root.iter(ns + name)]
    return any(text.strip() for place in places for text in place.itertext())
