"""What was rehearsed → calls, tokens and cost by stage: at most, and as they are expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from axolotl_ragdata.overview import cost_of
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Record, Usage

OUTPUT_TOKENS = {"questions": 160, "answers": 140, "verdicts": 60}
"""Of a call, until the journal knows better."""


class StageEstimate(Record):
    """The calls that one stage still has to make: tokens and cost are those of the most."""

    stage: str
    calls: int
    """At most."""
    expected_calls: int
    in_journal: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    expected_cost: float | None
    counted: bool
    """Whether its prompts were rendered and counted; else they are like those of a sample."""


class Estimate(Record):
    """What a build would ask at most, and what is expected; costs in the currency of `price`, None without one."""

    stages: tuple[StageEstimate, ...]
    calls: int
    expected_calls: int
    in_journal: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    expected_cost: float | None
    notes: tuple[str, ...]


@dataclass
class Tally:
    """What one stage asked in the rehearsal."""

    asked: int = 0
    in_journal: int = 0
    characters: int = 0
    counted_characters: int = 0
    counted_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all its prompts."""
        return round(self.characters * self.counted_tokens / max(1, self.counted_characters))


@dataclass(frozen=True)
class ToCome:
    """Calls whose prompts nobody can render yet, and the tokens of one."""

    most: int
    expected: int
    tokens_each: float


def estimated(
    recipe: Recipe,
    tallies: Mapping[str, Tally],
    to_come: Mapping[str, ToCome],
    spoken: Mapping[str, float],
    notes: Sequence[str],
) -> Estimate:
    """Return the estimate of a build.

    Args:
        recipe: Whose prices are used.
        tallies: What was looked up, by stage.
        to_come: What follows of what nobody answered yet, by stage.
        spoken: Tokens that an answer of a stage has, from the journal.
        notes: What the user should know.
    """
    price = _Price(recipe, spoken)
    stages = [price.of(name, tally.asked, tally.asked, tally.tokens, tally) for name, tally in sorted(tallies.items())]
    stages += [
        price.of(name, each.most, each.expected, each.most * each.tokens_each)
        for name, each in to_come.items()
        if each.most
    ]
    return totals(recipe, stages, notes)


def totals(recipe: Recipe, stages: Sequence[StageEstimate], notes: Sequence[str]) -> Estimate:
    """Return the sums of stages."""
    has_price = recipe.ragdata.llm.price is not None
    return Estimate(
        stages=tuple(stages),
        calls=sum(one.calls for one in stages),
        expected_calls=sum(one.expected_calls for one in stages),
        in_journal=sum(one.in_journal for one in stages),
        input_tokens=sum(one.input_tokens for one in stages),
        output_tokens=sum(one.output_tokens for one in stages),
        cost=sum(one.cost or 0.0 for one in stages) if has_price else None,
        expected_cost=sum(one.expected_cost or 0.0 for one in stages) if has_price else None,
        notes=tuple(notes),
    )


class _Price:
    """Makes calls and tokens of a stage into its estimate."""

    def __init__(self, recipe: Recipe, spoken: Mapping[str, float]) -> None:
        self._price = recipe.ragdata.llm.price
        self._spoken = spoken

    def of(self, name: str, most: int, expected: int, tokens: float, tally: Tally | None = None) -> StageEstimate:
        each = self._spoken.get(name) or OUTPUT_TOKENS.get(name.split("/")[0], 120)
        used = Usage(calls=most, input_tokens=round(tokens), output_tokens=round(most * each))
        cost = cost_of(used, self._price)
        return StageEstimate(
            stage=name,
            calls=most,
            expected_calls=expected,
            in_journal=tally.in_journal if tally else 0,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost=cost,
            expected_cost=None if cost is None else cost * expected / max(1, most),
            counted=tally is not None,
        )
