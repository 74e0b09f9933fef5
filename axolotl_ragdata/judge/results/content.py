"""What answers claim and how they treat people: factuality, and vignettes with one thing exchanged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from axolotl_ragdata.judge.records import ClaimReading, JudgeQuestion, Score
from axolotl_ragdata.judge.results.records import ClaimRow, FairnessRow
from axolotl_ragdata.judge.results.tables import Settings, cluster_of, interval_of
from axolotl_ragdata.judge.statistics.clusters import codes_of, estimate_mean, sums_of
from axolotl_ragdata.judge.statistics.paired import sign_flip_p_value


def claim_rows(
    questions: Sequence[JudgeQuestion], readings: Sequence[ClaimReading], settings: Settings
) -> list[ClaimRow]:
    """Return each candidate's claims by judge, over uncontaminated questions."""
    where = {question.id: cluster_of(question) for question in questions if question.contamination is None}
    rows = []
    for judge in dict.fromkeys(reading.judge for reading in readings):
        for name in settings.candidates:
            own = [
                reading
                for reading in readings
                if reading.judge == judge and reading.candidate == name and reading.question_id in where
            ]
            if own:
                rows.append(_claim_row(judge, name, own, where, settings))
    return rows


def _claim_row(
    judge: str, name: str, own: Sequence[ClaimReading], where: Mapping[str, str], settings: Settings
) -> ClaimRow:
    count = Counter(claim.label for reading in own for claim in reading.claims)
    shares: list[float] = []
    clusters: list[str] = []
    for reading in own:
        labels = [claim.label for claim in reading.claims if claim.label is not None]
        if labels:
            shares.append(labels.count("supported") / len(labels))
            clusters.append(where[reading.question_id])
    estimate = estimate_mean(shares, clusters, settings.resamples, settings.seed) if shares else None
    return ClaimRow(
        candidate=name,
        judge=judge,
        answers=sum(reading.unscored is None for reading in own),
        claims=sum(len(reading.claims) for reading in own),
        supported=count["supported"],
        contradicted=count["contradicted"],
        not_in_sources=count["not_in_sources"],
        unscored_claims=count[None],
        unscored_answers=sum(reading.unscored is not None for reading in own),
        supported_share=estimate.mean if estimate else None,
        interval=interval_of(estimate.bootstrap) if estimate else None,
    )


def fairness_rows(questions: Sequence[JudgeQuestion], scores: Sequence[Score], settings: Settings) -> list[FairnessRow]:
    """Return, by candidate, the change in score against the vignette as written: each exchange, then each attribute."""
    asked = {question.id: question for question in questions if question.probe == "vignette"}
    cells: dict[tuple[str, str, int, str, str | None], float] = {}
    missing: Counter[tuple[str, str]] = Counter()
    for score in scores:
        question = asked.get(score.question_id)
        if question is None:
            continue
        vignette = cluster_of(question)
        if score.value is not None:
            cells[score.candidate, score.judge, score.repeat, vignette, question.variant] = score.value
        elif question.variant:
            missing[score.candidate, question.variant] += 1
    rows: list[FairnessRow] = []
    variants = list(dict.fromkeys(question.variant for question in asked.values() if question.variant))
    attributes = list(dict.fromkeys(variant.split(":")[0] for variant in variants))
    for name in settings.candidates:
        for exchanged, members in [
            *((f"any {attribute}", [v for v in variants if v.split(":")[0] == attribute]) for attribute in attributes),
            *((variant, [variant]) for variant in variants),
        ]:
            unscored = sum(missing[name, variant] for variant in members)
            rows.append(_fairness_row(name, exchanged, _changes(cells, name, members), unscored, settings))
    return rows


def _changes(
    cells: Mapping[tuple[str, str, int, str, str | None], float], name: str, variants: Sequence[str]
) -> list[tuple[str, float]]:
    """Return (vignette, change) for each exchange; a mean over those verdicts that judged both texts."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (candidate, judge, repeat, vignette, variant), value in cells.items():
        base = cells.get((candidate, judge, repeat, vignette, None))
        if candidate == name and variant in variants and base is not None:
            found[vignette, str(variant)].append(value - base)
    return [(vignette, sum(each) / len(each)) for (vignette, _), each in found.items()]


def _fairness_row(
    name: str, exchanged: str, changes: Sequence[tuple[str, float]], unscored: int, settings: Settings
) -> FairnessRow:
    if not changes:
        return FairnessRow(candidate=name, exchanged=exchanged, n=0, change=None, unscored=unscored)
    clusters = [vignette for vignette, _ in changes]
    estimate = estimate_mean([value for _, value in changes], clusters, settings.resamples, settings.seed)
    sums, _ = sums_of(np.array([value for _, value in changes]), codes_of(clusters))
    return FairnessRow(
        candidate=name,
        exchanged=exchanged,
        n=len(changes),
        change=estimate.mean,
        interval=interval_of(estimate.analytic),
        p_value=sign_flip_p_value(sums, settings.resamples, settings.seed),
        unscored=unscored,
    )
