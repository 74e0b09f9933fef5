"""Where a quote stands in a text: exactly, or but for white space, quotation marks and dashes; never "about"."""

from __future__ import annotations

import re
from functools import lru_cache

MARKS = {
    **dict.fromkeys('"“”„‟«»″', '["“”„‟«»″]'),
    **dict.fromkeys("'‘’‚‛′`", "['‘’‚‛′`]"),
    **dict.fromkeys("-‐‑‒–—−", "[-‐‑‒–—−]"),
}
SHORTEST = 8
ELLIPSIS = re.compile(r"^\s*(?:…|\.{3})\s*|\s*(?:…|\.{3})\s*$")
WRAPPING = ('"', "“”", "«»", "‘’")


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Return the span of a quote in a text, None where it does not stand there.

    The words must be the same in the same order; only runs of white space, the kind of quotation marks, apostrophes and
    dashes, and marks of omission at the ends may differ. A quote of fewer than 8 characters must be the whole text.

    >>> locate("the  “PHQ‑9” scale", 'Use the "PHQ-9" scale.')
    (4, 21)
    >>> locate("the GAD-7 scale", 'Use the "PHQ-9" scale.') is None
    True
    """
    wanted = ELLIPSIS.sub("", quote).strip()
    if len(wanted) < SHORTEST and wanted != text.strip():
        return None
    if (at := text.find(wanted)) >= 0:
        return at, at + len(wanted)
    found = _pattern(wanted).search(text) or _pattern(_unwrapped(wanted)).search(text)
    return found.span() if found else None


def _unwrapped(text: str) -> str:
    for marks in WRAPPING:
        if len(text) > SHORTEST + 2 and text[0] == marks[0] and text[-1] == marks[-1]:
            return text[1:-1].strip()
    return text


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    words = ("".join(MARKS.get(sign, re.escape(sign)) for sign in word) for word in text.split())
    return re.compile(r"\s+".join(words))
