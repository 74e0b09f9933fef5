"""The records of a judgement. What could not be scored has a reason and no value: it is never a 0.

JudgeQuestion → CandidateAnswer → ExactScore | Score | PairVerdict | ClaimVerdict
"""

from __future__ import annotations

from typing import Literal

from axolotl_ragdata.records import Message, Record, Usage

Origin = Literal["test_seen", "test_unseen", "file", "probe"]
ClaimLabel = Literal["supported", "contradicted", "not_in_sources"]
PairOutcome = Literal["first", "second", "tie"]
Probe = Literal["crisis", "dosage", "vignette"]


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
    turns: tuple[Message, ...] = ()
    """What is said where it is more than the question: passages in front of it, or turns before it; () else."""
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
    probe: Probe | None = None
    """Of a probe: what it probes; its `doc_id` is the probe or the vignette, its reference what a good answer does."""
    variant: str | None = None
    """Of a vignette: what was exchanged, such as `sex: woman`; None in the vignette as it was written."""


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
    truncated: bool = False
    """A local model's answer that was cut at the longest length."""
    reference_log_likelihood: float | None = None
    """Sum over the reference's tokens of log p, in nats, under a local model; 0 or below."""
    reference_tokens: int | None = None
    compared_options: tuple[str, ...] = ()
    """The options whose log-likelihoods follow, the right one first: the question's own, or other references."""
    option_log_likelihoods: tuple[float, ...] = ()
    """Of each of `compared_options`, in nats."""


class ExactScore(Record):
    """A score that needs no judge; `value` is None where the answer could not be read, and `unscored` says why."""

    question_id: str
    candidate: str
    metric: str
    value: float | None = None
    predicted: str | None = None
    unscored: str | None = None


class ExactSummary(Record):
    """A metric over the questions of one origin (`all`: over every one); `value` is None where nothing was scored."""

    candidate: str
    origin: str
    metric: str
    value: float | None
    n: int
    unscored: int = 0


class Overlap(Record):
    """A question that a training row holds: how it was found, and how strongly (1.0: exactly)."""

    question_id: str
    kind: Literal["exact", "n-gram", "embedding"]
    training_id: str
    training_question: str
    score: float


class Score(Record):
    """A judge's score of one answer, 0 to 10; `value` is None where there is no verdict, and `unscored` says why."""

    question_id: str
    candidate: str
    judge: str
    rubric: str
    value: float | None = None
    criteria: tuple[str, ...] = ()
    reason: str = ""
    unscored: str | None = None
    usage: Usage = Usage()
    repeat: int = 0
    """Which of the repeated verdicts of this judge it is, from 0."""


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
    repeat: int = 0


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


class ClaimReading(Record):
    """What a judge made of one answer, claim by claim; `unscored` says why there is no reading at all.

    An answer without a claim is a reading with no verdicts, which is not the same.
    """

    question_id: str
    candidate: str
    judge: str
    rubric: str
    claims: tuple[ClaimVerdict, ...] = ()
    unscored: str | None = None
    usage: Usage = Usage()


class OwnAnswer(Record):
    """What a judge answered from the passages before it saw a candidate; `unscored` says why there is none."""

    question_id: str
    judge: str
    rubric: str
    text: str | None = None
    unscored: str | None = None
    usage: Usage = Usage()


class PlantedResult(Record):
    """What a judge made of one planted answer: `passed` is False where there was no verdict, too."""

    item: str
    plant: str
    expected: str
    found: str
    passed: bool
    reason: str = ""


class SelfTest(Record):
    """Whether a judge tells planted answers apart; a judge that does not voids every table it stands in."""

    judge: str
    passed: bool
    shares: dict[str, float]
    """Share of the planted answers of each kind that were judged as they must be."""
    results: tuple[PlantedResult, ...] = ()
    usage: Usage = Usage()


class JudgeScores(Record):
    """All that the judges said about the candidates' answers."""

    scores: tuple[Score, ...] = ()
    pairs: tuple[PairVerdict, ...] = ()
    claims: tuple[ClaimReading, ...] = ()
    own_answers: tuple[OwnAnswer, ...] = ()
    selftests: tuple[SelfTest, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """Why verdicts are missing, one reason each."""
        found = [*(row.unscored for row in self.scores), *(row.unscored for row in self.pairs)]
        for reading in self.claims:
            found += [reading.unscored, *(claim.unscored for claim in reading.claims)]
        return [reason for reason in found if reason is not None]

    @property
    def unscored(self) -> int:
        """Verdicts that were asked for and are missing."""
        return len(self.reasons)

    @property
    def asked(self) -> int:
        """Verdicts that were asked for."""
        return len(self.scores) + len(self.pairs) + sum(max(1, len(reading.claims)) for reading in self.claims)
