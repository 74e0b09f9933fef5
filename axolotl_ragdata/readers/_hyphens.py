"""Hyphens at the end of a line: which of them belong to their word, and which only say that it goes on."""

from __future__ import annotations

import re
import unicodedata

LINE_END = re.compile(r"-[ \t]*\r?\n\s*([^\W_]+)")
LINE_BREAK = re.compile(r"<[lpc]b\b[^<>]*>")
TAG = re.compile(r"<[^<>]*>")
SPLITTING = re.compile(r"-[ \t]*\r?\n\s*")
SPLIT = "\0"
WORDS = re.compile(rf"[^\W\d_]+(?:[-{SPLIT}][^\W\d_]+)*")
LAST_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*\Z")
APOSTROPHES = ("'", "’")
PIECE_BYTES = 2**20
LONGEST_WORD = 40
LEAST_FIRST_HALF = 3
"""Letters of a first half that may be a word of its own: `in-dependent` is none, `self-report` is one."""
SUSPENDING = frozenset("and or to et ou und oder bis y e o".split())  # noqa: SIM905
"""What stands between `pre-` and `post-test`."""


def words_of(data: bytes) -> frozenset[str]:
    r"""Return the words of a document and the parts of those with hyphens; what a line end splits is no word.

    >>> sorted(words_of(b"<p>A well-known inter-\nnational trial</p>"))
    ['a', 'known', 'trial', 'well', 'well-known']
    """
    words: set[str] = set()
    for start in range(0, len(data), PIECE_BYTES):
        # piece by piece, as the text of a large file is several times as large
        text = data[start : start + PIECE_BYTES].decode("utf-8", "ignore")
        text = TAG.sub(" ", LINE_BREAK.sub("\n", text.replace(SPLIT, " ")))
        text = unicodedata.normalize("NFC", SPLITTING.sub(SPLIT, text).lower())
        words.update(found[0] for found in WORDS.finditer(text) if SPLIT not in found[0])
    return frozenset(words.union(*(word.split("-") for word in words if "-" in word)))


def healed(found: re.Match[str], words: frozenset[str]) -> str:
    """Return what stands for the hyphen, the line end and the letters behind, given the words of the document.

    Args:
        found: What `LINE_END` matches.
        words: The words of the document.
    """
    text, second = found.string, found[1]
    before = text[max(0, found.start() - LONGEST_WORD) : found.start()]
    if not before or before[-1].isspace() or before[-1] == "-":
        return found[0]
    first = LAST_WORD.search(unicodedata.normalize("NFC", before))
    if first is None:
        return f"-{second}"
    is_elided = before[: -len(first[0])].endswith(APOSTROPHES)
    goes_on = text[found.end() : found.end() + 1] == "-"
    is_sign = not is_elided and _is_sign(first[0].rpartition("-")[2])
    return _joint(first[0].lower(), second, is_sign, goes_on, words) + second


def _is_sign(last: str) -> bool:
    """Return whether the first half is no word but a sign: the `X` of `X-linked`, `DNA`, a number."""
    return len(last) == 1 or last[-1].isdigit() or last[-1].isupper()


def _joint(first: str, second: str, is_sign: bool, goes_on: bool, words: frozenset[str]) -> str:
    """Return what belongs between the halves: nothing, a hyphen, or a hyphen and a blank."""
    last = first.rpartition("-")[2]
    if not is_sign and second.islower() and (first + second in words or last + second in words):
        return ""
    if second in SUSPENDING:
        return "-" if goes_on else "-\n"
    if is_sign or not second[0].islower() or f"{first}-{second}" in words:
        return "-"
    return "-" if _are_two(first, last, second, words) else ""


def _are_two(first: str, last: str, second: str, words: frozenset[str]) -> bool:
    """Return whether both halves are words: `self-report`; `a-b-` goes on with a hyphen where `b` is one."""
    if last != first:
        return last in words
    return len(first) >= LEAST_FIRST_HALF and first in words and second in words
