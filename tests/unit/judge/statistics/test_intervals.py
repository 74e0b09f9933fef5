"""Means, differences, tests and power: against scipy and closed forms, and for what cannot be estimated."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.judge.statistics.clusters import estimate_mean, expanded_share
from axolotl_ragdata.judge.statistics.paired import compare, holm, sign_flip_p_value
from axolotl_ragdata.judge.statistics.power import design_effect, questions_needed, smallest_difference
from axolotl_ragdata.judge.statistics.student import incomplete_beta, t_cdf, t_quantile

NUMBERS = st.floats(-10, 10, allow_nan=False)


def test_students_t_is_that_of_scipy() -> None:
    t = pytest.importorskip("scipy.stats").t
    for degrees, value in itertools.product((0.5, 1, 2, 3.7, 10, 57.3, 1e5, 1e8), (-30, -2, -0.3, 0, 0.1, 2.5, 30)):
        assert t_cdf(value, degrees) == pytest.approx(t.cdf(value, degrees), abs=1e-8)
    for degrees, share in itertools.product((1, 2, 3.7, 10, 57.3, 1e5, 1e8), (0.001, 0.025, 0.8, 0.975, 0.999)):
        assert t_quantile(share, degrees) == pytest.approx(t.ppf(share, degrees), rel=1e-7)


@given(st.floats(0.05, 60), st.floats(0.05, 60), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_incomplete_beta_function_is_that_of_scipy(a: float, b: float, x: float) -> None:
    special = pytest.importorskip("scipy.special")
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-9)


def test_with_one_question_a_document_the_interval_is_students() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(5).normal(3, 2, 25)
    found = estimate_mean(values, range(25))
    low, high = stats.t.interval(0.95, 24, loc=values.mean(), scale=stats.sem(values))
    assert found.analytic is not None
    assert (found.analytic.low, found.analytic.high) == (pytest.approx(low), pytest.approx(high))
    assert found.degrees == pytest.approx(24)
    assert found.icc is None
    assert found.bootstrap is not None
    assert found.bootstrap.low == pytest.approx(low, abs=0.1)
    assert found.bootstrap.high == pytest.approx(high, abs=0.1)


def test_questions_of_one_document_that_agree_count_once() -> None:
    few = estimate_mean([1.0, 5, 3, 7, 2], range(5))
    copied = estimate_mean([1.0, 5, 3, 7, 2] * 10, list(range(5)) * 10)
    assert copied.standard_error == pytest.approx(few.standard_error)
    assert copied.degrees == pytest.approx(4)
    assert copied.icc == pytest.approx(1.0)


def test_unequal_documents_have_fewer_degrees_of_freedom() -> None:
    clusters = [0] * 40 + list(range(1, 11))
    found = estimate_mean(np.random.default_rng(6).normal(size=50), clusters)
    assert found.degrees is not None
    assert found.degrees < 3


def test_one_document_says_nothing_of_the_spread() -> None:
    found = estimate_mean([1.0, 2, 3], ["d", "d", "d"])
    assert (found.mean, found.analytic, found.bootstrap, found.standard_error) == (2.0, None, None, None)


def test_no_value_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(ValueError, match="0 values"):
        estimate_mean([], [])
    with pytest.raises(ValueError, match="2 values in 1 clusters"):
        estimate_mean([1.0, 2.0], ["d"])


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 6)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_comparison_turned_round_is_its_mirror_image(rows: list[tuple[float, float, int]]) -> None:
    first, second, clusters = zip(*rows, strict=True)
    there, back = compare(first, second, clusters, resamples=200), compare(second, first, clusters, resamples=200)
    assert there.estimate.mean == pytest.approx(-back.estimate.mean, abs=1e-9)
    assert (there.wins, there.ties, there.losses) == (back.losses, back.ties, back.wins)
    assert there.wins + there.ties + there.losses == len(rows)
    assert 0 < there.p_permutation <= 1
    if there.estimate.analytic and back.estimate.analytic:
        assert there.estimate.analytic.low == pytest.approx(-back.estimate.analytic.high, abs=1e-6)


def test_the_permutation_test_counts_every_pattern_of_signs() -> None:
    sums = np.array([3.0, -1.0, 2.0, 5.0])
    patterns = [
        abs(sum(s * v for s, v in zip(signs, sums, strict=True))) for signs in itertools.product((1, -1), repeat=4)
    ]
    assert sign_flip_p_value(sums) == sum(value >= 9 for value in patterns) / 16
    assert sign_flip_p_value(np.zeros(5)) == 1.0


def test_many_documents_are_tested_with_random_signs_and_p_is_never_zero() -> None:
    assert sign_flip_p_value(np.ones(60), resamples=999) == 1 / 1000
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(8).normal(0.2, 1, 60)
    assert sign_flip_p_value(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


def test_holm_is_monotone_and_never_above_one() -> None:
    assert holm({"a": 0.5, "b": 0.9, "c": 0.6}) == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert holm({"one": 0.03}) == {"one": 0.03}
    assert holm({}) == {}


def test_so_many_questions_do_show_the_difference() -> None:
    needed = questions_needed(1.0, 3.0)
    source = np.random.default_rng(9)
    rows = source.normal(1.0, 3.0, size=(2000, needed))
    statistics = rows.mean(axis=1) / (rows.std(axis=1, ddof=1) / math.sqrt(needed))
    assert (np.abs(statistics) > t_quantile(0.975, needed - 1)).mean() == pytest.approx(0.8, abs=0.03)


def test_power_knows_clusters_small_samples_and_nonsense() -> None:
    assert questions_needed(1.0, 3.0, 5, 0.25) > 2 * questions_needed(1.0, 3.0) - 5
    assert smallest_difference(questions_needed(0.5, 2.0), 2.0) == pytest.approx(0.5, abs=0.01)
    assert smallest_difference(questions_needed(0.5, 2.0, 6, 0.2), 2.0, 6, 0.2) == pytest.approx(0.5, abs=0.02)
    assert questions_needed(100.0, 0.1) == 3
    assert design_effect(5, -0.1) == 1.0
    with pytest.raises(ValueError, match="difference of 0"):
        questions_needed(0, 1)


def test_few_documents_widen_the_percentiles() -> None:
    assert expanded_share(4) < expanded_share(40) < 0.025


def test_very_many_documents_are_resampled_in_parts() -> None:
    values = np.random.default_rng(7).normal(1.0, 1.0, 5000)
    found = compare(values, np.zeros(5000), range(5000), resamples=2000)
    assert found.p_permutation == 1 / 2001
    bounds, analytic = found.estimate.bootstrap, found.estimate.analytic
    assert bounds is not None
    assert analytic is not None
    assert bounds.low == pytest.approx(analytic.low, abs=0.005)
    assert bounds.high == pytest.approx(analytic.high, abs=0.005)
