"""Verdicts in a build, and `ragdata filter`: thresholds applied again to a finished run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.errors import QualityGateFailed, RecipeError, StoreError
from axolotl_ragdata.recipe import load_recipe
from axolotl_ragdata.refiltering import filter_again

FREE = "{use: self_contained}, {use: grounded}, {use: near_duplicate}"
VERIFIED = FREE + ", {use: faithful, min_score: 4}, {use: round_trip, min_score: 3}"
BODY = """\
llm: {{model: careful, base_url: "{url}", concurrency: 4, timeout_s: 10.0, max_attempts: 2}}
  questions: {{from: structure, types: [definition, criteria]}}
  answers: {{mode: extractive}}
  filters: [{filters}]
  split: {{validation: 0.1, test_seen: 0.1, test_unseen: 0.1}}"""
TABLES = ("examples", "rejected", "verdicts")


def scored(body: Mapping[str, Any]) -> str | None:
    """Return what the row's length decides: every score and no verdict is there."""
    system, user = body["messages"][0]["content"], body["messages"][1]["content"]
    if "verdict" not in json.dumps(body.get("response_format") or {}):
        return None
    scores = ("5", "4", "3", "cannot tell", "1")
    return json.dumps({"reason": "by length", "score": scores[(len(user) + len(system)) % len(scores)]})


def judging(module: ModuleType, fails: Callable[[int], bool] = lambda number: False) -> Callable[..., Any]:
    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        if fails(number):
            return 400, {"error": {"message": "too long"}}, {}
        content = scored(body)
        return None if content is None else (200, module.completion(content, body), {})

    return behaviour


@pytest.fixture(scope="module")
def verified(
    tmp_path_factory: pytest.TempPathFactory,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    model_server: ModuleType,
) -> Iterator[tuple[Path, Any]]:
    """A build with verifiers, and its server."""
    server = model_server.ModelServer(behaviour=judging(model_server)).start()
    folder = tmp_path_factory.mktemp("verified")
    recipe = make_recipe(folder, BODY.format(url=server.base_url, filters=VERIFIED))
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    assert "at most" in ended.err
    yield recipe, server
    server.stop()


def copied(source: Path, folder: Path, before: str = "", after: str = "") -> Path:
    shutil.copytree(source.parent, folder / "copy")
    recipe = folder / "copy" / source.name
    text = recipe.read_text(encoding="utf-8")
    assert before in text
    recipe.write_text(text.replace(before, after), encoding="utf-8")
    return recipe


def table(recipe: Path, name: str) -> list[dict[str, Any]]:
    path = recipe.parent / "run" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def manifest(recipe: Path) -> dict[str, Any]:
    return dict(json.loads((recipe.parent / "run" / "manifest.json").read_text(encoding="utf-8")))


def dropped(recipe: Path, stage: str) -> list[dict[str, Any]]:
    return [record for record in table(recipe, "rejected") if record["stage"] == stage]


def test_every_row_has_the_scores_that_let_it_in(verified: tuple[Path, Any], ragdata: Callable[..., Any]) -> None:
    recipe, server = verified
    verdicts = {record["subject_id"]: record for record in table(recipe, "verdicts")}
    scores = {
        key: {score["criterion"]: score["value"] for score in record["scores"]} for key, record in verdicts.items()
    }
    rows = table(recipe, "examples")
    assert rows
    assert all(scores[row["id"]]["faithful"] >= 4 and scores[row["id"]]["round_trip"] >= 3 for row in rows)
    assert len(server.requests) == 3 * len(verdicts), "one call for faithful, two for a round trip"
    assert manifest(recipe)["llm"]["usage_of_this_run"]["calls"] == len(server.requests)
    assert sum(manifest(recipe)["verdicts"]["faithful"]["scores"].values()) == len(verdicts)
    assert ragdata("verify", recipe).code == 0


def test_what_is_dropped_names_filter_score_and_threshold(verified: tuple[Path, Any]) -> None:
    low = [record for record in dropped(verified[0], "filters/faithful") if record["score"] is not None]
    assert low
    assert all(record["score"] < 4 and record["threshold"] == 4 for record in low)
    assert {record["reason"] for record in low} == {"not faithful enough"}


def test_no_verdict_is_a_reason_of_its_own(verified: tuple[Path, Any]) -> None:
    none = [record for record in dropped(verified[0], "filters/faithful") if record["score"] is None]
    assert none
    assert {record["reason"] for record in none} == {"no verdict: faithful"}
    kept = {row["id"] for row in table(verified[0], "examples")}
    assert not kept & {record["subject_id"] for record in none}


def test_a_threshold_is_applied_again_without_a_call_and_a_build_agrees(
    tmp_path: Path, verified: tuple[Path, Any], ragdata: Callable[..., Any]
) -> None:
    recipe, server = verified
    changed = copied(recipe, tmp_path, "{use: faithful, min_score: 4}", "{use: faithful, min_score: 5}")
    calls = len(server.requests)
    ended = ragdata("filter", changed)
    assert ended.code == 0, ended.err
    after = {row["id"] for row in table(changed, "examples")}
    assert 0 < len(after) < len(table(recipe, "examples"))
    assert {record["threshold"] for record in dropped(changed, "filters/faithful")} == {5, None}
    assert ragdata("verify", changed).code == 0
    assert json.loads(ragdata("build", changed, "--json").out)["unchanged"] is True
    files = manifest(changed)["files"]
    before = {name: (changed.parent / "run" / f"{name}.jsonl").read_bytes() for name in TABLES}
    (changed.parent / "run" / "manifest.json").unlink()
    assert ragdata("build", changed).code == 0
    assert manifest(changed)["files"] == files
    assert before == {name: (changed.parent / "run" / f"{name}.jsonl").read_bytes() for name in TABLES}
    assert len(server.requests) == calls


def test_there_and_back_is_the_same_run(
    tmp_path: Path, verified: tuple[Path, Any], ragdata: Callable[..., Any]
) -> None:
    changed = copied(verified[0], tmp_path, "validation: 0.1", "validation: 0.3")
    assert ragdata("filter", changed).code == 0
    assert manifest(changed)["counts"]["validation"] > manifest(verified[0])["counts"]["validation"]
    changed.write_text(verified[0].read_text(encoding="utf-8"), encoding="utf-8")
    assert ragdata("filter", changed).code == 0
    for name in TABLES:
        assert table(changed, name) == table(verified[0], name)
    assert manifest(changed)["files"] == manifest(verified[0])["files"]


def test_rows_that_were_not_judged_wait_for_a_build(
    tmp_path: Path, verified: tuple[Path, Any], ragdata: Callable[..., Any]
) -> None:
    recipe, server = verified
    strict = copied(recipe, tmp_path, "{use: grounded}", "{use: length, max_answer_words: 20}")
    (strict.parent / "run" / "manifest.json").unlink()
    assert ragdata("build", strict).code == 0
    judged, calls = len(table(strict, "verdicts")), len(server.requests)
    strict.write_text(strict.read_text(encoding="utf-8").replace("max_answer_words: 20", "max_answer_words: 500"))
    ended = ragdata("filter", strict)
    assert ended.code == 0, ended.err
    waiting = manifest(strict)["unasked_verdicts"]
    assert waiting
    assert f"{waiting} rows have no verdict yet" in ended.err
    assert len(server.requests) == calls
    assert ragdata("build", strict).code == 0
    assert len(table(strict, "verdicts")) == judged + waiting
    assert manifest(strict)["unasked_verdicts"] == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "types: [definition, criteria]",
            "types: [definition]",
            "questions, the stage questions/structure changed since the build",
        ),
        ("model: careful", "model: other", "llm changed since the build"),
        (FREE, FREE + ", {use: relevant}", "'relevant' needs verdicts that this run does not hold"),
        ("{use: grounded}", "{use: gruonded}", "did you mean 'grounded'"),
        ("min_score: 4", "min_score: 9", "less than or equal to 5"),
    ],
)
def test_what_only_a_build_can_do_is_refused_with_the_reason(
    tmp_path: Path, verified: tuple[Path, Any], before: str, after: str, said: str
) -> None:
    recipe = copied(verified[0], tmp_path, before, after)
    with pytest.raises(RecipeError, match=re.escape(said)):
        filter_again(load_recipe(recipe))
    assert manifest(recipe) == manifest(verified[0])


def test_a_table_that_was_changed_is_not_chosen_from(tmp_path: Path, verified: tuple[Path, Any]) -> None:
    recipe = copied(verified[0], tmp_path)
    path = recipe.parent / "run" / "verdicts.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"value":3', '"value":5'), encoding="utf-8")
    with pytest.raises(StoreError, match=r"verdicts.jsonl: is not what the build wrote"):
        filter_again(load_recipe(recipe))


def test_no_run_is_an_error_with_a_way_out(small_recipe: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("filter", small_recipe)
    assert ended.code == 1
    assert "run `ragdata build` first" in ended.err


def test_a_call_that_fails_is_no_verdict_and_is_tried_again(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], model_server: ModuleType
) -> None:
    broken = [True]
    server = model_server.ModelServer(behaviour=judging(model_server, lambda number: broken[0] and number % 7 == 0))
    server.start()
    body = BODY.format(url=server.base_url, filters=FREE + ", {use: faithful, min_score: 1}")
    recipe = make_recipe(tmp_path, body + "\n  max_failure_share: 0.5")
    assert ragdata("build", recipe).code == 0
    failed = table(recipe, "failures")
    assert failed
    none = {one["subject_id"] for one in dropped(recipe, "filters/faithful") if "the call failed" in one["detail"]}
    assert none == {failure["subject_id"] for failure in failed}
    calls, broken[0] = len(server.requests), False
    assert ragdata("build", recipe).code == 0
    server.stop()
    assert table(recipe, "failures") == []
    assert len(server.requests) == calls + len(failed)


def test_a_split_that_leaks_fails_the_build_and_nothing_is_written(
    tmp_path: Path, verified: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from axolotl_ragdata import division

    recipe = copied(verified[0], tmp_path)
    before = {path.name: path.read_bytes() for path in (recipe.parent / "run").glob("*.json*")}
    honest = division.assign_splits

    def leaking(*arguments: Any) -> Any:
        rows, rejected = honest(*arguments)
        other = "validation" if rows[0].split != "validation" else "train"
        return [*rows, rows[0].model_copy(update={"split": other})], rejected

    monkeypatch.setattr(division, "assign_splits", leaking)
    with pytest.raises(QualityGateFailed, match="are one question") as failed:
        filter_again(load_recipe(recipe))
    assert failed.value.exit_code == 4
    assert before == {path.name: path.read_bytes() for path in (recipe.parent / "run").glob("*.json*")}


def test_evaluation_questions_are_kept_out_and_a_changed_file_is_noticed(
    tmp_path: Path, verified: tuple[Path, Any], ragdata: Callable[..., Any]
) -> None:
    known = table(verified[0], "examples")[0]["question"]
    recipe = copied(verified[0], tmp_path, "  split:", "  decontaminate: [./eval.jsonl]\n  split:")
    held = recipe.parent / "eval.jsonl"
    held.write_text(json.dumps({"question": known}) + "\n", encoding="utf-8")
    assert ragdata("filter", recipe).code == 0
    (out,) = dropped(recipe, "filters/decontaminate")
    assert out["subject"]["question"] == known
    assert out["detail"] == f"eval.jsonl:1: {known}"
    assert json.loads(ragdata("build", recipe, "--json").out)["unchanged"] is True
    held.write_text(json.dumps({"question": "What is the capital of France?"}) + "\n", encoding="utf-8")
    assert json.loads(ragdata("build", recipe, "--json").out)["unchanged"] is False
    assert dropped(recipe, "filters/decontaminate") == []


def test_rows_that_a_quota_misses_are_asked_for_by_the_next_build(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], model_server: ModuleType
) -> None:
    server = model_server.ModelServer().start()
    recipe = make_recipe(
        tmp_path,
        f'llm: {{model: careful, base_url: "{server.base_url}", concurrency: 4}}\n'
        "  questions: {from: llm, types: [definition], target: 6}\n"
        "  filters: [{use: length, max_answer_words: 400}, {use: near_duplicate}]",
    )
    assert ragdata("build", recipe).code == 0
    asked = len(server.requests)
    lengths = sorted(len(row["answer"].split()) for row in table(recipe, "examples"))
    assert len(lengths) == 6
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("max_answer_words: 400", f"max_answer_words: {lengths[3]}"), encoding="utf-8")
    ended = ragdata("filter", recipe)
    assert ended.code == 0, ended.err
    left = len(table(recipe, "examples"))
    assert 0 < left < 6
    assert "fewer rows than the quota asks for" in ended.err
    assert len(server.requests) == asked
    assert ragdata("build", recipe).code == 0
    server.stop()
    assert left < len(table(recipe, "examples")) <= 6
    assert len(server.requests) > asked
