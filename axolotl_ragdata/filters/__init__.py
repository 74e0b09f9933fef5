"""Filters: a row → the reason why it must not be trained on, or None.

A filter is one module here that registers a subclass of `Filter`, or an entry point of the group `ragdata.filters`. Its
settings are its fields; it does no I/O and calls no model, so thresholds can be changed and applied again for free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.records import Example, Passage
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


def answer_of(example: Example) -> str:
    """Return all that a row's assistant says: the answer, or the answers of a conversation."""
    spoken = [turn.content for turn in example.messages if turn.role == "assistant"]
    return "\n".join(spoken) if spoken else example.answer


@dataclass(frozen=True)
class Evidence:
    """What a filter may look at besides the rows.

    Args:
        passages: Every passage by id.
        vectors: Unit vectors of the rows' questions, shape (n, dimensions), in the order of the rows.
    """

    passages: Mapping[str, Passage]
    vectors: NDArray[np.float32]


class Filter(BaseModel):
    """One rule; its fields are its settings, each with a description and a default."""

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


filters: Registry[type[Filter]] = Registry("filter", "axolotl_ragdata.filters", "ragdata.filters")
