"""`ragdata export`: a finished build in the form that another tool reads."""

from __future__ import annotations

import json
from pathlib import Path

import click

from axolotl_ragdata.cli.arguments import AS_JSON, RECIPE


@click.command()
@RECIPE
@click.option("--format", "format_name", required=True, help="See the list above; a wrong name is answered with all.")
@click.option(
    "-o", "--output", "folder", type=click.Path(path_type=Path), default=None, help="[default: in the run directory]"
)
@AS_JSON
def export(recipe_path: Path, format_name: str, folder: Path | None, as_json: bool) -> None:
    """Write the finished build of RECIPE in the form that another tool reads.

    \b
      messages, sharegpt, alpaca   JSONL, one conversation a line
      input_output                 the rendered conversation in segments, with the loss mask
      completion                   the passages, for continued pretraining
      preference                   prompt, chosen and rejected, for DPO
      trl, unsloth                 messages, one JSONL file a split
      llamafactory                 dataset_info.json, the rows and train.yaml
      parquet, huggingface         Parquet files; a dataset folder with its card
      lm-eval                      the questions of `ragdata judge`, as tasks of lm-evaluation-harness

    Nothing is built and no model is called.
    """  # noqa: D301
    from axolotl_ragdata.delivery import deliver
    from axolotl_ragdata.recipe import load_recipe

    if format_name == "lm-eval":
        _export_harness(recipe_path, folder, as_json)
        return
    done = deliver(load_recipe(recipe_path), format_name, folder)
    if done.stale:
        click.echo(f"note: what was exported is the last build ({done.stale})", err=True)
    if as_json:
        click.echo(json.dumps({"folder": str(done.folder), "files": [str(path) for path in done.files]}))
        return
    for path in done.files:
        click.echo(str(path))


def _export_harness(recipe_path: Path, folder: Path | None, as_json: bool) -> None:
    from axolotl_ragdata.judge.harness import export_harness
    from axolotl_ragdata.recipe import load_recipe
    from axolotl_ragdata.terminal import TerminalProgress

    with TerminalProgress() as progress:
        files = export_harness(load_recipe(recipe_path), folder, progress)
    if as_json:
        click.echo(json.dumps({"folder": str(files[0].parent), "files": [str(path) for path in files]}))
        return
    for path in files:
        click.echo(str(path))
    click.echo(
        f"next: lm_eval --include_path {files[0].parent} --tasks {files[0].stem} --apply_chat_template …", err=True
    )
