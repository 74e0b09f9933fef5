"""Judging by chat models: self-test first, then scores, pairs and claims, each call journalled like every other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
    answered,
    expected_verdicts,
    own_answers,
    sheet_of,
    verdicts,
)
from axolotl_ragdata.judge.scoring.selftest import planted_own_answers, planted_verdicts, selftests
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Record

__all__ = ["JudgeChat", "planned", "score"]

EXPECTED_OWN_ANSWER = "(the judge's own answer: " + "about a hundred words " * 25 + ")"


async def score(
    recipe: Recipe,
    block: JudgeBlock,
    questions: Sequence[JudgeQuestion],
    answers: Sequence[CandidateAnswer],
    chats: Mapping[str, JudgeChat],
    progress: Progress,
) -> JudgeScores:
    """Return what the judges say; a call that failed is a verdict without a value, and the next run asks it again.

    Args:
        recipe: Names the place of an error.
        block: Judges, what they are asked for, and how often.
        questions: Those to score, probes included; excluded ones are not among them.
        answers: Of every candidate to every question.
        chats: An open chat of each judge, by the judge's label.
        progress: Hears the result of the self-test as soon as it is known.

    Raises:
        RagdataError: What a chat raised to end the run.
    """
    in_flight = 2 * sum(judge.concurrency for judge in block.judges)
    sheet = sheet_of(block, questions, answers)
    progress.start("judge self-test")
    own = _own(await answered(planted_own_answers(block), chats, in_flight, progress))
    tests = selftests(block, await answered(planted_verdicts(block, own), chats, in_flight, progress))
    for test in tests:
        progress.say(selftest_line(test))
    progress.start("judge", expected_verdicts(sheet))
    own = _own(await answered(own_answers(sheet), chats, in_flight, Silent()))
    found = await answered(verdicts(sheet, own), chats, in_flight, progress)
    return _gathered(found, own, tests)


def planned(block: JudgeBlock, questions: Sequence[JudgeQuestion], answers: Sequence[CandidateAnswer]) -> Iterator[Ask]:
    """Yield every call that `score` makes, self-test included, for an estimate before anything is spent.

    Where judges answer first, their answers are not known yet: the prompts hold a text of the usual length instead.
    """
    sheet = sheet_of(block, questions, answers)
    first = [*planted_own_answers(block), *own_answers(sheet)]
    yield from first
    own = {
        (ask.judge, ask.request.subject_id): OwnAnswer(
            question_id=ask.request.subject_id, judge=ask.judge, rubric=ask.request.stage, text=EXPECTED_OWN_ANSWER
        )
        for ask in first
    }
    for ask in (*planted_verdicts(block, own), *verdicts(sheet, own)):
        if isinstance(ask, Ask):
            yield ask


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
