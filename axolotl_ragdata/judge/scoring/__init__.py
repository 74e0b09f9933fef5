"""Judging by chat models: self-test first, then scores, pairs and claims, each call journalled like every other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.records import (
    CandidateAnswer,
    ClaimReading,
    JudgeQuestion,
    JudgeScores,
    OwnAnswer,
    PairVerdict,
    Score,
    SelfTest,
)
from axolotl_ragdata.judge.scoring.asking import (
    Ask,
    JudgeChat,
    OwnAnswers,
    Sheet,
    answered,
    expected_verdicts,
    own_answers,
    sheet_of,
    verdicts,
)
from axolotl_ragdata.judge.scoring.selftest import planted_own_answers, planted_verdicts, selftests
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.records import Record

__all__ = ["JudgeChat", "OwnAnswers", "Plan", "plan", "score"]

EXPECTED_OWN_ANSWER = "(the judge's own answer: " + "about a hundred words " * 25 + ")"


@dataclass(frozen=True)
class Plan:
    """Every call of the judges: to be counted before anything is spent, and then to be made.

    Where judges answer first, their answers are not known yet: the prompts of verdicts hold a text of the usual length
    instead.

    Attributes:
        block: Judges, what they are asked for, and how often.
        sheet: What there is to judge.
        planted_first: The judges' own answers to planted questions, none where they do not answer first.
        first: Their own answers to the others.
        planted: Verdicts on planted answers: the self-test.
        rest: Verdicts on the candidates' answers, and the records of those that cannot be asked for.
    """

    block: JudgeBlock
    sheet: Sheet
    planted_first: Sequence[Ask]
    first: Sequence[Ask]
    planted: Sequence[Ask | Record]
    rest: Sequence[Ask | Record]

    def calls(self) -> Iterator[Ask]:
        """Yield every call, in the order in which they are made."""
        yield from self.planted_first
        yield from self.first
        yield from (ask for ask in (*self.planted, *self.rest) if isinstance(ask, Ask))


def plan(
    block: JudgeBlock,
    questions: Sequence[JudgeQuestion],
    answers: Sequence[CandidateAnswer],
    known: OwnAnswers | None = None,
) -> Plan:
    """Return every call that `score` makes, self-test included.

    Args:
        block: Judges, what they are asked for, and how often.
        questions: Those to score, probes included; excluded ones are not among them.
        answers: Of every candidate to every question.
        known: What judges answered first in an earlier run.
    """
    sheet = sheet_of(block, questions, answers)
    planted_first, first = list(planted_own_answers(block)), list(own_answers(sheet))
    own = {
        (ask.judge, ask.request.subject_id): OwnAnswer(
            question_id=ask.request.subject_id, judge=ask.judge, rubric=ask.request.stage, text=EXPECTED_OWN_ANSWER
        )
        for ask in (*planted_first, *first)
    } | dict(known or {})
    return Plan(block, sheet, planted_first, first, list(planted_verdicts(block, own)), list(verdicts(sheet, own)))


async def score(planned: Plan, chats: Mapping[str, JudgeChat], progress: Progress) -> JudgeScores:
    """Return what the judges say; a call that failed is a verdict without a value, and the next run asks it again.

    Planted answers are the first to be judged; what comes after them does not wait for their verdicts.

    Args:
        planned: What is asked.
        chats: An open chat of each judge, by the judge's label.
        progress: Hears the result of the self-test as soon as it is known.

    Raises:
        RagdataError: What a chat raised to end the run.
    """
    progress.start("judge", expected_verdicts(planned.sheet))
    committed = await answered((*planned.planted_first, *planned.first), chats, Silent())
    many = len(planned.planted_first)
    planted_own, own = _own(committed[:many]), _own(committed[many:])
    planted, rest = planned.planted, planned.rest
    if committed:
        planted, rest = list(planted_verdicts(planned.block, planted_own)), list(verdicts(planned.sheet, own))

    async def tested() -> list[SelfTest]:
        tests = selftests(planned.block, await answered(planted, chats, Silent()))
        for test in tests:
            progress.say(selftest_line(test))
        return tests

    testing = asyncio.create_task(tested())
    try:
        # its calls were queued first
        await asyncio.sleep(0)
        found = await answered(rest, chats, progress)
        tests = await testing
    finally:
        testing.cancel()
        await asyncio.gather(testing, return_exceptions=True)
    return _gathered(found, own, tests)


def selftest_line(test: SelfTest) -> str:
    """Return the result of a self-test in one line."""
    shown = ", ".join(f"{plant} {share:.0%}" for plant, share in test.shares.items())
    if test.passed:
        return f"judge {test.judge}: self-test passed ({shown} of planted answers judged as they must be)"
    return f"judge {test.judge}: SELF-TEST FAILED, its tables are void ({shown} of planted answers judged right)"


def _own(records: Sequence[Record]) -> OwnAnswers:
    return {(record.judge, record.question_id): record for record in records if isinstance(record, OwnAnswer)}


def _gathered(found: Sequence[Record], own: OwnAnswers, tests: Sequence[SelfTest]) -> JudgeScores:
    return JudgeScores(
        scores=tuple(record for record in found if isinstance(record, Score)),
        pairs=tuple(record for record in found if isinstance(record, PairVerdict)),
        claims=tuple(record for record in found if isinstance(record, ClaimReading)),
        own_answers=tuple(own.values()),
        selftests=tuple(tests),
    )
