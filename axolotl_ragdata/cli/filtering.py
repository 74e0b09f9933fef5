"""`ragdata filter`: a finished run, filtered and split again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command("filter")
@RECIPE
@click.option("--samples", default=0, show_default=True, help="Rows to show at the end.")
@AS_JSON
def filter_run(recipe_path: Path, samples: int, as_json: bool) -> None:
    """Apply the filters, splits and export of RECIPE to its finished run again, without a call of a chat model.

    Change thresholds, leave filters out, divide otherwise: the same questions, answers and verdicts are chosen from,
    and the files are what `ragdata build` would make of them. What comes before that, such as documents or questions,
    needs a build. With --json the manifest is printed.
    """
    from axolotl_ragdata.display import show_build
    from axolotl_ragdata.pipeline import sample_examples
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.refiltering import filter_again
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        report = filter_again(recipe, progress)
    if as_json:
        click.echo(json.dumps(report.manifest, ensure_ascii=False))
        return
    show_build(report.manifest, str(report.folder), False, sample_examples(report, samples))
    if report.manifest["below_quota"]:
        click.echo(f"fewer rows than the quota asks for: `ragdata build {recipe_path}` asks for more", err=True)
    if waiting := report.manifest["unasked_verdicts"]:
        click.echo(f"{waiting} rows have no verdict yet: `ragdata build {recipe_path}` asks for them", err=True)
