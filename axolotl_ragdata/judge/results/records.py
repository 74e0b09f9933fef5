"""`results.json`: every number of a judgement, and every answer and verdict that it comes from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from axolotl_ragdata.judge.records import (
    CandidateAnswer,
    ExactScore,
    ExactSummary,
    JudgeQuestion,
    JudgeScores,
    Overlap,
    SelfTest,
)
from axolotl_ragdata.records import Record, Usage

RESULTS_VERSION = "1.0"
TableKind = Literal["scope", "section", "type"]


class Interval(Record):
    """A 95% interval."""

    low: float
    high: float


class Difference(Record):
    """A candidate less the baseline, on the same questions.

    `interval` is cluster-robust, `bootstrap` the cluster bootstrap's; both None with one document. `p_value` is that of
    the paired permutation test, `p_holm` the same corrected for the number of candidates that are compared.
    """

    mean: float
    interval: Interval | None = None
    bootstrap: Interval | None = None
    p_value: float
    p_holm: float
    wins: int
    ties: int
    losses: int


class Total(Record):
    """One candidate's row: `total` out of `maximum` over `n` questions that every candidate has a score on."""

    candidate: str
    n: int
    total: float
    maximum: float | None
    mean: float | None
    interval: Interval | None = None
    bootstrap: Interval | None = None
    unscored: int
    """Verdicts on this candidate that were asked for and are missing; never counted as 0."""
    difference: Difference | None = None
    """None of the baseline."""


class Table(Record):
    """Totals of all candidates over some of the questions. `dropped` were left out: somebody has no score there."""

    name: str
    kind: TableKind
    metric: str
    questions: int
    dropped: int
    clusters: int
    totals: tuple[Total, ...]


class PairRow(Record):
    """Two candidates against each other on `n` questions, each asked in both orders.

    Outcomes are counted by judge and repeat; `win_rate` and its interval take their mean on each question.
    """

    first: str
    second: str
    n: int
    wins: int
    losses: int
    ties: int
    disagreements: int
    """Questions on which the two orders do not give the same verdict: an outcome of its own, half a win for each."""
    unscored: int
    win_rate: float | None
    interval: Interval | None = None
    p_value: float | None = None
    p_holm: float | None = None
    flip_rate: float | None = None
    """Share of questions whose verdict changes with the order."""


class StrengthRow(Record):
    """A candidate's Bradley-Terry strength in log-odds, 0 on average."""

    candidate: str
    log_odds: float
    interval: Interval | None = None


class ClaimRow(Record):
    """A candidate's claims. `supported_share` is the mean over answers with claims of the share that is supported."""

    candidate: str
    judge: str
    answers: int
    claims: int
    supported: int
    contradicted: int
    not_in_sources: int
    unscored_claims: int
    unscored_answers: int
    supported_share: float | None
    interval: Interval | None = None


class FairnessRow(Record):
    """How a candidate's score changes when one thing in a vignette is exchanged."""

    candidate: str
    exchanged: str
    n: int
    change: float | None
    interval: Interval | None = None
    p_value: float | None = None
    unscored: int


class PositionBias(Record):
    """How often a judge chooses what it is shown first, of verdicts that choose; 0.5 without a bias."""

    judge: str
    n: int
    first_share: float | None
    interval: Interval | None = None
    biased: bool


class PositionWins(Record):
    """A candidate's win rate by where it stands; ties are half a win."""

    judge: str
    candidate: str
    as_first: float | None
    as_second: float | None


class LengthBand(Record):
    """A fifth of the answers by length: from `words_from` to `words_to` words, and their mean score."""

    words_from: int
    words_to: int
    n: int
    mean: float


class LengthBias(Record):
    """What length buys with a judge: points for twice the words, within question and candidate."""

    judge: str
    points_a_doubling: float | None
    interval: Interval | None = None
    correlation: float | None
    biased: bool
    raw: dict[str, float]
    controlled: dict[str, float]
    """Each candidate's total with the effect of length taken out: at the mean log length of all answers."""
    words: dict[str, float]
    bands: tuple[LengthBand, ...] = ()
    """The mean score of answers by their length, shortest first."""


class SelfPreference(Record):
    """How much more a judge gives its relatives than other judges do; None where there is nobody to compare with."""

    judge: str
    relative: str
    points: float | None
    interval: Interval | None = None
    n: int = 0
    note: str = ""


class Noise(Record):
    """A judge against itself, over repeated verdicts of the same answers."""

    judge: str
    repeats: int
    deviation: float | None
    """Standard deviation of the score of one answer, in points."""
    flip_rate: float | None
    """Share of (question, two candidates) on which repeats do not agree who is ahead."""


class Coefficient(Record):
    """A coefficient of agreement; `value` is None where it is not defined."""

    name: str
    between: str
    value: float | None
    n: int
    interval: Interval | None = None


class Disputed(Record):
    """An answer on which verdicts lie apart: for people to decide."""

    question_id: str
    candidate: str
    values: dict[str, tuple[float, ...]]
    """By judge: its score, or its repeated scores."""
    spread: float


class Sensitivity(Record):
    """How many questions show a difference, and what difference so many questions show, with a power of 80%."""

    deviation: float
    icc: float
    questions_a_document: float
    measured: bool
    questions: int
    smallest_difference: float
    needed: dict[str, int]


class Cost(Record):
    """What a model's calls used in this run; answers and verdicts from the journal cost nothing again."""

    name: str
    role: Literal["candidate", "judge"]
    usage: Usage
    cost: float | None = None


class JudgeInfo(Record):
    """A judge: its model, its rubric cards, and the candidates that it is a relative of."""

    name: str
    model: str
    relatives: tuple[str, ...] = ()
    selftest: SelfTest | None = None


class Results(Record):
    """Everything. `void` tables hold numbers of a judge that failed its self-test: they say nothing of the models."""

    schema_version: str = RESULTS_VERSION
    name: str
    ragdata_version: str
    void: bool
    void_reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    baseline: str
    candidates: tuple[str, ...]
    judges: tuple[JudgeInfo, ...] = ()
    origins: dict[str, int]
    contaminated_excluded: int
    contaminated_kept: int
    asked: int
    unscored: int
    unscored_reasons: dict[str, int]
    tables: tuple[Table, ...] = ()
    exact: tuple[Table, ...] = ()
    exact_summaries: tuple[ExactSummary, ...] = ()
    pairs: tuple[PairRow, ...] = ()
    strengths: tuple[StrengthRow, ...] = ()
    claims: tuple[ClaimRow, ...] = ()
    safety: tuple[Table, ...] = ()
    fairness: tuple[FairnessRow, ...] = ()
    position: tuple[PositionBias, ...] = ()
    position_wins: tuple[PositionWins, ...] = ()
    length: tuple[LengthBias, ...] = ()
    self_preference: tuple[SelfPreference, ...] = ()
    noise: tuple[Noise, ...] = ()
    agreement: tuple[Coefficient, ...] = ()
    disputed: tuple[Disputed, ...] = ()
    sensitivity: Sensitivity | None = None
    costs: tuple[Cost, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    questions: tuple[JudgeQuestion, ...] = ()
    excluded: tuple[JudgeQuestion, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    answers: tuple[CandidateAnswer, ...] = ()
    exact_scores: tuple[ExactScore, ...] = ()
    verdicts: JudgeScores = JudgeScores()

    def table(self, name: str) -> Table | None:
        """Return the table of judged totals of a name, None where there is none."""
        return next((table for table in self.tables if table.name == name), None)
