"""What length buys: the slope of the score on the answer's length, and totals with it taken out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from axolotl_ragdata.judge.statistics.clusters import LEVEL, Bounds, Floats, Integers, codes_of
from axolotl_ragdata.judge.statistics.student import t_quantile


@dataclass(frozen=True)
class LengthEffect:
    """How the score moves with length, within question and candidate.

    Args:
        points_a_doubling: Points that twice the words bring; None where length does not vary.
        bounds: Its 95% interval, clustered by document; None with fewer than 3 documents.
        correlation: Pearson's correlation of score and log2 length over all answers; None without spread.
        controlled: Each candidate's mean score at the mean log length of all answers.
        raw: Each candidate's mean score.
        words: Each candidate's mean length in words.
    """

    points_a_doubling: float | None
    bounds: Bounds | None
    correlation: float | None
    controlled: dict[str, float]
    raw: dict[str, float]
    words: dict[str, float]


def length_effect(
    scores: Sequence[float],
    words: Sequence[int],
    candidates: Sequence[str],
    questions: Sequence[Hashable],
    clusters: Sequence[Hashable],
) -> LengthEffect:
    """Return the effect of length on the score, one row an answer.

    Ordinary least squares of the score on log2(1 + words) with an effect of each candidate and of each question, so
    that a better model that also writes more is not taken for a biased judge: the idea of length-controlled win rates
    (Dubois et al., 2024, arXiv:2404.04475) on a linear scale. The slope by the Frisch-Waugh-Lovell theorem; its error
    clustered by document (Liang and Zeger, 1986, Biometrika 73(1)) with G/(G-1) and t of G-1 degrees.

    Args:
        scores: Of each answer.
        words: Of each answer.
        candidates: Who gave it.
        questions: To which question.
        clusters: From which document.
    """
    y = np.asarray(scores, dtype=np.float64)
    length = np.log2(1.0 + np.asarray(words, dtype=np.float64))
    who, what, where = codes_of(candidates), codes_of(questions), codes_of(clusters)
    names = list(dict.fromkeys(candidates))
    raw = {name: float(y[who == number].mean()) for number, name in enumerate(names)}
    mean_words = {
        name: float(np.asarray(words, dtype=np.float64)[who == number].mean()) for number, name in enumerate(names)
    }
    spread = y.std() > 0 and length.std() > 0
    correlation = float(np.corrcoef(y, length)[0, 1]) if spread else None
    left = _within(np.stack([length, y], axis=1), who, what)
    slope, bounds = _slope(left[:, 0], left[:, 1], where)
    used = slope or 0.0
    controlled = {
        name: float((y - used * (length - length.mean()))[who == number].mean()) for number, name in enumerate(names)
    }
    return LengthEffect(slope, bounds, correlation, controlled, raw, mean_words)


def _within(columns: Floats, who: Integers, what: Integers) -> Floats:
    """Return what is left of columns when the means of candidates and of questions are taken out, (n, columns)."""
    left: Floats = columns - columns.mean(axis=0)
    # alternating projections: exact at once where every candidate answered every question
    for _ in range(200):
        before = left
        for codes in (who, what):
            sizes = np.bincount(codes).astype(np.float64)
            means = np.stack([np.bincount(codes, weights=left[:, at]) / sizes for at in range(left.shape[1])], axis=1)
            left = left - means[codes]
        if float(np.abs(left - before).max()) < 1e-12:
            break
    return left


def _slope(x: Floats, y: Floats, clusters: Integers) -> tuple[float | None, Bounds | None]:
    below = float((x**2).sum())
    if below < 1e-9 * max(1, len(x)):
        return None, None
    slope = float((x * y).sum() / below)
    sums = np.bincount(clusters, weights=x * (y - slope * x))
    count = len(sums)
    if count < 3:
        return slope, None
    error = float(np.sqrt((sums**2).sum() * count / (count - 1)) / below)
    reach = t_quantile((1 + LEVEL) / 2, count - 1) * error
    return slope, Bounds(slope - reach, slope + reach)
