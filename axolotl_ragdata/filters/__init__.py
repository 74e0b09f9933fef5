"""Example → a reason to leave it out, or None; one file a filter, settings as typed fields, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.records import Example, Passage
from axolotl_ragdata.registry import Registry, nearest_fix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evidence", "Filter", "Reason", "filters"]


@dataclass(frozen=True)
class Reason:
    """Why an example is left out; `score` and `threshold` where the reason is a number."""

    reason: str
    detail: str = ""
    score: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What a filter may look at: all passages by id, and one unit vector for each example's question."""

    passages: Mapping[str, Passage]
    vectors: NDArray[np.float32]


class Filter(BaseModel):
    """A rule; its fields are its settings. Override `check`, or `check_all` where rows must be compared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], where: str) -> Filter:
        """Return the filter with these settings.

        Raises:
            RecipeError: A setting is unknown, of the wrong type or out of range.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as problem:
            error = problem.errors(include_url=False)[0]
            key = ".".join(str(part) for part in error["loc"])
            fix = nearest_fix(key, cls.model_fields)
            raise RecipeError(f"{where}.{key}", f"{error['msg']}, not {error['input']!r}", fix) from None

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return why the example is left out, None to keep it."""
        raise NotImplementedError

    def check_all(self, examples: Sequence[Example], evidence: Evidence) -> list[Reason | None]:
        """Return a reason or None for each example, in their order."""
        return [self.check(example, evidence) for example in examples]


filters: Registry[type[Filter]] = Registry("filter", "axolotl_ragdata.filters", "ragdata.filters")
