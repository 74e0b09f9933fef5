"""The records of people's judgement: what a rater is shown, what they said, and what it comes to."""

from __future__ import annotations

from typing import Literal

from axolotl_ragdata.judge.results.records import Coefficient, Interval, PairRow
from axolotl_ragdata.records import Record

PEOPLE_VERSION = "1.0"
Choice = Literal["a", "b", "tie"]


class BlindPair(Record):
    """What a rater sees: two answers without their authors, in an order that is drawn."""

    id: str
    question: str
    reference: str | None = None
    sources: tuple[str, ...] = ()
    answer_a: str
    answer_b: str


class BlindKey(Record):
    """Who wrote what in a `BlindPair`: kept apart from it."""

    id: str
    question_id: str
    candidate_a: str
    candidate_b: str


class HumanVerdict(Record):
    """What one rater chose, with the authors put back; `outcome` is `first`, `second` or `tie`."""

    question_id: str
    first: str
    second: str
    rater: str
    outcome: Literal["first", "second", "tie"]
    score_first: float | None = None
    score_second: float | None = None
    comment: str = ""


class HumanResults(Record):
    """What the raters' choices come to."""

    schema_version: str = PEOPLE_VERSION
    raters: tuple[str, ...]
    rated: int
    unrated: int
    pairs: tuple[PairRow, ...]
    agreement: tuple[Coefficient, ...]
    """Between raters, then between people and each judge."""
    disputed: tuple[str, ...]
    """Questions on which raters chose differently."""
    verdicts: tuple[HumanVerdict, ...]


class HumanRating(Record):
    """A person's score of one answer, 0 to 10; `reference` and `sources` are what the judge is given too."""

    id: str
    question: str
    answer: str
    score: float
    rater: str = "person"
    reference: str | None = None
    sources: tuple[str, ...] = ()
    doc_id: str | None = None
    judged_before: tuple[str, str] | None = None
    """(question id, candidate) where the answer is one of an earlier run."""


class Parting(Record):
    """An answer on which a judge and people lie 3 points or more apart."""

    id: str
    question: str
    answer: str
    people: float
    judge: float
    reason: str


class JudgeCalibration(Record):
    """One judge against people. `bias` is the mean of (judge less people), in points."""

    judge: str
    n: int
    unscored: int
    coefficients: tuple[Coefficient, ...]
    bias: float | None
    bias_interval: Interval | None = None
    partings: tuple[Parting, ...]


class Calibration(Record):
    """Judges against people, and people against each other."""

    schema_version: str = PEOPLE_VERSION
    items: int
    raters: tuple[str, ...]
    people: tuple[Coefficient, ...]
    judges: tuple[JudgeCalibration, ...]
    void_reasons: tuple[str, ...] = ()
