"""Words with which a question or an answer points at the document that it was made from.

Two kinds. A *pointing* phrase ("according to the passage", "this study", "the table above") can never be understood without
the document, so that the stages refuse it before an answer is paid for. A question that lets a text *speak* ("what does the
text say about …") is as little self-contained, but reads on its own; only the filter `self_contained` refuses it. A recipe
that leaves that filter out (a benchmark against a mock server whose questions are all of that form) still gets rows.
"""

from __future__ import annotations

import re

# what is always a document, and what is one only where a word points at it
EN_TEXTS = r"passages?|texts?|excerpts?|articles?|papers?|stud(?:y|ies)|abstract|manuscript"
EN_PARTS = rf"{EN_TEXTS}|documents?|sections?|chapters?|paragraphs?|sources?|context|authors?|tables?|figures?|reports?|reviews?"
FR_TEXTS = r"passages?|textes?|extraits?|articles?|études?|manuscrit"
FR_PARTS = (
    rf"{FR_TEXTS}|documents?|sections?|chapitres?|paragraphes?|sources?|contexte|auteure?s?|auteurs?|tableaux?|figures?"
)
POINTERS = r"above|following|given|provided|present|current|preceding|aforementioned|cited"

POINTING = re.compile(
    # the boundary once in front of all takes a quarter of the time that it takes in front of each
    r"[\[(]p\d+[\])]|\b(?:"
    + "|".join(
        (
            # according to the passage, based on these excerpts, as stated in the provided text
            rf"(?:according to|based on|as (?:stated|described|mentioned|shown|noted|explained|discussed|defined) (?:in|by)) "
            rf"(?:(?:the|this|these|that|those|our) (?:\w+ )??)?(?:{EN_PARTS})\b(?! of )",
            # this study, the above table, the provided context; "in this context" is everyday English
            rf"(?:this|these|the (?:{POINTERS})) (?!context)(?:{EN_PARTS})\b",
            rf"the (?:{POINTERS}) context\b",
            rf"(?:{EN_PARTS}|list) (?:above|below)\b",
            # in the text, of the study; "the study of memory" names a field
            rf"(?:in|from|by|of|within|throughout) the (?:{EN_TEXTS})\b(?! (?:of|on|for)\b)",
            r"the (?:study|paper|article)(?=\W*$|[,;:?]| (?:find|found|report|show|use|defin|describ|propos|suggest|examin|design|"
            r"participant|sample|result|aim|conclu|present|introduc|compar|discuss|address|mention|author|did|does|was|is|has)\w*)",
            r"the (?:authors?|researchers|investigators)\b(?! of\b)",
            r"(?:table|tab\.|figure|fig\.?|equation|eq\.|appendix|section) (?:\d{1,2}(?![\d%])|(?-i:[A-Z])\d?\b)(?! (?:of|days?|weeks?|months?)\b)",
            r"(?:mentioned|described|stated|discussed|listed|shown|given|defined) (?:above|below|here|earlier)\b",
            r"passages? \[?p?\d+\b",
            # in the present work, our results; "in this work environment" is about work
            r"(?:in|by|from|of) (?:the present|this) work\b(?=\W*$|[,;:?])",
            r"our (?:stud(?:y|ies)|experiments?|results|findings)\b",
            # French
            rf"(?:selon|d['’]après|comme (?:indiqué|décrit|mentionné) dans) (?:les? |la |l['’]|ces? |cette |cet )?(?:{FR_PARTS})\b(?! d)",
            rf"(?:ce|cet|cette|ces) (?!contexte)(?:{FR_PARTS})\b",
            rf"(?:dans|de) (?:la |l['’])(?:{FR_TEXTS})\b(?! d)|(?:dans le|du) (?:texte|passage|extrait|manuscrit)\b(?! d)",
            r"(?:les|l['’]) ?auteure?s?\b(?! d)",
            r"(?:dans|de) ce travail\b(?=\W*$|[,;:?])",
            r"tableau \d|(?:ci-dessus|ci-dessous|ci-après|susmentionnée?s?)\b",
        )
    )
    + ")",
    re.IGNORECASE,
)
SPEAKING = re.compile(
    rf"\b(?:does|do|did|can) the (?:{EN_PARTS}) \w+"
    rf"|\bthe (?:{EN_PARTS}) (?:says?|states?|mentions?|describes?|reports?|suggests?|provides?|shows?|explains?|notes?|defines?)\b"
    rf"|\b(?:is|are|was|were) (?:said|stated|mentioned|discussed|described) (?:here|in the (?:{EN_PARTS}))\b"
    rf"|\bque (?:dit|disent|rapporte|mentionne) (?:les? |la |l['’])(?:{FR_PARTS})\b"
    # a book of somebody has a name, a clinical picture ("tableau clinique") is no table: only where nothing qualifies it
    r"|\bque (?:montre|révèle|indique|conclu|soutien|décri|explique|affirme|di)[a-zé]* (?:les? |la |l['’])"
    rf"(?:{FR_PARTS}|ouvrages?|livres?)(?=\W*$|[,;:?]| (?:sur|à propos|au sujet|concernant|quant)\b)"
    rf"|\b(?:le|la|l['’]) ?(?:{FR_TEXTS}) (?:dit|indique|mentionne|précise|décrit)\b",
    re.IGNORECASE,
)


def points_at_source(text: str) -> str | None:
    """Return the words with which a text points at its document, None where there are none.

    >>> points_at_source("According to the passage, what is mania?")
    'According to the passage'
    >>> points_at_source("Which section of a beam carries the load, and what is the study of beams called?") is None
    True
    """
    found = POINTING.search(text)
    return found[0] if found else None


def refers_to_source(text: str) -> str | None:
    """Return the words with which a text points at its document or lets it speak, None where there are none.

    >>> refers_to_source("What does the text say about mania?")
    'does the text say'
    """
    found = SPEAKING.search(text)
    return points_at_source(text) or (found[0] if found else None)
