"""The records of a judgement. What could not be scored has a reason and no value: it is never a 0.

JudgeQuestion → CandidateAnswer → ExactScore | Score | PairVerdict | ClaimVerdict
"""

from __future__ import annotations

from typing import Literal

from axolotl_ragdata.records import Record, Usage

Origin = Literal["test_seen", "test_unseen", "file", "probe"]
ClaimLabel = Literal["supported", "contradicted", "not_in_sources"]
PairOutcome = Literal["first", "second", "tie"]


class SourcePassage(Record):
    """A passage that a reference answer rests on, as it is shown to the judge: `text` is never cut."""

    passage_id: str
    heading: str = ""
    text: str


class JudgeQuestion(Record):
    """A question that every candidate is asked."""

    id: str
    origin: Origin
    question: str
    reference: str | None = None
    passages: tuple[SourcePassage, ...] = ()
    doc_id: str | None = None
    """The source document: what paired differences are clustered by; None: the question is its own cluster."""
    section: str | None = None
    type: str | None = None
    language: str | None = None
    options: tuple[str, ...] = ()
    label: str | None = None
    answerable: bool = True
    contamination: str | None = None
    """Why a training row counts as holding this question; None: none does."""


class CandidateAnswer(Record):
    """What one candidate answered, or why there is no answer: exactly one of `text` and `failure` is there."""

    question_id: str
    candidate: str
    text: str | None = None
    failure: str | None = None
    model: str | None = None
    usage: Usage = Usage()
    passage_ids: tuple[str, ...] = ()
    """Of a candidate with retrieval: the passages it was given."""
    reference_log_likelihood: float | None = None
    """Sum over the reference's tokens of log p, in nats, under a local model; 0 or below."""
    reference_tokens: int | None = None
    option_log_likelihoods: tuple[float, ...] = ()
    """Of each of the question's options, in their order, in nats."""


class ExactScore(Record):
    """A score that needs no judge; `value` is None where the answer could not be read, and `unscored` says why."""

    question_id: str
    candidate: str
    metric: str
    value: float | None = None
    predicted: str | None = None
    unscored: str | None = None


class Score(Record):
    """A judge's score of one answer, 0 to 10; `value` is None where there is no verdict, and `unscored` says why."""

    question_id: str
    candidate: str
    judge: str
    rubric: str
    value: float | None = None
    reason: str = ""
    unscored: str | None = None
    usage: Usage = Usage()


class PairVerdict(Record):
    """A judge's choice between two answers in one order; `outcome` is None where there is no verdict."""

    question_id: str
    first: str
    second: str
    judge: str
    rubric: str
    outcome: PairOutcome | None = None
    reason: str = ""
    unscored: str | None = None
    usage: Usage = Usage()


class ClaimVerdict(Record):
    """A judge's word on one claim of an answer; a quote that does not stand in its passage leaves `label` None."""

    question_id: str
    candidate: str
    judge: str
    claim: str
    label: ClaimLabel | None = None
    passage_id: str | None = None
    quote: str | None = None
    reason: str = ""
    unscored: str | None = None
