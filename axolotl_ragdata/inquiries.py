"""Passages → what is asked of which: each card of the recipe, of each passage that it takes, with what is around it."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.boilerplate import skipped_as
from axolotl_ragdata.coverage import Section, section_of
from axolotl_ragdata.library import Links, cited_documents, resolve_references
from axolotl_ragdata.questions import Card, Inquiry, draw
from axolotl_ragdata.records import Document, Passage, Rejected
from axolotl_ragdata.shelf import on_shelf

STAGE = "questions"
MOST_CITED = 3
"""Papers of the corpus, cited by one passage, whose beginning is kept at hand."""


@dataclass(frozen=True)
class Most:
    """The most that a build can ask for: inquiries, answers to what they bring, and the rows that are judged."""

    inquiries: int = 0
    answers: int = 0
    rows: int = 0


class Planner:
    """Makes inquiries about the passages of a corpus; equal passages, cards and recipe make equal inquiries.

    Args:
        block: Counts, personas, difficulties and the depth of a section.
        cards: Question types.
        documents: All of them.
        passages: All of them, in reading order within each document.
    """

    def __init__(
        self, block: QuestionsBlock, cards: Sequence[Card], documents: Sequence[Document], passages: Sequence[Passage]
    ) -> None:
        self._block = block
        self._documents = documents
        self._cards = {card.name: card for card in cards}
        self.passages = on_shelf(passages)
        self.eligible: dict[str, array[int]] = {name: array("L") for name in self._cards}
        """By question type: the places of the passages that it takes, ascending."""
        self.askable: dict[Section, array[int]] = {}
        """By section: the places of the passages that may be asked about."""
        self.tokens: Counter[Section] = Counter()
        """By section: of the passages that may be asked about."""
        for place, passage in enumerate(self.passages):
            if skipped_as(passage) is None:
                section = section_of(passage, block.section_depth)
                self.askable.setdefault(section, array("L")).append(place)
                self.tokens[section] += passage.n_tokens
                for name, card in self._cards.items():
                    if card.refusal(passage) is None:
                        self.eligible[name].append(place)

    @cached_property
    def _links(self) -> Links:
        return resolve_references(self._documents)

    def producer(self, name: str) -> str:
        """Return the name and version of a question type's card."""
        return self._cards[name].producer

    def takes(self, name: str, place: int) -> bool:
        """Return whether a question type takes the passage at a place."""
        places = self.eligible[name]
        at = bisect_left(places, place)
        return at < len(places) and places[at] == place

    def refusal(self, passage: Passage) -> Rejected | None:
        """Return why nothing is asked of a passage, whatever the quota; None where something may be."""
        if kind := skipped_as(passage):
            return _rejected(passage, f"skipped: {kind}")
        reasons = [card.refusal(passage) for card in self._cards.values()]
        if all(reasons):
            return _rejected(passage, "no question type takes it", "; ".join(dict.fromkeys(map(str, reasons))))
        return None

    def inquiry(self, card_name: str, passage: Passage, number: int = 0, asked: Sequence[str] = ()) -> Inquiry:
        """Return what is asked of a passage in a round, from 0.

        Args:
            card_name: The question type.
            passage: One that the type takes.
            number: The round.
            asked: What earlier rounds asked of the passage.
        """
        head = self._cards[card_name].head
        cited = cited_documents(passage, self._links)
        return Inquiry(
            type=card_name,
            passage=passage,
            round=number,
            count=self._block.per_passage,
            persona=_drawn(self._block.personas, "persona", card_name, passage.in_context, number),
            difficulty=_drawn(self._block.difficulty, "difficulty", card_name, passage.in_context, number),
            partner_ids=tuple(self._beginnings(cited)) if head.passages > 1 else (),
            neighbour_ids=tuple(one.id for one in self._around(passage, head.neighbours)),
            cited_docs=cited,
            asked=tuple(asked),
        )

    def most(self, samples: int) -> Most:
        """Return the most calls that the inquiries can need, with `samples` answers to each question."""
        times = self._block.rounds if self._block.has_quota else 1
        asked = {name: len(places) * times for name, places in self.eligible.items()}
        each = self._block.per_passage
        answers = sum(self.answers(name, count * each, samples) for name, count in asked.items())
        rows = sum(self.rows(name, count * each, samples) for name, count in asked.items())
        return Most(sum(asked.values()), answers, rows)

    def answers(self, name: str, count: int, samples: int) -> int:
        """Return the most answers that `count` questions of a type are given, with `samples` for each phrasing."""
        return count * self._block.paraphrases * samples * self._cards[name].output.answers

    def rows(self, name: str, count: int, samples: int) -> int:
        """Return the most rows that `count` questions of a type can become."""
        return count * self._block.paraphrases * (samples if self._cards[name].output.answers else 1)

    def everything(self) -> Sequence[Inquiry]:
        """Return an inquiry for every card and passage that it takes, each made when it is read, passage by passage."""
        return _Everything(self)

    def _around(self, passage: Passage, count: int) -> list[Passage]:
        """Return the nearest passages of other sections; of its own, not beside it, where the document has no other."""
        if not count:
            return []
        own = [other for other in self._askable_of(passage.doc_id) if abs(other.ordinal - passage.ordinal) > 1]
        others = [other for other in own if other.section_path != passage.section_path] or own
        return sorted(others, key=lambda other: (abs(other.ordinal - passage.ordinal), other.ordinal))[:count]

    def _beginnings(self, doc_ids: Sequence[str]) -> list[str]:
        found = map(self._askable_of, doc_ids[:MOST_CITED])
        return [passages[0].id for passages in found if passages]

    def _askable_of(self, doc_id: str) -> list[Passage]:
        return [passage for passage in self.passages.part(doc_id) if skipped_as(passage) is None]


class _Everything(Sequence[Inquiry]):
    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def __len__(self) -> int:
        return sum(map(len, self._planner.eligible.values()))

    def __iter__(self) -> Iterator[Inquiry]:
        for place, passage in enumerate(self._planner.passages):
            for name in self._planner.eligible:
                if self._planner.takes(name, place):
                    yield self._planner.inquiry(name, passage)

    def __getitem__(self, at: Any) -> Any:
        return list(self)[at]


def skipped_passages(passages: Iterable[Passage]) -> Iterator[Rejected]:
    """Yield a `Rejected` with the kind for each passage that must not be asked about, and nothing for the others."""
    for passage in passages:
        if kind := skipped_as(passage):
            yield _rejected(passage, f"skipped: {kind}")


def _drawn(choices: Sequence[str], *key: object) -> str | None:
    return choices[draw(*key) % len(choices)] if choices else None


def _rejected(passage: Passage, reason: str, detail: str = "") -> Rejected:
    subject = {"passage_ids": [passage.id], "section": list(passage.section_path)}
    return Rejected(stage=STAGE, subject_id=passage.id, reason=reason, detail=detail, subject=subject)
