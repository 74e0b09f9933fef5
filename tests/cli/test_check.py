"""`ragdata check` counts the rows of a finished build in the base model's tokens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")


def test_what_would_be_dropped_is_counted_and_shown(built: Path, tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    shutil.copytree(built.parent, tmp_path / "copy")
    recipe = tmp_path / "copy" / "recipe.yml"
    recipe.write_text(f"sequence_len: 64\n{recipe.read_text(encoding='utf-8')}", encoding="utf-8")
    ended = ragdata("check", recipe, "--json")
    (tokens,) = [finding for finding in json.loads(ended.out) if finding["subject"] == "tokens"]
    manifest = json.loads((tmp_path / "copy" / "run" / "manifest.json").read_text(encoding="utf-8"))
    rows = manifest["counts"]["train"] + manifest["counts"]["validation"]
    assert tokens["text"].startswith(f"{rows} rows of ")
    assert "are longer than sequence_len 64 and would be dropped by Axolotl" in tokens["text"]
    counts = [int(line.split()[1]) for line in tokens["lines"]]
    over = sum(int(line.split()[1]) for line in tokens["lines"] if line.endswith("over sequence_len"))
    assert sum(counts) == rows
    assert 0 < over <= rows


def test_an_unbuilt_recipe_is_counted_later(small_recipe: Path, ragdata: Callable[..., Any]) -> None:
    shown = ragdata("check", small_recipe).out
    assert "tokens: counted once there is a finished build with rows" in shown
