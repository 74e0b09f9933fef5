"""`ragdata runs`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@AS_JSON
def runs(recipe_path: Path, as_json: bool) -> None:
    """List what is in the run directory of RECIPE: rows by stage, calls, tokens, cost and time, build by build.

    Calls and tokens come from the journal: every attempt counts, those that were not accepted too. Cost needs `price:`
    in the recipe.
    """
    from axolotl_ragdata.overview import overview
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.summaries import show_runs

    found = overview(load_recipe(recipe_path))
    if as_json:
        click.echo(json.dumps(found.model_dump(), ensure_ascii=False))
    else:
        show_runs(found)
