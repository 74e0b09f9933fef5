"""`ragdata init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from axolotl_ragdata.errors import RecipeError

EMBEDDED = "embedded"


@click.command()
@click.argument("path", default="recipe.yml", type=click.Path(path_type=Path))
@click.option("--documents", default="./documents", show_default=True, help="File, folder or glob of your documents.")
@click.option("--task", default="qa", show_default=True, help="qa, raft, preference, self or pretrain: see above.")
@click.option(
    "--base",
    "--base-model",
    "base",
    default=EMBEDDED,
    show_default=True,
    help="Model to fine-tune: embedded (SmolLM2-135M), mistral-7b, qwen3-8b, qwen3-1.7b, or any name on the hub.",
)
@click.option("--gpu", default=None, help="cpu, 24gb, 48gb, 8x80gb-fsdp2 or 8x80gb-zero3. [default: by the model]")
@click.option("--packing", is_flag=True, help="Pack rows to full sequences; needs flash-attention 2.")
@click.option("--llm", default=None, help="Chat model that asks and answers. [default: none, rules ask]")
@click.option("--base-url", default=None, help="Its OpenAI-compatible endpoint, ending in /v1.")
@click.option("--force", is_flag=True, help="Overwrite a recipe that is there.")
def init(path: Path, force: bool, **options: Any) -> None:
    """Write a recipe to PATH (recipe.yml).

    \b
      qa           questions and answers, closed book
      raft         the passages beside the question, with distractors
      preference   DPO: grounded answers against answers that failed a check
      self         the base model, served by vLLM, writes the rows that tune it
      pretrain     continued pretraining on the passages

    Without --llm the recipe costs nothing: rules ask, and answers are sentences of your documents. With --llm, and
    --base-url for anything but OpenAI, a chat model asks and answers; its key is read from OPENAI_API_KEY.
    """  # noqa: D301
    from axolotl_ragdata.template import Choice, recipe_text

    text = recipe_text(Choice(**options))
    if path.exists() and not force:
        raise RecipeError(str(path), "is already there", "choose another name, or overwrite it with --force")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise RecipeError(str(path), f"cannot be written: {problem.strerror}", "choose another folder") from None
    click.echo(f"wrote {path}\nnext: put documents in {options['documents']}, then `ragdata build {path}`")
