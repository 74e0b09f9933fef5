"""Tokenizers by name: what counts the tokens of a passage and says where each stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from axolotl_ragdata.embedded import model_path
from axolotl_ragdata.errors import RecipeError


class Tokenizer(Protocol):
    """Counts tokens and says where each stands."""

    name: str

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token."""

    def count(self, text: str) -> int:
        """Return the number of tokens."""


def open_tokenizer(name: str, folder: Path) -> Tokenizer:
    """Return a tokenizer: `embedded`, the path of a tokenizer.json (relative to `folder`), or a Hugging Face model.

    Raises:
        ModelFileError: The embedded tokenizer cannot be had.
        RecipeError: There is no such file, or no such model.
    """
    from tokenizers import Tokenizer as Fast

    where = "ragdata.passages.tokenizer"
    path = model_path("minilm-tokenizer") if name == "embedded" else folder / Path(name).expanduser()
    try:
        from_file = name == "embedded" or path.suffix == ".json"
        fast = Fast.from_file(str(path)) if from_file else Fast.from_pretrained(name)
    except Exception as problem:
        # the library raises a bare Exception for a missing file, a broken one and a model that is not there
        fix = "name embedded, a tokenizer.json, or a Hugging Face model that can be reached from here"
        raise RecipeError(where, f"cannot load {name!r}: {problem}", fix) from None
    fast.no_truncation()
    fast.no_padding()
    return FastTokenizer(name, fast)


class FastTokenizer:
    """A tokenizer of the `tokenizers` library, without special tokens, truncation or padding."""

    def __init__(self, name: str, fast: Any) -> None:
        self.name = name
        self._fast = fast

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token."""
        offsets: list[tuple[int, int]] = self._fast.encode(text, add_special_tokens=False).offsets
        return offsets

    def count(self, text: str) -> int:
        """Return the number of tokens."""
        return len(self._fast.encode(text, add_special_tokens=False).ids)
