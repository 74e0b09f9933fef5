"""Vectors that are kept: each text is embedded once ever by each model."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import content_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from axolotl_ragdata.embed import Embedder

BLOCK = 512
"""Texts after which what was computed is kept, so that an interrupted run loses no more."""
WAIT_S = 60.0
KEYS_A_QUERY = 500


class CachedEmbedder:
    """An embedder whose vectors are kept in a SQLite file by the hash of model and text.

    Threads and processes may share the file; no connection outlives a call.

    Args:
        embedder: Who computes what is missing.
        path: The file; made where it is missing.

    Raises:
        StoreError: The file cannot be written or is no database.
    """

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self._embedder = embedder
        self._path = path
        self._dimensions: int | None = None
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as table:
            table.execute("pragma journal_mode=wal")
            table.execute("create table if not exists vectors (key text primary key, vector blob) without rowid")

    @property
    def name(self) -> str:
        """The model's name."""
        return self._embedder.name

    @property
    def dimensions(self) -> int:
        """Length of a vector; the model is not asked where any vector is known."""
        if self._dimensions is None:
            self.embed(["dimensions"])
        return self._dimensions or 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32; only what is not kept is computed.

        Raises:
            StoreError: The file cannot be read or written, or holds vectors of another length.
            RagdataError: As the embedder.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        keys = [content_id("v", self.name, text) for text in texts]
        known = self._kept(sorted(set(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        for start in range(0, len(missing), BLOCK):
            known |= self._computed(dict(list(missing.items())[start : start + BLOCK]))
        lengths = {len(vector) for vector in known.values()}
        if len(lengths) > 1:
            what = f"holds vectors of {self.name!r} with other lengths than it gives now: {sorted(lengths)}"
            raise StoreError(str(self._path), what, "delete the file, it is made anew")
        (self._dimensions,) = lengths
        return np.stack([known[key] for key in keys])

    def _kept(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        found = {}
        with self._opened() as table:
            for start in range(0, len(keys), KEYS_A_QUERY):
                some = keys[start : start + KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                rows = table.execute(f"select key, vector from vectors where key in ({marks})", some)  # noqa: S608
                found.update({key: np.frombuffer(vector, dtype="<f4") for key, vector in rows})
        return found

    def _computed(self, missing: dict[str, str]) -> dict[str, NDArray[np.float32]]:
        rows = dict(zip(missing, self._embedder.embed(list(missing.values())), strict=True))
        with self._opened() as table, table:
            kept = [(key, row.astype("<f4").tobytes()) for key, row in rows.items()]
            table.executemany("insert or replace into vectors values (?, ?)", kept)
        return rows

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._explained(), contextlib.closing(sqlite3.connect(self._path, timeout=WAIT_S)) as table:
            table.execute("pragma synchronous=normal")
            yield table

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as problem:
            fix = "delete the file (it can be made anew), free some space, or choose another `output:`"
            raise StoreError(str(self._path), f"cannot be used as a cache: {problem}", fix) from None
