"""What a judgement knows in the end: what the results are written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axolotl_ragdata.judge.records import (
    CandidateAnswer,
    ExactScore,
    ExactSummary,
    JudgeQuestion,
    JudgeScores,
    Overlap,
)
from axolotl_ragdata.records import Usage


@dataclass(frozen=True)
class Verdicts:
    """What the judges said, and by judge what it used in this run and what that cost where a price is known."""

    scores: JudgeScores = field(default_factory=JudgeScores)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """Everything that was asked and said.

    Attributes:
        name: The recipe's.
        folder: Where results are written.
        candidates: Their names, the baseline first.
        questions: What was asked.
        excluded: Contaminated questions, which were not asked.
        overlaps: How training rows hold questions, the excluded ones and those that were kept.
        references_seen: By origin, questions whose reference stands word for word in an answer that was trained on.
        answers: One a candidate and question.
        exact: Scores that need no judge, and their summaries.
        usage: By candidate, what its answers used in this run; `cost` where a price is known.
        models: By candidate, its model; of a tuned one the model that was tuned.
        verdicts: What the judges said, and what that used.
        warnings: What a reader must know before any number.
        facts: What else a reader should know: versions, model names, the dataset's id, notes.
    """

    name: str
    folder: Path
    candidates: Sequence[str]
    questions: Sequence[JudgeQuestion]
    excluded: Sequence[JudgeQuestion] = ()
    overlaps: Sequence[Overlap] = ()
    references_seen: Mapping[str, int] = field(default_factory=dict)
    answers: Sequence[CandidateAnswer] = ()
    exact: Sequence[ExactScore] = ()
    summaries: Sequence[ExactSummary] = ()
    usage: Mapping[str, Usage] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    verdicts: Verdicts = field(default_factory=Verdicts)
    warnings: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
