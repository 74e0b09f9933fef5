"""Wrong options for questions that have none: references of other questions, whose log-likelihoods are compared."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.questions import shuffled
from axolotl_ragdata.judge.records import JudgeQuestion


def with_distractors(questions: Sequence[JudgeQuestion], block: JudgeBlock) -> dict[str, tuple[str, ...]]:
    """Return, by question id, the options whose log-likelihoods are compared; the right one comes first.

    A question with options of its own keeps them. One with a reference gets references of other questions of the same
    language, of its own type before others, from other documents before its own, chosen by `seed`.
    """
    rings = _rings(questions, block.seed)
    found = {}
    for question in questions:
        if question.options and question.label is not None:
            found[question.id] = (question.label, *(each for each in question.options if each != question.label))
        elif question.reference and question.answerable and block.distractors:
            others = _others(question, rings.get(question.language, {}), block)
            if len(others) == block.distractors:
                found[question.id] = (question.reference, *others)
    return found


@dataclass(frozen=True)
class _Ring:
    """Questions of one language and type in an order as if by chance."""

    questions: Sequence[JudgeQuestion]
    a_document: Counter[str | None]

    def after(self, question: JudgeQuestion, seed: int, same_document: bool) -> Iterator[JudgeQuestion]:
        """Yield those of other documents, or of the question's own, from a place that the question decides."""
        own = self.a_document[question.doc_id]
        if own == (0 if same_document else len(self.questions)):
            return
        many, start = len(self.questions), int.from_bytes(shuffled(question.id, seed), "big")
        for at in range(many):
            other = self.questions[(start + at) % many]
            if (other.doc_id == question.doc_id) == same_document:
                yield other


Rings = dict[str, _Ring]
"""By type, '' where a question has none."""


def _rings(questions: Sequence[JudgeQuestion], seed: int) -> dict[str | None, Rings]:
    grouped: dict[str | None, dict[str, list[JudgeQuestion]]] = {}
    for question in sorted(questions, key=lambda each: shuffled(each.id, seed)):
        if question.reference and question.answerable and not question.options:
            grouped.setdefault(question.language, {}).setdefault(question.type or "", []).append(question)
    return {
        language: {kind: _Ring(each, Counter(one.doc_id for one in each)) for kind, each in kinds.items()}
        for language, kinds in grouped.items()
    }


def _others(question: JudgeQuestion, rings: Rings, block: JudgeBlock) -> list[str]:
    own = question.type or ""
    # which of the other types comes first must not be the same for every question
    rest = sorted(rings.keys() - {own}, key=lambda kind: shuffled(question.id + kind, block.seed))
    groups = ([rings[own]] if own in rings else [], [rings[kind] for kind in rest])
    found: dict[str, None] = {}
    for group, same_document in itertools.product(groups, (False, True)):
        for other in itertools.chain.from_iterable(ring.after(question, block.seed, same_document) for ring in group):
            if other.reference and other.reference != question.reference:
                found[other.reference] = None
            if len(found) == block.distractors:
                return list(found)
    return list(found)
