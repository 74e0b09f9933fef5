"""How much an endpoint takes at once: it says so only by turning a batch away."""

from __future__ import annotations

import asyncio
import contextlib
import time

ROOM_WAIT_S = 600.0
"""How long a batch that was turned away waits where none of ours ends: others may fill the limit."""
LONGEST_S = 6 * 3600.0
"""How long batches are tried although none gets in."""
FEWEST = 32
"""Requests below which a batch is not made smaller: then others fill the limit."""


class Room:
    """Holds batches back once one was turned away: another is tried when one has ended, or after a wait.

    Attributes:
        most: Requests that are tried in one batch.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._freed = asyncio.Event()
        self._full_since: float | None = None
        self._is_limited = False

    async def wait(self) -> None:
        """Return when there may be room for a batch; at once as long as none was turned away."""
        if self._is_limited:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._freed.wait(), ROOM_WAIT_S)
            self._freed.clear()

    def turned_away(self, requests: int, alone: bool) -> bool:
        """Hear that a batch was one too many; return whether it is worth trying on.

        Args:
            requests: How many it had.
            alone: Whether no other batch of ours runs: then it is too large by itself, and halves are tried.
        """
        now = time.monotonic()
        if self._full_since is None:
            self._full_since = now
        self._is_limited = True
        self._freed.clear()
        if alone and requests > FEWEST:
            self.most = max(FEWEST, requests // 2)
            self._freed.set()
        return now - self._full_since < LONGEST_S

    def ended(self) -> None:
        """Hear that a batch has run and takes no room any more."""
        self._full_since = None
        self._freed.set()
