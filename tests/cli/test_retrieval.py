"""`ragdata eval-retrieval` on a real run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recipe(built: Path, tmp_path: Path) -> Path:
    """A copy of the run that may be changed."""
    shutil.copytree(built.parent, tmp_path / "copy")
    return tmp_path / "copy" / built.name


def test_the_questions_of_a_run_are_found_and_the_figures_kept(ragdata: Callable[..., Any], recipe: Path) -> None:
    ended = ragdata("eval-retrieval", recipe)
    assert ended.code == 0, ended.err
    for word in ("dense", "text", "hybrid", "recall@5", "mrr", "ndcg@10", "95% intervals"):
        assert word in ended.out
    kept = json.loads((recipe.parent / "run" / "retrieval.json").read_text(encoding="utf-8"))
    found = kept["sources"]["questions"]
    assert set(found["modes"]) == {"dense", "text", "hybrid"}
    for measured in found["modes"].values():
        for name, one in measured.items():
            assert 0 <= one["low"] <= one["value"] <= one["high"] <= 1, name
        # rules ask with the words of the passage
        assert measured["recall@10"]["value"] > 0.8


def test_a_labelled_file_counts_what_it_does_not_find(
    ragdata: Callable[..., Any], recipe: Path, tmp_path: Path
) -> None:
    passages = [json.loads(line) for line in (recipe.parent / "run" / "passages.jsonl").read_text("utf-8").splitlines()]
    long = max(passages, key=lambda passage: len(passage["text"]))
    labels = tmp_path / "labels.jsonl"
    rows = [
        {"question": "by id", "passages": [passages[0]["id"]]},
        {"question": long["text"][:200], "passage": " ".join(long["text"].split()[:12])},
        {"question": "What is the capital of France?", "answer": "Paris is the capital of France."},
    ]
    labels.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    ended = ragdata("eval-retrieval", recipe, "--labels", labels, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["questions"], found["of"]) == (2, 3)
    assert found["without_passage"] == ["What is the capital of France?"]
    assert found["modes"]["text"]["mrr"]["value"] >= 0.5


def test_without_a_finished_run_it_says_so(ragdata: Callable[..., Any], small_recipe: Path) -> None:
    ended = ragdata("eval-retrieval", small_recipe)
    assert ended.code == 1
    assert "there is no finished build here" in ended.err
