"""The embedding seam: text → unit vectors, by a local model or an endpoint, cached by content."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from axolotl_ragdata.embedded import MODELS, model_path
from axolotl_ragdata.errors import EndpointError, MissingKey, RecipeError, StoreError
from axolotl_ragdata.recipe import EmbedBlock, Recipe
from axolotl_ragdata.records import content_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW_TOKENS = 256
TRANSFORMERS_PREFIX = "sentence-transformers/"
ATTEMPTS = 5
LONGEST_WAIT_S = 30.0
ENDPOINT_TIMEOUT_S = 120.0
ENDPOINT_CALLS_AT_ONCE = 8
LOOPBACK = ("localhost", "127.0.0.1", "::1")
RETRIED = {408, 409, 429, 500, 502, 503, 504}


class Embedder(Protocol):
    """Turns texts into vectors. `name` says which model made them; vectors of different names must not be compared."""

    @property
    def name(self) -> str:
        """The model, with what identifies its version."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32."""


def open_embedder(recipe: Recipe, cache: Path | None) -> Embedder:
    """Return the recipe's embedder, cached in `cache` (None: not cached).

    Raises:
        ModelFileError: The embedded model cannot be had.
        MissingKey: The endpoint wants a key and the environment has none.
        RecipeError: A sentence-transformers model cannot be loaded.
        EndpointError: The endpoint is down, or refuses the key or the model.
        StoreError: The cache cannot be written.
    """
    block, where = recipe.ragdata.embed, f"{recipe.path}: ragdata.embed"
    if block.model.startswith(TRANSFORMERS_PREFIX) and block.base_url is None:
        embedder: Embedder = TransformersEmbedder(block.model.removeprefix(TRANSFORMERS_PREFIX), where, recipe.folder)
    elif block.model == "embedded" and block.base_url is None:
        embedder = EmbeddedEmbedder()
    else:
        embedder = EndpointEmbedder(block, where)
    return embedder if cache is None else CachedEmbedder(embedder, cache / "embeddings.sqlite")


class EmbeddedEmbedder:
    """all-MiniLM-L6-v2 as int8 ONNX: 384 dimensions, mean-pooled, normalised.

    A text of more than 254 tokens is embedded in windows, and their token-weighted mean is taken: no text is cut.
    """

    dimensions = 384

    def __init__(self, threads: int = 2, batch_size: int = 16) -> None:
        self._threads = threads
        self._batch_size = batch_size
        self._lock = threading.Lock()
        self._session: Any = None
        self._tokenizer: Any = None

    @property
    def name(self) -> str:
        """The model with the start of its hash."""
        return f"all-MiniLM-L6-v2-int8@{MODELS['minilm-onnx'].sha256[:12]}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, 384), float32.

        Raises:
            ModelFileError: The model cannot be had.
        """
        import numpy as np

        with self._lock:
            self._load()
            windows = [(at, ids) for at, text in enumerate(texts) for ids in self._windows(text)]
            sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
            # alike lengths together: padding is paid for like text
            windows.sort(key=lambda window: len(window[1]))
            for start in range(0, len(windows), self._batch_size):
                batch = windows[start : start + self._batch_size]
                np.add.at(sums, [at for at, _ in batch], self._summed([ids for _, ids in batch]))
        return unit(sums)

    def _load(self) -> None:
        if self._session is not None:
            return
        import onnxruntime
        from tokenizers import Tokenizer as Fast

        self._tokenizer = Fast.from_file(str(model_path("minilm-tokenizer")))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = str(model_path("minilm-onnx"))
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def _windows(self, text: str) -> Iterator[list[int]]:
        first, *ids, last = self._tokenizer.encode(text).ids
        size = WINDOW_TOKENS - 2
        for start in range(0, max(1, len(ids)), size):
            yield [first, *ids[start : start + size], last]

    def _summed(self, batch: Sequence[list[int]]) -> NDArray[np.float32]:
        # the sum over the tokens, not their mean: windows of one text then weigh by their length
        import numpy as np

        longest = max(len(ids) for ids in batch)
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(["last_hidden_state"], feed)[0]
        summed: NDArray[np.float32] = (hidden * mask[:, :, None]).sum(axis=1, dtype=np.float32)
        return summed


class TransformersEmbedder:
    """A model of the sentence-transformers library, which must be installed beside this package."""

    def __init__(self, model: str, where: str, folder: Path) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            fix = "pip install sentence-transformers, or use embed: {model: embedded}"
            raise RecipeError(where, f"{TRANSFORMERS_PREFIX}{model} needs sentence-transformers", fix) from None
        local = folder / model
        try:
            self._model = SentenceTransformer(str(local) if local.is_dir() else model)
        except Exception as problem:
            # OSError, ValueError or a hub error, by version of the library
            what = f"cannot load {model!r}: {str(problem).splitlines()[0]}"
            raise RecipeError(where, what, "check the name, or give a folder relative to the recipe") from None
        self._name = model
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name."""
        return f"{TRANSFORMERS_PREFIX}{self._name}"

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._model.get_sentence_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32."""
        import numpy as np

        with self._lock:
            vectors = self._model.encode(list(texts), convert_to_numpy=True, show_progress_bar=False)
        return unit(np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1))


class EndpointEmbedder:
    """An OpenAI-compatible `/embeddings` endpoint; a loopback one needs no key."""

    def __init__(self, block: EmbedBlock, where: str) -> None:
        self._block = block
        base = block.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        self._url = f"{base.rstrip('/')}/embeddings"
        self._where = where
        self._key = _key(base, block.api_key_env, where)
        self._dimensions: int | None = None

    @property
    def name(self) -> str:
        """The model's name, with the dimensions that are asked for."""
        asked = self._block.dimensions
        return self._block.model if asked is None else f"{self._block.model}@{asked}"

    @property
    def dimensions(self) -> int:
        """Length of a vector, learned from the first answer."""
        if self._dimensions is None:
            self.embed(["dimension"])
        return self._dimensions or 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32.

        Raises:
            EndpointError: The endpoint is down, refuses the key or the model, or sends what is no answer.
        """
        import numpy as np

        size = self._block.batch_size
        batches = [list(texts[start : start + size]) for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(ENDPOINT_CALLS_AT_ONCE) as pool:
            rows = [row for batch in pool.map(self._asked, batches) for row in batch]
        if not rows:
            return np.zeros((0, self._dimensions or 0), dtype=np.float32)
        if len({len(row) for row in rows}) != 1:
            raise self._error("sent vectors of different lengths", "check that the model is an embedding model")
        self._dimensions = len(rows[0])
        return unit(np.asarray(rows, dtype=np.float32))

    def _asked(self, batch: list[str]) -> list[list[float]]:
        body: dict[str, Any] = {"model": self._block.model, "input": batch, "encoding_format": "float"}
        if self._block.dimensions:
            body["dimensions"] = self._block.dimensions
        answer = self._answer(json.dumps(body).encode())
        try:
            data = sorted(answer["data"], key=lambda item: int(item["index"]))
            rows = [[float(number) for number in item["embedding"]] for item in data]
        except (KeyError, TypeError, ValueError):
            raise self._error("sent no embeddings", "check that base_url ends in /v1 and serves embeddings") from None
        if len(rows) != len(batch):
            raise self._error(f"sent {len(rows)} vectors for {len(batch)} texts", "report it to who runs the endpoint")
        return rows

    def _answer(self, body: bytes) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._post(body)
            except urllib.error.HTTPError as problem:
                with closing(problem):
                    if problem.code not in RETRIED or attempt == ATTEMPTS:
                        raise self._refused(problem) from None
                    wait_s = _retry_after_s(problem.headers.get("Retry-After"), attempt)
            except (OSError, ValueError) as problem:
                if attempt == ATTEMPTS:
                    reason = getattr(problem, "reason", problem)
                    raise self._error(f"does not answer: {reason}", "start it, or correct base_url") from None
                wait_s = _retry_after_s(None, attempt)
            time.sleep(wait_s)
        raise AssertionError("unreachable")

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=ENDPOINT_TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)

    def _refused(self, problem: urllib.error.HTTPError) -> EndpointError:
        if problem.code in (401, 403):
            return self._error(f"refuses the key ({problem.code})", f"correct the variable {self._block.api_key_env}")
        if problem.code == 404:
            what = f"knows no embedding model {self._block.model!r} (404)"
            return self._error(what, "correct ragdata.embed.model, and see that base_url ends in /v1")
        said = problem.read(500).decode("utf-8", "replace").replace(self._key, "…")
        return self._error(f"answers {problem.code}: {' '.join(said.split())}", "correct the recipe's embed: block")

    def _error(self, what: str, fix: str) -> EndpointError:
        return EndpointError(self._url, what, fix)


class CachedEmbedder:
    """An embedder whose vectors are kept in a SQLite file by the hash of model and text."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self._embedder = embedder
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._table = sqlite3.connect(path, check_same_thread=False)
            self._table.execute("pragma journal_mode=wal")
            self._table.execute("pragma synchronous=normal")
            self._table.execute("create table if not exists vectors (key text primary key, vector blob) without rowid")
        except (OSError, sqlite3.Error) as problem:
            fix = "delete the file (it can be rebuilt), or choose another `output:`"
            raise StoreError(str(path), f"cannot be used as a cache: {problem}", fix) from None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._embedder.name

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._embedder.dimensions

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32; each text is computed once ever.

        Raises:
            RagdataError: As the embedder.
        """
        import numpy as np

        keys = [content_id("v", self.name, text) for text in texts]
        with self._lock:
            known = self._stored(set(keys))
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                known |= self._computed(missing)
        if not keys:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.stack([known[key] for key in keys])

    def _stored(self, keys: set[str]) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        wanted, found = sorted(keys), {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._table.execute(f"select key, vector from vectors where key in ({marks})", some)  # noqa: S608
            found.update({key: np.frombuffer(vector, dtype=np.float32) for key, vector in rows})
        return found

    def _computed(self, missing: dict[str, str]) -> dict[str, NDArray[np.float32]]:
        vectors = self._embedder.embed(list(missing.values()))
        rows = dict(zip(missing, vectors, strict=True))
        with self._table:
            self._table.executemany(
                "insert or replace into vectors values (?, ?)", [(key, row.tobytes()) for key, row in rows.items()]
            )
        return rows


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows divided by their length; a row of zeros stays."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    normalised: NDArray[np.float32] = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return normalised


def _key(base_url: str, variable: str, where: str) -> str:
    if key := os.environ.get(variable):
        return key
    if urlsplit(base_url).hostname in LOOPBACK:
        return "none"
    raise MissingKey(where, f"{variable} is not set, and {base_url} wants a key", f"export {variable}=…")


def _retry_after_s(header: str | None, attempt: int) -> float:
    wait: Callable[[], float] = lambda: random.uniform(0, min(LONGEST_WAIT_S, 0.5 * 2**attempt))  # noqa: S311, E731
    if header is None:
        return wait()
    try:
        return min(LONGEST_WAIT_S, float(header))
    except ValueError:
        pass
    try:
        return min(LONGEST_WAIT_S, max(0.0, parsedate_to_datetime(header).timestamp() - time.time()))
    except (TypeError, ValueError):
        return wait()
