"""Searches of an index, many at a time, and the same as a LlamaIndex retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Literal

from axolotl_ragdata.index.exact import Ranked, ranked
from axolotl_ragdata.index.table import Index
from axolotl_ragdata.records import Hit, Passage

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever

Mode = Literal["hybrid", "dense", "text"]
Found = list[tuple[Hit, Passage]]

DENSE_WEIGHT = 0.75
"""Of the cosine; the rest is of BM25. Chosen on half of the questions of `benchmarks/retrieval.py --medquad` and on the
demonstration documents, where 0.6 to 0.75 do about as well."""
SCORE_DIGITS = 5
FUSION_VERSION = "2"
CANDIDATES = 50
"""Ranks of either kind that are fused, at least."""
SEARCHES_A_BATCH = 64
"""More share one embedding call with less gain than what waits for the whole batch loses, until so many wait that the
embedder's latency is what limits a build."""
MOST_A_BATCH = 512
BATCHES_AT_ONCE = 3
"""While one waits for its embeddings, another is searched for."""


@dataclass(frozen=True)
class Waiting:
    """A search that waits for its turn."""

    query: str
    top_k: int
    answer: asyncio.Future[Found]


class Retriever:
    """Searches an index; concurrent searches share one embedding call.

    Args:
        index: An index that was updated.
        mode: dense (cosine), text (BM25) or hybrid (both, their scores weighted).
    """

    def __init__(self, index: Index, mode: Mode = "hybrid") -> None:
        self._index = index
        self._mode = mode
        self._waiting: list[Waiting] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def search(self, query: str, top_k: int) -> Found:
        """Return up to `top_k` (hit, passage) pairs, best first; ties go by passage id.

        Raises:
            StoreError: The text index cannot be read.
            RagdataError: As the embedder.
        """
        loop = asyncio.get_running_loop()
        if any(task.get_loop() is not loop for task in self._serving):
            # what an ended loop left here nobody waits for
            self._waiting, self._serving = [], set()
        search = Waiting(query, top_k, loop.create_future())
        self._waiting.append(search)
        if len(self._serving) < BATCHES_AT_ONCE:
            task = loop.create_task(self._serve(self._waiting))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        return await search.answer

    def search_now(self, query: str, top_k: int) -> Found:
        """Return the same without an event loop."""
        return self._search([(query, top_k)])[0]

    def search_all(self, queries: Sequence[str], top_k: int) -> list[Found]:
        """Return the same for many queries at once."""
        return self._search([(query, top_k) for query in queries])

    def in_mode(self, mode: Mode) -> Retriever:
        """Return a retriever over the same index that searches in another way."""
        return Retriever(self._index, mode)

    def as_llama_index(self, top_k: int = 5) -> BaseRetriever:
        """Return a LlamaIndex retriever: its nodes are the passages, their ids and scores those of the hits."""
        return _llama_index_retriever(self, top_k)

    async def _serve(self, waiting: list[Waiting]) -> None:
        # a turn of the loop lets the searches of this moment gather
        await asyncio.sleep(0)
        while waiting:
            size = min(MOST_A_BATCH, max(SEARCHES_A_BATCH, ceil(len(waiting) / BATCHES_AT_ONCE)))
            batch = waiting[:size]
            del waiting[:size]
            try:
                found = await asyncio.to_thread(self._search, [(search.query, search.top_k) for search in batch])
            except BaseException as problem:
                _fail([*batch, *waiting] if not isinstance(problem, Exception) else batch, problem)
                if not isinstance(problem, Exception):
                    raise
                continue
            for search, hits in zip(batch, found, strict=True):
                if not search.answer.done():
                    search.answer.set_result(hits)

    def _search(self, searches: Sequence[tuple[str, int]]) -> list[Found]:
        depths = [max(CANDIDATES, top_k) for _, top_k in searches]
        queries = [query for query, _ in searches]
        dense: list[Ranked] = [{} for _ in searches]
        text: list[Ranked] = [{} for _ in searches]
        if self._mode != "text":
            deep = self._index.dense(self._index.embedder.embed(queries), max(depths))
            # what one search finds must not depend on how deep another looks
            dense = [_cut(ranked, depth) for ranked, depth in zip(deep, depths, strict=True)]
        if self._mode != "dense":
            text = self._index.text(queries, depths)
        return [
            self._hits(ranked, matched, top_k)
            for ranked, matched, (_, top_k) in zip(dense, text, searches, strict=True)
        ]

    def _hits(self, dense: Ranked, text: Ranked, top_k: int) -> Found:
        if self._mode == "hybrid":
            scores = fused(dense, text)
        else:
            scores = {key: score for key, (_, score) in (dense or text).items()}
        return [
            (_hit(key, rank, score, dense.get(key), text.get(key)), self._index.passages[key])
            for key, (rank, score) in ranked(scores.items(), top_k).items()
        ]


def fused(dense: Mapping[str, tuple[int, float]], text: Mapping[str, tuple[int, float]]) -> dict[str, float]:
    """Return the convex combination of two rankings: each score as a share of the best of its kind, 0 to 1, weighted.

    Bruch, Gai and Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, ACM TOIS 42(1), 2023; a passage that
    one of the two did not find has 0 there. Reciprocal ranks lose how far apart two passages are:
    `benchmarks/retrieval.py` holds both against each other.

    >>> fused({"a": (1, 0.8), "b": (2, 0.4)}, {"b": (1, 7.0)})
    {'a': 0.75, 'b': 0.625}
    """
    import numpy as np

    scores: dict[str, float] = {}
    for ranking, weight in ((dense, DENSE_WEIGHT), (text, 1 - DENSE_WEIGHT)):
        best = max([score for _, score in ranking.values()], default=0.0)
        for key, (_, score) in ranking.items():
            share = weight * score / best if score > 0 else 0.0
            scores[key] = scores.get(key, 0.0) + share
    # what the last bits of a sum say is no difference
    rounded = np.fromiter(scores.values(), np.float64, len(scores)).round(SCORE_DIGITS)
    return dict(zip(scores, rounded.tolist(), strict=True))


def _hit(key: str, rank: int, score: float, dense: tuple[int, float] | None, text: tuple[int, float] | None) -> Hit:
    dense_rank, dense_score = dense or (None, None)
    text_rank, text_score = text or (None, None)
    return Hit(
        passage_id=key,
        rank=rank,
        score=score,
        dense_rank=dense_rank,
        dense_score=dense_score,
        text_rank=text_rank,
        text_score=text_score,
    )


def _cut(ranked: Ranked, depth: int) -> Ranked:
    return {key: place for key, place in ranked.items() if place[0] <= depth}


def _fail(searches: Sequence[Waiting], problem: BaseException) -> None:
    for search in searches:
        if search.answer.done():
            continue
        if isinstance(problem, asyncio.CancelledError):
            search.answer.cancel()
        else:
            search.answer.set_exception(problem)


def _llama_index_retriever(retriever: Retriever, top_k: int) -> BaseRetriever:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

    class PassageRetriever(BaseRetriever):  # type: ignore[misc]
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [as_node(hit, passage) for hit, passage in retriever.search_now(query_bundle.query_str, top_k)]

        async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [as_node(hit, passage) for hit, passage in await retriever.search(query_bundle.query_str, top_k)]

    def as_node(hit: Hit, passage: Passage) -> NodeWithScore:
        node = TextNode(
            id_=passage.id,
            text=passage.text,
            metadata={"doc_id": passage.doc_id, "heading": passage.heading, "kind": passage.kind},
            start_char_idx=passage.start,
            end_char_idx=passage.end,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.doc_id)},
        )
        return NodeWithScore(node=node, score=hit.score)

    return PassageRetriever()
