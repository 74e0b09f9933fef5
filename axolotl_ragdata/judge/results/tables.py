"""Totals of candidates on the same questions, with intervals and tests; the paper's line is the first of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from axolotl_ragdata.judge.exact import (
    ABSTAINED,
    ACCURACY,
    CHOICE,
    CHOICE_A_CHARACTER,
    LIKELIHOOD,
    LIKELIHOOD_EACH,
    WORD_F1,
)
from axolotl_ragdata.judge.records import ExactScore, JudgeQuestion, Score
from axolotl_ragdata.judge.results.records import Difference, Interval, Table, TableKind, Total
from axolotl_ragdata.judge.rubrics import HIGHEST, LOWEST
from axolotl_ragdata.judge.statistics.clusters import Bounds, estimate_mean
from axolotl_ragdata.judge.statistics.paired import PairedDifference, compare, holm

MAIN = "uncontaminated"
JUDGED = "score"
LIMITS = {
    **dict.fromkeys((ABSTAINED, ACCURACY, WORD_F1, CHOICE, CHOICE_A_CHARACTER), (0.0, 1.0)),
    **dict.fromkeys((LIKELIHOOD, LIKELIHOOD_EACH), (-inf, 0.0)),
}
"""What a mean of each exact metric can be."""
Values = Mapping[str, Mapping[str, float]]
"""By question id, then by candidate: the questions on which every candidate has a value."""


@dataclass(frozen=True)
class Settings:
    """How everything is resampled.

    Args:
        candidates: The baseline first.
        resamples: Of the bootstrap and the permutation test.
        seed: Of both.
    """

    candidates: Sequence[str]
    resamples: int
    seed: int

    @property
    def baseline(self) -> str:
        """Whom the others are compared with."""
        return self.candidates[0]


def cluster_of(question: JudgeQuestion) -> str:
    """Return what a question is clustered by: its document, else itself."""
    return question.doc_id or question.id


def interval_of(bounds: Bounds | None) -> Interval | None:
    """Return bounds as they are written."""
    return Interval(low=bounds.low, high=bounds.high) if bounds is not None else None


def within(found: Interval | None, limits: tuple[float, float]) -> Interval | None:
    """Return an interval without what the measure cannot be: a t interval does not know where a share ends."""
    if found is None:
        return None
    return Interval(low=max(limits[0], found.low), high=min(limits[1], found.high))


def judged_values(scores: Iterable[Score], candidates: Sequence[str]) -> Values:
    """Return each question's score of each candidate: the mean over those verdicts that every candidate has.

    A judge that failed on one candidate's answer is left out for all of them on that question, repeat by repeat:
    otherwise a strict judge's missing verdict would lift the one candidate that it was not given.
    """
    cells: dict[tuple[str, str, int], dict[str, float]] = defaultdict(dict)
    for score in scores:
        if score.value is not None:
            cells[score.question_id, score.judge, score.repeat][score.candidate] = score.value
    whole: dict[str, list[dict[str, float]]] = defaultdict(list)
    for (question_id, _, _), cell in cells.items():
        if all(candidate in cell for candidate in candidates):
            whole[question_id].append(cell)
    return {
        question_id: {name: sum(cell[name] for cell in found) / len(found) for name in candidates}
        for question_id, found in whole.items()
    }


def exact_values(scores: Iterable[ExactScore], candidates: Sequence[str]) -> Values:
    """Return each question's value of each candidate, where all have one."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for score in scores:
        if score.value is not None:
            found[score.question_id][score.candidate] = score.value
    return {question_id: row for question_id, row in found.items() if all(name in row for name in candidates)}


def judged_tables(questions: Sequence[JudgeQuestion], scores: Sequence[Score], settings: Settings) -> list[Table]:
    """Return the tables of judged totals: uncontaminated questions first, then all, origins, sections and types."""
    asked = [question for question in questions if question.probe is None]
    ids = {question.id for question in asked}
    own = [score for score in scores if score.question_id in ids]
    if not own:
        return []
    values = judged_values(own, settings.candidates)
    return [table_of(name, kind, JUDGED, group, values, own, settings, HIGHEST) for name, kind, group in groups(asked)]


def safety_tables(questions: Sequence[JudgeQuestion], scores: Sequence[Score], settings: Settings) -> list[Table]:
    """Return the tables of the probes of safety, one a kind."""
    found = []
    for kind in ("crisis", "dosage"):
        group = [question for question in questions if question.probe == kind]
        ids = {question.id for question in group}
        own = [score for score in scores if score.question_id in ids]
        if own:
            values = judged_values(own, settings.candidates)
            found.append(table_of(kind, "type", JUDGED, group, values, own, settings, HIGHEST))
    return found


def exact_tables(questions: Sequence[JudgeQuestion], scores: Sequence[ExactScore], settings: Settings) -> list[Table]:
    """Return a table of each exact metric over uncontaminated questions and over each origin, of who has the metric."""
    found = []
    # whether there is an answer at all is seldom what a reader looks for first
    metrics = sorted(dict.fromkeys(score.metric for score in scores), key=lambda metric: metric == ABSTAINED)
    for metric in metrics:
        own = [score for score in scores if score.metric == metric]
        has = {score.candidate for score in own}
        having = [name for name in settings.candidates if name in has]
        some = Settings(having, settings.resamples, settings.seed)
        values = exact_values(own, having)
        ids = {score.question_id for score in own}
        asked = [question for question in questions if question.id in ids]
        for name, kind, group in groups(asked):
            if kind == "scope":
                found.append(table_of(name, kind, metric, group, values, own, some, None))
    return found


def groups(questions: Sequence[JudgeQuestion]) -> list[tuple[str, TableKind, list[JudgeQuestion]]]:
    """Return (name, kind, questions) of every table; equal ones are left out."""
    clean = [question for question in questions if question.contamination is None]
    found: list[tuple[str, TableKind, list[JudgeQuestion]]] = [(MAIN, "scope", clean)]
    if len(clean) < len(questions):
        found.append(("all", "scope", list(questions)))
    origins = _by(clean, lambda question: question.origin)
    if len(origins) > 1:
        found += [(name, "scope", group) for name, group in origins.items()]
    found += [(name, "section", group) for name, group in _by(clean, lambda question: question.section).items()]
    found += [(name, "type", group) for name, group in _by(clean, lambda question: question.type).items()]
    return [row for row in found if row[2]]


def _by(
    questions: Sequence[JudgeQuestion], key: Callable[[JudgeQuestion], str | None]
) -> dict[str, list[JudgeQuestion]]:
    found: dict[str, list[JudgeQuestion]] = defaultdict(list)
    for question in questions:
        if name := key(question):
            found[name].append(question)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def table_of(
    name: str,
    kind: TableKind,
    metric: str,
    questions: Sequence[JudgeQuestion],
    values: Values,
    scores: Sequence[Score] | Sequence[ExactScore],
    settings: Settings,
    highest: float | None,
) -> Table:
    """Return one table; every number in it is over the same questions, those that every candidate has a value on."""
    ids = {question.id for question in questions}
    kept = [question for question in questions if question.id in values]
    clusters = [cluster_of(question) for question in kept]
    columns = {name: [values[question.id][name] for question in kept] for name in settings.candidates}
    missing: dict[str, int] = defaultdict(int)
    for score in scores:
        missing[score.candidate] += score.value is None and score.question_id in ids
    differences = _differences(columns, clusters, settings) if kept else {}
    totals = [
        _total(candidate, column, clusters, missing[candidate], differences.get(candidate), settings, highest, metric)
        for candidate, column in columns.items()
    ]
    return Table(
        name=name,
        kind=kind,
        metric=metric,
        questions=len(kept),
        dropped=len(questions) - len(kept),
        clusters=len(set(clusters)),
        totals=tuple(totals),
    )


def _differences(
    columns: Mapping[str, Sequence[float]], clusters: Sequence[str], settings: Settings
) -> dict[str, Difference]:
    found = {
        name: compare(column, columns[settings.baseline], clusters, settings.resamples, settings.seed)
        for name, column in columns.items()
        if name != settings.baseline
    }
    corrected = holm({name: each.p_permutation for name, each in found.items()})
    return {name: difference_of(each, corrected[name]) for name, each in found.items()}


def difference_of(found: PairedDifference, corrected: float) -> Difference:
    """Return a paired difference as it is written."""
    return Difference(
        mean=found.estimate.mean,
        interval=interval_of(found.estimate.analytic),
        bootstrap=interval_of(found.estimate.bootstrap),
        p_value=found.p_permutation,
        p_holm=corrected,
        wins=found.wins,
        ties=found.ties,
        losses=found.losses,
    )


def _total(
    candidate: str,
    column: Sequence[float],
    clusters: Sequence[str],
    unscored: int,
    difference: Difference | None,
    settings: Settings,
    highest: float | None,
    metric: str,
) -> Total:
    maximum = highest * len(column) if highest is not None else None
    limits = (float(LOWEST), highest) if highest is not None else LIMITS.get(metric, (-inf, inf))
    if not column:
        return Total(candidate=candidate, n=0, total=0.0, maximum=maximum, mean=None, unscored=unscored)
    estimate = estimate_mean(column, clusters, settings.resamples, settings.seed)
    return Total(
        candidate=candidate,
        n=len(column),
        total=float(sum(column)),
        maximum=maximum,
        mean=estimate.mean,
        interval=within(interval_of(estimate.analytic), limits),
        bootstrap=within(interval_of(estimate.bootstrap), limits),
        unscored=unscored,
        difference=difference,
    )


def pairs_of(candidates: Sequence[str]) -> list[tuple[str, str]]:
    """Return every pair of candidates, in their order."""
    return list(itertools.combinations(candidates, 2))
