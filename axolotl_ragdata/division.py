"""Filtered rows → as many as the recipe asks for, each in its split; what one takes away the other fills up again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from axolotl_ragdata.boilerplate import skipped_as
from axolotl_ragdata.coverage import Cell, Held, by_section, choose, quotas, section_of
from axolotl_ragdata.gaps import canonical_weights
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example, Passage, Rejected
from axolotl_ragdata.shelf import parts
from axolotl_ragdata.splits import assign_splits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STAGE = "coverage"
MOST_TRIES = 8
"""Times that rows which no split can hold are replaced by others."""


@dataclass
class Division:
    """Rows with their splits, those that no split can hold with the reason, and those beyond what was asked for."""

    rows: list[Example]
    held_back: list[Rejected] = field(default_factory=list)
    surplus: list[Example] = field(default_factory=list)

    @property
    def rejected(self) -> list[Rejected]:
        """Everything that is no row."""
        return [*self.held_back, *(_over_quota(example) for example in self.surplus)]


def divide(
    recipe: Recipe,
    examples: Sequence[Example],
    vectors: NDArray[np.float32],
    passages: Mapping[str, Passage],
    held: Held | None = None,
) -> Division:
    """Return the rows of a dataset: no more of any section and type than its quota, each in a split.

    Args:
        recipe: Quota and splits.
        examples: Rows that passed every filter.
        vectors: A unit vector for each row's question, shape (n, dimensions), float32.
        passages: All passages by id.
        held: Rows of the dataset before, which a quota leaves where they are as far as it can.
    """
    block = recipe.ragdata
    if not block.questions.has_quota:
        return Division(*assign_splits(examples, vectors, passages, block.split))
    left, lost = list(range(len(examples))), dict[str, Rejected]()
    for attempt in range(MOST_TRIES):
        chosen, surplus = _down_to_quota(recipe, [examples[at] for at in left], passages, held)
        taken = [left[at] for at in chosen]
        rows, held_back = assign_splits([examples[at] for at in taken], vectors[taken], passages, block.split)
        found = {record.subject_id: record for record in held_back}
        if not found or not surplus or attempt == MOST_TRIES - 1:
            break
        lost |= found
        left = [at for at in left if examples[at].id not in found]
    return Division(rows, [*(lost | found).values()], [examples[left[at]] for at in surplus])


def rows_by_cell(recipe: Recipe, division: Division, passages: Mapping[str, Passage]) -> Counter[Cell]:
    """Return the rows of each section and type that can stand in the dataset, those beyond a quota among them."""
    depth = recipe.ragdata.questions.section_depth
    return Counter(_cell(example, passages, depth) for example in [*division.rows, *division.surplus])


def _down_to_quota(
    recipe: Recipe, examples: Sequence[Example], passages: Mapping[str, Passage], held: Held | None
) -> tuple[list[int], list[int]]:
    block = recipe.ragdata.questions
    capacity = Counter(_cell(example, passages, block.section_depth) for example in examples)
    tokens: Counter[tuple[str, ...]] = Counter()
    for passage in parts(passages, {section[0] for section, _ in capacity}):
        if skipped_as(passage) is None:
            tokens[section_of(passage, block.section_depth)] += passage.n_tokens
    wanted = quotas(block, tokens, by_section(capacity), canonical_weights(recipe), held)
    return choose(examples, wanted, lambda example: _cell(example, passages, block.section_depth))


def _cell(example: Example, passages: Mapping[str, Passage], depth: int | None) -> Cell:
    return section_of(passages[example.provenance.passage_ids[0]], depth), example.type


def _over_quota(example: Example) -> Rejected:
    return Rejected(
        stage=STAGE,
        subject_id=example.id,
        reason="its section has its rows without it",
        subject={
            "question_id": example.provenance.question_id,
            "passage_ids": list(example.provenance.passage_ids),
            "question": example.question,
        },
    )
