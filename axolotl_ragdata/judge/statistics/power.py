"""How many questions it takes to see a difference, before anything is spent."""

from __future__ import annotations

import math

from axolotl_ragdata.judge.statistics.student import t_quantile

ALPHA = 0.05
POWER = 0.8
MOST_QUESTIONS = 10_000_000


def design_effect(mean_cluster_size: float, icc: float) -> float:
    """Return by how much clustering inflates the variance of a mean: 1 + (m - 1) icc, at least 1.

    Kish (1965), Survey Sampling, 5.4. With clusters of unequal size m is sum n_g^2 / sum n_g.

    >>> design_effect(5, 0.25)
    2.0
    """
    return max(1.0, 1.0 + (mean_cluster_size - 1.0) * icc)


def questions_needed(
    difference: float,
    deviation: float,
    mean_cluster_size: float = 1.0,
    icc: float = 0.0,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int:
    """Return how many questions show a mean paired difference with this power in a two-sided test.

    n = deff ((t_(1-alpha/2) + t_power) s / d)^2, with t quantiles of as many degrees of freedom as there are clusters
    less one, found by iteration: Chow, Shao, Wang and Lokhnygina (2018), Sample Size Calculations in Clinical
    Research, 3.1; deff as in `design_effect`.

    Args:
        difference: The difference to see, in points of the score; not 0.
        deviation: Standard deviation of the paired difference of one question, in the same points.
        mean_cluster_size: Questions a document.
        icc: Intra-cluster correlation of the differences.
        alpha: Chance of seeing a difference that is not there.
        power: Chance of seeing the one that is.

    Raises:
        ValueError: The difference is 0, or the deviation is below 0.

    >>> questions_needed(1.0, 3.0), questions_needed(1.0, 3.0, mean_cluster_size=5, icc=0.25)
    (73, 152)
    """
    if difference == 0 or deviation < 0:
        raise ValueError(f"no number of questions shows a difference of {difference} at a deviation of {deviation}")
    inflation = design_effect(mean_cluster_size, icc)
    ratio = deviation / abs(difference)
    needed = 3
    for _ in range(100):
        degrees = max(1.0, needed / mean_cluster_size - 1)
        reach = t_quantile(1 - alpha / 2, degrees) + t_quantile(power, degrees)
        now = min(MOST_QUESTIONS, max(3, math.ceil(inflation * (reach * ratio) ** 2)))
        if now == needed or (now < needed and needed - now < 2):
            break
        needed = now
    return needed


def smallest_difference(
    questions: int,
    deviation: float,
    mean_cluster_size: float = 1.0,
    icc: float = 0.0,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float:
    """Return the smallest mean paired difference that so many questions show with this power, in points.

    The formula of `questions_needed` solved for the difference.

    >>> round(smallest_difference(73, 3.0), 2)
    1.0
    """
    degrees = max(1.0, questions / mean_cluster_size - 1)
    reach = t_quantile(1 - alpha / 2, degrees) + t_quantile(power, degrees)
    return reach * deviation * math.sqrt(design_effect(mean_cluster_size, icc) / max(1, questions))
