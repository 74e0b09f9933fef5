"""Where batches stand, said when one changes its state and at most once a minute when its counts change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

COUNTS_EVERY_S = 60.0


class Standing:
    """Says where batches stand; `say` hears it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._shown: dict[str, tuple[str, str]] = {}
        """Of each batch, its state and counts."""
        self._said_at = 0.0
        self._changed: set[str] = set()

    def hear(self, batch: str, found: Any) -> None:
        """Hear what the endpoint says of a batch."""
        status, counts = str(found.status), _counts(found)
        before = self._shown.get(batch)
        self._shown[batch] = status, counts
        if before is None or before[0] != status:
            self._changed.discard(batch)
            self._said_at = time.monotonic()
            self._say(f"batch {batch}: {status}{counts}")
        elif before[1] != counts:
            self._changed.add(batch)
        self._say_counts()

    def _say_counts(self) -> None:
        now = time.monotonic()
        if not self._changed or now - self._said_at < COUNTS_EVERY_S:
            return
        self._said_at = now
        told = [f"{batch}: {''.join(self._shown[batch])}" for batch in sorted(self._changed)]
        self._changed.clear()
        self._say(f"batch {'; '.join(told)}")


def _counts(found: Any) -> str:
    counts = found.request_counts
    if not counts:
        return ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f", {counts.completed:,} of {counts.total:,} done{failed}"
