"""What the plugin does with a configuration, without Axolotl: a plain dict stands for its own kind of dict."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from axolotl_ragdata import training
from axolotl_ragdata.errors import MissingKey, RecipeError, StaleDataset
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.store import RunDirectory

BLOCK: dict[str, Any] = {"output": "./run", "sources": [{"path": "./tei"}]}


def config(folder: Path, block: dict[str, Any] | None = None, **axolotl: Any) -> dict[str, Any]:
    """Return what Axolotl hands over for a recipe that was written to a file."""
    cfg = {"base_model": "some/model", **axolotl, "ragdata": {**BLOCK, **(block or {})}}
    path = folder / "recipe.yml"
    path.write_text(yaml.safe_dump(cfg, sort_keys=False), encoding="utf-8")
    return {**cfg, "axolotl_config_path": str(path)}


def placed(cfg: dict[str, Any]) -> Recipe:
    recipe = training.recipe_of(cfg)
    training.place(cfg, recipe)
    return recipe


def finished(recipe: Recipe, *splits: str) -> dict[str, Path]:
    """Write a run directory as a build leaves it."""
    run = RunDirectory(recipe.output)
    names = {split: run.write_rows(split, [{"messages": []}]) for split in splits}
    run.write_manifest({"files": names, "dataset_id": "d1", "index": {"tag": "t1"}, "sha256": {}})
    return {split: run.folder / name for split, name in names.items()}


def test_placing_puts_placeholders_and_writes_nothing(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    placed(cfg)
    assert [entry["path"] for entry in cfg["datasets"]] == ["ragdata://train"]
    assert [entry["path"] for entry in cfg["test_datasets"]] == ["ragdata://validation"]
    assert cfg["datasets"][0]["type"] == "chat_template"
    assert cfg["val_set_size"] == 0.0
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yml"]


def test_placing_names_the_files_of_a_finished_build(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    files = finished(training.recipe_of(cfg), "train", "validation")
    placed(cfg)
    assert cfg["datasets"][0]["path"] == str(files["train"])
    assert cfg["test_datasets"][0]["path"] == str(files["validation"])


def test_placing_twice_is_placing_once(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    finished(training.recipe_of(cfg), "train", "validation")
    placed(cfg)
    before = json.dumps(cfg)
    placed(cfg)
    assert json.dumps(cfg) == before


def test_the_users_own_datasets_stay_beside_ours(tmp_path: Path) -> None:
    own = {"path": "tatsu-lab/alpaca", "type": "alpaca"}
    cfg = config(tmp_path, datasets=[own], test_datasets=[own])
    placed(cfg)
    assert [entry["path"] for entry in cfg["datasets"]] == ["ragdata://train", "tatsu-lab/alpaca"]
    assert cfg["datasets"][1] == own
    assert cfg["test_datasets"] == [own], "who names evaluation sets has decided"


def test_a_recipe_places_a_split_itself_with_its_own_keys(tmp_path: Path) -> None:
    cfg = config(tmp_path, test_datasets=[{"path": "ragdata://test_unseen", "train_on_eos": "last"}])
    placed(cfg)
    assert [entry["path"] for entry in cfg["test_datasets"]] == ["ragdata://test_unseen"]
    assert cfg["test_datasets"][0]["train_on_eos"] == "last"
    assert cfg["test_datasets"][0]["field_messages"] == "messages"


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"ragdata://trian.*names no split"):
        placed(config(tmp_path, datasets=[{"path": "ragdata://trian"}]))


def test_a_second_validation_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"val_set_size: 0\.1 would cut") as caught:
        placed(config(tmp_path, val_set_size=0.1))
    assert "ragdata.split.validation" in caught.value.fix


def test_without_a_validation_share_axolotl_cuts_its_own(tmp_path: Path) -> None:
    cfg = config(tmp_path, {"split": {"validation": 0.0}}, val_set_size=0.1)
    placed(cfg)
    assert cfg["val_set_size"] == 0.1
    assert "test_datasets" not in cfg


def test_a_wrong_key_is_placed_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        training.recipe_of(config(tmp_path, {"outptu": "./other"}))
    lines = (tmp_path / "recipe.yml").read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "outptu" in line)
    assert caught.value.where == f"{tmp_path / 'recipe.yml'}:{number}: ragdata.outptu"


def test_a_configuration_without_a_file_is_named_as_one() -> None:
    with pytest.raises(RecipeError, match="the configuration handed to Axolotl: there is no `ragdata:` block"):
        training.recipe_of({"base_model": "some/model"})


@pytest.mark.parametrize("name", ["tmpab12_x9z.yaml", "axolotl_config_ab12_x9z.yml"])
def test_relative_paths_in_axolotls_copy_of_a_swept_recipe_are_refused(name: str) -> None:
    path = str(Path(tempfile.gettempdir()) / name)
    with pytest.raises(RecipeError, match=r"'\./run', in a copy of the recipe that Axolotl made"):
        training.recipe_of({"ragdata": BLOCK, "axolotl_config_path": path})
    absolute = {"output": "/somewhere/run", "sources": [{"path": "/somewhere/tei"}]}
    assert training.recipe_of({"ragdata": absolute, "axolotl_config_path": path}).output == Path("/somewhere/run")


def test_filling_puts_the_files_and_leaves_other_datasets(tmp_path: Path) -> None:
    own = {"path": "tatsu-lab/alpaca", "type": "alpaca"}
    cfg = config(tmp_path, datasets=[own])
    recipe = placed(cfg)
    files = finished(recipe, "train", "validation")
    record = training.fill(cfg, recipe, files)
    assert [entry["path"] for entry in cfg["datasets"]] == [str(files["train"]), "tatsu-lab/alpaca"]
    assert [entry["path"] for entry in cfg["test_datasets"]] == [str(files["validation"])]
    assert record["files"] == {split: path.name for split, path in files.items()}
    assert record["recipe"] == "recipe.yml"
    assert (record["dataset_id"], record["index_tag"]) == ("d1", "t1")


def test_filling_replaces_the_files_of_an_older_build(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    finished(training.recipe_of(cfg), "train", "validation")
    recipe = placed(cfg)
    newer = {split: recipe.output / f"{split}-{'0' * 16}.jsonl" for split in ("train", "validation")}
    training.fill(cfg, recipe, newer)
    assert [cfg[key][0]["path"] for key in ("datasets", "test_datasets")] == [str(path) for path in newer.values()]


def test_a_dataset_too_small_for_validation_trains_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = config(tmp_path)
    recipe = placed(cfg)
    training.fill(cfg, recipe, finished(recipe, "train"))
    assert cfg["test_datasets"] is None
    assert "without evaluation" in capsys.readouterr().err


def test_a_placed_training_split_without_rows_is_refused(tmp_path: Path) -> None:
    cfg = config(tmp_path, datasets=[{"path": "ragdata://test_seen"}])
    recipe = placed(cfg)
    with pytest.raises(RecipeError, match="ragdata://test_seen has no rows"):
        training.fill(cfg, recipe, finished(recipe, "train"))


def test_an_error_ends_the_process_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped, training.ending_with_the_message():
        raise MissingKey("OPENAI_API_KEY", "is not set", "export OPENAI_API_KEY=…")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: OPENAI_API_KEY: is not set\nfix: export OPENAI_API_KEY=…\n"


@pytest.mark.parametrize(("blocked", "shown"), [("out", "is a file"), ("out/below/that", "is a file")])
def test_a_folder_for_the_weights_that_cannot_be_written_is_named_before_anything(
    blocked: str, shown: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    with pytest.raises(RecipeError, match=f"output_dir: .*{blocked} cannot be written: .*{shown}"):
        placed(config(tmp_path, output_dir=str(tmp_path / blocked)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_for_the_weights_is_named(tmp_path: Path) -> None:
    cfg = config(tmp_path, output_dir=str(tmp_path / "closed" / "out"))
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(RecipeError, match="is read-only"):
        placed(cfg)


class TestNever:
    """`build: never`: what is there is taken, or refused with what is stale about it."""

    def test_a_missing_dataset_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StaleDataset, match=r"ragdata\.build: .*`build: never` \(there is no finished build\)"):
            training.build(training.recipe_of(config(tmp_path, {"build": "never"})))
        assert not (tmp_path / "run").exists()

    def test_a_stale_one_is_refused_with_what_changed(self, tmp_path: Path) -> None:
        cfg = config(tmp_path, {"build": "never"})
        (tmp_path / "tei").mkdir()
        (tmp_path / "tei" / "a.txt").write_text("Text.", encoding="utf-8")
        finished(training.recipe_of(cfg), "train")
        with pytest.raises(StaleDataset, match="changed since the last build: ragdata, recipe") as caught:
            training.build(training.recipe_of(cfg))
        assert caught.value.exit_code == 1
        assert "ragdata build" in caught.value.fix

    def test_where_the_documents_are_not_the_files_must_be_whole(self, tmp_path: Path) -> None:
        recipe = training.recipe_of(config(tmp_path, {"build": "never"}))
        files = finished(recipe, "train")
        assert training.build(recipe) == files
        files["train"].unlink()
        RunDirectory(recipe.output).write_manifest({"files": {}, "sha256": {files["train"].name: "0"}})
        with pytest.raises(StaleDataset, match="is missing"):
            training.build(recipe)
