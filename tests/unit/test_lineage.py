"""The record that leads a model back to its data, and the checkpoints that must agree with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.lineage import check_resume, make_record, write_record
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.store import RunDirectory

USED = {"train": "train-aaaa.jsonl"}


def made(folder: Path, sources: str = "one", **keys: Any) -> tuple[Recipe, dict[str, Any]]:
    """Return a recipe with a finished run, and the record of a training on it."""
    path = folder / "recipe.yml"
    path.write_text("ragdata: {}\n", encoding="utf-8")
    cfg = {"base_model": "some/model", "ragdata": {"output": "./run", "sources": [{"path": "./tei"}]}, **keys}
    recipe = recipe_from(cfg, path)
    RunDirectory(recipe.output).write_manifest(
        {
            "dataset_id": "d1",
            "index": {"tag": "t1"},
            "recipe": {"output": "./run"},
            "sha256": {"train-aaaa.jsonl": "00"},
            "fingerprint": {"ragdata": "1", "recipe": {}, "stages": {}, "sources": sources},
        }
    )
    return recipe, make_record(cfg, recipe, USED)


def test_the_record_names_the_dataset_the_recipe_and_the_index(tmp_path: Path) -> None:
    _, record = made(tmp_path)
    assert (record["dataset_id"], record["index_tag"]) == ("d1", "t1")
    assert record["sha256"] == {"train-aaaa.jsonl": "00"}
    assert record["recipe"] == "recipe.yml"
    assert len(record["recipe_sha256"]) == 64
    assert record["ragdata"] == {"output": "./run"}
    assert record["base_model"] == "some/model"


def test_it_is_written_once_or_again_and_by_the_first_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    write_record(tmp_path, {"dataset_id": "d1"})
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("RANK", "0")
    for _ in range(2):
        write_record(tmp_path, {"dataset_id": "d1"})
        assert json.loads((tmp_path / "ragdata.json").read_text(encoding="utf-8")) == {"dataset_id": "d1"}


def checkpoint(folder: Path, number: int, record: dict[str, Any] | None) -> Path:
    path = folder / "out" / f"checkpoint-{number}"
    path.mkdir(parents=True)
    if record is not None:
        write_record(path, record)
    return path


def test_a_checkpoint_of_the_same_rows_is_gone_on_from(tmp_path: Path) -> None:
    recipe, record = made(tmp_path)
    path = checkpoint(tmp_path, 10, record)
    assert check_resume({"resume_from_checkpoint": str(path)}, recipe, record) is None
    assert check_resume({}, recipe, record) is None


def test_a_checkpoint_of_other_rows_is_refused_with_what_changed(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 10, made(tmp_path)[1])
    recipe, record = made(tmp_path, sources="two")
    now = {**record, "files": {"train": "train-bbbb.jsonl"}}
    with pytest.raises(RecipeError, match="resume_from_checkpoint") as caught:
        check_resume({"resume_from_checkpoint": str(path)}, recipe, now)
    assert (
        "trained on train-aaaa.jsonl, the dataset is now train-bbbb.jsonl: the documents changed" in caught.value.what
    )
    assert "start anew" in caught.value.fix


def test_the_last_checkpoint_is_looked_at_where_axolotl_would_take_it(tmp_path: Path) -> None:
    recipe, record = made(tmp_path)
    checkpoint(tmp_path, 9, record)
    checkpoint(tmp_path, 10, {**record, "files": {"train": "train-bbbb.jsonl"}})
    cfg = {"auto_resume_from_checkpoints": True, "output_dir": str(tmp_path / "out")}
    with pytest.raises(RecipeError, match="checkpoint-10 was trained on train-bbbb"):
        check_resume(cfg, recipe, record)
    assert check_resume({**cfg, "output_dir": str(tmp_path / "elsewhere")}, recipe, record) is None


def test_a_checkpoint_without_a_record_is_said(tmp_path: Path) -> None:
    recipe, record = made(tmp_path)
    path = checkpoint(tmp_path, 10, None)
    said = check_resume({"resume_from_checkpoint": str(path)}, recipe, record)
    assert said is not None
    assert "does not say which dataset" in said
