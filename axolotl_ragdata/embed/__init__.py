"""The embedding seam: text → unit vectors, by a local model or an endpoint, cached by content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from axolotl_ragdata.embed._vectors import unit
from axolotl_ragdata.embed.cache import CachedEmbedder
from axolotl_ragdata.embed.endpoint import EndpointEmbedder
from axolotl_ragdata.embed.local import EmbeddedEmbedder, TransformersEmbedder
from axolotl_ragdata.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "CachedEmbedder",
    "EmbeddedEmbedder",
    "Embedder",
    "EndpointEmbedder",
    "TransformersEmbedder",
    "open_embedder",
    "unit",
]

TRANSFORMERS_PREFIX = "sentence-transformers/"


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


def open_embedder(recipe: Recipe, cache: Path | None, heard: Callable[[int], None] | None = None) -> Embedder:
    """Return the recipe's embedder, cached in the folder `cache` (None: not cached).

    Args:
        recipe: Whose `embed:` is read.
        cache: Where vectors are kept.
        heard: Called with the number of texts that are done, as batches of them are; in the thread that embeds.

    Raises:
        ModelFileError: The embedded model cannot be had.
        MissingKey: The endpoint wants a key and the environment has none.
        RecipeError: A sentence-transformers model cannot be loaded, or `base_url` is no URL of an endpoint.
        StoreError: The cache cannot be written.
    """
    block, where = recipe.ragdata.embed, recipe.where("embed")
    if block.model.startswith(TRANSFORMERS_PREFIX) and block.base_url is None:
        embedder: Embedder = TransformersEmbedder(block.model.removeprefix(TRANSFORMERS_PREFIX), where, recipe.folder)
    elif block.model == "embedded" and block.base_url is None:
        embedder = EmbeddedEmbedder(heard)
    else:
        embedder = EndpointEmbedder(block, where, heard)
    return embedder if cache is None else CachedEmbedder(embedder, cache / "embeddings.sqlite")
