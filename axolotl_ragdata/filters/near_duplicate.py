"""Drops a row whose question repeats an earlier one; see `axolotl_ragdata.duplicates`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from axolotl_ragdata.duplicates import THRESHOLD, find_duplicates
from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Example


@filters.register("near_duplicate")
class NearDuplicate(Filter):
    """Keeps the first of the questions that repeat each other, in the order of the rows; phrasings of a fact may."""

    threshold: float = Field(THRESHOLD, ge=0, le=1, description="cosine from which two questions may be one, 0 to 1")

    def check_all(self, examples: Sequence[Example], evidence: Evidence) -> list[Reason | None]:
        """Return a reason for each row whose question repeats that of an earlier row."""
        questions, groups = [example.question for example in examples], [example.group for example in examples]
        repeats = find_duplicates(questions, evidence.vectors, self.threshold, groups)
        return [
            None if earlier is None else self._reason(examples[earlier], evidence, at, earlier)
            for at, earlier in enumerate(repeats)
        ]

    def _reason(self, kept: Example, evidence: Evidence, at: int, earlier: int) -> Reason:
        cosine = round(float(evidence.vectors[at] @ evidence.vectors[earlier]), 4)
        return Reason("repeats an earlier question", f"{kept.id}: {kept.question}", cosine, self.threshold)
