"""Strengths and the effect of length are found where they were put."""

from __future__ import annotations

import numpy as np
import pytest

from axolotl_ragdata.judge.statistics.length import length_effect
from axolotl_ragdata.judge.statistics.ranking import PRIOR_WINS, Duel, bradley_terry


def test_strengths_are_those_that_the_outcomes_were_drawn_from() -> None:
    truth = {"a": 0.8, "b": 0.0, "c": -0.8}
    source = np.random.default_rng(1)
    duels = [
        Duel(a, b, float(source.random() < 1 / (1 + np.exp(truth[b] - truth[a]))), number % 50)
        for number in range(1500)
        for a, b in (("a", "b"), ("b", "c"), ("a", "c"))
    ]
    found = bradley_terry(duels, list(truth), resamples=500)
    for name, strength in truth.items():
        assert found[name].log_odds == pytest.approx(strength, abs=0.15)
        bounds = found[name].bounds
        assert bounds is not None
        assert found[name].log_odds in bounds


def test_whoever_never_loses_is_strong_and_not_infinite() -> None:
    found = bradley_terry([Duel("a", "b", 1.0, number) for number in range(20)], ["a", "b"], resamples=100)
    assert found["a"].log_odds == pytest.approx(np.log((20 + PRIOR_WINS) / PRIOR_WINS) / 2)


def test_ties_alone_leave_everybody_equal() -> None:
    found = bradley_terry([Duel("a", "b", 0.5, number) for number in range(9)], ["a", "b", "never met"], resamples=50)
    assert [round(strength.log_odds, 9) for strength in found.values()] == [0.0, 0.0, 0.0]
    assert bradley_terry([], ["a", "b"]) == {}


def rows(slope: float, better: float) -> tuple[list[float], list[int], list[str], list[int], list[int]]:
    source = np.random.default_rng(2)
    scores, words, names, questions, documents = [], [], [], [], []
    for question in range(200):
        for name, bonus, base in (("long", better, 120), ("short", 0.0, 30)):
            count = int(base * 2 ** source.normal(0, 0.7))
            scores.append(5 + bonus + slope * np.log2(1 + count) + source.normal(0, 0.3))
            words.append(count)
            names.append(name)
            questions.append(question)
            documents.append(question // 5)
    return scores, words, names, questions, documents


@pytest.mark.parametrize(("slope", "better"), [(0.5, 0.0), (0.0, 2.0), (0.5, 1.0)])
def test_length_is_taken_out_and_quality_is_not(slope: float, better: float) -> None:
    found = length_effect(*rows(slope, better))
    assert found.points_a_doubling == pytest.approx(slope, abs=0.06)
    assert found.bounds is not None
    assert found.controlled["long"] - found.controlled["short"] == pytest.approx(better, abs=0.2)
    assert found.raw["long"] - found.raw["short"] == pytest.approx(better + 2 * slope, abs=0.2)


def test_answers_of_one_length_have_no_slope() -> None:
    found = length_effect([1, 2, 3, 4], [9] * 4, ["a", "b"] * 2, [0, 0, 1, 1], [0, 0, 1, 1])
    assert (found.points_a_doubling, found.correlation) == (None, None)
    assert found.controlled == found.raw
