"""Drops a row whose question or answer is too short, too long, or breaks off."""

from __future__ import annotations

import re

from pydantic import Field

from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, asked_of, filters
from axolotl_ragdata.records import Example

_LAST = (
    "the a an and or of to in for with by from as at on that which is are was were be because if than their its this "
    "le la les un une des et ou de du en pour avec par dans sur que qui est sont à au aux ce cette leur ses"
)
LAST_WORDS = frozenset(_LAST.split(" "))
"""Words that no sentence ends with."""


@filters.register("length")
class Length(Filter):
    """Keeps a row whose question and answer have a length, in words, inside the bounds and whose answer is whole."""

    min_question_words: int = Field(3, ge=1, description="fewest words of a question")
    max_question_words: int = Field(300, ge=1, description="most words of a question; a case vignette is long")
    min_answer_words: int = Field(1, ge=1, description="fewest words of an answer; a label is one")
    max_answer_words: int = Field(500, ge=1, description="most words of an answer")

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return which bound is crossed, with the number of words and the bound."""
        answer = answer_of(example)
        asked, said = _words(asked_of(example)), _words(answer)
        bounds = (
            ("the question is too short", asked, self.min_question_words, asked < self.min_question_words),
            ("the question is too long", asked, self.max_question_words, asked > self.max_question_words),
            ("the answer is too short", said, self.min_answer_words, said < self.min_answer_words),
            ("the answer is too long", said, self.max_answer_words, said > self.max_answer_words),
        )
        for reason, count, bound, crossed in bounds:
            if crossed:
                return Reason(reason, f"{count} words", count, bound)
        return Reason("the answer breaks off", answer.strip()[-40:]) if _breaks_off(answer) else None


def _words(text: str) -> int:
    return len(re.findall(r"\w+(?:[-'’.,]\w+)*", text))


def _breaks_off(answer: str) -> bool:
    """Return whether the last sign or word of an answer cannot be its last.

    >>> _breaks_off("Mania lasts a week and"), _breaks_off("Mania lasts a week."), _breaks_off("F32.1")
    (True, False, False)
    """
    text = answer.rstrip(" \t\n*_")
    if text.endswith((",", ";", ":", "(", "[", "-", "–")):
        return True
    last = re.search(r"([^\W\d_]+)$", text)
    return last is not None and " " in text and last[1] in LAST_WORDS
