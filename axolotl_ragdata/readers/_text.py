"""Running text from the pieces of an element: white space, Unicode, hyphens, and spans whose offsets stay exact."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
SOFT_HYPHEN = re.compile("\u00ad\\s*")
LINE_END_HYPHEN = re.compile(r"([^\W\d_]+)-[ \t]*\r?\n\s*([^\W\d_]+)")
WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
SEAM = 8
"""Characters before a seam that composition across it may change."""

Piece = str | tuple[Any, ...] | None
"""Text, the opening of a span with what it carries, or the closing (None) of the last span that is open."""
Span = tuple[int, int, tuple[Any, ...]]


class TextRules:
    """What is done to every piece of text of one document; what its bytes show to be needless is not done.

    Args:
        special: The document holds soft hyphens or ligatures.
        vocabulary: Its words, where a line ends in a hyphen somewhere; they decide whether the hyphen stays.
    """

    def __init__(self, special: bool = False, vocabulary: frozenset[str] | None = None) -> None:
        self.special = special
        self.vocabulary = vocabulary
        self.active = special or vocabulary is not None

    def apply(self, text: str) -> str:
        """Return the text without soft hyphens, ligatures and hyphens at line ends."""
        if self.special:
            text = SOFT_HYPHEN.sub("", text).translate(LIGATURES)
        if self.vocabulary is not None and "\n" in text:
            text = LINE_END_HYPHEN.sub(self._heal, text)
        return text

    def _heal(self, found: re.Match[str]) -> str:
        first, second = found.groups()
        hyphenated, joined = f"{first}-{second}", f"{first}{second}"
        known = self.vocabulary or frozenset()
        kept = hyphenated.lower() in known and joined.lower() not in known
        return hyphenated if kept or not second[0].islower() else joined


def rules_for(raw: bytes, text: str | None = None) -> TextRules:
    """Return the rules that a document needs.

    Args:
        raw: Its bytes in UTF-8.
        text: Its text, where the caller has it already.
    """
    special = b"\xc2\xad" in raw or b"\xef\xac" in raw or b"&#" in raw
    if b"-\n" not in raw and b"-\r\n" not in raw and b"- \n" not in raw:
        return TextRules(special)
    words = WORDS.findall((text if text is not None else raw.decode("utf-8", "replace")).lower())
    return TextRules(special, frozenset(words))


class _Line:
    """Running text as it grows, with the spans that are open in it."""

    __slots__ = ("blank", "length", "open_spans", "parts", "rules", "spans", "waiting")

    def __init__(self, rules: TextRules) -> None:
        self.rules = rules
        self.parts: list[str] = []
        self.length = 0
        self.blank = False
        self.spans: list[list[Any]] = []
        self.open_spans: list[list[Any]] = []
        self.waiting: list[list[Any]] = []

    def open(self, carried: tuple[Any, ...]) -> None:
        """Open a span; it begins with the next text."""
        span = [-1, -1, carried]
        self.spans.append(span)
        self.open_spans.append(span)
        self.waiting.append(span)

    def close(self) -> None:
        """Close the last span that is open."""
        if self.open_spans:
            self.open_spans.pop()[1] = self.length

    def add(self, piece: str) -> None:
        """Add text; white space at its ends is one blank at most."""
        if self.rules.active:
            piece = self.rules.apply(piece)
        text = " ".join(piece.split())
        if not text:
            self.blank = self.blank or bool(piece)
            return
        gap = " " if self.length and (self.blank or piece[0].isspace()) else ""
        self.blank = piece[-1].isspace()
        if not text.isascii():
            text = self._composed(text, gap)
        start = self.length + len(gap)
        for span in self.waiting:
            span[0] = start
        self.waiting = []
        self.parts.append(gap + text)
        self.length = start + len(text)

    def _composed(self, text: str, gap: str) -> str:
        """Return the text as NFC; where it composes with what stands before it, that is taken back into it."""
        text = unicodedata.normalize("NFC", text)
        before = self.parts[-1][-SEAM:] if self.parts and not gap else ""
        if not before or unicodedata.is_normalized("NFC", before[-1] + text[0]):
            return text
        self.parts[-1] = self.parts[-1][: -len(before)]
        self.length -= len(before)
        return unicodedata.normalize("NFC", before + text)

    def finish(self) -> tuple[str, list[Span]]:
        """Return the text and its spans, in the order in which they were opened."""
        while self.open_spans:
            self.close()
        text = nfc("".join(self.parts))
        cut = ((start, min(end, len(text)), carried) for start, end, carried in self.spans)
        return text, [span for span in cut if 0 <= span[0] < span[1]]


def settle(pieces: Sequence[Piece], rules: TextRules) -> tuple[str, list[Span]]:
    """Return the running text of the pieces, and the spans that were opened and closed among them.

    White space is one blank, none at the ends; the text is NFC; a span holds neither the blank before nor behind it,
    and one without text is left out.

    >>> settle(["As ", ("ref", "b0"), "[1] ", None, "\\n says."], TextRules())
    ('As [1] says.', [(3, 6, ('ref', 'b0'))])
    """
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return plain(pieces[0], rules), []
    line = _Line(rules)
    for piece in pieces:
        if piece is None:
            line.close()
        elif isinstance(piece, str):
            line.add(piece)
        else:
            line.open(piece)
    return line.finish()


def plain(text: str, rules: TextRules) -> str:
    """Return the running text of one piece."""
    if rules.active:
        text = rules.apply(text)
    return nfc(" ".join(text.split()))


def nfc(text: str) -> str:
    """Return the text in the normal form NFC.

    >>> nfc("e" + chr(0x301)) == chr(0xE9)
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """Return text that may come from anywhere without control characters, halves of surrogate pairs, and as NFC.

    >>> clean("a" + chr(0) + "b")
    'ab'
    """
    return nfc(UNWANTED.sub("", text))
