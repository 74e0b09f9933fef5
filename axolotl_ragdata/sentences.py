"""Sentence boundaries with exact offsets, for scholarly prose in English, French and languages that punctuate alike.

Rules, because no well-kept library does better on such text: punkt takes 1.4 s to import and cuts "Eq. 3", "cf." and
"et al. (2019)"; pysbd is no longer maintained; sentencex, fast and kept, cuts "Figs. 3A", "approx. 5" and French
"M. Dupont", and would need most of these rules on top.
"""

from __future__ import annotations

import re
from functools import lru_cache

Span = tuple[int, int]

ABBREVIATIONS = {
    "": "approx ca co ed eds esp inc jr ltd max min misc resp sr suppl univ al etc",
    "en": "dept gen gov jan feb mar apr jun jul aug sep sept oct nov dec rev u.s u.k viz a.m p.m ph.d",
    "fr": "éd coll env av op cit p.ex c.-à-d janv févr avr juil",
    "de": "z.b d.h u.a bzw evtl ggf hrsg vgl usw",
    "es": "sra dra págs ej",
}


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


# never the end of a sentence: what they stand before always follows
OPEN = _listed("dr prof mr mrs ms mm mme mlle vs cf e.g i.e st")
# not the end of a sentence where a number, a letter or a numeral follows: "Fig. S3", "no. 5", "p. 12"
NUMBERED = _listed(
    "fig figs eq eqs tab tabs no nos nr n vol vols ref refs sec sect p pp ch chap art suppl app ex pág núm abb bd"
)
NUMBER = re.compile(r"\s*[(\[]?[A-Z]?\d|\s*[A-Z]\b|\s*[IVXL]+\b")
STARTER = re.compile(
    r"(?:The|This|These|That|Those|It|Its|In|A|An|We|Our|However|He|She|They|Their|For|From|On|At|As|But|And|If|When|While|"
    r"To|There|Such|Most|Some|Many|All|Both|Each|With|By|After|Before|Here|Thus|Then|Also|Although|Because|Since|What|How|"
    r"Le|La|Les|Il|Ils|Elle|Elles|Ce|Cet|Cette|Ces|Un|Une|Des|Dans|On|Nous|Mais|En|Pour|Ainsi|Der|Die|Das|Es|Wir|El|Los|Las)"
    r"(?![\w.])|L['’]"
)
END = re.compile(
    r"(?<=[.!?…])(?:[\"'”’»)\]]|[ \u00a0\u202f]»)*(?:\s*\[\d+(?:[\s,–-]+\d+)*\])?(?:\s+|$)"
    # numbers of references that stand close behind the full stop: "was lower.3,4 Another"
    r"|(?<=[^\W\d_]{2}[.])\d{1,3}(?:[,–-]\d{1,3})*\s+(?=[A-Z])"
    r"|(?<=[。！？])[」』”’）]*"
    r"|\n+"
)
LAST_WORD = re.compile(r"([^\s(\[“\"«]+)\.$")
STARTS = re.compile(
    r"(?:[•▪●◦]\s*)?[\"'“‘«(\[¿¡]*\s?[A-ZÀ-ÞĀ-Ž0-9\u0370-\u03ff\u0400-\u04ff\u3040-\u30ff\u4e00-\u9fff]"
)
ENUMERATOR = re.compile(r"\s*[(\[]?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)\]]+\s*")
LETTER = re.compile(r"[^\W\d_]")
WINDOW = 40


def sentence_spans(text: str, language: str | None = None) -> list[Span]:
    """Return the spans of the sentences in order; they do not overlap, and all but white space is in one of them.

    A line end is always a boundary: items of a list and rows of a table stand alone. What holds no letter stays with
    its neighbour: the number of an item with what follows, the mark of a footnote with what it stands behind.

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
        if "\n" in found[0] or _ends(text, start, found, known):
            _add(spans, text, start, found.end(), start_of_line(text, start))
            start = found.end()
    _add(spans, text, start, len(text), start_of_line(text, start))
    return spans


@lru_cache(maxsize=32)
def abbreviations(language: str) -> frozenset[str]:
    """Return the abbreviations of a language, in lower case, with those that all share."""
    named = [ABBREVIATIONS[language]] if language and language in ABBREVIATIONS else list(ABBREVIATIONS.values())
    return frozenset(" ".join([ABBREVIATIONS[""], *named]).split())


def start_of_line(text: str, at: int) -> bool:
    """Return whether a line begins at an offset, blanks aside."""
    before = text[:at].rstrip(" \t") if at < WINDOW else text[at - WINDOW : at].rstrip(" \t")
    return not before or before.endswith("\n")


def _ends(text: str, start: int, found: re.Match[str], known: frozenset[str]) -> bool:
    if found.end() == len(text):
        return True
    if not STARTS.match(text, found.end()) or ENUMERATOR.fullmatch(text, start, found.end()):
        return False
    before = text[max(0, found.start() - WINDOW) : found.start()]
    if not before.endswith("."):
        return True
    word = LAST_WORD.search(before)
    return word is None or not _abbreviates(word[1].strip("([\"'“«"), text, found, known)


def _abbreviates(word: str, text: str, found: re.Match[str], known: frozenset[str]) -> bool:
    low = word.lower()
    if low in OPEN:
        return True
    if low in NUMBERED and NUMBER.match(text, found.start()):
        return not STARTER.match(text, found.end())
    if STARTER.match(text, found.end()):
        return False
    if low == "al" or low == "etc":
        return not text[found.end()].isupper()
    # an initial of a name: "J. Smith"
    return low in known or (len(word) == 1 and word.isupper()) or bool(re.fullmatch(r"(?:[A-Z]\.-?)+[A-Z]", word))


def _add(spans: list[Span], text: str, start: int, end: int, fresh: bool) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end <= start:
        return
    if spans and not fresh and not LETTER.search(text, start, end):
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
