"""Passages that no question should be asked of: references, funding, author lists, and what every article repeats.

Told by the section's heading (English and French) and, where a heading says nothing, by the text itself. A passage that
is skipped is named in `rejected.jsonl` with the kind; it stays in the index.
"""

from __future__ import annotations

import re
from functools import lru_cache

from axolotl_ragdata.records import Passage

HEADINGS: dict[str, str] = {
    "references": r"references?(?: cited| list)?|bibliograph(?:y|ie)|literature(?: cited)?|works cited|"
    r"r[ée]f[ée]rences?(?: bibliographiques)?|further reading|suggested reading",
    "funding": r"funding(?: (?:statement|sources?|information))?|financial support|grants?|financements?|"
    r"sources de financement",
    "authors": r"authors?['’]?s?|"
    r"authors?['’]?s?(?: and)? (?:contributions?|affiliations?|information|details|list|note)s?|"
    r"contributors?(?:hip)?(?: statement)?|affiliations?|correspondence|contributions? des auteurs|auteurs|"
    r"credit (?:authorship )?(?:contribution )?statement|about the authors?",
    "acknowledgements": r"acknowledge?ments?|remerciements|thanks",
    "declarations": r"(?:declarations?|conflicts?|competing|financial|potential)(?: of)? (?:conflicts? of )?(?:competing )?"
    r"(?:financial )?(?:interests?|disclosures?)(?: statement)?|declarations?|disclosures?(?: statement)?|"
    r"conflits? d['’]int[ée]r[êe]ts?|d[ée]claration (?:d['’]int[ée]r[êe]ts|de liens d['’]int[ée]r[êe]ts)|"
    r"ethic(?:s|al)(?: (?:approval|statement|declarations?|considerations))?(?: and consent.*)?|"
    r"consent (?:for publication|to participate|statement)|institutional review board statement|"
    r"informed consent statement",
    "availability": r"(?:data|code|materials?|software|data and code|code and data|data and materials?)(?: and \w+)?"
    r" (?:availability|accessibility|sharing)(?: statement)?|availability of (?:data|code|materials?).*|"
    r"disponibilit[ée] des donn[ée]es|data deposition|open practices.*",
    "publisher": r"publisher['’]?s note|copyright.*|licen[cs]e|open access|rights and permissions|reprints? .*|"
    r"additional information|article (?:history|info(?:rmation)?)|how to cite.*|citation|cite this article|peer review.*",
    "supplement": r"supplement(?:ary|al)? (?:materials?|information|data|files?|figures?|tables?)|"
    r"supporting information|mat[ée]riel suppl[ée]mentaire|appendix (?:\w+ )?supplementary.*|additional files?",
    "front": r"keywords?|mots[- ]cl[ée]s|abbreviations?|list of (?:figures|tables|abbreviations)|table of contents|contents|"
    r"table des mati[èe]res|index|highlights|nomenclature",
}
KINDS = {
    kind: re.compile(rf"(?:[\dIVX]+[.)]?\s+)?(?:{pattern})\W*", re.IGNORECASE) for kind, pattern in HEADINGS.items()
}
LICENCE = re.compile(
    r"creative commons|all rights reserved|\bopen access article\b|permits? (?:unrestricted )?use, distribution|"
    r"©|published by|this article is (?:licensed|distributed)|licence creative commons|tous droits r[ée]serv[ée]s",
    re.IGNORECASE,
)
CONTACT = re.compile(r"[\w.+-]+@[\w-]+\.\w+|\borcid\b|\bcorresponding author\b|auteur correspondant", re.IGNORECASE)
PLACE = re.compile(
    r"\b(?:department|university|institute|hospital|faculty|school|laboratoire|universit[ée]|d[ée]partement)\b", re.I
)
CITED = re.compile(r"\bet al\b|\bdoi\b|https?://|\((?:19|20)\d\d[a-z]?\)|\b\d+ ?\(\d+\) ?:|\bpp\. ?\d", re.IGNORECASE)
INITIALS = re.compile(r"\b[A-Z][\w'’-]+,? (?:[A-Z]\.[ -]?){1,3}")
SHORT = 80
"""Words of a notice: longer text is about the subject, whatever it mentions."""


def skipped_as(passage: Passage) -> str | None:
    """Return what a passage is that should not be asked about, None where it may.

    >>> from axolotl_ragdata.records import Passage
    >>> base = dict(id="p", doc_id="d", ordinal=0, text="We thank A. Bee.", start=0, end=16, n_tokens=5)
    >>> skipped_as(Passage(section_path=("Acknowledgements",), **base)), skipped_as(Passage(**base))
    ('acknowledgements', None)
    """
    if found := next((kind for title in passage.section_path if (kind := _by_heading(title))), None):
        return found
    if passage.part == "back":
        return "back matter"
    return _by_text(passage.text) if passage.kind in ("paragraph", "note", "list") else None


@lru_cache(maxsize=65_536)
def _by_heading(title: str) -> str | None:
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(title.strip())), None)


# asked of a passage again and again
@lru_cache(maxsize=4_096)
def _by_text(text: str) -> str | None:
    words = len(text.split())
    if words <= SHORT and len(LICENCE.findall(text)) >= 2:
        return "publisher"
    if words <= SHORT and CONTACT.search(text) and PLACE.search(text):
        return "authors"
    # a list of references carries several of its marks in every few words
    if len(CITED.findall(text)) + len(INITIALS.findall(text)) > max(8, words / 5):
        return "references"
    return None
