"""`ragdata report` and `ragdata eval-retrieval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE

if TYPE_CHECKING:
    from axolotl_ragdata.retrieval_quality import Quality


@click.command()
@RECIPE
@click.option("--open", "show", is_flag=True, help="Open it in the browser too.")
def report(recipe_path: Path, show: bool) -> None:
    """Write report.html into the run directory of RECIPE: what its rows cover, where each comes from, what fell out and
    why, how well retrieval does, what it cost.

    One file that runs no script and loads nothing; every text of a document or a model in it is escaped. Nothing is
    built, and no model is called.
    """
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.report import write_report

    page = write_report(load_recipe(recipe_path))
    click.echo(str(page))
    if show and click.launch(page.as_uri()) != 0:
        click.echo(f"note: no browser opened; open {page} by hand", err=True)


@click.command("eval-retrieval")
@RECIPE
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    default=None,
    help="JSONL: question, with passages (ids or texts) or answer. [default: the run's own questions]",
)
@AS_JSON
def eval_retrieval(recipe_path: Path, labels: Path | None, as_json: bool) -> None:
    """Measure how well the finished build of RECIPE finds the right passages: recall@k, MRR and nDCG@10, each with its
    95% interval, for dense, text and hybrid search.

    The questions are those of the run, which name the passages that they were asked about, or those of a file. The
    figures stay in the run directory (retrieval.json), where `ragdata report` finds them. No LLM is called.
    """
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.retrieval_quality import evaluate
    from axolotl_ragdata.terminal import TerminalProgress

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        quality = evaluate(recipe, labels, progress)
    if as_json:
        click.echo(quality.model_dump_json())
    else:
        _show(quality)


def _show(quality: Quality) -> None:
    drawn = "" if quality.questions + len(quality.without_passage) == quality.of else f" drawn from {quality.of:,}"
    click.echo(f"{quality.questions:,} questions{drawn}, {quality.passages:,} passages, {quality.embedder}")
    names = list(quality.best)
    click.echo(f"{'':<10}" + "".join(f"{name:>24}" for name in names))
    for mode, found in quality.modes.items():
        click.echo(f"{mode:<10}" + "".join(f"{found[name].shown():>24}" for name in names))
    click.echo(f"{'gain':<10}" + "".join(f"{quality.hybrid_minus_best[name].shown():>24}" for name in names))
    click.echo("gain: hybrid less the better of dense and text, question by question; in brackets 95% intervals")
    if quality.without_passage:
        click.echo(f"not measured, their passage is not in this run: {len(quality.without_passage):,} questions")
        for question in quality.without_passage[:5]:
            click.echo(f"  {question!r}")
