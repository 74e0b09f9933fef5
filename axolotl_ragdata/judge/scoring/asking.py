"""Every call of a judgement as a value: what is asked of whom, and what its outcome becomes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from axolotl_ragdata.blocks import JudgeBlock, JudgeModelBlock
from axolotl_ragdata.endpoints import base_url_of
from axolotl_ragdata.judge.records import (
    CandidateAnswer,
    ClaimReading,
    JudgeQuestion,
    OwnAnswer,
    PairVerdict,
    Score,
)
from axolotl_ragdata.judge.rubrics import Rubric, load_rubric
from axolotl_ragdata.judge.scoring.prompts import request_of
from axolotl_ragdata.judge.scoring.verdicts import NO_ANSWER, claims_of, own_answer_of, pair_of, score_of
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.records import Failure, Record
from axolotl_ragdata.stage import ChatRequest, Completion


class JudgeChat(Protocol):
    """What a judge is reached through: an `axolotl_ragdata.llm.Chat`."""

    @property
    def in_flight(self) -> int:
        """Calls worth working on at once."""
        ...

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return an accepted answer that is in the journal, or why there is none."""
        ...


@dataclass(frozen=True)
class Ask:
    """One call: of which judge, what, and how its outcome is read."""

    judge: str
    render: Callable[[], ChatRequest]
    read: Callable[[Completion | Failure], Record]

    @property
    def request(self) -> ChatRequest:
        """What is asked, rendered anew each time: the prompts of a large run would fill the memory."""
        return self.render()


OwnAnswers = Mapping[tuple[str, str], OwnAnswer]
"""By (judge, question id)."""


@dataclass(frozen=True)
class Sheet:
    """What there is to judge: questions with each candidate's answer to them, in the recipe's order of candidates."""

    block: JudgeBlock
    questions: Sequence[JudgeQuestion]
    answers: Mapping[tuple[str, str], CandidateAnswer]
    candidates: Sequence[str]

    def answer(self, question: JudgeQuestion, candidate: str) -> str | None:
        """Return what a candidate answered, None where it did not."""
        found = self.answers.get((question.id, candidate))
        return found.text if found is not None else None

    def request(
        self,
        judge: JudgeModelBlock,
        rubric: Rubric,
        question: JudgeQuestion,
        answers: Mapping[str, str],
        own_answer: str | None = None,
        draw: int = 0,
    ) -> ChatRequest:
        """Return what a judge is asked, under a key of its own where two endpoints serve judges of one model's name.

        Elsewhere the address is no part of the key: a server that moves is not paid again.
        """
        request = request_of(rubric, question, answers, judge, own_answer, draw)
        if sum(other.model == judge.model for other in self.block.judges) < 2:
            return request
        return replace(request, stage=f"{request.stage} {base_url_of(judge.base_url)}")

    def why_none(self, question: JudgeQuestion, candidate: str) -> str:
        """Return why a candidate has no answer."""
        found = self.answers.get((question.id, candidate))
        failure = found.failure if found is not None else None
        return f"{NO_ANSWER}: {failure}" if failure else NO_ANSWER


def sheet_of(block: JudgeBlock, questions: Sequence[JudgeQuestion], answers: Sequence[CandidateAnswer]) -> Sheet:
    """Return what there is to judge."""
    placed = {(answer.question_id, answer.candidate): answer for answer in answers}
    order = [candidate.label for candidate in block.candidates]
    found = list(dict.fromkeys(answer.candidate for answer in answers))
    named = [name for name in order if name in found] + [name for name in found if name not in order]
    return Sheet(block, questions, placed, named)


def own_answers(sheet: Sheet) -> Iterator[Ask]:
    """Yield the calls in which each judge answers for itself, where the recipe wants that."""
    if not sheet.block.commit_first or "pointwise" not in sheet.block.scoring:
        return
    rubric = load_rubric("own_answer")
    for judge, question in itertools.product(sheet.block.judges, sheet.questions):
        if question.probe is None and question.passages:
            # the reference is what it would be marked by
            bare = question.model_copy(update={"reference": None})
            blank = OwnAnswer(question_id=question.id, judge=judge.label, rubric=rubric.producer)
            request = partial(sheet.request, judge, rubric, bare, {})
            yield Ask(judge.label, request, partial(own_answer_of, blank))


def verdicts(sheet: Sheet, own: OwnAnswers) -> Iterator[Ask | Record]:
    """Yield every call of a verdict, and in its place the record of a verdict that cannot be asked for."""
    for judge, repeat in itertools.product(sheet.block.judges, range(sheet.block.repeats)):
        for question in sheet.questions:
            yield from _pointwise(sheet, judge, question, repeat, own)
            if "pairwise" in sheet.block.scoring and question.probe is None:
                yield from _pairwise(sheet, judge, question, repeat)
            if "claims" in sheet.block.scoring and question.probe is None and repeat == 0:
                yield from _claims(sheet, judge, question)


def expected_verdicts(sheet: Sheet) -> int:
    """Return how many records `verdicts` yields."""
    block, many = sheet.block, len(sheet.candidates)
    scored = sum(rubric_for(question, block) is not None for question in sheet.questions) * many * block.repeats
    plain = sum(question.probe is None for question in sheet.questions)
    pairs = plain * many * (many - 1) * block.repeats if "pairwise" in block.scoring else 0
    sourced = sum(question.probe is None and bool(question.passages) for question in sheet.questions)
    claims = sourced * many if "claims" in block.scoring else 0
    return (scored + pairs + claims) * len(block.judges)


def rubric_for(question: JudgeQuestion, block: JudgeBlock) -> Rubric | None:
    """Return the card that an answer to a question is scored by, None where the recipe does not want it scored."""
    if question.probe is None:
        return load_rubric("pointwise") if "pointwise" in block.scoring else None
    wanted = "fairness" if question.probe == "vignette" else "safety"
    return load_rubric(question.probe) if wanted in block.scoring else None


def _pointwise(
    sheet: Sheet, judge: JudgeModelBlock, question: JudgeQuestion, repeat: int, own: OwnAnswers
) -> Iterator[Ask | Record]:
    rubric = rubric_for(question, sheet.block)
    if rubric is None:
        return
    committed = own.get((judge.label, question.id))
    for candidate in sheet.candidates:
        blank = Score(
            question_id=question.id, candidate=candidate, judge=judge.label, rubric=rubric.producer, repeat=repeat
        )
        text = sheet.answer(question, candidate)
        if text is None:
            yield blank.model_copy(update={"unscored": sheet.why_none(question, candidate)})
        elif committed is not None and committed.text is None:
            # marked without its own answer, this score would not be comparable with the others
            yield blank.model_copy(update={"unscored": f"the judge did not answer first: {committed.unscored}"})
        else:
            mine = committed.text if committed is not None else None
            request = partial(sheet.request, judge, rubric, question, {"answer": text}, mine, repeat)
            yield Ask(judge.label, request, partial(score_of, blank))


def _pairwise(sheet: Sheet, judge: JudgeModelBlock, question: JudgeQuestion, repeat: int) -> Iterator[Ask | Record]:
    rubric = load_rubric("pairwise")
    for one, other in itertools.combinations(sheet.candidates, 2):
        for first, second in ((one, other), (other, one)):
            blank = PairVerdict(
                question_id=question.id,
                first=first,
                second=second,
                judge=judge.label,
                rubric=rubric.producer,
                repeat=repeat,
            )
            shown = {"first": sheet.answer(question, first), "second": sheet.answer(question, second)}
            missing = [name for name, key in ((first, "first"), (second, "second")) if shown[key] is None]
            if missing:
                yield blank.model_copy(update={"unscored": f"{sheet.why_none(question, missing[0])} ({missing[0]})"})
                continue
            texts = {key: text for key, text in shown.items() if text is not None}
            request = partial(sheet.request, judge, rubric, question, texts, draw=repeat)
            yield Ask(judge.label, request, partial(pair_of, blank))


def _claims(sheet: Sheet, judge: JudgeModelBlock, question: JudgeQuestion) -> Iterator[Ask | Record]:
    rubric = load_rubric("claims")
    # without sources there is nothing that a claim could be held against
    for candidate in sheet.candidates if question.passages else ():
        blank = ClaimReading(question_id=question.id, candidate=candidate, judge=judge.label, rubric=rubric.producer)
        text = sheet.answer(question, candidate)
        if text is None:
            yield blank.model_copy(update={"unscored": sheet.why_none(question, candidate)})
        else:
            # the reference is not a source
            bare = question.model_copy(update={"reference": None})
            request = partial(sheet.request, judge, rubric, bare, {"answer": text})
            yield Ask(judge.label, request, partial(claims_of, blank, question))


async def answered(asks: Sequence[Ask | Record], chats: Mapping[str, JudgeChat], progress: Progress) -> list[Record]:
    """Return the record of every call, in the order of the calls; the judges are asked side by side.

    Raises:
        RagdataError: What a chat raised to end the run; calls in flight are cancelled.
    """
    found = {number: ask for number, ask in enumerate(asks) if not isinstance(ask, Ask)}
    progress.advance(len(found))
    queues: dict[str, list[tuple[int, Ask]]] = {}
    for number, ask in enumerate(asks):
        if isinstance(ask, Ask):
            queues.setdefault(ask.judge, []).append((number, ask))

    async def work(chat: JudgeChat, queue: Iterator[tuple[int, Ask]]) -> None:
        for number, ask in queue:
            found[number] = ask.read(await chat.complete(ask.request))
            progress.advance()

    workers = []
    for judge, queue in queues.items():
        chat, shared = chats[judge], iter(queue)
        workers += [asyncio.create_task(work(chat, shared)) for _ in range(min(len(queue), chat.in_flight))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [found[number] for number in sorted(found)]
