"""Leaves out an answer that its quotes do not carry: without model and without cost."""

from __future__ import annotations

import re

from pydantic import Field

from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Example

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WORD = re.compile(r"[^\W\d_]{4,}")
STEM = 6


@filters.register("grounded")
class Grounded(Filter):
    """Every quote stands in its passage, every number of the answer in the evidence, and most of its words too."""

    min_overlap: float = Field(
        0.5, ge=0, le=1, description="share of the answer's longer words that the evidence holds"
    )

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return what the answer lacks."""
        citations = example.provenance.citations
        if not citations:
            return Reason("the answer has no quote")
        for citation in citations:
            passage = evidence.passages.get(citation.passage_id)
            at = citation.start - passage.start if passage else -1
            if passage is None or at < 0 or passage.text[at : at + len(citation.quote)] != citation.quote:
                return Reason("a quote is not in its passage", citation.quote)
        texts = [f"{evidence.passages[citation.passage_id].in_context}" for citation in citations]
        return self._carried(example, " ".join([*texts, *(citation.quote for citation in citations)]))

    def _carried(self, example: Example, source: str) -> Reason | None:
        known = set(numbers(source))
        if missing := [number for number in numbers(example.answer) if number not in known]:
            return Reason("a number of the answer is not in the evidence", ", ".join(missing))
        said = words(example.answer)
        overlap = len(said & (words(source) | words(example.question))) / len(said) if said else 1.0
        if overlap < self.min_overlap:
            return Reason("the answer's words are not in the evidence", "", round(overlap, 3), self.min_overlap)
        return None


def numbers(text: str) -> list[str]:
    """Return the numbers of a text in one notation: no thousands separators, a point before decimals.

    >>> numbers("1,200 people, 3.50 mg, 2,5 %")
    ['1200', '3.5', '2.5']
    """
    return [_plain(found[0]) for found in NUMBER.finditer(text)]


def words(text: str) -> set[str]:
    """Return the longer words of a text, in lower case, cut to their first letters so that endings do not count."""
    return {word[:STEM] for word in WORD.findall(text.lower())}


def _plain(number: str) -> str:
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        number = number.replace(",", "")
    number = number.replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number
