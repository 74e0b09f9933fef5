"""`ragdata read`."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axolotl_ragdata.cli.arguments import AS_JSON
from axolotl_ragdata.errors import DocumentRefused

if TYPE_CHECKING:
    from axolotl_ragdata.records import Document


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--reader", default=None, help="grobid, s2orc or text. [default: by content]")
@AS_JSON
@click.pass_context
def read(ctx: click.Context, paths: tuple[str, ...], reader: str | None, as_json: bool) -> None:
    """Read documents: files, folders or globs of GROBID TEI, S2ORC-like JSON, Markdown or plain text.

    With --json one structured document a line. JSON Lines that are named are read line by line. A file that is not a
    document is named on stderr with the reason; the others are still read, and the exit code is 1.
    """
    from axolotl_ragdata.display import show_document, show_error

    outcomes = _read_paths(paths, reader, as_json)
    refused = 0
    with contextlib.closing(outcomes):
        for outcome in outcomes:
            if isinstance(outcome, DocumentRefused):
                refused += 1
                show_error(outcome, debug=False)
            elif isinstance(outcome, str):
                click.echo(outcome)
            else:
                show_document(outcome)
    ctx.exit(1 if refused else 0)


def _read_paths(
    paths: Sequence[str], reader: str | None, as_json: bool
) -> Generator[Document | str | DocumentRefused, None, None]:
    """Yield what the paths hold, on all cores where it is much; what names nothing comes first."""
    from axolotl_ragdata.readers import find_files
    from axolotl_ragdata.readers.many import read_documents, read_json

    files = []
    for name in paths:
        found = find_files(Path(name))
        if not found:
            yield DocumentRefused(
                name, "no document there", "name a file, a folder or a glob; PDFs go through `ragdata parse`"
            )
        files += [(path, reader) for path in found]
    yield from read_json(files) if as_json else read_documents(files)
