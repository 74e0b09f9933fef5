"""Embedders that run in this process: the embedded MiniLM, and models of the sentence-transformers library.

Neither cuts a text: what is longer than the model's window is embedded in windows, and their mean, weighted by tokens,
is the text's vector.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.embed._vectors import unit
from axolotl_ragdata.embedded import MODELS, model_path
from axolotl_ragdata.errors import RecipeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW_TOKENS = 256
BATCH_TOKENS = 512
"""Tokens of one run, padding included: short texts share it, a long one has it alone."""


class EmbeddedEmbedder:
    """all-MiniLM-L6-v2 as int8 ONNX: 384 dimensions, mean-pooled, normalised.

    A text's vector does not depend on which texts it is embedded with. `heard` is called with the number of texts that
    are done, as batches of them are.
    """

    dimensions = 384

    def __init__(self, heard: Callable[[int], None] | None = None, threads: int = 2) -> None:
        self._heard = heard
        self._threads = threads
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

        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        if not texts:
            return sums
        with self._lock:
            self._load()
            windows = [(at, ids) for at, text in enumerate(texts) for ids in self._windows(text)]
            for batch in _batches(windows):
                # sums over tokens, not means: windows of one text then weigh by their length
                np.add.at(sums, [at for at, _ in batch], self._summed([ids for _, ids in batch]))
                if self._heard:
                    self._heard(len({at for at, _ in batch}))
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
        # idle threads that spin would take a core from whoever else runs here
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        path = str(model_path("minilm-onnx"))
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def _windows(self, text: str) -> Iterator[list[int]]:
        first, *ids, last = self._tokenizer.encode(well_formed(text)).ids
        size = WINDOW_TOKENS - 2
        for start in range(0, max(1, len(ids)), size):
            yield [first, *ids[start : start + size], last]

    def _summed(self, batch: Sequence[list[int]]) -> NDArray[np.float32]:
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
    """A model of the sentence-transformers library, which must be installed beside this package.

    Args:
        model: A folder relative to `folder`, or a name on the Hugging Face hub.
        where: The recipe's key, for errors.
        folder: The recipe's folder.

    Raises:
        RecipeError: The library is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str, where: str, folder: Path) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            fix = "pip install sentence-transformers, or use embed: {model: embedded}"
            raise RecipeError(where, f"sentence-transformers/{model} needs sentence-transformers", fix) from None
        local = folder / Path(model).expanduser()
        try:
            self._model = SentenceTransformer(str(local) if local.is_dir() else model)
        except Exception as problem:
            # OSError, ValueError or a hub error, by version of the library
            what = f"cannot load {model!r}: {(str(problem).splitlines() or ['?'])[0]}"
            raise RecipeError(where, what, "check the name, or give a folder relative to the recipe") from None
        self._name = f"sentence-transformers/{model}@{_version(self._model, local)}"
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name, with the hub's commit or the hash of the local files."""
        return self._name

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        newer = getattr(self._model, "get_embedding_dimension", None)
        return int((newer or self._model.get_sentence_embedding_dimension)())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32."""
        import numpy as np

        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        if not texts:
            return sums
        with self._lock:
            pieces = [(at, *piece) for at, text in enumerate(texts) for piece in self._pieces(well_formed(text))]
            found = self._model.encode([text for _, text, _ in pieces], convert_to_numpy=True, show_progress_bar=False)
        weights = np.array([tokens for _, _, tokens in pieces], dtype=np.float32)
        np.add.at(sums, [at for at, _, _ in pieces], np.asarray(found, dtype=np.float32) * weights[:, None])
        return unit(sums)

    def _pieces(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield slices that the model's window holds, each with its number of tokens."""
        limit = getattr(self._model, "max_seq_length", None)
        tokenizer = self._model.tokenizer
        if not limit or math.isinf(limit) or not getattr(tokenizer, "is_fast", False):
            yield text, 1
            return
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        spans = encoded["offset_mapping"]
        size = max(1, limit - tokenizer.num_special_tokens_to_add())
        for start in range(0, max(1, len(spans)), size):
            window = spans[start : start + size]
            yield (text[window[0][0] : window[-1][1]] if window else text), max(1, len(window))


def well_formed(text: str) -> str:
    r"""Return the text with lone surrogates replaced: no tokenizer takes them.

    >>> well_formed("a\ud800b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def _batches(windows: list[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    # alike lengths together: padding is paid for like text
    batch: list[tuple[int, list[int]]] = []
    for window in sorted(windows, key=lambda window: len(window[1])):
        if batch and (len(batch) + 1) * len(window[1]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _version(model: Any, local: Path) -> str:
    if not local.is_dir():
        config = getattr(getattr(model[0], "auto_model", None), "config", None)
        return str(getattr(config, "_commit_hash", None) or "unknown")[:12]
    content = hashlib.sha256()
    for path in sorted(path for path in local.rglob("*") if path.is_file()):
        content.update(path.relative_to(local).as_posix().encode() + b"\0")
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()[:12]
