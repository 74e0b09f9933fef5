"""Drops a row unless a chat model found that the answer says only what the evidence says."""

from __future__ import annotations

from typing import ClassVar

from axolotl_ragdata.filters import VerdictFilter, filters


@filters.register("faithful")
class Faithful(VerdictFilter):
    """Keeps a row whose score, from 1 to 5, says that the answer says only what the evidence says."""

    criterion: ClassVar[str] = "faithful"
