"""The command line: parse, call, print. Data goes to stdout, progress and errors to stderr."""

from __future__ import annotations

from typing import Any

import click

from axolotl_ragdata import __version__
from axolotl_ragdata.cli.accounting import runs
from axolotl_ragdata.cli.building import build
from axolotl_ragdata.cli.checking import check, verify
from axolotl_ragdata.cli.covering import coverage
from axolotl_ragdata.cli.exporting import export
from axolotl_ragdata.cli.filtering import filter_run
from axolotl_ragdata.cli.judging import judge
from axolotl_ragdata.cli.models import models
from axolotl_ragdata.cli.parsing import parse
from axolotl_ragdata.cli.planning import diff
from axolotl_ragdata.cli.pushing import push
from axolotl_ragdata.cli.reading import read
from axolotl_ragdata.cli.reporting import eval_retrieval, report
from axolotl_ragdata.cli.searching import search
from axolotl_ragdata.cli.showing import schema, show
from axolotl_ragdata.cli.starting import init
from axolotl_ragdata.errors import Interrupted, RagdataError
from axolotl_ragdata.interruption import end_interrupted, interruptible

COMMANDS: tuple[click.Command, ...] = (
    init,
    parse,
    read,
    build,
    coverage,
    filter_run,
    diff,
    runs,
    search,
    report,
    eval_retrieval,
    show,
    judge,
    check,
    verify,
    export,
    push,
    schema,
    models,
)


class Explained(click.Group):
    """A group whose commands end a `RagdataError` as its message, its fix and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with interruptible("ragdata", "what was finished is kept"):
                return super().invoke(ctx)
        except RagdataError as error:
            from axolotl_ragdata.display import show_error

            show_error(error, debug=bool(ctx.params.get("debug")))
            if isinstance(error, Interrupted):
                end_interrupted(error.exit_code)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            # in the moment before or after signals are listened to
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
      ragdata report recipe.yml       see in a browser what the dataset holds
      ragdata verify recipe.yml       prove that every quote stands in its source
      ragdata export recipe.yml       the dataset as LLaMA-Factory, TRL, Alpaca, Parquet, … read it
      ragdata push recipe.yml NAME    the dataset on the Hugging Face hub, private by default

    Exit codes: 0 ok, 1 it could not go on, 2 usage or recipe, 3 finished with too many failures or a cap was reached,
    4 a quality gate failed, 130 and 143 interrupted.
    """  # noqa: D301


for command in COMMANDS:
    ragdata.add_command(command)


def main() -> None:
    """Run the command line."""
    ragdata(prog_name="ragdata")
