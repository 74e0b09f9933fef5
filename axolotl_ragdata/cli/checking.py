"""`ragdata check` and `ragdata verify`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE
from axolotl_ragdata.errors import QualityGateFailed, RecipeError


@click.command()
@RECIPE
@AS_JSON
def check(recipe_path: Path, as_json: bool) -> None:
    """Check RECIPE without running it: our block, the names in it, its documents, and Axolotl's half by its own schema.

    Of a finished build the rows are counted in the base model's tokens, with what would be dropped as too long.

    Exit code 2 when something is wrong. Axolotl's half is checked where Axolotl is installed; otherwise that is said.
    """
    from axolotl_ragdata.checks import check_recipe

    findings = check_recipe(recipe_path)
    if as_json:
        click.echo(json.dumps([finding.model_dump() for finding in findings], ensure_ascii=False))
    for finding in () if as_json else findings:
        click.echo(f"{finding.status:<8}{finding.subject}: {finding.text}")
        for line in finding.lines:
            click.echo(f"        {line}")
    if wrong := [finding for finding in findings if finding.status == "wrong"]:
        raise RecipeError(str(recipe_path), f"{len(wrong)} of {len(findings)} checks failed", "see the lines above")


@click.command()
@RECIPE
@AS_JSON
def verify(recipe_path: Path, as_json: bool) -> None:
    """Prove a finished build of RECIPE: every quote in its source, no overlap between splits, every passage accounted
    for, every hash right. Exit code 4 when something is not.
    """
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.verify import verify as run_verify

    recipe = load_recipe(recipe_path)
    result = run_verify(recipe.output)
    if as_json:
        click.echo(json.dumps(result.model_dump(), ensure_ascii=False))
    else:
        for line in result.lines():
            click.echo(line)
    if result.problems:
        what = f"{len(result.problems)} problems; the first: {result.problems[0].text}"
        raise QualityGateFailed(str(recipe.output), what, "build again with `ragdata build`, then verify")
