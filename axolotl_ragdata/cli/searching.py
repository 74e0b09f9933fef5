"""`ragdata search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE

if TYPE_CHECKING:
    from axolotl_ragdata.rows import SearchMode


@click.command()
@RECIPE
@click.argument("query")
@click.option("--top-k", default=5, show_default=True, type=click.IntRange(1, 100), help="Results.")
@click.option("--mode", type=click.Choice(["hybrid", "dense", "text"]), default=None, help="[default: the recipe's]")
@AS_JSON
def search(recipe_path: Path, query: str, top_k: int, mode: str | None, as_json: bool) -> None:
    """Search the documents of RECIPE: rank, score, section and text of the best passages.

    Documents that changed are indexed first; no LLM is called.
    """
    from axolotl_ragdata.display import show_hits
    from axolotl_ragdata.pipeline import open_search
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        found = open_search(recipe, progress, cast("SearchMode | None", mode)).search_now(query, top_k)
    if not as_json:
        show_hits(found)
        return
    for hit, passage in found:
        click.echo(
            json.dumps({**hit.model_dump(), "heading": passage.heading, "text": passage.text}, ensure_ascii=False)
        )
