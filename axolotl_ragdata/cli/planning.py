"""`ragdata diff`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@AS_JSON
def diff(recipe_path: Path, as_json: bool) -> None:
    """Say what a build of RECIPE would do and why: documents, settings, passages, and rows by what becomes of them.

    Nothing is asked, embedded or indexed; PDFs that are new are parsed. For calls and cost see `ragdata build
    --dry-run`.
    """
    from axolotl_ragdata.changes import diff as find_changes
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.summaries import show_diff
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        found = find_changes(recipe, progress)
    if as_json:
        click.echo(json.dumps({**found.model_dump(), "changes_nothing": found.changes_nothing}, ensure_ascii=False))
    else:
        show_diff(found)
