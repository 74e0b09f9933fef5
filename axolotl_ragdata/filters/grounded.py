"""Drops a row whose answer is not carried by what it cites: quotes, numbers, codes and words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from pydantic import Field

from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Citation, Example, Passage
from axolotl_ragdata.wording import Quantity, codes, condensed, content_stems, quantities


@filters.register("grounded")
class Grounded(Filter):
    """Keeps a row when every quote stands in its passage and the cited passages carry the answer.

    In order: at least one citation; every quote in its passage at its offsets; every number (with its unit) and every
    code of the answer in a cited passage; at least `min_overlap` of the answer's content words in a cited passage.
    """

    min_overlap: float = Field(
        0.5, ge=0, le=1, description="least share of the answer's content words that the cited passages hold, 0 to 1"
    )

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the first thing that does not hold, None where all does."""
        citations = example.provenance.citations
        if not citations:
            return Reason("cites nothing")
        for citation in citations:
            if wrong := quote_problem(citation, evidence.passages.get(citation.passage_id)):
                return Reason("a quote is not in its passage", f"{wrong}: {citation.quote!r}")
        cited = [evidence.passages[key] for key in dict.fromkeys(citation.passage_id for citation in citations)]
        return _unsupported(example.answer, cited) or self._far_from(example, cited)

    def _far_from(self, example: Example, cited: Iterable[Passage]) -> Reason | None:
        # words of the question say nothing for or against the answer
        said = content_stems(example.answer) - content_stems(example.question)
        if not said:
            return None
        known = set().union(*(_stems(passage.in_context) for passage in cited))
        missing = sorted(said - known)
        score = round(1 - len(missing) / len(said), 4)
        if score >= self.min_overlap:
            return None
        return Reason("words are not in the cited passages", ", ".join(missing[:8]), score, self.min_overlap)


def quote_problem(citation: Citation, passage: Passage | None) -> str | None:
    """Return what is wrong with a citation, None where its quote is the passage's text at its offsets."""
    if passage is None:
        return f"there is no passage {citation.passage_id}"
    if passage.doc_id != citation.doc_id:
        return f"passage {passage.id} is of document {passage.doc_id}, not {citation.doc_id}"
    if not citation.quote.strip():
        return "empty quote"
    if not passage.start <= citation.start < citation.end <= passage.end:
        return f"offsets {citation.start}-{citation.end} leave the passage ({passage.start}-{passage.end})"
    found = passage.text[citation.start - passage.start : citation.end - passage.start]
    return None if found == citation.quote else f"at {citation.start}-{citation.end} stands {found!r}"


def unsupported_numbers(answer: str, sources: Iterable[str]) -> Iterator[Quantity]:
    """Yield the numbers of an answer that stand in none of the sources with an agreeing unit.

    >>> [found.value for found in unsupported_numbers("5 % after 6 weeks", ["five percent improved in 6 months"])]
    ['6']
    """
    known = {found for source in sources for found in _quantities(source)}
    for stated in quantities(answer):
        if not any(stated.agrees_with(found) for found in known):
            yield stated


def _unsupported(answer: str, cited: Iterable[Passage]) -> Reason | None:
    sources = [passage.in_context for passage in cited]
    for number in unsupported_numbers(answer, sources):
        return Reason("a number is not in the cited passages", f"{number.value} {number.unit}".strip())
    plain = [_condensed(source) for source in sources]
    for code in codes(answer):
        if not any(code in source for source in plain):
            return Reason("a code is not in the cited passages", code)
    return None


@lru_cache(maxsize=4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(content_stems(text))


@lru_cache(maxsize=4096)
def _quantities(text: str) -> frozenset[Quantity]:
    return frozenset(quantities(text))


@lru_cache(maxsize=4096)
def _condensed(text: str) -> str:
    return condensed(text)
