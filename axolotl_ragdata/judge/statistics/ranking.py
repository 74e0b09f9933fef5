"""Win rates and Bradley-Terry strengths from pairwise outcomes, resampled by document."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from axolotl_ragdata.judge.statistics.clusters import (
    RESAMPLES,
    SEED,
    Bounds,
    Floats,
    codes_of,
    percentile_bounds,
    resampled_sums,
)

PRIOR_WINS = 0.5
"""Wins added on both sides of each compared pair: without them whoever never loses is infinitely strong."""
ITERATIONS = 200
CONVERGED = 1e-8


@dataclass(frozen=True)
class Duel:
    """What a pair of candidates came to on one question: `points` of a, 1 win, 0.5 tie or disagreement, 0 loss."""

    first: str
    second: str
    points: float
    cluster: Hashable


@dataclass(frozen=True)
class Strength:
    """A candidate's Bradley-Terry strength in log-odds, 0 on average over the candidates, with its interval."""

    log_odds: float
    bounds: Bounds | None = None


def bradley_terry(
    duels: Sequence[Duel], candidates: Sequence[str], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Strength]:
    """Return each candidate's strength; the chance that a beats b is 1 / (1 + exp(b - a)).

    Bradley and Terry (1952), Biometrika 39; fitted by Hunter's (2004) MM algorithm, Annals of Statistics 32(1), in all
    resamples at once. A tie is half a win for each; each pair that was compared has half a win added on both sides.

    Args:
        duels: The outcomes.
        candidates: Whom to rank; those of the duels.
        resamples: Bootstrap resamples of the clusters.
        seed: Of the bootstrap.

    >>> ranked = bradley_terry([Duel("a", "b", 1.0, n) for n in range(9)] + [Duel("a", "b", 0.0, 9)], ["a", "b"])
    >>> round(ranked["a"].log_odds, 3), round(ranked["b"].log_odds, 3)
    (0.923, -0.923)
    """
    place = {name: number for number, name in enumerate(candidates)}
    if not duels or len(candidates) < 2:
        return {}
    codes = codes_of([duel.cluster for duel in duels])
    size = len(candidates)
    won = np.zeros((int(codes.max()) + 1, size, size))
    for code, duel in zip(codes, duels, strict=True):
        a, b = place[duel.first], place[duel.second]
        won[code, a, b] += duel.points
        won[code, b, a] += 1 - duel.points
    met = won.sum(axis=0) + won.sum(axis=0).T > 0
    whole = fit(won.sum(axis=0)[None] + PRIOR_WINS * met)[0]
    if len(won) < 2:
        return {name: Strength(float(whole[number])) for name, number in place.items()}
    drawn = resampled_sums(won.reshape(len(won), -1), resamples, seed)
    strengths = fit(drawn.reshape(-1, size, size) + PRIOR_WINS * met)
    return {
        name: Strength(float(whole[number]), percentile_bounds(strengths[:, number], len(won) - 1))
        for name, number in place.items()
    }


def fit(won: Floats) -> Floats:
    """Return log strengths of tables of wins, shape (tables, k, k) to (tables, k); each row has mean 0.

    `won[t, a, b]` is how often a beat b.
    """
    games = won + won.transpose(0, 2, 1)
    wins = won.sum(axis=2)
    strength = np.ones(wins.shape)
    for _ in range(ITERATIONS):
        below = (games / (strength[:, :, None] + strength[:, None, :])).sum(axis=2)
        now = np.where(below > 0, wins / np.where(below > 0, below, 1.0), 1.0)
        now /= np.exp(np.log(now).mean(axis=1, keepdims=True))
        moved = float(np.abs(np.log(now / strength)).max())
        strength = now
        if moved < CONVERGED:
            break
    logs: Floats = np.log(strength)
    return logs
