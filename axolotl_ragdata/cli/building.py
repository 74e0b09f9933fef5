"""`ragdata build`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@click.option("--samples", default=3, show_default=True, help="Rows to show at the end.")
@AS_JSON
def build(recipe_path: Path, samples: int, as_json: bool) -> None:
    """Build the instruction dataset of RECIPE: read, index, ask, answer, filter, split, export.

    Nothing is done when nothing changed. An interrupted build goes on where it was; a finished call is never paid for
    again. With --json the manifest is printed.
    """
    from axolotl_ragdata.display import TerminalProgress, show_build
    from axolotl_ragdata.pipeline import build as run_build
    from axolotl_ragdata.pipeline import sample_examples
    from axolotl_ragdata.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        report = run_build(recipe, progress)
    if as_json:
        click.echo(json.dumps({**report.manifest, "unchanged": report.unchanged}, ensure_ascii=False))
        return
    show_build(report.manifest, str(report.folder), report.unchanged, sample_examples(report, samples))
