"""`ragdata coverage`."""

from __future__ import annotations

from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@AS_JSON
def coverage(recipe_path: Path, as_json: bool) -> None:
    """Show what the build of RECIPE covers: rows by section and question type, beside what `per_section` or `target`
    asks for, and the gaps.

    Before a build the sections are shown with what is asked for. Nothing is embedded, asked or written.
    """
    from axolotl_ragdata.pipeline import coverage as covered
    from axolotl_ragdata.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    found, note = covered(recipe)
    if note:
        click.echo(f"note: {note}", err=True)
    if as_json:
        click.echo(found.model_dump_json())
        return
    for line in found.lines():
        click.echo(line)
