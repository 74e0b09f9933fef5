"""Preference pairs from a build whose chat model answers well once and makes something up the other time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BODY = """\
llm: {{model: careful, base_url: "{url}", concurrency: 4}}
  questions: {{from: llm, types: [definition], per_passage: 1}}
  answers: {{mode: generative, top_k: 3, samples: 2}}
  export: {{format: preference}}"""
MADE_UP = "It lasts 73 weeks in every case."
SECOND_SEED = 47
"""The recipe's seed, 42, and the five attempts that the first draw may take."""


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    model_server: ModuleType,
) -> tuple[Path, Any, list[dict[str, Any]]]:
    """The recipe, how its build ended, and what the model was asked."""

    def forgetful(number: int, body: Mapping[str, Any]) -> Any:
        wanted = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {})
        if body.get("seed") != SECOND_SEED or "citations" not in wanted.get("properties", {}):
            return None
        careful = json.loads(model_server.answer(body))
        said = json.dumps({**careful, "answer": MADE_UP})
        return 200, model_server.completion(said, body), {}

    server = model_server.ModelServer(behaviour=forgetful).start()
    recipe = make_recipe(tmp_path_factory.mktemp("pairs"), BODY.format(url=server.base_url))
    ended = ragdata("build", recipe)
    server.stop()
    return recipe, ended, server.requests


def pairs(recipe: Path) -> list[dict[str, Any]]:
    manifest = json.loads((recipe.parent / "run" / "manifest.json").read_text(encoding="utf-8"))
    lines = (recipe.parent / "run" / manifest["files"]["train"]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_pair_is_a_grounded_answer_and_one_that_is_not(built: tuple[Path, Any, Any]) -> None:
    recipe, ended, _ = built
    assert ended.code == 0, ended.err
    rows = pairs(recipe)
    assert len(rows) >= 10
    for row in rows:
        assert row["rejected"] == [{"role": "assistant", "content": MADE_UP}]
        assert row["chosen"][0]["content"] != MADE_UP
        assert row["rejected_for"].startswith("filters/grounded")


def test_each_question_is_asked_twice_with_another_seed(built: tuple[Path, Any, Any]) -> None:
    _, _, asked = built
    answers = [body for body in asked if "answerable" in json.dumps(body.get("response_format"))]
    seeds = [body["seed"] for body in answers]
    assert seeds.count(42) == seeds.count(SECOND_SEED) > 0


def test_the_run_verifies_and_other_formats_come_of_it(
    built: tuple[Path, Any, Any], ragdata: Callable[..., Any], tmp_path: Path
) -> None:
    recipe, _, _ = built
    verified = ragdata("verify", recipe)
    assert verified.code == 0, verified.out + verified.err
    assert ragdata("export", recipe, "--format", "messages", "-o", tmp_path).code == 0
    kept = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(row["messages"][-1]["content"] != MADE_UP for row in kept)


def test_samples_of_what_is_picked_the_same_each_time_are_refused(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]
) -> None:
    ended = ragdata("build", make_recipe(tmp_path, "answers: {mode: extractive, samples: 2}"))
    assert ended.code == 2
    assert "samples: 2 needs mode: generative" in ended.err
