"""Leaves out a question that says again, in other words, what an earlier one asked."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from axolotl_ragdata.duplicates import find_duplicates
from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Example


@filters.register("near_duplicate")
class NearDuplicate(Filter):
    """Compares every question with the earlier ones; those whose numbers or names differ are kept apart."""

    threshold: float = Field(0.92, ge=0, le=1, description="cosine from which two questions count as one")

    def check_all(self, examples: Sequence[Example], evidence: Evidence) -> list[Reason | None]:
        """Return a reason for each question that repeats an earlier one."""
        found = find_duplicates([example.question for example in examples], evidence.vectors, self.threshold)
        reasons: list[Reason | None] = []
        for repeat in found:
            if repeat is None:
                reasons.append(None)
                continue
            detail = f"{examples[repeat.of].id}: {examples[repeat.of].question}"
            reasons.append(Reason("near-duplicate of another question", detail, repeat.similarity, self.threshold))
        return reasons
