"""Write the command-line pages from the commands' own help: `python scripts/cli_pages.py docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from axolotl_ragdata.cli import ragdata

TITLE = """# Command line

Made by `make docs` from `ragdata --help`; `tests/cli/test_help.py` fails when it is out of date.
"""


def pages(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """Yield a section for a command and each command below it."""
    with click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100) as ctx:
        yield f"## {ctx.command_path}\n\n```text\n{command.get_help(ctx)}\n```\n"
        if isinstance(command, click.Group):
            for below in command.list_commands(ctx):
                found = command.get_command(ctx, below)
                if found is not None:
                    yield from pages(found, below, ctx)


def text() -> str:
    """Return the whole page."""
    return "\n".join([TITLE, *pages(ragdata, "ragdata")])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
