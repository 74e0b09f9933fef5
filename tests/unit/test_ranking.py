"""The measures, held against values worked out by hand, and intervals that cover what they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.ranking import mean_interval, ndcg_at, recall_at, reciprocal_rank, scores

KEYS = [f"p{number}" for number in range(12)]


def test_ndcg_by_hand() -> None:
    # relevant at ranks 2 and 4 of three relevant ones
    gained = 1 / math.log2(3) + 1 / math.log2(5)
    best = 1 + 1 / math.log2(3) + 0.5
    assert ndcg_at(["x", "a", "y", "b"], {"a", "b", "c"}, 10) == pytest.approx(gained / best)
    assert ndcg_at(["x", "a", "y", "b"], {"a", "b", "c"}, 1) == 0


def test_what_is_not_found_is_a_zero() -> None:
    assert scores([], {"a"}, (1, 5), 50) == {"recall@1": 0, "recall@5": 0, "mrr": 0, "ndcg@10": 0}
    assert reciprocal_rank(["b"] * 3, {"a"}) == 0


@given(st.permutations(KEYS), st.sets(st.sampled_from(KEYS), min_size=1), st.integers(1, 12))
def test_measures_stay_in_their_range_and_a_perfect_order_is_1(ranked: list[str], relevant: set[str], k: int) -> None:
    for value in (recall_at(ranked, relevant, k), ndcg_at(ranked, relevant, k), reciprocal_rank(ranked, relevant)):
        assert 0 <= value <= 1
    perfect = [*relevant, *(key for key in ranked if key not in relevant)]
    assert ndcg_at(perfect, relevant, k) == pytest.approx(1)
    assert recall_at(ranked, relevant, 12) == 1


def test_an_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(40):
        found = mean_interval((draw.random(120) < 0.7).astype(float).tolist(), [str(at) for at in range(120)])
        covered += found.low <= 0.7 <= found.high
    assert 34 <= covered <= 40


def test_questions_about_one_document_make_the_interval_wider() -> None:
    values = [1.0] * 50 + [0.0] * 50
    apart = mean_interval(values, [str(at) for at in range(100)])
    together = mean_interval(values, [str(at // 10) for at in range(100)])
    assert together.high - together.low > 2 * (apart.high - apart.low)
    # one document alone says nothing about others: its questions are drawn
    alone = mean_interval(values, ["one"] * 100)
    assert alone.low < 0.5 < alone.high
