"""Drops a row unless a chat model found that the answer answers the question."""

from __future__ import annotations

from typing import ClassVar

from axolotl_ragdata.filters import VerdictFilter, filters


@filters.register("relevant")
class Relevant(VerdictFilter):
    """Keeps a row whose score, from 1 to 5, says that the answer answers the question."""

    criterion: ClassVar[str] = "relevant"
