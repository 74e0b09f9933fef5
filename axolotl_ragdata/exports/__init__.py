"""Exports: a row of the dataset → a line of JSONL, with the `datasets:` entry that makes Axolotl read it.

An export is one module here that registers an object with the methods of `Export`, or an entry point of the group
`ragdata.exports`. Rows must be plain JSON whose every field has one type in all rows, without nulls: readers of JSONL
infer a column's type from its first lines.
"""

from __future__ import annotations

from typing import Any, Protocol

from axolotl_ragdata.records import Example
from axolotl_ragdata.registry import Registry


class Export(Protocol):
    """What an export offers."""

    def row(self, example: Example) -> dict[str, Any]:
        """Return the line of one example; its `id` is the example's."""
        ...

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:` that reads a file of such lines."""
        ...


exports: Registry[Export] = Registry("export", "axolotl_ragdata.exports", "ragdata.exports")
