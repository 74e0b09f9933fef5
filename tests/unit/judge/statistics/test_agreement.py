"""Agreement: against scikit-learn and scipy, against a published example, and where it is not defined."""

from __future__ import annotations

import numpy as np
import pytest

from axolotl_ragdata.judge.statistics.agreement import cohen_kappa, krippendorff_alpha, pearson, spearman

NAN = float("nan")
# four coders, twelve units: the worked example of Krippendorff (2011), section C
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


@pytest.mark.parametrize(("scale", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(scale: str, expected: float) -> None:
    found = krippendorff_alpha(PUBLISHED, scale)  # type: ignore[arg-type]
    assert found.value == pytest.approx(expected, abs=0.0006)
    assert found.n == 11
    assert found.bounds is not None
    assert found.bounds.low <= found.value <= found.bounds.high


def test_alpha_of_chance_is_about_zero_and_of_opposites_below() -> None:
    random = np.random.default_rng(1).integers(0, 11, size=(2, 2000)).astype(float)
    found = krippendorff_alpha(random, resamples=500)
    assert found.value == pytest.approx(0, abs=0.06)
    assert found.bounds is not None
    assert 0.0 in found.bounds
    opposite = krippendorff_alpha(np.array([[0.0, 10, 0, 10], [10, 0, 10, 0]]))
    assert opposite.value is not None
    assert opposite.value < -0.5


def test_where_agreement_is_not_defined_it_is_none_and_not_a_number() -> None:
    assert krippendorff_alpha(np.full((3, 5), 7.0)).value is None
    assert krippendorff_alpha(np.array([[1.0, NAN, 2], [NAN, 1, NAN]])).value is None
    assert cohen_kappa([1, 1, 1], [1, 1, 1]).value is None
    assert cohen_kappa([1, 2], [1, 2]).value is None
    assert pearson([1, 1, 1], [1, 2, 3]).value is None
    assert spearman([1, 2], [1, 2]).value is None


def test_kappas_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    source = np.random.default_rng(2)
    first = source.integers(0, 11, 300)
    second = np.clip(first + source.integers(-2, 3, 300), 0, 10)
    for weights in ("none", "linear", "quadratic"):
        theirs = metrics.cohen_kappa_score(first, second, weights=None if weights == "none" else weights)
        ours = cohen_kappa(first.tolist(), second.tolist(), weights, resamples=200)  # type: ignore[arg-type]
        assert ours.value == pytest.approx(theirs)
        assert ours.bounds is not None
        assert ours.value in ours.bounds


def test_correlations_are_those_of_scipy_ties_included() -> None:
    stats = pytest.importorskip("scipy.stats")
    source = np.random.default_rng(3)
    first = source.integers(0, 11, 80).astype(float)
    second = np.round(first + source.normal(0, 3, 80))
    assert pearson(first, second).value == pytest.approx(stats.pearsonr(first, second).statistic)
    assert spearman(first, second).value == pytest.approx(stats.spearmanr(first, second).statistic)
    low, high = stats.pearsonr(first, second).confidence_interval(0.95)
    bounds = pearson(first, second).bounds
    assert bounds is not None
    assert (bounds.low, bounds.high) == (pytest.approx(low), pytest.approx(high))


def test_clustered_items_widen_the_interval_of_kappa() -> None:
    first = [0, 1] * 40
    second = [0, 1] * 30 + [1, 0] * 10
    alone = cohen_kappa(first, second).bounds
    grouped = cohen_kappa(first, second, clusters=[number // 20 for number in range(80)]).bounds
    assert alone is not None
    assert grouped is not None
    assert grouped.high - grouped.low > alone.high - alone.low
