"""`ragdata show` and `ragdata schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@click.argument("example_id")
@AS_JSON
def show(recipe_path: Path, example_id: str, as_json: bool) -> None:
    """Follow a row of RECIPE back: row, answer, quote, sentence, section, box on the page, file.

    EXAMPLE_ID is the `id` of an exported row, or its beginning. RECIPE may be a run directory too. Everything is read
    from the finished build; the files are only compared with what was read.
    """
    from axolotl_ragdata.display import show_trace
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.trace import trace

    if recipe_path.is_dir():
        found = trace(recipe_path, example_id)
    else:
        recipe = load_recipe(recipe_path)
        found = trace(recipe.output, example_id, recipe.folder)
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), ensure_ascii=False))
    else:
        show_trace(found)


@click.command()
@click.argument("name", type=click.Choice(["document"]))
def schema(name: str) -> None:
    """Print the JSON Schema of what a command writes: `document` is what `ragdata read --json` prints a line of."""
    from axolotl_ragdata.readers.structured import document_schema

    schemas = {"document": document_schema}
    click.echo(json.dumps(schemas[name](), ensure_ascii=False, indent=2))
