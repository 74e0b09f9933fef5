"""Drops a row whose answer is not carried by what it cites: quotes, numbers, units, codes, names, links and words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from string import ascii_uppercase

from pydantic import Field

from axolotl_ragdata.entities import spelled_out, unsupported_codes, unsupported_links, unsupported_names
from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, filters
from axolotl_ragdata.records import Citation, Example, Passage
from axolotl_ragdata.wording import UNIT_OF, Quantity, content_stems, quantities, units

NO_CAPITALS = ("de",)
"""Languages whose capital letters name nothing."""
# units are compared with their numbers; to confirm or deny takes no evidence of the word
WEIGHTLESS = frozenset(word[:6] for word in (*UNIT_OF, "yes", "true", "false", "correct", "oui", "non", "vrai", "faux"))
ONE = re.compile(r"\b(?:one|once|une?|a single|an?)\b", re.IGNORECASE)


@filters.register("grounded")
class Grounded(Filter):
    """Keeps a row when every quote stands in its passage and the cited passages carry the answer.

    In order: at least one citation; every quote in its passage at its offsets; every number with its unit, every code,
    link and name of the answer in a cited passage; at least `min_overlap` of the answer's content words there. An
    answer that says that the corpus has none may cite nothing.
    """

    min_overlap: float = Field(
        0.5, ge=0, le=1, description="least share of the answer's content words that the cited passages hold, 0 to 1"
    )
    names: bool = Field(True, description="whether names must be in the evidence: true or false")

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the first thing that does not hold, None where all does."""
        citations = example.provenance.citations
        if not citations and not example.answerable:
            return None
        if not citations:
            return Reason("cites nothing")
        for citation in citations:
            if wrong := quote_problem(citation, evidence.passages.get(citation.passage_id)):
                return Reason("a quote is not in its passage", f"{wrong}: {citation.quote!r}")
        cited = [evidence.passages[key] for key in dict.fromkeys(citation.passage_id for citation in citations)]
        return self._unsupported(example, cited) or self._far_from(example, cited)

    def _unsupported(self, example: Example, cited: Sequence[Passage]) -> Reason | None:
        answer, sources = answer_of(example), [passage.in_context for passage in cited]
        if not example.answerable:
            # what is missing is named as the question names it
            sources.append(example.question)
        for number in unsupported_numbers(answer, sources):
            return Reason("a number is not in the cited passages", f"{number.value} {number.unit}".strip())
        for code in unsupported_codes(answer, sources):
            return Reason("a code is not in the cited passages", code)
        for link in unsupported_links(answer, sources):
            return Reason("a link is not in the cited passages", link)
        if not self.names or (example.language or "").lower().startswith(NO_CAPITALS):
            return None
        # the letter of a choice names an option, not a thing
        known = [*sources, " ".join(ascii_uppercase[: len(example.options)])]
        for name in unsupported_names(answer, known):
            return Reason("a name is not in the cited passages", name)
        return None

    def _far_from(self, example: Example, cited: Iterable[Passage]) -> Reason | None:
        # words of the question say nothing for or against the answer
        answer = answer_of(example)
        said = content_stems(answer) - content_stems(example.question) - WEIGHTLESS
        if not said or not example.answerable:
            return None
        texts = [passage.in_context for passage in cited]
        known = set().union(*map(_stems, texts), content_stems(" ".join(spelled_out(answer, texts))))
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

    A number without a known unit in the source agrees with one that has a unit, if the source speaks of that unit at
    all: a table says "dose (mg)" once, above its numbers.

    >>> [found.value for found in unsupported_numbers("5 % after 6 weeks", ["five percent improved in 6 months"])]
    ['6']
    >>> [found.unit for found in unsupported_numbers("5 mg or 7 weeks", ["5 tablets", "| Dose (mg) | 5 |, 7 points"])]
    ['week']
    """
    known = list(sources)
    for stated in quantities(answer):
        if not any(_holds(stated, source) for source in known):
            yield stated


def _holds(stated: Quantity, source: str) -> bool:
    named = not stated.unit or stated.unit in _units(source)
    if stated.value == "1" and named and ONE.search(source):
        # "one", "un" and "a week" are articles more often than numbers, and numbers all the same
        return True
    return any(stated.agrees_with(found) and (named or bool(found.unit)) for found in _quantities(source))


@lru_cache(maxsize=4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(content_stems(text))


@lru_cache(maxsize=4096)
def _quantities(text: str) -> frozenset[Quantity]:
    # an answer may state in the middle of a line what stands as an enumerator at the beginning of one here
    return frozenset([*quantities(text), *quantities("; " + text.replace("\n", "; "))])


@lru_cache(maxsize=4096)
def _units(text: str) -> frozenset[str]:
    return frozenset(units(text))
