"""Do those who rated agree: kappa, Krippendorff's alpha and correlations, with intervals.

Computed here with numpy: the package `krippendorff` is GPL, and scikit-learn would be a large dependency for two
formulas; the tests hold both kappas against scikit-learn's and both correlations against scipy's.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from axolotl_ragdata.judge.statistics.clusters import (
    LEVEL,
    RESAMPLES,
    SEED,
    Bounds,
    Floats,
    codes_of,
    percentile_bounds,
    resampled_sums,
)
from axolotl_ragdata.judge.statistics.student import t_quantile

Scale = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]
NORMAL_DEGREES = 1e9


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its interval; `value` is None where it is not defined (fewer than 3 pairs, or no spread)."""

    value: float | None
    n: int
    bounds: Bounds | None = None


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    weights: Weights = "none",
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Agreement:
    """Return Cohen's kappa of two raters over the same items, with a bootstrap interval over clusters.

    Cohen (1960), Educational and Psychological Measurement 20(1); weighted: Cohen (1968), Psychological Bulletin
    70(4), with weights |i - j| or (i - j)^2 by the order of the categories.

    Args:
        first: Category of each item by one rater; for weights, values that sort.
        second: By the other.
        weights: How far apart two categories count.
        clusters: What is resampled; left out, the item.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    >>> cohen_kappa([1, 1, 0, 0], [1, 1, 0, 1]).value
    0.5
    """
    if len(first) < 3:
        return Agreement(None, len(first))
    categories = sorted(set(first) | set(second))  # type: ignore[type-var]
    place = {category: number for number, category in enumerate(categories)}
    cells = np.array([place[a] * len(categories) + place[b] for a, b in zip(first, second, strict=True)])
    codes = codes_of(clusters if clusters is not None else range(len(cells)))
    tables = np.zeros((int(codes.max()) + 1, len(categories) ** 2))
    np.add.at(tables, (codes, cells), 1.0)
    value = float(_kappas(tables.sum(axis=0)[None, :], len(categories), weights)[0])
    if np.isnan(value) or len(tables) < 3:
        return Agreement(None if np.isnan(value) else value, len(cells))
    drawn = _kappas(resampled_sums(tables, resamples, seed), len(categories), weights)
    return Agreement(value, len(cells), _bounds(drawn, len(tables)))


def _kappas(tables: Floats, count: int, weights: Weights) -> Floats:
    """Return kappa of each contingency table, shape (tables, count * count) to (tables,); nan where undefined."""
    square = tables.reshape(-1, count, count)
    apart = np.abs(np.arange(count)[:, None] - np.arange(count))
    cost = {"none": (apart > 0).astype(float), "linear": apart.astype(float), "quadratic": apart.astype(float) ** 2}
    expected = square.sum(axis=2)[:, :, None] * square.sum(axis=1)[:, None, :] / square.sum(axis=(1, 2))[:, None, None]
    by_chance = (expected * cost[weights]).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        values: Floats = 1.0 - (square * cost[weights]).sum(axis=(1, 2)) / by_chance
    values[by_chance <= 0] = np.nan
    return values


def krippendorff_alpha(
    ratings: Floats,
    scale: Scale = "interval",
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Agreement:
    """Return Krippendorff's alpha of any number of raters, missing ratings allowed, with a bootstrap interval.

    alpha = 1 - observed / expected disagreement: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability,
    University of Pennsylvania. For the ordinal scale, values are replaced by their mid ranks over all ratings, which
    is his ordinal metric.

    Args:
        ratings: Shape (raters, items), nan where a rater did not rate an item.
        scale: Distance of two ratings.
        clusters: The cluster of each item, which is what is resampled; left out, the item.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    >>> krippendorff_alpha(np.array([[1.0, 2, 3, 4], [1, 2, 3, 4]])).value
    1.0
    """
    kept = (~np.isnan(ratings)).sum(axis=0) >= 2
    paired = ratings[:, kept]
    if paired.shape[1] < 3:
        return Agreement(None, paired.shape[1])
    items, raters = np.nonzero(~np.isnan(paired.T))
    given = paired.T[items, raters]
    values = np.unique(given)
    counts = np.zeros((paired.shape[1], len(values)))
    np.add.at(counts, (items, np.searchsorted(values, given)), 1.0)
    distance = _distances(values, counts.sum(axis=0), scale)
    size = counts.sum(axis=1)
    observed = ((counts @ distance) * counts).sum(axis=1) / (size - 1)
    rows = np.column_stack([observed, counts])
    value = float(_alphas(rows.sum(axis=0)[None, :], distance)[0])
    if np.isnan(value):
        return Agreement(None, len(rows))
    names = list(clusters) if clusters is not None else list(range(ratings.shape[1]))
    codes = codes_of([name for name, whole in zip(names, kept, strict=True) if whole])
    columns = np.zeros((int(codes.max()) + 1, rows.shape[1]))
    np.add.at(columns, codes, rows)
    if len(columns) < 3:
        return Agreement(value, len(rows))
    drawn = _alphas(resampled_sums(columns, resamples, seed), distance)
    return Agreement(value, len(rows), _bounds(drawn, len(columns)))


def _bounds(drawn: Floats, clusters: int) -> Bounds | None:
    """Return the interval of the resamples in which the coefficient is defined, None where it is in hardly any."""
    defined = drawn[~np.isnan(drawn)]
    return percentile_bounds(defined, clusters - 1) if defined.size > drawn.size / 2 else None


def _alphas(drawn: Floats, distance: Floats) -> Floats:
    """Return alpha of each row of (observed disagreement, count of each value)."""
    observed, totals = drawn[:, 0], drawn[:, 1:]
    number = totals.sum(axis=1)
    below = ((totals @ distance) * totals).sum(axis=1) / (number - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        values: Floats = 1.0 - observed / below
    values[below <= 0] = np.nan
    return values


def _distances(values: Floats, totals: Floats, scale: Scale) -> Floats:
    if scale == "nominal":
        apart: Floats = (values[:, None] != values).astype(np.float64)
        return apart
    if scale == "ordinal":
        values = np.cumsum(totals) - totals / 2
    squared: Floats = (values[:, None] - values) ** 2
    return squared


def pearson(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Agreement:
    """Return Pearson's correlation with Fisher's (1915) z interval.

    >>> pearson([1, 2, 3, 4], [2, 4, 6, 8]).value
    1.0
    """
    return _correlation(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64), 1.0, level)


def spearman(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Agreement:
    """Return Spearman's rank correlation, ties at their mid rank, with Bonett and Wright's interval.

    Bonett and Wright (2000), Psychometrika 65(1): Fisher's z with variance (1 + r^2 / 2) / (n - 3).

    >>> spearman([1, 2, 3, 4], [1, 10, 100, 1000]).value
    1.0
    """
    a, b = ranks(np.asarray(first, dtype=np.float64)), ranks(np.asarray(second, dtype=np.float64))
    rough = _correlation(a, b, 1.0, level).value or 0.0
    return _correlation(a, b, 1.0 + rough**2 / 2, level)


def ranks(values: Floats) -> Floats:
    """Return ranks from 1, equal values sharing the mean of theirs.

    >>> ranks(np.array([10.0, 30, 20, 30])).tolist()
    [1.0, 3.5, 2.0, 3.5]
    """
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: Floats = np.cumsum(counts) - (counts - 1) / 2
    placed: Floats = shared[where]
    return placed


def _correlation(a: Floats, b: Floats, inflation: float, level: float) -> Agreement:
    if len(a) < 3 or a.std() == 0 or b.std() == 0:
        return Agreement(None, len(a))
    value = float(np.clip(np.mean((a - a.mean()) * (b - b.mean())) / (a.std() * b.std()), -1, 1))
    # a sum in floating point can miss 1 by a digit
    value = round(value, 12)
    if len(a) < 4:
        return Agreement(value, len(a))
    if abs(value) == 1:
        return Agreement(value, len(a), Bounds(value, value))
    reach = t_quantile((1 + level) / 2, NORMAL_DEGREES) * (inflation / (len(a) - 3)) ** 0.5
    middle = np.arctanh(value)
    return Agreement(value, len(a), Bounds(float(np.tanh(middle - reach)), float(np.tanh(middle + reach))))
