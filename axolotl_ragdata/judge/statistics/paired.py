"""Is one candidate better than another: paired differences on the same questions, tests and their correction."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from axolotl_ragdata.judge.statistics.clusters import (
    KEPT_NUMBERS,
    RESAMPLES,
    SEED,
    Floats,
    MeanEstimate,
    codes_of,
    estimate_mean,
    robust_p_value,
    sums_of,
)

ENUMERATED = 13
"""Clusters up to which every sign pattern is tried: 2^13 is below 10,000."""


@dataclass(frozen=True)
class PairedDifference:
    """The mean of (a - b) over questions that both were scored on.

    Args:
        estimate: The mean difference with its intervals.
        p_permutation: Two-sided, by flipping the sign of whole clusters.
        p_robust: Two-sided, by the cluster-robust t statistic; None with one cluster.
        wins: Questions where a's score is higher.
        ties: Questions where both are equal.
        losses: Questions where b's is higher.
    """

    estimate: MeanEstimate
    p_permutation: float
    p_robust: float | None
    wins: int
    ties: int
    losses: int


def compare(
    first: Sequence[float] | Floats,
    second: Sequence[float] | Floats,
    clusters: Sequence[Hashable],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> PairedDifference:
    """Return the paired difference of two candidates' scores on the same questions.

    Args:
        first: Scores of a, one a question.
        second: Scores of b on the same questions in the same order.
        clusters: The source document of each question.
        resamples: Bootstrap resamples and random sign patterns.
        seed: Of both.

    Raises:
        ValueError: There is no question, or the lengths differ.

    >>> found = compare([8, 9, 7, 8], [5, 9, 6, 4], ["d1", "d2", "d3", "d4"])
    >>> found.estimate.mean, found.wins, found.ties, found.losses, found.p_permutation
    (2.0, 3, 1, 0, 0.25)
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    estimate = estimate_mean(differences, clusters, resamples, seed)
    sums, _ = sums_of(differences, codes_of(clusters))
    return PairedDifference(
        estimate,
        sign_flip_p_value(sums, resamples, seed),
        robust_p_value(estimate),
        int((differences > 0).sum()),
        int((differences == 0).sum()),
        int((differences < 0).sum()),
    )


def sign_flip_p_value(sums: Floats, resamples: int = RESAMPLES, seed: int = SEED) -> float:
    """Return the two-sided p-value of "each document's difference is as likely to be the other way round".

    Fisher's paired randomisation test with the cluster as unit: Good (2005), Permutation, Parametric and Bootstrap
    Tests of Hypotheses, ch. 3. Every pattern of signs is tried up to 13 clusters; above, random ones, where the pattern
    that was observed counts as one of them (Phipson and Smyth, 2010), so that p is never 0.

    Args:
        sums: Sum of the differences of each cluster, shape (G,).
        resamples: Random patterns above 13 clusters.
        seed: Of the random patterns.
    """
    observed = abs(float(sums.sum()))
    # sums of the same numbers in another order differ in the last digits
    edge = observed - 1e-9 * max(1.0, float(np.abs(sums).sum()))
    count = len(sums)
    if count <= ENUMERATED:
        patterns = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return float((np.abs((2.0 * patterns - 1) @ sums) >= edge).mean())
    extreme = sum(int((np.abs(signs @ sums) >= edge).sum()) for signs in _sign_patterns(count, resamples, seed))
    return (1 + extreme) / (resamples + 1)


def _sign_patterns(count: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield tables of -1 and 1, shape (some, count), of so many rows in all; equal seeds give equal signs."""
    if count * resamples <= KEPT_NUMBERS:
        yield _signs(count, resamples, seed)
        return
    source = np.random.default_rng(seed)
    rows = max(1, KEPT_NUMBERS // count)
    for start in range(0, resamples, rows):
        yield _drawn_signs(source, count, min(rows, resamples - start))


@lru_cache(maxsize=8)
def _signs(count: int, resamples: int, seed: int) -> Floats:
    return _drawn_signs(np.random.default_rng(seed), count, resamples)


def _drawn_signs(source: np.random.Generator, count: int, rows: int) -> Floats:
    signs: Floats = source.integers(0, 2, size=(rows, count)).astype(np.float64) * 2.0 - 1.0
    return signs


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return each p-value adjusted for the number of tests; below 0.05, all such claims together err in 5%.

    Holm (1979), Scandinavian Journal of Statistics 6(2).

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
