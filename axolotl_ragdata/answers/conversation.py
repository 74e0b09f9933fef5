"""Answers of a conversation: each turn is answered by itself, and one that cannot be takes the whole with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from axolotl_ragdata.records import Answer, Question, Rejected, Usage, content_id
from axolotl_ragdata.stage import Outcome

AnswerOne = Callable[[Question], Awaitable[Sequence[Outcome]]]


async def answered_turns(question: Question, answer_one: AnswerOne) -> list[Outcome]:
    """Return the answer of a conversation, or what the first turn that has none came to.

    Args:
        question: Has turns.
        answer_one: Answers a question without turns.
    """
    answers: list[Answer] = []
    beside: list[Outcome] = []
    for number, turn in enumerate(question.turns, 1):
        alone = question.model_copy(update={"text": turn.standalone, "turns": (), "answer_text": None})
        outcomes = await answer_one(alone)
        made = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        if not made:
            return [_of_turn(outcome, number) for outcome in outcomes]
        if any(made[0].text == earlier.text for earlier in answers):
            return [_repeated(question, made[0])]
        answers.append(made[0])
        beside += [outcome for outcome in outcomes if not isinstance(outcome, Answer)]
    return [_joined(question, answers), *beside]


def _joined(question: Question, answers: Sequence[Answer]) -> Answer:
    last = answers[-1]
    citations = tuple(dict.fromkeys(citation for answer in answers for citation in answer.citations))
    return last.model_copy(
        update={
            "id": content_id("a", "turns@1", question.id, [answer.id for answer in answers]),
            "citations": citations,
            "earlier": tuple(answer.text for answer in answers[:-1]),
            "usage": sum((answer.usage for answer in answers), Usage()),
        }
    )


def _of_turn(outcome: Outcome, number: int) -> Outcome:
    if not isinstance(outcome, Rejected):
        return outcome
    return outcome.model_copy(update={"detail": f"turn {number}: {outcome.detail}".rstrip()[:500]})


def _repeated(question: Question, answer: Answer) -> Rejected:
    return Rejected(
        stage=answer.producer.partition("@")[0],
        subject_id=question.id,
        reason="two turns have the same answer",
        detail=answer.text[:500],
        subject={
            "question_id": question.id,
            "passage_ids": list(question.passage_ids),
            "question": question.text,
        },
    )
