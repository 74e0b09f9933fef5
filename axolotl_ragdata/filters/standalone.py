"""Drops a row unless a chat model found that question and answer are understood without the document."""

from __future__ import annotations

from typing import ClassVar

from axolotl_ragdata.filters import VerdictFilter, filters


@filters.register("standalone")
class Standalone(VerdictFilter):
    """Keeps a row whose score, from 1 to 5, says that question and answer are understood without the document."""

    criterion: ClassVar[str] = "standalone"
