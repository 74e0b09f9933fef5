"""Sentence boundaries with exact offsets, for scholarly prose in English, French and languages that punctuate alike.

Rules rather than a trained model: punkt needs data that is fetched at run time, pysbd is no longer maintained and does
not keep offsets, and scholarly text is regular where it is hard: "et al.", "Fig. 2", "e.g.", "p < .05", initials.
"""

from __future__ import annotations

import re
from functools import lru_cache

Span = tuple[int, int]

ABBREVIATIONS = {
    "": "al approx ca cf ch co dr ed eds eq eqs esp etc ex fig figs inc jr ltd max min misc no nos p pp prof ref refs "
    "resp sec sect sr st suppl tab tabs univ vol vols vs",
    "en": "dept gen gov jan feb mar apr jun jul aug sep sept oct nov dec mr mrs ms rev u.s e.g i.e viz u.k a.m p.m",
    "fr": "m mm mme mlle éd coll chap env av art op cit p.ex c.-à-d janv févr avr juil",
    "de": "z.b d.h u.a bzw evtl ggf hrsg nr abb bd s vgl usw",
    "es": "sr sra dra pág págs núm ej",
}
# a full stop after one of these ends no sentence even before a capital: a name or a number follows
BEFORE_NAMES = frozenset(
    "dr prof mr mrs ms fig figs eq eqs tab no nos vol ref refs sec st m mm mme vs cf p pp ch chap art nr".split()  # noqa: SIM905
)
END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*(?:\s+|$)|\n+")
LAST_WORD = re.compile(r"([^\s(\[“\"«]+)\.[\"'”’»)\]]*$")
STARTS = re.compile(r"[\"'“‘«(\[¿¡]*\s?[A-ZÀ-ÞĀ-Ž0-9\u0370-\u03ff\u0400-\u04ff\u4e00-\u9fff]")
WINDOW = 40


def sentence_spans(text: str, language: str | None = None) -> list[Span]:
    """Return the spans of the sentences in order; they do not overlap, and all but white space is in one of them.

    A line end is always a boundary: items of a list and rows of a table stand alone.

    >>> [text[start:end] for text in ["It rose (p < .05). Smith et al. agreed."] for start, end in sentence_spans(text)]
    ['It rose (p < .05).', 'Smith et al. agreed.']

    Args:
        text: The text.
        language: Its language, such as `en` or `fr-CA`; None: the abbreviations of all languages count.
    """
    known = abbreviations((language or "").split("-")[0].lower())
    spans: list[Span] = []
    start = 0
    for found in END.finditer(text):
        if "\n" not in found[0] and not _ends(text, found, known):
            continue
        _add(spans, text, start, found.end())
        start = found.end()
    _add(spans, text, start, len(text))
    return spans


@lru_cache(maxsize=32)
def abbreviations(language: str) -> frozenset[str]:
    """Return the abbreviations of a language, in lower case, with those that all share."""
    named = [ABBREVIATIONS[language]] if language in ABBREVIATIONS else list(ABBREVIATIONS.values())
    return frozenset(" ".join([ABBREVIATIONS[""], *named]).split())


def _ends(text: str, found: re.Match[str], known: frozenset[str]) -> bool:
    if found.end() == len(text):
        return True
    if not STARTS.match(text, found.end()):
        return False
    before = text[max(0, found.start() - WINDOW) : found.start()]
    if not before.endswith("."):
        return True
    word = LAST_WORD.search(before)
    return word is None or not _abbreviates(word[1], text, found.end(), known)


def _abbreviates(word: str, text: str, after: int, known: frozenset[str]) -> bool:
    low = word.lower().strip("([\"'“«")
    # an initial of a name ("J. Smith"), unless it closes a list of letters ("vitamin C. The")
    if len(low) == 1 and low.isalpha():
        return word.isupper() and not text.startswith(("The ", "This ", "It ", "In ", "A ", "These "), after)
    if low in BEFORE_NAMES:
        return True
    if low in ("al", "etc", "u.s", "u.k", "inc", "ltd", "a.m", "p.m"):
        # these close a sentence when a capital follows: "Smith et al. (2019)" goes on, "by Smith et al. The" does not
        return not text[after].isupper()
    return low in known


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append((start, end))
