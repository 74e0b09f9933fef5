"""Passages → a LanceDB table, and the retriever over it: dense, full text, or both fused.

The table is a copy of the passages that can be rebuilt at any time; what changed is told by document, deleted and added
again, and the text index is brought up to date before anybody searches: an unindexed tail slows text search.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from axolotl_ragdata.embed import Embedder
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Hit, Passage, content_id

if TYPE_CHECKING:
    import numpy as np
    from llama_index.core.retrievers import BaseRetriever
    from numpy.typing import NDArray

Mode = Literal["hybrid", "dense", "text"]
Found = list[tuple[Hit, Passage]]
Ranked = dict[str, tuple[int, float]]
"""Passage id → (rank from 1, score)."""

SCHEMA_VERSION = "1"
TABLE = "passages"
EXACT_UP_TO = 100_000
"""Passages up to which every vector is compared, in memory; above, HNSW with scalar quantisation."""
REFINE_FACTOR = 10
RRF_K = 60
"""The constant of reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009."""
CANDIDATES = 50
TEXT_THREADS = 2
LONGEST_QUERY = 2_000


@dataclass(frozen=True)
class IndexChange:
    """How many passages an update added, removed and left alone."""

    added: int
    removed: int
    unchanged: int


class Index:
    """The passages of a run, searchable. Open it with `Index.open`, then `update`."""

    def __init__(self, folder: Path, embedder: Embedder, exact_up_to: int = EXACT_UP_TO) -> None:
        self._folder = folder
        self._exact_up_to = exact_up_to
        self.embedder = embedder
        self.passages: dict[str, Passage] = {}
        self.note = ""
        """Why the table was made anew, where it was."""
        self._ids: list[str] = []
        self._matrix: Any = None
        self._table: Any = None

    @classmethod
    def open(cls, folder: Path, embedder: Embedder, exact_up_to: int = EXACT_UP_TO) -> Index:
        """Return the index in a folder; one that is missing, unreadable or of another embedder is made anew.

        Args:
            folder: Where the table lies.
            embedder: What turns text into vectors.
            exact_up_to: Passages up to which dense search compares every vector.

        Raises:
            StoreError: The folder cannot be written.
        """
        index = cls(folder, embedder, exact_up_to)
        index._open()
        return index

    def update(self, passages: Sequence[Passage]) -> IndexChange:
        """Make the table hold exactly these passages; return what that took. Only what changed is embedded and written.

        Raises:
            StoreError: The folder cannot be written.
            RagdataError: As the embedder.
        """
        self.passages = {passage.id: passage for passage in passages}
        wanted = _by_document(passages)
        have = self._stored()
        changed = [doc_id for doc_id in {*wanted, *have} if _content(wanted.get(doc_id, [])) != have.get(doc_id, set())]
        added = [passage for doc_id in changed for passage in wanted.get(doc_id, [])]
        removed = sum(len(have.get(doc_id, ())) for doc_id in changed)
        try:
            self._replace([doc_id for doc_id in changed if doc_id in have], added)
        except (OSError, RuntimeError) as problem:
            raise StoreError(str(self._folder), f"the index cannot be written: {problem}", "free some space") from None
        self._load()
        return IndexChange(len(added), removed, len(self.passages) - len(added))

    def tag(self) -> str:
        """Return the name of this content: equal passages and embedder, equal tag. The table's version bears it too."""
        texts = sorted((key, passage.in_context) for key, passage in self.passages.items())
        name = content_id("index", SCHEMA_VERSION, self.embedder.name, texts)
        if name not in self._table.tags.list():
            self._table.tags.create(name, self._table.version)
        return name

    def dense(self, vectors: NDArray[np.float32], top_k: int) -> list[Ranked]:
        """Return the best passages for each query vector by cosine.

        Args:
            vectors: Unit vectors, shape (queries, dimensions), float32.
            top_k: Passages a query.
        """
        if not self._ids:
            return [{} for _ in vectors]
        if self._matrix is None:
            return [self._approximate(vector, top_k) for vector in vectors]
        # one product a query: those of many at once differ in the last bits, and equal builds must rank equally
        return [_ranked(self._ids, self._matrix @ vector, top_k) for vector in vectors]

    def text(self, query: str, top_k: int) -> Ranked:
        """Return the best passages for a query by BM25; its words are data, never operators."""
        from lancedb.query import MatchQuery

        words = " ".join(query.split())[:LONGEST_QUERY]
        if not words or not self._ids:
            return {}
        search = self._table.search(MatchQuery(words, "content"), query_type="fts")
        rows = search.select(["id", "_score"]).limit(top_k).to_arrow()
        scored = zip(rows["id"].to_pylist(), rows["_score"].to_pylist(), strict=True)
        best = sorted(((key, round(score, 4)) for key, score in scored), key=lambda row: (-row[1], row[0]))
        return {key: (rank, score) for rank, (key, score) in enumerate(best, 1)}

    def _open(self) -> None:
        import lancedb

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            database = lancedb.connect(str(self._folder))
            if self._marker.exists() and self._marker.read_text(encoding="utf-8") == self._identity:
                self._table = database.open_table(TABLE)
                self._table.count_rows()
                return
            self.note = "its embedder or schema changed" if self._marker.exists() else ""
        except (OSError, RuntimeError, ValueError) as problem:
            self.note = f"it could not be read ({str(problem).splitlines()[0]})"
        self._create()

    def _create(self) -> None:
        import lancedb

        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._table = lancedb.connect(str(self._folder)).create_table(TABLE, schema=self._schema())
            self._marker.write_text(self._identity, encoding="utf-8")
        except (OSError, RuntimeError) as problem:
            fix = "check its permissions, or choose another `output:`"
            raise StoreError(str(self._folder), f"the index cannot be written: {problem}", fix) from None

    @property
    def _marker(self) -> Path:
        return self._folder / "embedder.txt"

    @property
    def _identity(self) -> str:
        return f"{SCHEMA_VERSION} {self.embedder.name} {self.embedder.dimensions}\n"

    def _schema(self) -> Any:
        import pyarrow as pa

        vector = pa.list_(pa.float32(), self.embedder.dimensions)
        texts = [pa.field(name, pa.utf8()) for name in ("id", "doc_id", "content", "record")]
        return pa.schema([*texts, pa.field("vector", vector)])

    def _stored(self) -> dict[str, set[str]]:
        rows = self._table.search().select(["doc_id", "record"]).limit(None).to_arrow()
        found: dict[str, set[str]] = defaultdict(set)
        for doc_id, record in zip(rows["doc_id"].to_pylist(), rows["record"].to_pylist(), strict=True):
            found[doc_id].add(record)
        return dict(found)

    def _replace(self, removed: Sequence[str], added: Sequence[Passage]) -> None:
        for start in range(0, len(removed), 500):
            # ids are ours: letters, digits and a hyphen
            names = ", ".join(f"'{doc_id}'" for doc_id in removed[start : start + 500])
            self._table.delete(f"doc_id IN ({names})")
        if added:
            self._table.add(self._rows(added))
        if added or removed:
            self._refresh()

    def _rows(self, passages: Sequence[Passage]) -> Any:
        import pyarrow as pa

        contents = [passage.in_context for passage in passages]
        vectors = self.embedder.embed(contents)
        flat = pa.array(vectors.reshape(-1), pa.float32())
        columns = [
            pa.array([passage.id for passage in passages], pa.utf8()),
            pa.array([passage.doc_id for passage in passages], pa.utf8()),
            pa.array(contents, pa.utf8()),
            pa.array([passage.model_dump_json() for passage in passages], pa.utf8()),
            pa.FixedSizeListArray.from_arrays(flat, self.embedder.dimensions),
        ]
        return pa.Table.from_arrays(columns, schema=self._schema())

    def _refresh(self) -> None:
        from lancedb.index import FTS, HnswSq

        if not self._table.count_rows():
            return
        names = {index.name for index in self._table.list_indices()}
        if "content_idx" not in names:
            self._table.create_index("content", config=FTS(with_position=False))
        if self._table.count_rows() > self._exact_up_to and "vector_idx" not in names:
            self._table.create_index("vector", config=HnswSq(distance_type="cosine"))
        self._table.optimize()

    def _load(self) -> None:
        import numpy as np

        columns = ["id"] if len(self.passages) > self._exact_up_to else ["id", "vector"]
        rows = self._table.search().select(columns).limit(None).to_arrow()
        self._ids = rows["id"].to_pylist()
        self._matrix = None
        if "vector" in columns:
            flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            self._matrix = np.asarray(flat, dtype=np.float32).reshape(len(self._ids), self.embedder.dimensions)

    def _approximate(self, vector: NDArray[np.float32], top_k: int) -> Ranked:
        search = self._table.search(vector, vector_column_name="vector").distance_type("cosine")
        rows = search.refine_factor(REFINE_FACTOR).select(["id", "_distance"]).limit(top_k).to_arrow()
        scored = zip(rows["id"].to_pylist(), rows["_distance"].to_pylist(), strict=True)
        best = sorted(scored, key=lambda row: (row[1], row[0]))
        return {passage_id: (rank, 1.0 - float(distance)) for rank, (passage_id, distance) in enumerate(best, 1)}


class Retriever:
    """Searches an index; concurrent searches share one embedding call.

    Args:
        index: An index that was updated.
        mode: dense (cosine), text (BM25) or hybrid (both, fused by reciprocal rank).
    """

    def __init__(self, index: Index, mode: Mode = "hybrid") -> None:
        self._index = index
        self._mode = mode
        self._waiting: list[tuple[str, int, asyncio.Future[Found]]] = []
        self._busy: asyncio.Task[None] | None = None
        self._pool: ThreadPoolExecutor | None = None

    async def search(self, query: str, top_k: int) -> Found:
        """Return up to `top_k` (hit, passage) pairs, best first; ties go by passage id."""
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, top_k, answer))
        if self._busy is None or self._busy.done():
            self._busy = asyncio.create_task(self._serve())
        return await answer

    def search_now(self, query: str, top_k: int) -> Found:
        """Return the same without an event loop."""
        return self._search([query], top_k)[0]

    def as_llama_index(self, top_k: int = 5) -> BaseRetriever:
        """Return a LlamaIndex retriever whose nodes are the passages."""
        return llama_index_retriever(self, top_k)

    async def _serve(self) -> None:
        # a turn of the loop lets the searches of this moment gather
        await asyncio.sleep(0)
        while self._waiting:
            batch, self._waiting = self._waiting, []
            most = max(top_k for _, top_k, _ in batch)
            try:
                found = await asyncio.to_thread(self._search, [query for query, _, _ in batch], most)
            except BaseException as problem:
                for _, _, answer in batch:
                    if not answer.done():
                        answer.set_exception(problem)
                if not isinstance(problem, Exception):
                    raise
                continue
            for (_, top_k, answer), hits in zip(batch, found, strict=True):
                if not answer.done():
                    answer.set_result(hits[:top_k])

    def _search(self, queries: Sequence[str], top_k: int) -> list[Found]:
        depth = max(CANDIDATES, top_k)
        dense: list[Ranked] = [{} for _ in queries]
        text: list[Ranked] = [{} for _ in queries]
        if self._mode != "text":
            dense = self._index.dense(self._index.embedder.embed(queries), depth)
        if self._mode != "dense":
            self._pool = self._pool or ThreadPoolExecutor(TEXT_THREADS)
            text = list(self._pool.map(lambda query: self._index.text(query, depth), queries))
        return [self._hits(*pair, top_k) for pair in zip(dense, text, strict=True)]

    def _hits(self, dense: Ranked, text: Ranked, top_k: int) -> Found:
        scores = (
            fused(dense, text)
            if self._mode == "hybrid"
            else {key: score for key, (_, score) in (dense or text).items()}
        )
        best = sorted(scores, key=lambda key: (-scores[key], key))[:top_k]
        return [
            (
                Hit(
                    passage_id=key,
                    rank=rank,
                    score=scores[key],
                    dense_rank=dense[key][0] if key in dense else None,
                    dense_score=dense[key][1] if key in dense else None,
                    text_rank=text[key][0] if key in text else None,
                    text_score=text[key][1] if key in text else None,
                ),
                self._index.passages[key],
            )
            for rank, key in enumerate(best, 1)
        ]


def fused(*rankings: Mapping[str, tuple[int, float]]) -> dict[str, float]:
    """Return the reciprocal rank fusion of rankings: the sum of 1 / (60 + rank) over those that hold a key.

    >>> scores = fused({"a": (1, 0.9), "b": (2, 0.8)}, {"b": (1, 7.0)})
    >>> scores["b"] > scores["a"], round(scores["a"], 4)
    (True, 0.0164)
    """
    scores: dict[str, float] = defaultdict(float)
    for ranking in rankings:
        for key, (rank, _) in ranking.items():
            scores[key] += 1 / (RRF_K + rank)
    return dict(scores)


def recall_at(index: Index, top_k: int = 10, sample: int = 100) -> float:
    """Return the share of the true `top_k` neighbours that dense search finds, over a sample of the index's passages.

    The truth is exact search over all vectors, read for the purpose; 1.0 by construction where dense search is exact.
    """
    import numpy as np

    exact = Index(index._folder, index.embedder, exact_up_to=len(index.passages))
    exact._table, exact.passages = index._table, index.passages
    exact._load()
    chosen = exact._matrix[:: max(1, len(exact._ids) // sample)][:sample]
    pairs = zip(index.dense(chosen, top_k), exact.dense(chosen, top_k), strict=True)
    return float(np.mean([len(set(found) & set(true)) / max(1, len(true)) for found, true in pairs]))


def llama_index_retriever(retriever: Retriever, top_k: int) -> BaseRetriever:
    """Return a LlamaIndex `BaseRetriever` over a retriever; node ids are passage ids, scores those of the hits."""
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class PassageRetriever(BaseRetriever):  # type: ignore[misc]
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [as_node(hit, passage) for hit, passage in retriever.search_now(query_bundle.query_str, top_k)]

        async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [as_node(hit, passage) for hit, passage in await retriever.search(query_bundle.query_str, top_k)]

    def as_node(hit: Hit, passage: Passage) -> NodeWithScore:
        metadata = {"doc_id": passage.doc_id, "heading": passage.heading, "start": passage.start, "end": passage.end}
        return NodeWithScore(node=TextNode(id_=passage.id, text=passage.text, metadata=metadata), score=hit.score)

    return PassageRetriever()


def _by_document(passages: Sequence[Passage]) -> dict[str, list[Passage]]:
    found: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        found[passage.doc_id].append(passage)
    return dict(found)


def _content(passages: Sequence[Passage]) -> set[str]:
    return {passage.model_dump_json() for passage in passages}


def _ranked(ids: Sequence[str], scores: NDArray[np.float32], top_k: int) -> Ranked:
    import numpy as np

    scores = np.round(scores, 5)
    most = min(top_k, len(ids))
    best = np.argpartition(-scores, most - 1)[:most]
    order = sorted(best.tolist(), key=lambda at: (-float(scores[at]), ids[at]))
    return {ids[at]: (rank, round(float(scores[at]), 5)) for rank, at in enumerate(order, 1)}
