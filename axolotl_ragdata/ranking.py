"""How good a ranking is, and how sure that is: recall, reciprocal rank, nDCG, bootstrap intervals of their means."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
RESAMPLES_AT_ONCE = 200


class Measured(BaseModel):
    """A mean over questions with the ends of its 95% interval."""

    value: float
    low: float
    high: float

    def shown(self) -> str:
        """Return it as a line of a table shows it."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the relevant passages among the first `k`, 0 to 1.

    Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 8.4.

    >>> recall_at(["a", "b", "c"], {"b", "z"}, 2)
    0.5
    """
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Return 1 / rank of the first relevant passage, 0 where none was found; its mean is MRR.

    Voorhees, The TREC-8 Question Answering Track Report, 1999.

    >>> reciprocal_rank(["a", "b", "c"], {"b", "c"})
    0.5
    """
    return next((1 / rank for rank, key in enumerate(ranked, 1) if key in relevant), 0.0)


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the discounted gain of the first `k` over the best that there could be, 0 to 1; gains are 0 or 1.

    The gain at rank r is divided by log2(r + 1): Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, in the common form of
    the discount.

    >>> ndcg_at(["b", "a"], {"b"}, 10), round(ndcg_at(["a", "b"], {"b"}, 10), 4)
    (1.0, 0.6309)
    """
    gained = sum(1 / math.log2(rank + 1) for rank, key in enumerate(ranked[:k], 1) if key in relevant)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(set(relevant))) + 1))
    return gained / best


def scores(ranked: Sequence[str], relevant: Collection[str], ks: Sequence[int], depth: int) -> dict[str, float]:
    """Return every measure of one ranking: `recall@k` for each k, `mrr` over `depth` ranks, and `ndcg@10`."""
    found = {f"recall@{k}": recall_at(ranked, relevant, k) for k in ks}
    return {**found, "mrr": reciprocal_rank(ranked[:depth], relevant), "ndcg@10": ndcg_at(ranked, relevant, 10)}


def mean_interval(values: Sequence[float], groups: Sequence[str], seed: int = 42) -> Measured:
    """Return the mean of values with its 95% bootstrap interval.

    Whole groups are drawn with replacement, since questions about one document rise and fall together; the interval
    lies between the percentiles of the means (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13;
    clusters: Field and Welsh, JRSS B 69(3), 2007). With one group alone the questions are drawn.

    Args:
        values: One a question, at least one.
        groups: The group of each, such as the document that it asks about.
        seed: Of the draws.

    >>> mean_interval([1.0, 1.0, 1.0], ["a", "b", "c"])
    Measured(value=1.0, low=1.0, high=1.0)
    """
    import numpy as np

    names = {name: at for at, name in enumerate(sorted(set(groups)))}
    own = np.array([names[name] for name in groups]) if len(names) > 1 else np.arange(len(values))
    total, size = np.bincount(own, weights=np.asarray(values, dtype=np.float64)), np.bincount(own)
    means = _resampled(total, size, np.random.default_rng(seed))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Measured(value=float(np.mean(values)), low=float(low), high=float(high))


def _resampled(total: NDArray[Any], size: NDArray[Any], draw: np.random.Generator) -> NDArray[np.float64]:
    """Return the mean of each resample, shape (RESAMPLES,); a block at a time, so that memory stays small."""
    import numpy as np

    found = []
    for _ in range(RESAMPLES // RESAMPLES_AT_ONCE):
        taken = draw.integers(0, len(total), (RESAMPLES_AT_ONCE, len(total)))
        found.append(total[taken].sum(axis=1) / size[taken].sum(axis=1))
    return np.concatenate(found)


def summarised(rows: Sequence[Mapping[str, float]], groups: Sequence[str]) -> dict[str, Measured]:
    """Return the mean of each measure over questions, with its interval.

    Args:
        rows: What `scores` gave, one a question.
        groups: The group of each question.
    """
    return {name: mean_interval([row[name] for row in rows], groups) for name in rows[0]}
