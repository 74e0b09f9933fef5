"""`ragdata push`: the finished dataset on the Hugging Face hub."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE

NOTE = (
    "note: rows name their source files and quote them; and should you push the trained model too (hub_model_id), the "
    "card that Axolotl writes for it holds this recipe with its paths: read it first"
)


@click.command()
@RECIPE
@click.argument("repository", metavar="REPOSITORY")
@click.option("--licence", default=None, help="Its identifier on the hub, such as cc-by-4.0. [default: the documents']")
@click.option("--public", is_flag=True, help="Everybody can see a new repository. [default: only you]")
@click.option("--dry-run", is_flag=True, help="Show what would be uploaded; nothing leaves the machine.")
@AS_JSON
def push(recipe_path: Path, repository: str, licence: str | None, public: bool, dry_run: bool, as_json: bool) -> None:
    """Upload the finished build of RECIPE as the dataset REPOSITORY (NAME or OWNER/NAME) of the Hugging Face hub.

    A new repository is private. The licence is required: where the documents do not all state one that the hub knows,
    --licence must name what you may publish under. The token is read from HF_TOKEN or from `hf auth login`.
    """
    from axolotl_ragdata.delivery import push as run_push
    from axolotl_ragdata.recipe import load_recipe

    click.echo(NOTE, err=True)
    done = run_push(load_recipe(recipe_path), repository, licence, not public, dry_run)
    if as_json:
        click.echo(json.dumps(done.as_json(), ensure_ascii=False))
        return
    for name, size in done.files.items():
        click.echo(f"{size:>12,}  {name}")
    click.echo(
        f"licence {done.licence}; " + (f"pushed to {done.url}" if done.url else "nothing was uploaded (--dry-run)")
    )
