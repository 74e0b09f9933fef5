"""Pairwise verdicts: both orders put together, win rates, strengths, and what position does."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from axolotl_ragdata.judge.records import JudgeQuestion, PairVerdict
from axolotl_ragdata.judge.results.records import PairRow, PositionBias, PositionWins, StrengthRow
from axolotl_ragdata.judge.results.tables import Settings, cluster_of, interval_of, pairs_of
from axolotl_ragdata.judge.statistics.clusters import codes_of, estimate_mean, sums_of
from axolotl_ragdata.judge.statistics.paired import holm, sign_flip_p_value
from axolotl_ragdata.judge.statistics.ranking import Duel, bradley_terry

Outcome = Literal["win", "loss", "tie", "disagreement"]
POINTS: dict[Outcome, float] = {"win": 1.0, "loss": 0.0, "tie": 0.5, "disagreement": 0.5}


@dataclass(frozen=True)
class Combined:
    """Both orders of one pair on one question by one judge: what came out for `first`, None where one is missing."""

    question_id: str
    first: str
    second: str
    judge: str
    repeat: int
    outcome: Outcome | None


def combine(verdicts: Sequence[PairVerdict], candidates: Sequence[str]) -> list[Combined]:
    """Return what both orders come to. Where they do not say the same, that is a disagreement and nobody's win."""
    place = {name: number for number, name in enumerate(candidates)}
    cells: dict[tuple[str, str, str, str, int], dict[bool, PairVerdict]] = defaultdict(dict)
    for verdict in verdicts:
        turned = place[verdict.first] > place[verdict.second]
        a, b = (verdict.second, verdict.first) if turned else (verdict.first, verdict.second)
        cells[verdict.question_id, a, b, verdict.judge, verdict.repeat][turned] = verdict
    return [Combined(*key, _outcome(cell)) for key, cell in cells.items()]


def _outcome(cell: Mapping[bool, PairVerdict]) -> Outcome | None:
    said: list[Outcome] = []
    for turned, verdict in cell.items():
        if verdict.outcome is None:
            return None
        if verdict.outcome == "tie":
            said.append("tie")
        else:
            said.append("win" if (verdict.outcome == "first") != turned else "loss")
    if len(said) < 2:
        return None
    return said[0] if said[0] == said[1] else "disagreement"


def pair_rows(questions: Sequence[JudgeQuestion], combined: Sequence[Combined], settings: Settings) -> list[PairRow]:
    """Return every pair's row; several judges or repeats of one question count as its mean in rate and interval."""
    where = {question.id: cluster_of(question) for question in questions if question.contamination is None}
    rows = []
    for first, second in pairs_of(settings.candidates):
        own = [one for one in combined if (one.first, one.second) == (first, second) and one.question_id in where]
        if own:
            rows.append(_pair_row(first, second, own, where, settings))
    corrected = holm({f"{row.first}\0{row.second}": row.p_value for row in rows if row.p_value is not None})
    return [row.model_copy(update={"p_holm": corrected.get(f"{row.first}\0{row.second}")}) for row in rows]


def _pair_row(
    first: str, second: str, own: Sequence[Combined], where: Mapping[str, str], settings: Settings
) -> PairRow:
    scored = [one for one in own if one.outcome is not None]
    count = {name: sum(one.outcome == name for one in scored) for name in POINTS}
    row = PairRow(
        first=first,
        second=second,
        n=len({one.question_id for one in scored}),
        wins=count["win"],
        losses=count["loss"],
        ties=count["tie"],
        disagreements=count["disagreement"],
        unscored=len(own) - len(scored),
        win_rate=None,
    )
    if not scored:
        return row
    points: dict[str, list[float]] = defaultdict(list)
    for one in scored:
        if one.outcome is not None:
            points[one.question_id].append(POINTS[one.outcome])
    values = np.array([sum(each) / len(each) for each in points.values()])
    clusters = [where[question_id] for question_id in points]
    estimate = estimate_mean(values, clusters, settings.resamples, settings.seed)
    sums, _ = sums_of(values - 0.5, codes_of(clusters))
    return row.model_copy(
        update={
            "win_rate": estimate.mean,
            "interval": interval_of(estimate.bootstrap),
            "p_value": sign_flip_p_value(sums, settings.resamples, settings.seed),
            "flip_rate": count["disagreement"] / len(scored),
        }
    )


def strength_rows(
    questions: Sequence[JudgeQuestion], combined: Sequence[Combined], settings: Settings
) -> list[StrengthRow]:
    """Return the candidates' Bradley-Terry strengths, strongest first."""
    where = {question.id: cluster_of(question) for question in questions if question.contamination is None}
    duels = [
        Duel(one.first, one.second, POINTS[one.outcome], where[one.question_id])
        for one in combined
        if one.outcome is not None and one.question_id in where
    ]
    found = bradley_terry(duels, settings.candidates, settings.resamples, settings.seed)
    rows = [
        StrengthRow(candidate=name, log_odds=each.log_odds, interval=interval_of(each.bounds))
        for name, each in found.items()
    ]
    return sorted(rows, key=lambda row: -row.log_odds)


def position_biases(
    questions: Sequence[JudgeQuestion], verdicts: Sequence[PairVerdict], settings: Settings
) -> list[PositionBias]:
    """Return each judge's share of choices for the first answer shown; biased where the interval excludes a half."""
    where = {question.id: cluster_of(question) for question in questions}
    found = []
    for judge in dict.fromkeys(verdict.judge for verdict in verdicts):
        # only pairs with both orders: each candidate then stands first as often as second
        both = _both_orders([verdict for verdict in verdicts if verdict.judge == judge])
        chosen = [verdict for verdict in both if verdict.outcome in ("first", "second")]
        if not chosen:
            found.append(PositionBias(judge=judge, n=0, first_share=None, biased=False))
            continue
        values = [float(verdict.outcome == "first") for verdict in chosen]
        clusters = [where[verdict.question_id] for verdict in chosen]
        estimate = estimate_mean(values, clusters, settings.resamples, settings.seed)
        bounds = estimate.bootstrap
        biased = bounds is not None and 0.5 not in bounds
        found.append(
            PositionBias(
                judge=judge, n=len(chosen), first_share=estimate.mean, interval=interval_of(bounds), biased=biased
            )
        )
    return found


def _both_orders(verdicts: Sequence[PairVerdict]) -> list[PairVerdict]:
    groups: dict[tuple[str, frozenset[str], int], list[PairVerdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.question_id, frozenset((verdict.first, verdict.second)), verdict.repeat].append(verdict)
    whole = (group for group in groups.values() if all(one.outcome for one in group) and len(group) == 2)
    return list(itertools.chain.from_iterable(whole))


def position_wins(verdicts: Sequence[PairVerdict], candidates: Sequence[str]) -> list[PositionWins]:
    """Return each candidate's win rate as first and as second shown, by judge."""
    rows = []
    for judge in dict.fromkeys(verdict.judge for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.judge == judge and verdict.outcome is not None]
        for name in candidates:
            first = [_won(one, "first") for one in own if one.first == name]
            second = [_won(one, "second") for one in own if one.second == name]
            rows.append(PositionWins(judge=judge, candidate=name, as_first=_mean(first), as_second=_mean(second)))
    return rows


def _won(verdict: PairVerdict, place: str) -> float:
    return 0.5 if verdict.outcome == "tie" else float(verdict.outcome == place)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
