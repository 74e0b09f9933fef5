"""`ragdata export` as a user types it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_the_files_of_a_format_are_written_and_named(built: Path, tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("export", built, "--format", "llamafactory", "-o", tmp_path / "lf")
    assert (ended.code, ended.err) == (0, "")
    names = [Path(line).name for line in ended.out.splitlines()]
    assert {"train.jsonl", "dataset_info.json", "train.yaml"} <= set(names)
    assert sorted(path.name for path in (tmp_path / "lf").iterdir()) == sorted(names)
    assert "SmolLM2-135M-Instruct" in (tmp_path / "lf" / "train.yaml").read_text(encoding="utf-8")


def test_without_a_folder_they_go_into_the_run_directory(
    built: Path, tmp_path: Path, ragdata: Callable[..., Any]
) -> None:
    shutil.copytree(built.parent, tmp_path / "copy")
    ended = ragdata("export", tmp_path / "copy" / "recipe.yml", "--format", "alpaca", "--json")
    assert ended.code == 0
    told = json.loads(ended.out)
    assert Path(told["folder"]) == tmp_path / "copy" / "run" / "exports" / "alpaca"
    assert all(Path(path).is_file() for path in told["files"])
    again = ragdata("build", tmp_path / "copy" / "recipe.yml", "--json")
    assert json.loads(again.out)["unchanged"] is True, "an export is no change of the build"
    assert ragdata("verify", tmp_path / "copy" / "recipe.yml").code == 0


@pytest.mark.parametrize(
    ("format_name", "code", "message"),
    [
        ("lamafactory", 2, "--format: unknown export 'lamafactory'\nfix: did you mean 'llamafactory'? known: alpaca"),
        ("preference", 4, "the build has no rows for 'preference'\nfix: preference needs"),
    ],
)
def test_what_cannot_be_exported_is_said(
    format_name: str, code: int, message: str, built: Path, tmp_path: Path, ragdata: Callable[..., Any]
) -> None:
    ended = ragdata("export", built, "--format", format_name, "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_built_or_no_longer_current(small_recipe: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("export", small_recipe, "--format", "messages")
    assert ended.code == 1
    assert f"fix: run `ragdata build {small_recipe}` first" in ended.err


def test_an_export_of_an_older_build_says_so(built: Path, tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    shutil.copytree(built.parent, tmp_path / "copy")
    recipe = tmp_path / "copy" / "recipe.yml"
    recipe.write_text(recipe.read_text(encoding="utf-8") + "  split: {seed: 7}\n", encoding="utf-8")
    ended = ragdata("export", recipe, "--format", "messages")
    assert ended.code == 0
    assert "note: what was exported is the last build (changed since the last build: recipe)" in ended.err
