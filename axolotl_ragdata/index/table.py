"""The passages of a run in a LanceDB table.

The table is a copy that can be made anew at any time: what changed is told by document, deleted and added again. Small
tables are searched in memory, exactly; large ones by indexes that are brought up to date before anybody searches, as an
unindexed tail slows text search.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from axolotl_ragdata.embed import Embedder
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.index.content import contents_of, digest
from axolotl_ragdata.index.exact import SCORE_DIGITS, Ranked, exact_rankings, ranked
from axolotl_ragdata.index.words import Words
from axolotl_ragdata.records import Passage, content_id
from axolotl_ragdata.shelf import by_id, in_order_of_ids

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Result = TypeVar("Result")

SCHEMA_VERSION = "2"
TABLE = "passages"
EXACT_UP_TO = 100_000
"""Passages up to which every vector is compared, in memory; above, HNSW with scalar quantisation."""
WORDS_UP_TO = 20_000
"""Passages up to which text is searched in memory; all their words are read first, in two seconds at that size."""
REFINE_FACTOR = 10
LONGEST_QUERY = 2_000
"""Characters of a query that text search reads; dense search reads all of them."""
PASSAGES_A_WRITE = 4_096
TIES = 16
SEARCHES_AT_ONCE = 16
LANCE_ERRORS = (OSError, RuntimeError, ValueError)
"""What LanceDB and Arrow raise, by cause and version."""


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
        self.passages: Mapping[str, Passage] = {}
        self._corpus: Sequence[Passage] = ()
        self.note = ""
        """Why the table was made anew, where it was."""
        self._ids: list[str] = []
        self._id_of_row: dict[int, str] = {}
        self._matrix: Any = None
        self._table: Any = None
        self._searched: Any = None
        self._words: Words | None = None
        self._reading = threading.Lock()
        self._thread = ThreadPoolExecutor(1)

    @classmethod
    def open(cls, folder: Path, embedder: Embedder, exact_up_to: int = EXACT_UP_TO) -> Index:
        """Return the index in a folder; one that is missing, unreadable or of another embedder is made anew.

        Args:
            folder: Where the table lies, and nothing else.
            embedder: What turns text into vectors.
            exact_up_to: Passages up to which dense search compares every vector.

        Raises:
            StoreError: The folder cannot be written.
            RagdataError: As the embedder.
        """
        index = cls(folder, embedder, exact_up_to)
        index._open()
        return index

    def update(self, passages: Sequence[Passage]) -> IndexChange:
        """Make the table hold exactly these passages; return what that took. Only what changed is embedded and written.

        A table that turns out to be unreadable is made anew, and `note` says so.

        Raises:
            StoreError: The folder cannot be written.
            RagdataError: As the embedder.
        """
        self.passages = by_id(passages)
        self._corpus = passages
        try:
            return self._update(passages)
        except LANCE_ERRORS as problem:
            self.note = _unreadable(problem)
        self._create()
        try:
            return self._update(passages)
        except LANCE_ERRORS as problem:
            raise self._unwritable(problem) from None

    def tag(self) -> str:
        """Return the name of this content: equal passages and embedder, equal tag. The table's version bears it too.

        Raises:
            StoreError: The folder cannot be written.
        """
        content = hashlib.blake2b(digest_size=20)
        for passage in in_order_of_ids(self._corpus):
            content.update(digest(f"{passage.id}\n{passage.in_context}"))
        name = content_id("index", SCHEMA_VERSION, self.embedder.name, content.hexdigest())
        try:
            if name not in self._table.tags.list():
                self._table.tags.create(name, self._table.version)
        except LANCE_ERRORS as problem:
            raise self._unwritable(problem) from None
        return name

    def dense(self, vectors: NDArray[np.float32], top_k: int) -> list[Ranked]:
        """Return the best passages for each query vector by cosine; ties go by id.

        Args:
            vectors: Unit vectors, shape (queries, dimensions), float32.
            top_k: Passages a query.

        Raises:
            StoreError: The approximate index cannot be read.
        """
        if not self._ids:
            return [{} for _ in vectors]
        if self._matrix is None:
            with self._readable():
                return self._in_thread(self._all(self._approximate, ((vector, top_k) for vector in vectors)))
        return exact_rankings(self._ids, self._matrix, vectors, top_k)

    def text(self, queries: Sequence[str], top_k: Sequence[int]) -> list[Ranked]:
        """Return the best passages for each query by BM25; its words are data, never operators. Ties go by id.

        Args:
            queries: What is searched for; many at once go faster.
            top_k: Passages for each of them.

        Raises:
            StoreError: The text index cannot be read.
        """
        cut = [query[:LONGEST_QUERY] for query in queries]
        if self._has_few:
            words = self._read_words()
            return [words.ranking(query, wanted) for query, wanted in zip(cut, top_k, strict=True)]
        with self._readable():
            return self._in_thread(self._all(self._text, zip(cut, top_k, strict=True)))

    @property
    def _has_few(self) -> bool:
        return len(self.passages) <= min(self._exact_up_to, WORDS_UP_TO)

    def _read_words(self) -> Words:
        with self._reading:
            if self._words is None:
                self._words = Words(list(self.passages), (one.in_context for one in self.passages.values()))
            return self._words

    def _in_thread(self, work: Coroutine[Any, Any, Result]) -> Result:
        # a thread of its own: the caller's may have a running loop
        return self._thread.submit(asyncio.run, work).result()

    async def _all(
        self, search: Callable[..., Coroutine[Any, Any, Ranked]], arguments: Iterable[tuple[Any, int]]
    ) -> list[Ranked]:
        gate = asyncio.Semaphore(SEARCHES_AT_ONCE)

        async def one(what: Any, top_k: int) -> Ranked:
            async with gate:
                return await search(what, top_k)

        return await asyncio.gather(*(one(*each) for each in arguments))

    async def _text(self, query: str, top_k: int) -> Ranked:
        words = " ".join(query.split()).encode("utf-8", "replace").decode("utf-8")
        if not words or not self._ids:
            return {}
        limit = top_k + TIES
        scored = await self._matches(words, limit)
        # passages that tie with the last one wanted compete by id, so all of them must be here
        while len(scored) == limit and scored[-1][1] == scored[top_k - 1][1]:
            limit *= 8
            scored = await self._matches(words, limit)
        return ranked(scored, top_k)

    async def _matches(self, words: str, limit: int) -> list[tuple[str, float]]:
        """Return (id, score) pairs, the best score first."""
        from lancedb.query import MatchQuery

        # a third of the time that the same takes through the synchronous table
        search = await self._searched.search(MatchQuery(words, "content"), query_type="fts")
        # and row ids instead of the column of ids another third less
        rows = await search.select(["_score"]).with_row_id().limit(limit).to_arrow()
        numbers = rows["_rowid"].to_numpy()
        scores = rows["_score"].to_numpy().astype("float64").round(SCORE_DIGITS)
        order = (-scores).argsort(kind="stable")
        names = [self._id_of_row[number] for number in numbers[order].tolist()]
        return list(zip(names, scores[order].tolist(), strict=True))

    async def _approximate(self, vector: NDArray[np.float32], top_k: int) -> Ranked:
        search = self._searched.query().nearest_to(vector).column("vector").distance_type("cosine")
        rows = await search.refine_factor(REFINE_FACTOR).select(["id", "_distance"]).limit(top_k).to_arrow()
        scores = [round(1.0 - distance, SCORE_DIGITS) for distance in rows["_distance"].to_pylist()]
        return ranked(zip(rows["id"].to_pylist(), scores, strict=True), top_k)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except LANCE_ERRORS as problem:
            fix = f"delete {self._folder}, it is made anew"
            raise StoreError(str(self._folder), f"cannot be searched: {_first_line(problem)}", fix) from None

    def _open(self) -> None:
        import lancedb

        identity = self._identity
        try:
            marked = self._marker.exists()
            if marked and self._marker.read_text(encoding="utf-8") == identity:
                self._table = lancedb.connect(str(self._folder)).open_table(TABLE)
                return
            self.note = "its embedder or schema changed" if marked else ""
        except LANCE_ERRORS as problem:
            self.note = _unreadable(problem)
        self._create()

    def _create(self) -> None:
        import lancedb

        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._table = lancedb.connect(str(self._folder)).create_table(TABLE, schema=self._schema())
            self._marker.write_text(self._identity, encoding="utf-8")
        except LANCE_ERRORS as problem:
            raise self._unwritable(problem) from None

    def _unwritable(self, problem: Exception) -> StoreError:
        fix = "check its permissions and the free space, or choose another `output:`"
        return StoreError(str(self._folder), f"the index cannot be written: {_first_line(problem)}", fix)

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

    def _update(self, passages: Sequence[Passage]) -> IndexChange:
        wanted = contents_of((passage.doc_id, passage.model_dump_json()) for passage in passages)
        have = contents_of(self._stored())
        changed = sorted(name for name in {*wanted, *have} if wanted.get(name) != have.get(name))
        removed = sum(have[name].rows for name in changed if name in have)
        self._delete([name for name in changed if name in have])
        added = self._add(passages, set(changed))
        if changed or not self._is_indexed():
            self._refresh()
        self._load()
        self._probe()
        return IndexChange(added, removed, len(self.passages) - added)

    def _add(self, passages: Sequence[Passage], doc_ids: Collection[str]) -> int:
        """Write the passages of some documents; return how many they are."""
        chosen = (passage for passage in passages if passage.doc_id in doc_ids)
        added = 0
        while some := list(islice(chosen, PASSAGES_A_WRITE)):
            self._table.add(self._rows(some))
            added += len(some)
        return added

    def _probe(self) -> None:
        """Search once: an index file that cannot be read shows in nothing else."""
        import numpy as np

        if self._ids and not self._has_few:
            self._in_thread(self._matches("probe", 1))
        if self._ids and self._matrix is None:
            self._in_thread(self._approximate(np.ones(self.embedder.dimensions, dtype=np.float32), 1))

    def _stored(self) -> Iterator[tuple[str, str]]:
        for batch in self._table.search().select(["doc_id", "record"]).limit(None).to_batches(PASSAGES_A_WRITE):
            yield from zip(batch["doc_id"].to_pylist(), batch["record"].to_pylist(), strict=True)

    def _delete(self, doc_ids: Sequence[str]) -> None:
        for start in range(0, len(doc_ids), 500):
            names = ", ".join(_quoted(doc_id) for doc_id in doc_ids[start : start + 500])
            self._table.delete(f"doc_id IN ({names})")

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

    @property
    def _wanted_indexes(self) -> list[str]:
        approximate = len(self.passages) > self._exact_up_to
        return [*([] if self._has_few else ["content_idx"]), *(["vector_idx"] if approximate else [])]

    def _is_indexed(self) -> bool:
        """Return whether a killed update left nothing behind that is not indexed."""
        present = {index.name for index in self._table.list_indices()}
        return all(
            name in present and not self._table.index_stats(name).num_unindexed_rows for name in self._wanted_indexes
        )

    def _refresh(self) -> None:
        present = {index.name for index in self._table.list_indices()}
        self._in_thread(self._index_and_compact(set(self._wanted_indexes) - present))
        self._table.checkout_latest()

    async def _index_and_compact(self, missing: set[str]) -> None:
        from lancedb.index import FTS, HnswSq

        # through one handle: compaction by another, which does not know of the new index, is refused as a conflict
        table = await self._opened()
        if "content_idx" in missing:
            # Stemming finds what is inflected otherwise (known passages by 6 words with an s more or less: MRR 0.96
            # with it, 0.06 without); on French text the English rules do as well as the French (1.00 and 1.00).
            text = FTS(with_position=False, language="English", stem=True, remove_stop_words=True, ascii_folding=True)
            await table.create_index("content", config=text)
        if "vector_idx" in missing:
            await table.create_index("vector", config=HnswSq(distance_type="cosine"))
        await table.optimize()

    async def _opened(self) -> Any:
        import lancedb

        return await (await lancedb.connect_async(str(self._folder))).open_table(TABLE)

    def _load(self) -> None:
        import numpy as np

        # opened after the update, so that it sees it
        self._searched = self._in_thread(self._opened())
        self._words = None

        columns = ["id"] if len(self.passages) > self._exact_up_to else ["id", "vector"]
        rows = self._table.search().select(columns).with_row_id(True).limit(None).to_arrow()
        self._ids = rows["id"].to_pylist()
        self._id_of_row = dict(zip(rows["_rowid"].to_pylist(), self._ids, strict=True))
        self._matrix = None
        if "vector" in columns:
            flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            self._matrix = np.asarray(flat, dtype=np.float32).reshape(len(self._ids), self.embedder.dimensions)


def recall_at(index: Index, top_k: int = 10, sample: int = 100) -> float:
    """Return the share of the true `top_k` neighbours that dense search finds, over a sample of the index's passages.

    The truth is exact search over all vectors, read for the purpose; 1.0 by construction where dense search is exact.
    """
    import numpy as np

    exact = Index(index._folder, index.embedder, exact_up_to=len(index.passages))
    exact._table, exact.passages, exact._corpus = index._table, index.passages, index._corpus
    exact._load()
    chosen = exact._matrix[:: max(1, len(exact._ids) // sample)][:sample]
    pairs = zip(index.dense(chosen, top_k), exact.dense(chosen, top_k), strict=True)
    return float(np.mean([len(set(found) & set(true)) / max(1, len(true)) for found, true in pairs]))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _unreadable(problem: Exception) -> str:
    return f"it could not be read ({_first_line(problem)})"


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0][:300]
