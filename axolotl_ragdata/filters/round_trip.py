"""Drops a row unless its question, answered again by a chat model that did not see the answer, got the same one."""

from __future__ import annotations

from typing import ClassVar

from axolotl_ragdata.filters import VerdictFilter, filters


@filters.register("round_trip")
class RoundTrip(VerdictFilter):
    """Keeps a row whose score, from 1 to 5, says that its question, answered again, gets the same answer."""

    criterion: ClassVar[str] = "round_trip"
