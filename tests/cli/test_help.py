"""The command-line pages in the docs are what the commands say."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_pages_are_up_to_date(repository: Path) -> None:
    spec = importlib.util.spec_from_file_location("cli_pages", repository / "scripts" / "cli_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (repository / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == module.text(), "run `make docs`"
