"""Filters: a row → the reason why it must not be trained on, or None.

A filter is one module here that registers a subclass of `Filter`, or an entry point of the group `ragdata.filters`. Its
settings are its fields; it does no I/O and calls no model, so thresholds can be changed and applied again for free.
Five of them read what a chat model said of a row before: `VerdictFilter`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.examples import answer_of, asked_of
from axolotl_ragdata.records import Example, Passage, Verdict
from axolotl_ragdata.registry import Registry, nearest_fix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FilterT = TypeVar("FilterT", bound="Filter")


@dataclass(frozen=True)
class Reason:
    """Why a row is dropped: one phrase that can be counted, the particulars, and the number where it was a number."""

    reason: str
    detail: str = ""
    score: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What a filter may look at besides the rows.

    Args:
        passages: Every passage by id.
        vectors: Unit vectors of the rows' questions, shape (n, dimensions), in the order of the rows.
        verdicts: What verifiers said of rows, by the row's id.
    """

    passages: Mapping[str, Passage]
    vectors: NDArray[np.float32]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


class Filter(BaseModel):
    """One rule; its fields are its settings, each with a description and a default."""

    criterion: ClassVar[str | None] = None
    """What a chat model is asked about a row before this filter can judge it; None: nothing, the filter is free."""
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def from_settings(cls: type[FilterT], settings: Mapping[str, Any], where: str) -> FilterT:
        """Return the filter with the settings of a recipe.

        Args:
            settings: The keys beside `use`.
            where: The place in the recipe, for errors.

        Raises:
            RecipeError: A setting is unknown, of the wrong type or out of range.
        """
        try:
            return cls(**settings)
        except ValidationError as problem:
            error = problem.errors(include_url=False)[0]
        key = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            raise RecipeError(where, f"unknown key {key!r}", nearest_fix(key, ["use", *cls.model_fields]))
        description = cls.model_fields[key].description if key in cls.model_fields else None
        what = f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {error['input']!r}"
        raise RecipeError(f"{where}.{key}", what, f"give {description}" if description else "correct the value")

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return why a row is dropped, None where it is kept; for rules that look at one row at a time."""
        raise NotImplementedError(f"{type(self).__name__} overrides neither check nor check_all")

    def check_all(self, examples: Sequence[Example], evidence: Evidence) -> list[Reason | None]:
        """Return one reason or None a row, in order; overridden by rules that compare rows."""
        return [self.check(example, evidence) for example in examples]


class VerdictFilter(Filter):
    """A rule over what a chat model said of a row; `criterion` names the card that it was asked with.

    A row without a verdict is dropped for that reason: it neither passed nor failed. Of a row that was made to abstain
    only what can be asked of it is asked: whether the passages answer its question must be denied.
    """

    min_score: int = Field(4, ge=1, le=5, description="least score that keeps a row, a whole number from 1 to 5")

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the score with the verifier's reason where it is too low, or that there is no verdict."""
        if not example.answerable and self.criterion in NOT_OF_ABSTENTIONS:
            return None
        verdict = evidence.verdicts.get(example.id)
        said = {score.criterion: score for score in verdict.scores} if verdict is not None else {}
        score = said.get(str(self.criterion))
        if score is None or score.value is None:
            return Reason(f"no verdict: {self.criterion}", score.reason if score is not None else NOT_ASKED)
        value = score.value if example.answerable or self.criterion != "answerable" else 6 - score.value
        if value >= self.min_score:
            return None
        return Reason(f"not {self.criterion} enough".replace("_", " "), score.reason, value, self.min_score)


NOT_ASKED = "it was not asked"
"""Of a row that passes the free filters only since their thresholds changed: a build asks."""
NOT_OF_ABSTENTIONS = ("faithful", "round_trip")
"""Criteria that ask about an answer's statements; an answer that says that there is none makes none."""

__all__ = ["NOT_ASKED", "Evidence", "Filter", "Reason", "VerdictFilter", "answer_of", "asked_of", "filters"]

filters: Registry[type[Filter]] = Registry("filter", "axolotl_ragdata.filters", "ragdata.filters")
