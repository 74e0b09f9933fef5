"""Example → row of an exported file, with the matching entry of Axolotl's `datasets:`; one file an export."""

from __future__ import annotations

from typing import Any, Protocol

from axolotl_ragdata.records import Example
from axolotl_ragdata.registry import Registry

__all__ = ["Export", "exports"]


class Export(Protocol):
    """The shape of a row and how Axolotl reads it."""

    def row(self, example: Example) -> dict[str, Any]:
        """Return the row; JSON values only, and the same keys in every row."""
        ...

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of `datasets:` that reads a file of such rows."""
        ...


exports: Registry[Export] = Registry("export", "axolotl_ragdata.exports", "ragdata.exports")
