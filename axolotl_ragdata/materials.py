"""What a build hands to its export: rows, passages and rejections of each split, and the chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example, Passage, Rejected, Split

if TYPE_CHECKING:
    from axolotl_ragdata.chat_template import ChatTemplate
    from axolotl_ragdata.exports import Material


def needs_template(recipe: Recipe) -> bool:
    """Return whether the recipe's export needs the chat template of its base model.

    Raises:
        UnknownName: There is no such export.
    """
    from axolotl_ragdata.exports import exports

    return exports.get(recipe.ragdata.export.format, recipe.where("export", "format")).needs_template


def open_template(recipe: Recipe) -> ChatTemplate | None:
    """Return the chat template of the recipe's base model where its export needs it, None where not.

    Raises:
        RecipeError: The base model has none.
        ModelFileError: Its tokenizer cannot be had.
    """
    if not needs_template(recipe):
        return None
    from axolotl_ragdata.chat_template import open_chat_template

    return open_chat_template(recipe)


def open_materials(
    recipe: Recipe, passages: Sequence[Passage], examples: Sequence[Example], rejected: Sequence[Rejected]
) -> dict[Split, Material]:
    """Return what the recipe's export may use of each split.

    Raises:
        RagdataError: As `open_template`.
    """
    from axolotl_ragdata.exports import materials
    from axolotl_ragdata.splits import held_out_passages

    unseen = held_out_passages(examples, passages, recipe.ragdata.split.unseen_by)
    return materials(examples, passages, rejected, unseen, open_template(recipe))
