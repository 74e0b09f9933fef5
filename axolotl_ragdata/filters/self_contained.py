"""Leaves out a row that speaks of "the passage" or "the study": in a closed-book row there is none."""

from __future__ import annotations

import re

from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Example

SOURCES_EN = (
    "passage|text|excerpt|document|article|paper|study|section|chapter|paragraph|source|context|authors?|table|figure"
)
SOURCES_FR = (
    "passage|texte|extrait|document|article|étude|section|chapitre|paragraphe|source|contexte|auteure?s?|tableau|figure"
)
REFERENCES = [
    # "according to the passage", "in this text", "based on the study above"
    rf"\b(?:according to|based on|as (?:stated|described|mentioned|shown|noted) in|in|from|by|of) "
    rf"(?:the|this|these|that) (?:(?:above|following|given|provided|present|current) )?(?:{SOURCES_EN})\b(?! (?:of|by|in|on) )",
    rf"\b(?:this|the (?:above|following|given|provided|present|current)) (?:{SOURCES_EN})\b",
    rf"\bthe (?:{SOURCES_EN}) (?:above|below|says?|states?|mentions?|describes?|reports?|found|suggests?|provides?|shows?)\b",
    r"\b(?:does|do|did) the (?:passage|text|excerpt|article|paper|study|authors?|document|section)\b",
    r"\b(?:the )?(?:table|figure|fig\.|section|equation) \d",
    r"\b(?:mentioned|described|stated|discussed|listed|shown) (?:above|below|here)\b",
    r"\bpassage p?\d|\[p\d+\]",
    # French
    rf"\b(?:selon|d['’]après|dans|de) (?:le|la|l['’]|ce|cet|cette|les|ces) ?(?:{SOURCES_FR})\b(?! (?:de|du|des|sur) )",
    rf"\b(?:ce|cet|cette|ces) (?:{SOURCES_FR})\b",
    r"\b(?:tableau|figure|section) \d",
    r"\b(?:ci-dessus|ci-dessous)\b",
]
REFERENCE = re.compile("|".join(REFERENCES), re.IGNORECASE)


@filters.register("self_contained")
class SelfContained(Filter):
    """Refuses questions and answers that refer to the text that they were made from."""

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the reference, where there is one."""
        if found := refers_to_source(example.question):
            return Reason("the question refers to its source", found)
        if example.provenance.generator == "llm" and (found := refers_to_source(example.answer)):
            return Reason("the answer refers to its source", found)
        return None


def refers_to_source(text: str) -> str | None:
    """Return the words with which a text refers to the document that it comes from, None where there are none.

    >>> refers_to_source("According to the passage, what is mania?")
    'According to the passage'
    >>> refers_to_source("What is the section of a beam?") is None
    True
    """
    found = REFERENCE.search(text)
    return found[0] if found else None
