"""`ragdata read`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from axolotl_ragdata.cli.arguments import AS_JSON
from axolotl_ragdata.errors import DocumentRefused


@click.command()
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
