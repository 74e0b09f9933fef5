"""Quotas end to end: asked in rounds, never overshot, the same after `kill -9`, and shown by `ragdata coverage`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TARGET = 14
BODY = """\
llm: {{model: careful, base_url: "{url}", concurrency: 4, timeout_s: 10.0, max_attempts: 3}}
  questions:
    from: llm
    types: [differential, numeric, true_false, multiple_choice, unanswerable, follow_up]
    target: 14
    per_passage: 1
    weights: {{true_false: 4.0}}
    paraphrases: 2
  export: {{context: gold+distractors, distractors: 2, without_gold: 0.3}}"""


def rows(recipe: Path, table: str) -> list[dict[str, Any]]:
    path = recipe.parent / "run" / f"{table}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def manifest(recipe: Path) -> dict[str, Any]:
    return dict(json.loads((recipe.parent / "run" / "manifest.json").read_text(encoding="utf-8")))


def one_document(make_recipe: Callable[..., Path], folder: Path, body: str) -> Path:
    recipe = make_recipe(folder, body)
    for path in sorted((folder / "tei").iterdir())[1:]:
        path.unlink()
    return recipe


@pytest.fixture(scope="module")
def server(model_server: ModuleType) -> Iterator[Any]:
    started = model_server.ModelServer(latency_s=0.02).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    server: Any,
) -> tuple[Path, int]:
    recipe = one_document(make_recipe, tmp_path_factory.mktemp("quota"), BODY.format(url=server.base_url))
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    assert "fewer once the rows asked for are there" in ended.err
    return recipe, len(server.requests)


def test_a_target_is_met_of_several_types_and_never_overshot(
    built: tuple[Path, int], ragdata: Callable[..., Any]
) -> None:
    recipe, _ = built
    examples = rows(recipe, "examples")
    assert len(examples) == TARGET
    types = Counter(example["type"] for example in examples)
    assert len(types) >= 4
    assert types["true_false"] > types["numeric"]
    ended = ragdata("verify", recipe)
    assert ended.code == 0, ended.out + ended.err
    assert "no more rows than asked for" in ended.out


def test_rows_of_all_kinds_read_as_they_should(built: tuple[Path, int]) -> None:
    for example in rows(built[0], "examples"):
        said = example["messages"]
        assert [turn["role"] for turn in said] == ["user", "assistant"] * (len(said) // 2)
        assert (len(said) > 2) == (example["type"] == "follow_up")
        assert len(example["context"]) == said[0]["content"].count("<passage id=")
        assert example["answerable"] == (example["type"] != "unanswerable")
        if example["type"] == "multiple_choice":
            listed = [line for line in said[0]["content"].splitlines() if line[1:3] == ") "]
            assert said[-1]["content"] in listed
            assert said[-1]["content"][3:] == example["label"]
        if example["type"] == "true_false":
            assert said[-1]["content"].startswith(f"{example['label']}. ")


def test_phrasings_share_their_split(built: tuple[Path, int]) -> None:
    groups: dict[str, set[str]] = {}
    for example in rows(built[0], "examples"):
        if example["group"]:
            groups.setdefault(example["group"], set()).add(example["split"])
    assert groups
    assert all(len(splits) == 1 for splits in groups.values())


def test_coverage_shows_sections_by_types(built: tuple[Path, int], ragdata: Callable[..., Any]) -> None:
    recipe, _ = built
    ended = ragdata("coverage", recipe)
    assert ended.code == 0, ended.err
    assert f"{TARGET} rows of {TARGET} asked for, 0 missing" in ended.out
    assert ended.out.splitlines()[0].split()[:2] == ["tokens", "comparison"]
    found = json.loads(ragdata("coverage", recipe, "--json").out)
    assert found["rows"] == sum(line["rows"] for line in found["sections"]) == TARGET
    assert found["wanted"] == TARGET
    assert all(one["rows"] >= 0 for line in found["sections"] for one in line["types"].values())


def test_coverage_before_a_build_shows_what_is_asked_for(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]
) -> None:
    body = "questions: {from: structure, per_section: 3}\n  answers: {mode: extractive}"
    recipe = one_document(make_recipe, tmp_path, body)
    ended = ragdata("coverage", recipe)
    assert ended.code == 0, ended.err
    assert "note: there is no finished build" in ended.err
    assert "0 rows of " in ended.out
    assert not (tmp_path / "run" / "index").exists(), "nothing is embedded"


def test_kill_9_between_rounds_gives_the_same_rows(
    tmp_path: Path,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    server: Any,
    built: tuple[Path, int],
) -> None:
    recipe = one_document(make_recipe, tmp_path, BODY.format(url=server.base_url))
    before = server.answered
    command = [sys.executable, "-m", "axolotl_ragdata.cli", "build", str(recipe)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 120
        while server.answered - before < built[1] * 2 // 3:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    assert manifest(recipe)["files"] == manifest(built[0])["files"]
    assert server.answered - before <= built[1] + 8, "at most what was in flight is paid for twice"


def test_rules_meet_a_quota_too(tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]) -> None:
    body = (
        "questions: {from: structure, types: [definition, differential], per_section: 1}\n  answers: {mode: extractive}"
    )
    recipe = one_document(make_recipe, tmp_path, body)
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    assert "missing: nothing is left to ask; `ragdata coverage recipe.yml` shows where" in " ".join(ended.err.split())
    sections = Counter(tuple(example["provenance"]["section_path"]) for example in rows(recipe, "examples"))
    assert set(sections.values()) == {1}
    assert any(record["stage"] == "coverage" for record in rows(recipe, "rejected"))
    assert ragdata("verify", recipe).code == 0
