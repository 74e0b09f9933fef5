"""What runs stages. An engine takes a chain of stages and a stream of records and yields every outcome.

The contract, which `tests/contract/test_engines.py` holds every engine to:

- outcomes come in completion order; nothing depends on it;
- a record of one stage is the input of the next; a `Rejected` or a `Failure` goes no further; each is yielded once;
- at most `in_flight` source records are being worked on, and the source is not read further ahead than that;
- an exception of a stage that is not a `RagdataError` becomes a `Failure` of that record;
- a `RagdataError` ends the run: work in flight is cancelled and awaited, then the error is raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

from axolotl_ragdata.stage import Context, Outcome, Stage

__all__ = ["Engine"]


class Engine(Protocol):
    """Runs a chain of stages over records."""

    def run(
        self, stages: Sequence[Stage[Any]], records: Iterable[Any], ctx: Context, in_flight: int
    ) -> AsyncIterator[tuple[str, Outcome]]:
        """Yield (name of the stage, outcome) until every record has gone as far as it can."""
        ...
