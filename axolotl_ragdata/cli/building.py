"""`ragdata build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE

if TYPE_CHECKING:
    from axolotl_ragdata.recipe import Recipe


@click.command()
@RECIPE
@click.option("--samples", default=3, show_default=True, help="Rows to show at the end.")
@click.option("--dry-run", is_flag=True, help="Print calls, tokens and cost by stage, and ask nothing.")
@AS_JSON
def build(recipe_path: Path, samples: int, dry_run: bool, as_json: bool) -> None:
    """Build the instruction dataset of RECIPE: read, index, ask, answer, filter, split, export.

    Nothing is done when nothing changed. An interrupted build goes on where it was; a finished call is never paid for
    again. With --json the manifest is printed. With --dry-run the documents are read and the prompts are counted, less
    what is already paid for.
    """
    from axolotl_ragdata.display import show_build
    from axolotl_ragdata.pipeline import build as run_build
    from axolotl_ragdata.pipeline import sample_examples
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    if dry_run:
        _show_dry_run(recipe, as_json)
        return
    with TerminalProgress() as progress:
        report = run_build(recipe, progress)
    if as_json:
        click.echo(json.dumps({**report.manifest, "unchanged": report.unchanged}, ensure_ascii=False))
        return
    show_build(report.manifest, str(report.folder), report.unchanged, sample_examples(report, samples))
    click.echo(f"\n  see all of it in a browser: ragdata report {recipe_path}")


def _show_dry_run(recipe: Recipe, as_json: bool) -> None:
    from axolotl_ragdata.pipeline import dry_run
    from axolotl_ragdata.summaries import show_estimate
    from axolotl_ragdata.terminal import TerminalProgress

    with TerminalProgress() as progress:
        found = dry_run(recipe, progress)
    if as_json:
        click.echo(json.dumps(found.model_dump(), ensure_ascii=False))
    else:
        show_estimate(found)
