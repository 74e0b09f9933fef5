"""Passages → what is asked of which: each card of the recipe, of each passage that it takes, with what is around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.boilerplate import skipped_as
from axolotl_ragdata.library import Links, cited_documents, resolve_references
from axolotl_ragdata.questions import Card, Inquiry, draw
from axolotl_ragdata.records import Document, Passage, Rejected

STAGE = "questions"
MOST_CITED = 3
"""Papers of the corpus, cited by one passage, whose beginning is kept at hand."""


@dataclass(frozen=True)
class Most:
    """The most that a build can ask for: inquiries, and the answers to what they bring."""

    inquiries: int = 0
    answers: int = 0


class Planner:
    """Makes inquiries about the passages of a corpus; equal passages, cards and recipe make equal inquiries.

    Args:
        block: Counts, personas and difficulties.
        cards: Question types.
        documents: All of them.
        passages: All of them, in reading order within each document.
    """

    def __init__(
        self, block: QuestionsBlock, cards: Sequence[Card], documents: Sequence[Document], passages: Sequence[Passage]
    ) -> None:
        self._block = block
        self._links: Links = resolve_references(documents)
        self._cards = {card.name: card for card in cards}
        asked, self.rejected = without_boilerplate(passages)
        self._of_document: dict[str, list[Passage]] = defaultdict(list)
        for passage in asked:
            self._of_document[passage.doc_id].append(passage)
        self.eligible: dict[str, list[Passage]] = {
            name: [passage for passage in asked if card.refusal(passage) is None] for name, card in self._cards.items()
        }
        self.rejected += self._refused(asked)

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
        asked = {name: len(passages) * times for name, passages in self.eligible.items()}
        each = self._block.per_passage * self._block.paraphrases * samples
        answers = sum(count * each * self._cards[name].output.answers for name, count in asked.items())
        return Most(sum(asked.values()), answers)

    def everything(self) -> list[Inquiry]:
        """Return an inquiry for every card and passage that it takes, passage by passage."""
        found = [(passage, name) for name, passages in self.eligible.items() for passage in passages]
        order = {name: at for at, name in enumerate(self._cards)}
        found.sort(key=lambda pair: (pair[0].doc_id, pair[0].ordinal, order[pair[1]]))
        return [self.inquiry(name, passage) for passage, name in found]

    def _refused(self, passages: Sequence[Passage]) -> list[Rejected]:
        taken = {passage.id for found in self.eligible.values() for passage in found}
        refused = []
        for passage in passages:
            if passage.id not in taken:
                reasons = dict.fromkeys(card.refusal(passage) or "" for card in self._cards.values())
                refused.append(_rejected(passage, "no question type takes it", "; ".join(reasons)))
        return refused

    def _around(self, passage: Passage, count: int) -> list[Passage]:
        """Return the nearest passages of other sections; of its own, not beside it, where the document has no other."""
        own = [other for other in self._of_document[passage.doc_id] if abs(other.ordinal - passage.ordinal) > 1]
        others = [other for other in own if other.section_path != passage.section_path] or own
        return sorted(others, key=lambda other: (abs(other.ordinal - passage.ordinal), other.ordinal))[:count]

    def _beginnings(self, doc_ids: Sequence[str]) -> list[str]:
        found = (self._of_document.get(doc_id, []) for doc_id in doc_ids[:MOST_CITED])
        return [passages[0].id for passages in found if passages]


def without_boilerplate(passages: Sequence[Passage]) -> tuple[list[Passage], list[Rejected]]:
    """Return the passages that may be asked about, and a `Rejected` with the kind for each that is skipped."""
    kinds: Mapping[str, str | None] = {passage.id: skipped_as(passage) for passage in passages}
    skipped = [_rejected(passage, f"skipped: {kinds[passage.id]}") for passage in passages if kinds[passage.id]]
    return [passage for passage in passages if not kinds[passage.id]], skipped


def _drawn(choices: Sequence[str], *key: object) -> str | None:
    return choices[draw(*key) % len(choices)] if choices else None


def _rejected(passage: Passage, reason: str, detail: str = "") -> Rejected:
    subject = {"passage_ids": [passage.id], "section": list(passage.section_path)}
    return Rejected(stage=STAGE, subject_id=passage.id, reason=reason, detail=detail, subject=subject)
