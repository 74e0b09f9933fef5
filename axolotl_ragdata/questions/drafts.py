"""What a rule hands over: a question, with where its evidence stands in the passage."""

from __future__ import annotations

import re
from dataclasses import dataclass

Span = tuple[int, int]
SHORTEST, LONGEST = 12, 200
"""Characters of a question that a rule may ask."""


@dataclass(frozen=True)
class Draft:
    """A question that a rule would ask. `spans` are the evidence's offsets in the passage, in reading order.

    `answer` is the evidence as it should be read (marks of citations left out, cells as a sentence); None leaves the
    answer to the sentences nearest to the question among the spans.
    """

    type: str
    rule: str
    text: str
    spans: tuple[Span, ...]
    answer: str | None = None


def is_well_formed(question: str) -> bool:
    """Return whether a question is of a fit length, has its brackets closed and says no word twice in a row.

    >>> is_well_formed("What is a load-bearing wall?"), is_well_formed("What is Doc2Vec Doc2Vec?")
    (True, False)
    """
    doubled = re.search(r"\b([\w-]+(?: [\w-]+)?) \1\b", question, re.IGNORECASE)
    closed = question.count("(") == question.count(")") and len(re.findall(r"[\"“”]", question)) % 2 == 0
    return SHORTEST <= len(question) <= LONGEST and closed and not doubled and "  " not in question
