"""`ragdata init`."""

from __future__ import annotations

from pathlib import Path

import click

from axolotl_ragdata.errors import RecipeError


@click.command()
@click.argument("path", default="recipe.yml", type=click.Path(path_type=Path))
@click.option("--documents", default="./documents", show_default=True, help="File, folder or glob of your documents.")
@click.option("--base-model", default=None, help="Model to fine-tune. [default: SmolLM2-135M, which needs no download]")
@click.option("--llm", "llm_model", default=None, help="Chat model that asks and answers. [default: none, rules ask]")
@click.option("--base-url", default=None, help="Its OpenAI-compatible endpoint, ending in /v1.")
@click.option("--force", is_flag=True, help="Overwrite a recipe that is there.")
def init(
    path: Path, documents: str, base_model: str | None, llm_model: str | None, base_url: str | None, force: bool
) -> None:
    """Write a recipe to PATH (recipe.yml).

    Without --llm the recipe costs nothing: rules ask, and answers are sentences of your documents. With --llm, and
    --base-url for anything but OpenAI, a chat model asks and answers; its key is read from OPENAI_API_KEY.
    """
    from axolotl_ragdata.template import recipe_text

    if path.exists() and not force:
        raise RecipeError(str(path), "is already there", "choose another name, or overwrite it with --force")
    text = recipe_text(documents=documents, base_model=base_model, llm_model=llm_model, base_url=base_url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise RecipeError(str(path), f"cannot be written: {problem.strerror}", "choose another folder") from None
    click.echo(f"wrote {path}\nnext: put documents in {documents}, then `ragdata build {path}`")
