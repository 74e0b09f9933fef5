"""How far the judges can be trusted: length, self-preference, noise, agreement, and what is disputed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion, Score
from axolotl_ragdata.judge.results.records import Coefficient, Disputed, LengthBand, LengthBias, Noise, SelfPreference
from axolotl_ragdata.judge.results.tables import Settings, cluster_of, interval_of, judged_values, pairs_of
from axolotl_ragdata.judge.statistics.agreement import Agreement, cohen_kappa, krippendorff_alpha, spearman
from axolotl_ragdata.judge.statistics.clusters import estimate_mean
from axolotl_ragdata.judge.statistics.length import length_effect

BANDS = 5
DISPUTED_FROM = 3.0
"""Points between two verdicts on one answer from which people should decide."""


def plain_scores(questions: Sequence[JudgeQuestion], scores: Sequence[Score]) -> list[Score]:
    """Return the scores of questions that are no probes and not contaminated, those with a value."""
    ids = {question.id for question in questions if question.probe is None and question.contamination is None}
    return [score for score in scores if score.question_id in ids and score.value is not None]


def length_biases(
    questions: Sequence[JudgeQuestion], answers: Sequence[CandidateAnswer], scores: Sequence[Score], settings: Settings
) -> list[LengthBias]:
    """Return, for each judge, what length buys, and totals with that taken out."""
    words = {(answer.question_id, answer.candidate): len((answer.text or "").split()) for answer in answers}
    where = {question.id: cluster_of(question) for question in questions}
    found = []
    for judge in dict.fromkeys(score.judge for score in scores):
        values = judged_values([score for score in scores if score.judge == judge], settings.candidates)
        rows = [(value, qid, name) for qid, row in values.items() for name, value in row.items()]
        if not rows:
            continue
        effect = length_effect(
            [value for value, _, _ in rows],
            [words[qid, name] for _, qid, name in rows],
            [name for _, _, name in rows],
            [qid for _, qid, _ in rows],
            [where[qid] for _, qid, _ in rows],
        )
        bounds = effect.bounds
        found.append(
            LengthBias(
                judge=judge,
                points_a_doubling=effect.points_a_doubling,
                interval=interval_of(bounds),
                correlation=effect.correlation,
                biased=bounds is not None and 0.0 not in bounds,
                raw={name: mean * len(values) for name, mean in effect.raw.items()},
                controlled={name: mean * len(values) for name, mean in effect.controlled.items()},
                words=effect.words,
                bands=tuple(_bands([(words[qid, name], value) for value, qid, name in rows])),
            )
        )
    return found


def _bands(rows: Sequence[tuple[int, float]]) -> list[LengthBand]:
    """Return mean scores by fifths of the lengths; answers of one length stay in one band."""
    lengths = np.array([length for length, _ in rows])
    scores = np.array([value for _, value in rows])
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, BANDS + 1), method="higher"))
    found = []
    for number, high in enumerate(edges[1:] if len(edges) > 1 else edges):
        own = (lengths <= high) & ((lengths > edges[number]) | (number == 0))
        if own.any():
            low, mean = int(lengths[own].min()), float(scores[own].mean())
            found.append(LengthBand(words_from=low, words_to=int(lengths[own].max()), n=int(own.sum()), mean=mean))
    return found


def self_preferences(
    questions: Sequence[JudgeQuestion],
    scores: Sequence[Score],
    relatives: Mapping[str, Sequence[str]],
    settings: Settings,
) -> list[SelfPreference]:
    """Return how much more each judge gives its relatives, over the other candidates, than the other judges do.

    A difference of differences on the same questions: Panickssery et al. (2024), arXiv:2404.13076, on why it matters.
    """
    where = {question.id: cluster_of(question) for question in questions}
    judges = list(dict.fromkeys(score.judge for score in scores))
    by_judge = {
        judge: judged_values([score for score in scores if score.judge == judge], settings.candidates)
        for judge in judges
    }
    found = []
    for judge, names in relatives.items():
        strangers = [other for other in judges if other != judge and not relatives.get(other)]
        for name in names:
            others = [candidate for candidate in settings.candidates if candidate not in names]
            if not strangers or not others or judge not in by_judge:
                note = "needs a judge that is nobody's relative" if not strangers else "all candidates are relatives"
                found.append(SelfPreference(judge=judge, relative=name, points=None, note=note))
                continue
            rows = _excess(by_judge, judge, strangers, name, others)
            found.append(_self_preference(judge, name, rows, where, settings))
    return found


def _excess(
    by_judge: Mapping[str, Mapping[str, Mapping[str, float]]],
    judge: str,
    strangers: Sequence[str],
    name: str,
    others: Sequence[str],
) -> dict[str, float]:
    found = {}
    for qid, own in by_judge[judge].items():
        rest = [by_judge[other][qid] for other in strangers if qid in by_judge[other]]
        if rest:
            fair = sum(_lead(row, name, others) for row in rest) / len(rest)
            found[qid] = _lead(own, name, others) - fair
    return found


def _lead(row: Mapping[str, float], name: str, others: Sequence[str]) -> float:
    return row[name] - sum(row[other] for other in others) / len(others)


def _self_preference(
    judge: str, name: str, rows: Mapping[str, float], where: Mapping[str, str], settings: Settings
) -> SelfPreference:
    if not rows:
        return SelfPreference(judge=judge, relative=name, points=None, note="no question that both judged")
    clusters = [where[qid] for qid in rows]
    estimate = estimate_mean(list(rows.values()), clusters, settings.resamples, settings.seed)
    return SelfPreference(
        judge=judge, relative=name, points=estimate.mean, interval=interval_of(estimate.bootstrap), n=estimate.n
    )


def noises(scores: Sequence[Score], settings: Settings) -> list[Noise]:
    """Return each judge's spread over repeated verdicts, where there are any."""
    found = []
    for judge in dict.fromkeys(score.judge for score in scores):
        cells: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
        for score in scores:
            if score.judge == judge and score.value is not None:
                cells[score.question_id, score.candidate][score.repeat] = score.value
        repeated = [list(cell.values()) for cell in cells.values() if len(cell) > 1]
        if not repeated:
            continue
        freedom = sum(len(values) - 1 for values in repeated)
        squares = sum(float(np.var(values) * len(values)) for values in repeated)
        repeats = max(len(values) for values in repeated)
        flips = _flip_rate(cells, settings.candidates)
        found.append(Noise(judge=judge, repeats=repeats, deviation=(squares / freedom) ** 0.5, flip_rate=flips))
    return found


def _flip_rate(cells: Mapping[tuple[str, str], Mapping[int, float]], candidates: Sequence[str]) -> float | None:
    flips: list[bool] = []
    for qid in dict.fromkeys(qid for qid, _ in cells):
        for first, second in pairs_of(candidates):
            a, b = cells.get((qid, first), {}), cells.get((qid, second), {})
            ahead = {int(np.sign(a[repeat] - b[repeat])) for repeat in a if repeat in b}
            if sum(repeat in b for repeat in a) > 1:
                flips.append(len(ahead) > 1)
    return sum(flips) / len(flips) if flips else None


def panel_agreement(
    questions: Sequence[JudgeQuestion], scores: Sequence[Score], settings: Settings
) -> list[Coefficient]:
    """Return how far the judges of a panel agree: Krippendorff's alpha, and weighted kappa and Spearman of each two."""
    judges = list(dict.fromkeys(score.judge for score in scores))
    if len(judges) < 2:
        return []
    where = {question.id: cluster_of(question) for question in questions}
    first = {(score.judge, score.question_id, score.candidate): score.value for score in scores if score.repeat == 0}
    items = list(dict.fromkeys((score.question_id, score.candidate) for score in scores))
    ratings = np.array([[_number(first.get((judge, *item))) for item in items] for judge in judges], dtype=np.float64)
    documents = [where[qid] for qid, _ in items]
    alpha = krippendorff_alpha(ratings, "interval", documents, settings.resamples, settings.seed)
    found = [coefficient("Krippendorff's alpha (interval)", "all judges", alpha)]
    for a, b in itertools.combinations(range(len(judges)), 2):
        both = ~np.isnan(ratings[a]) & ~np.isnan(ratings[b])
        rows = np.nonzero(both)[0]
        x, y = ratings[a][rows].tolist(), ratings[b][rows].tolist()
        clusters = [where[items[row][0]] for row in rows]
        between = f"{judges[a]} and {judges[b]}"
        kappa = cohen_kappa(x, y, "quadratic", clusters, settings.resamples, settings.seed)
        found.append(coefficient("quadratic weighted kappa", between, kappa))
        found.append(coefficient("Spearman", between, spearman(x, y)))
    return found


def coefficient(name: str, between: str, found: Agreement) -> Coefficient:
    """Return a coefficient as it is written."""
    return Coefficient(name=name, between=between, value=found.value, n=found.n, interval=interval_of(found.bounds))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def disputed_answers(scores: Sequence[Score]) -> list[Disputed]:
    """Return the answers on which verdicts lie 3 points or more apart, between judges or repeats; widest first."""
    cells: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for score in scores:
        if score.value is not None:
            cells[score.question_id, score.candidate][score.judge].append(score.value)
    found = []
    for (qid, name), by_judge in cells.items():
        values = [value for each in by_judge.values() for value in each]
        spread = max(values) - min(values)
        if spread >= DISPUTED_FROM:
            shown = {judge: tuple(each) for judge, each in by_judge.items()}
            found.append(Disputed(question_id=qid, candidate=name, values=shown, spread=spread))
    return sorted(found, key=lambda one: (-one.spread, one.question_id, one.candidate))
