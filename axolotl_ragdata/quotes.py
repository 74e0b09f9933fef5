"""Where a quote stands in a text: exactly, or but for white space, quotation marks and dashes; never "about"."""

from __future__ import annotations

import re
from functools import lru_cache

from axolotl_ragdata.records import Citation, Passage

MARKS = {
    **dict.fromkeys('"“”„‟«»″', '["“”„‟«»″]'),
    **dict.fromkeys("'‘’‚‛′`", "['‘’‚‛′`]"),
    **dict.fromkeys("-‐‑‒–—−", "[-‐‑‒–—−]"),
}
SHORTEST = 8
ELLIPSIS = re.compile(r"^\s*(?:…|\.{3})\s*|\s*(?:…|\.{3})\s*$")
# marks of citations, of floats and of notes, as they stand in a sentence
MARKS_OUT = (
    re.compile(r"\s*\[[\d\s,;–-]*\]"),
    re.compile(
        r"\s*\((?:[^()]*?\b(?:19|20)\d\d[a-z]?[^()]*?|(?:see |voir |cf\. )?(?:supplementary )?"
        r"(?:fig|table|tableau)[^()]*|[\s,;]*)\)",
        re.IGNORECASE,
    ),
    re.compile(r"(?<=[^\W\d_][.!?])\d{1,2}(?=\s|$)"),
    re.compile(r"(?<=[^\W\d_])\s\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\s(?=[.,;]\s|[.,;]$)"),
)
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


def citation_of(quote: str, passage: Passage) -> Citation | None:
    """Return the citation of a quote in a passage, None where it does not stand there."""
    span = locate(quote, passage.text)
    if span is None:
        return None
    return Citation(
        passage_id=passage.id,
        doc_id=passage.doc_id,
        quote=passage.text[slice(*span)],
        start=passage.start + span[0],
        end=passage.start + span[1],
    )


def as_read(sentence: str) -> str:
    r"""Return a sentence as it is read aloud: without marks of citations, tables, figures and notes, on one line.

    >>> as_read("Mania lasts a\nweek [2, 3] (Smith et al., 2019).1")
    'Mania lasts a week.'
    >>> as_read("The mean was 19.5 years (range 4-60).")
    'The mean was 19.5 years (range 4-60).'
    """
    for mark in MARKS_OUT:
        sentence = mark.sub("", sentence)
    return re.sub(r"\s+([.,])(?=\s|$)", r"\1", " ".join(sentence.split()))


def _unwrapped(text: str) -> str:
    for marks in WRAPPING:
        if len(text) > SHORTEST + 2 and text[0] == marks[0] and text[-1] == marks[-1]:
            return text[1:-1].strip()
    return text


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    words = ("".join(MARKS.get(sign, re.escape(sign)) for sign in word) for word in text.split())
    return re.compile(r"\s+".join(words))
