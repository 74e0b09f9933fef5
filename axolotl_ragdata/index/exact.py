"""Exact search: every vector compared, many queries at once, the same ranking however they fell together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Ranked = dict[str, tuple[int, float]]
"""Passage id → (rank from 1, score)."""
SCORES_AT_ONCE = 1 << 24
SCORE_DIGITS = 5
SLACK = 1e-4
"""More than a product of float32 vectors of length 1 can be wrong by."""
BLAS_TURN = threading.Lock()
WORTH_THREADS = 1 << 28
"""Multiplications of one product from which threads gain more than they waste."""


def exact_rankings(
    ids: Sequence[str], matrix: NDArray[np.float32], vectors: NDArray[np.float32], top_k: int
) -> list[Ranked]:
    """Return the best passages for each query vector by cosine; ties go by id.

    Args:
        ids: Passages.
        matrix: Their unit vectors, shape (passages, dimensions), float32.
        vectors: Unit vectors of the queries, shape (queries, dimensions), float32.
        top_k: Passages a query.
    """
    found: list[Ranked] = []
    size = max(1, SCORES_AT_ONCE // len(ids))
    for start in range(0, len(vectors), size):
        block = vectors[start : start + size]
        with _calm_blas(len(block) * matrix.size):
            rough = block @ matrix.T
        found += [_exact(ids, matrix, *pair, top_k) for pair in zip(block, rough, strict=True)]
    return found


def ranked(scored: Iterable[tuple[str, float]], top_k: int) -> Ranked:
    """Return the best `top_k` of (id, score) pairs with their ranks; ties go by id."""
    # pairs that compare as they are: a key function costs more than the sorting
    best = sorted([(-score, key) for key, score in scored])[:top_k]
    return {key: (rank, -negative) for rank, (negative, key) in enumerate(best, 1)}


def _exact(
    ids: Sequence[str], matrix: NDArray[np.float32], vector: NDArray[np.float32], rough: NDArray[np.float32], top_k: int
) -> Ranked:
    """Return the ranking of one query from its rough scores.

    A product of many queries differs in the last bits with their number. So it only chooses the candidates, whose
    scores are computed again one by one: equal builds rank equally, however their queries fell together.
    """
    import numpy as np

    most = min(top_k, len(rough))
    last = np.partition(rough, len(rough) - most)[len(rough) - most]
    near = np.flatnonzero(rough >= last - SLACK)
    scores = (matrix[near].astype(np.float64) * vector.astype(np.float64)).sum(axis=1)
    return ranked(zip((ids[at] for at in near), scores.round(SCORE_DIGITS).tolist(), strict=True), most)


@contextlib.contextmanager
def _calm_blas(multiplications: int) -> Iterator[None]:
    # BLAS threads that wait for the next small product spin: a quarter of the CPU of a whole build
    if multiplications > WORTH_THREADS:
        yield
        return
    # one at a time: each puts back the number of threads that it found
    with BLAS_TURN, _blas().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
