"""The arguments that commands share."""

from __future__ import annotations

from pathlib import Path

import click

RECIPE = click.argument("recipe_path", metavar="RECIPE", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text.")
