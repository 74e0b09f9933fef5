"""`ragdata judge`."""

from __future__ import annotations

from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@AS_JSON
def judge(recipe_path: Path, as_json: bool) -> None:
    """Compare the model that RECIPE trained with others on held-out questions.

    Without a `judge:` block: the base model, the adapter and the base model with retrieval, by exact scores alone.
    Questions that stand in training rows are found first and excluded. Answers and verdicts are journalled: the same
    command goes on where it was, and pays for nothing twice. Exit code 4 when a judge fails its self-test, 3 when too
    many verdicts are missing; what was found is written all the same.
    """
    from axolotl_ragdata.display import TerminalProgress
    from axolotl_ragdata.judge.run import judge as run_judge
    from axolotl_ragdata.judge.run import refuse_untrustworthy
    from axolotl_ragdata.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        done = run_judge(recipe, progress)
    if as_json:
        click.echo(done.results.model_dump_json())
    else:
        for summary in done.results.exact_summaries:
            value = "–" if summary.value is None else f"{summary.value:.4f}"
            click.echo(f"{summary.origin:<12}{summary.candidate:<20}{summary.metric:<40}{value:>10}  n={summary.n}")
        click.echo(f"{done.judgement.folder}")
    refuse_untrustworthy(recipe, done)
