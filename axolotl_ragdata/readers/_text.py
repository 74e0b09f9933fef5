"""Running text from the pieces of an element: white space, Unicode, hyphens, and spans whose offsets stay exact."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from axolotl_ragdata.readers._hyphens import LINE_END, healed, words_of

LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
LIGATURE_SIGNS = tuple(map(chr, LIGATURES))
SOFT_HYPHEN = re.compile("\u00ad\\s*")
UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
CHARACTER_REFERENCE = re.compile(b"&#")
FEW = 300
SPECIAL = {b"\xc2": re.compile(b"\xc2\xad"), b"\xef": re.compile(b"\xef\xac")}
"""The soft hyphen, and how ligatures begin."""
ODD = {
    b"\xc2": re.compile(b"\xc2[\x85\xa0]"),
    b"\xe1": re.compile(b"\xe1\x9a\x80"),
    b"\xe2": re.compile(
        b"\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f|\x84[\xa6\xaa\xab]|\x8c[\xa9\xaa]|\xab\x9c"
        b"|\x83[\x90-\xbf]|\xb3[\xaf-\xb1]|\xb5\xbf|\xb7[\xa0-\xbf])"
    ),
    b"\xe3": re.compile(b"\xe3\x80\x80"),
    b"\xce": re.compile(b"\xce\x87"),
}
"""Blanks that are not ASCII, and single characters that are not NFC: ohm, kelvin, ångström, angle brackets."""
COMPOSING = tuple(bytes([lead]) for lead in bytes.fromhex("cccdd2d6d7d8d9dbdcdddfe0e1e3eaeff0"))
"""First bytes in UTF-8 of characters that may not be NFC: combining marks, and what composes with what stands before.
To look for bytes takes a tenth of what it takes to ask `unicodedata` about every piece of text."""
SEAM = 8
"""Characters before a seam that composition across it may change."""

Piece = str | tuple[Any, ...] | None
"""Text, the opening of a span with what it carries, or the closing (None) of the last span that is open."""
Span = tuple[int, int, tuple[Any, ...]]


class TextRules:
    """What is done to every piece of text of one document; what its bytes show to be needless is not done.

    Args:
        data: The document in UTF-8.
    """

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        referenced = holds(b"&", CHARACTER_REFERENCE, data)
        odd = referenced or b"\r" in data or _any_in(ODD, data)
        self.special = referenced or _any_in(SPECIAL, data)
        self.composes = odd or any(lead in data for lead in COMPOSING)
        self.odd_blanks = odd

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words of the document; they decide whether a hyphen at the end of a line stays."""
        return words_of(self.data)

    def squeeze(self, text: str) -> str:
        """Return the running text of a piece: white space is one blank, none at the ends.

        Soft hyphens, ligatures and hyphens at line ends are gone, and the text is NFC.
        """
        if self.special and not text.isascii():
            text = _without_ligatures(SOFT_HYPHEN.sub("", text))
        if "\n" in text:
            if "-" in text:
                text = LINE_END.sub(lambda found: healed(found, self.vocabulary), text)
            text = " ".join(text.split())
        elif self.odd_blanks or "  " in text or "\t" in text:
            text = " ".join(text.split())
        else:
            text = text.strip()
        return nfc(text) if self.composes else text


def _without_ligatures(text: str) -> str:
    """Return the text with its ligatures as letters; to translate takes long, and few texts have any."""
    return text.translate(LIGATURES) if any(ligature in text for ligature in LIGATURE_SIGNS) else text


def _any_in(patterns: Mapping[bytes, re.Pattern[bytes]], data: bytes) -> bool:
    """Return whether a pattern is found; each begins with the byte that it is named by."""
    return any(holds(lead, pattern, data) for lead, pattern in patterns.items())


def holds(lead: bytes, pattern: re.Pattern[bytes], data: bytes) -> bool:
    """Return whether a pattern is found that begins with a byte; to look at a few hundred of these is faster."""
    at = data.find(lead)
    for _ in range(FEW):
        if at < 0 or pattern.match(data, at):
            return at >= 0
        at = data.find(lead, at + 1)
    return at >= 0 and pattern.search(data, at) is not None


def settle(pieces: Sequence[Piece], rules: TextRules) -> tuple[str, list[Span]]:
    r"""Return the running text of the pieces, and the spans that were opened and closed among them.

    White space is one blank, none at the ends; the text is NFC; a span holds neither the blank before nor behind it,
    and one without text is left out.

    >>> settle(["As ", ("ref", "b0"), "[1] ", None, "\n says."], TextRules())
    ('As [1] says.', [(3, 6, ('ref', 'b0'))])
    """
    try:
        # most blocks hold no span: to fail on the first one costs less than to look for it
        return rules.squeeze("".join(pieces)), []  # type: ignore[arg-type]
    except TypeError:
        pass
    texts: list[str] = []
    spans: list[list[Any]] = []
    open_spans: list[list[Any]] = []
    length = 0
    for piece in pieces:
        if type(piece) is str:
            texts.append(piece)
            length += len(piece)
        elif piece is None:
            if open_spans:
                open_spans.pop()[1] = length
        else:
            spans.append([length, -1, piece])
            open_spans.append(spans[-1])
    raw = "".join(texts)
    text = rules.squeeze(raw)
    if not spans:
        return text, []
    for span in open_spans:
        span[1] = length
    lead = length - len(raw.lstrip())
    if text != raw[lead : lead + len(text)]:
        return _settle_apart(pieces, rules)
    return text, [
        found for start, end, carried in spans if (found := _trimmed(start - lead, end - lead, carried, text))
    ]


def _settle_apart(pieces: Sequence[Piece], rules: TextRules) -> tuple[str, list[Span]]:
    """Do what `settle` does piece by piece, for text that does not keep its length."""
    parts: list[str] = []
    spans: list[list[Any]] = []
    open_spans: list[list[Any]] = []
    length, blank = 0, False
    for piece in (*_joined(pieces), *(None for _ in pieces)):
        if piece is None:
            if open_spans:
                open_spans.pop()[1] = length
        elif isinstance(piece, tuple):
            spans.append([length, length, piece])
            open_spans.append(spans[-1])
        elif text := rules.squeeze(piece):
            if length and (blank or piece[0].isspace()):
                text = f" {text}"
            elif rules.composes and parts:
                length, text = _compose(parts, length, text)
            blank = piece[-1].isspace()
            parts.append(text)
            length += len(text)
        else:
            blank = blank or piece != ""
    text = "".join(parts)
    return text, [found for start, end, carried in spans if (found := _trimmed(start, end, carried, text))]


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces, those of text that nothing stands between as one: a hyphen and its line end belong together."""
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
        else:
            if texts:
                yield "".join(texts)
                texts.clear()
            yield piece
    if texts:
        yield "".join(texts)


def _compose(parts: list[str], length: int, text: str) -> tuple[int, str]:
    """Return the length before a piece and the piece; what composes with it is taken out of the last part into it."""
    before = parts[-1][-SEAM:]
    if unicodedata.is_normalized("NFC", before[-1] + text[0]):
        return length, text
    parts[-1] = parts[-1][: -len(before)]
    return length - len(before), nfc(before + text)


def _trimmed(start: int, end: int, carried: tuple[Any, ...], text: str) -> Span | None:
    """Return a span without the blanks at its ends; None where nothing is left."""
    start, end = max(start, 0), min(end, len(text))
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end, carried) if start < end else None


def nfc(text: str) -> str:
    """Return the text in the normal form NFC.

    >>> nfc("e" + chr(0x301)) == chr(0xE9)
    True
    """
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """Return text that may come from anywhere without control characters, halves of surrogate pairs, and as NFC.

    >>> clean("a" + chr(0) + "b")
    'ab'
    """
    return nfc(UNWANTED.sub("", text))
