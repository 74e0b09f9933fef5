"""Means over questions that share documents, with intervals: cluster-robust and by bootstrap."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from axolotl_ragdata.judge.statistics.student import t_cdf, t_quantile

RESAMPLES = 10_000
LEVEL = 0.95
SEED = 20_240_501
KEPT_NUMBERS = 4_000_000
"""Numbers of a table of resamples that is kept for the next statistic, or made at once: 32 MB."""
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """An interval from `low` to `high`."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class MeanEstimate:
    """A mean over n questions in `clusters` documents; bounds are None where one cluster says nothing of the spread.

    Args:
        mean: The mean over questions.
        n: Questions.
        clusters: Documents that they come from.
        standard_error: Cluster-robust; None with one cluster.
        degrees: Degrees of freedom that the analytic interval rests on.
        analytic: Cluster-robust interval.
        bootstrap: Cluster bootstrap interval.
        icc: Intra-cluster correlation, -1 to 1; None where no cluster has two questions.
    """

    mean: float
    n: int
    clusters: int
    standard_error: float | None = None
    degrees: float | None = None
    analytic: Bounds | None = None
    bootstrap: Bounds | None = None
    icc: float | None = None


def codes_of(clusters: Sequence[Hashable]) -> Integers:
    """Return a whole number from 0 for each cluster name, equal for equal names, in order of appearance.

    >>> codes_of(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.int64)


def sums_of(values: Floats, codes: Integers) -> tuple[Floats, Floats]:
    """Return (sum of the values, number of values) of each cluster, both of shape (clusters,)."""
    count = int(codes.max()) + 1 if codes.size else 0
    return (
        np.bincount(codes, weights=values, minlength=count).astype(np.float64),
        np.bincount(codes, minlength=count).astype(np.float64),
    )


def estimate_mean(
    values: Sequence[float] | Floats,
    clusters: Sequence[Hashable],
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> MeanEstimate:
    """Return the mean of values with its intervals; clusters are what is independent of each other.

    Args:
        values: One number a question, at least one.
        clusters: The cluster of each.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap; equal inputs give equal intervals.
        level: Confidence level, 0 to 1.

    Raises:
        ValueError: There is no value, or not one cluster a value.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0 or numbers.size != len(clusters):
        raise ValueError(f"{numbers.size} values in {len(clusters)} clusters: needs one cluster a value, and a value")
    codes = codes_of(clusters)
    sums, sizes = sums_of(numbers, codes)
    mean, count = float(numbers.mean()), len(sizes)
    if count < 2:
        return MeanEstimate(mean, numbers.size, count)
    error, degrees = robust_error(sums, sizes)
    reach = t_quantile((1 + level) / 2, degrees) * error
    return MeanEstimate(
        mean,
        numbers.size,
        count,
        error,
        degrees,
        Bounds(mean - reach, mean + reach),
        bootstrap_bounds(sums, sizes, degrees, resamples, seed, level),
        intra_cluster_correlation(numbers, codes),
    )


def robust_error(sums: Floats, sizes: Floats) -> tuple[float, float]:
    """Return (standard error, degrees of freedom) of a mean over clusters of any size.

    The bias-reduced cluster-robust variance (CR2) of an intercept, which has a closed form: with residual sums r_g,
    sizes n_g and N in all, V = sum r_g^2 / (1 - n_g/N) / N^2. Bell and McCaffrey (2002), Survey Methodology 28(2);
    degrees of freedom by their Satterthwaite approximation, as in Imbens and Kolesar (2016), Review of Economics and
    Statistics 98(4): N^2 / (sum n_g^2 + ((sum w)^2 - sum w^2) / N^2), w_g = n_g^2 / (1 - n_g/N). Clusters of equal
    size give G - 1.

    Args:
        sums: Sum of the values of each cluster, shape (G,), G >= 2.
        sizes: Values in each cluster, shape (G,).
    """
    total = sizes.sum()
    residuals = sums - sizes * (sums.sum() / total)
    kept = 1.0 - sizes / total
    error = float(np.sqrt((residuals**2 / kept).sum()) / total)
    weights = sizes**2 / kept
    spread = (sizes**2).sum() + (weights.sum() ** 2 - (weights**2).sum()) / total**2
    return error, float(total**2 / spread)


def robust_p_value(estimate: MeanEstimate) -> float | None:
    """Return the two-sided p-value of a mean of 0 from the cluster-robust t statistic, None without a spread."""
    if estimate.standard_error is None or estimate.degrees is None:
        return None
    if estimate.standard_error == 0:
        return 1.0 if estimate.mean == 0 else 0.0
    return 2 * t_cdf(-abs(estimate.mean / estimate.standard_error), estimate.degrees)


def bootstrap_means(sums: Floats, sizes: Floats, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """Return the mean over questions in each resample of whole clusters, shape (resamples,).

    The pairs cluster bootstrap: Davison and Hinkley (1997), Bootstrap Methods and their Application, 3.8; Cameron,
    Gelbach and Miller (2008), Review of Economics and Statistics 90(3).
    """
    drawn = resampled_sums(np.stack([sums, sizes], axis=1), resamples, seed)
    means: Floats = drawn[:, 0] / drawn[:, 1]
    return means


def resampled_sums(columns: Floats, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """Return the sum of each column over the clusters of each resample, (clusters, k) to (resamples, k).

    As many clusters are drawn as there are, with replacement. Equal seeds draw equal clusters.
    """
    clusters = len(columns)
    if clusters * resamples <= KEPT_NUMBERS:
        kept: Floats = _counts(clusters, resamples, seed) @ columns
        return kept
    source = np.random.default_rng(seed)
    rows = max(1, KEPT_NUMBERS // clusters)
    sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    return np.concatenate([_drawn(source, clusters, size) @ columns for size in sizes])


@lru_cache(maxsize=8)
def _counts(clusters: int, resamples: int, seed: int) -> Floats:
    return _drawn(np.random.default_rng(seed), clusters, resamples)


def _drawn(source: np.random.Generator, clusters: int, resamples: int) -> Floats:
    """Return how often each cluster is drawn in each resample, shape (resamples, clusters)."""
    drawn = source.integers(0, clusters, size=(resamples, clusters))
    rows = np.arange(resamples)[:, None] * clusters
    counts = np.bincount((drawn + rows).ravel(), minlength=resamples * clusters)
    return counts.reshape(resamples, clusters).astype(np.float64)


def bootstrap_bounds(
    sums: Floats,
    sizes: Floats,
    degrees: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Bounds:
    """Return the expanded percentile interval of the cluster bootstrap.

    A plain percentile interval is too narrow with few clusters: its spread lacks the factor sqrt(G/(G-1)) and it uses
    normal for t quantiles. Hesterberg (2015), The American Statistician 69(4), widens the percentiles to undo both.
    """
    return percentile_bounds(bootstrap_means(sums, sizes, resamples, seed), degrees, level)


def percentile_bounds(replicates: Floats, degrees: float, level: float = LEVEL) -> Bounds:
    """Return the expanded percentiles (Hesterberg, 2015) of bootstrap replicates.

    Args:
        replicates: The statistic in each resample, shape (resamples,).
        degrees: Degrees of freedom: clusters less one where they are of about equal size.
        level: Confidence level.
    """
    share = expanded_share(degrees, level)
    low, high = np.quantile(replicates, [share, 1 - share])
    return Bounds(float(low), float(high))


def expanded_share(degrees: float, level: float = LEVEL) -> float:
    """Return the tail share in place of (1 - level) / 2.

    >>> round(expanded_share(9), 4), round(expanded_share(1e6), 4)
    (0.0086, 0.025)
    """
    reach = t_quantile((1 + level) / 2, degrees) * ((degrees + 1) / degrees) ** 0.5
    return NormalDist().cdf(-reach)


def intra_cluster_correlation(values: Floats, codes: Integers) -> float | None:
    """Return the intra-cluster correlation by one-way analysis of variance, None where no cluster has two values.

    Donner (1986), International Statistical Review 54(1): (MSB - MSW) / (MSB + (m0 - 1) MSW), with
    m0 = (N - sum n_g^2 / N) / (G - 1).
    """
    sums, sizes = sums_of(values, codes)
    total, count = values.size, len(sizes)
    if count < 2 or total <= count:
        return None
    means = sums / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum() / (count - 1))
    within = float(((values - means[codes]) ** 2).sum() / (total - count))
    size = (total - float((sizes**2).sum()) / total) / (count - 1)
    below = between + (size - 1) * within
    return float((between - within) / below) if below > 0 else 0.0
