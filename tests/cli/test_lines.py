"""JSON Lines, as `ragdata read --json` prints them, are sources like the files that they came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rows(recipe: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (recipe.parent / "run" / f"{table}.jsonl").read_text("utf-8").splitlines()]


def test_a_build_from_json_lines_is_that_from_the_files(
    built: Path, tmp_path: Path, ragdata: Callable[..., Any], make_recipe: Callable[..., Path]
) -> None:
    printed = ragdata("read", built.parent / "tei", "--json")
    assert printed.code == 0, printed.err
    lines = tmp_path / "papers.jsonl"
    lines.write_text(f"{printed.out}{{}}\n", encoding="utf-8")
    read = ragdata("read", lines, "--json")
    assert read.out == printed.out
    assert f"{lines}:4: " in read.err
    recipe = make_recipe(tmp_path)
    recipe.write_text(recipe.read_text("utf-8").replace("./tei", "./papers.jsonl"), encoding="utf-8")
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    paths = sorted(row["source"]["path"] for row in rows(recipe, "documents"))
    assert paths == ["papers.jsonl:1", "papers.jsonl:2", "papers.jsonl:3"]
    assert {row["subject"]["path"] for row in rows(recipe, "rejected") if row["stage"] == "read"} == {"papers.jsonl:4"}
    assert [row["id"] for row in rows(recipe, "examples")] == [row["id"] for row in rows(built, "examples")]
    verified = ragdata("verify", recipe)
    assert verified.code == 0, verified.out
    shown = ragdata("show", recipe, rows(recipe, "examples")[0]["id"]).out
    assert "papers.jsonl:" in shown
    assert ", unchanged)" in shown
