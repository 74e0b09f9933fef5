"""Drops a row whose question holds its answer: what is asked for was given away."""

from __future__ import annotations

import re

from pydantic import Field

from axolotl_ragdata.entities import names
from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Example
from axolotl_ragdata.wording import codes, content_stems, quantities

# to choose or to confirm is an answer although it adds no word
CHOICE = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|can|could|should|must|may|might|has|have|had|will|would|est-ce|est-il|est-elle|"
    r"sont-ils|sont-elles|peut-on|peut-il|faut-il|doit-on|y a-t-il)\b"
    r"|\b(?:or|ou|whether|rather than|plutôt que|true|false|vrai|faux|options?|choices?|choix|which of)\b"
    r"|\b(?:lequel|laquelle) des\b",
    re.IGNORECASE,
)
VERDICT = re.compile(r"^\W*(?:yes|no|true|false|oui|non|vrai|faux)\b", re.IGNORECASE)


@filters.register("answer_in_question")
class AnswerInQuestion(Filter):
    """Keeps a row whose answer says something that its question does not.

    Counted are content words, numbers, codes and names. Questions that offer a choice, or ask whether, are kept.
    """

    max_overlap: float = Field(
        0.9,
        ge=0,
        le=1,
        description="share of the answer that may stand in the question, 0 to 1; from there on it is out",
    )

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the share of the answer that stands in the question, where that is too much."""
        asked = example.question
        if example.options or not example.answerable or CHOICE.search(asked) or VERDICT.search(example.answer):
            return None
        said, known = _said(example.answer), _said(asked)
        if not said:
            return None
        score = round(len(said & known) / len(said), 4)
        if score < self.max_overlap:
            return None
        return Reason("the question contains its answer", example.answer[:200], score, self.max_overlap)


def _said(text: str) -> set[str]:
    numbers = {f"{found.value}{found.unit}" for found in quantities(text)}
    return content_stems(text) | numbers | set(codes(text)) | {name.casefold()[:6] for name in names(text)}
