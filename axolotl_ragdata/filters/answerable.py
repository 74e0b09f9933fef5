"""Drops a row unless a chat model found that the question can be answered from the evidence."""

from __future__ import annotations

from typing import ClassVar

from axolotl_ragdata.filters import VerdictFilter, filters


@filters.register("answerable")
class Answerable(VerdictFilter):
    """Keeps a row whose score, from 1 to 5, says that the question can be answered from the evidence."""

    criterion: ClassVar[str] = "answerable"
