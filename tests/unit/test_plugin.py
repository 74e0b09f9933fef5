"""The plugin as Axolotl sees it, and the check of Axolotl's half of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import axolotl_ragdata

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a recipe that Axolotl accepts, with changes; None takes a key out."""

    def write(**changes: Any) -> Path:
        keys = {
            "base_model": "embedded",
            "plugins": ["axolotl_ragdata.RagdataPlugin"],
            "ragdata": {"output": "./run", "sources": [{"path": "./tei"}]},
            "output_dir": "./out",
            "adapter": "lora",
            "lora_r": 8,
            "lora_alpha": 16,
            "lora_target_linear": True,
            "sequence_len": 512,
            "micro_batch_size": 1,
            "gradient_accumulation_steps": 1,
            "num_epochs": 1,
            "learning_rate": 0.0001,
            "optimizer": "adamw_torch",
            **changes,
        }
        path = tmp_path / "recipe.yml"
        path.write_text(yaml.safe_dump({key: value for key, value in keys.items() if value is not None}), "utf-8")
        return path

    return write


def line_of(path: Path, key: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:"))


def config(path: Path, base_model: str = "some/model") -> Any:
    from axolotl.utils.dict import DictDefault

    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    return DictDefault({**keys, "base_model": base_model, "axolotl_config_path": str(path)})


def test_the_package_offers_the_plugin_by_the_name_of_the_recipe(plugin: ModuleType) -> None:
    assert axolotl_ragdata.RagdataPlugin is plugin.RagdataPlugin
    assert plugin.NAME == "axolotl_ragdata.RagdataPlugin"


def test_axolotl_loads_it_and_its_key_reaches_the_schema(plugin: ModuleType, write: Write) -> None:
    from axolotl.integrations.config import merge_input_args
    from axolotl.utils.config import prepare_plugins

    with plugin._plugins_of_its_own():
        prepare_plugins(config(write()))
        for schema in merge_input_args():
            assert "ragdata" in schema.model_fields
    assert plugin.RagdataPlugin().get_input_args() == "axolotl_ragdata.plugin.RagdataArgs"


def test_registering_builds_nothing(plugin: ModuleType, write: Write, tmp_path: Path) -> None:
    cfg = config(write())
    plugin.RagdataPlugin().register(cfg)
    assert cfg.datasets[0]["path"] == "ragdata://train"
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yml"]


def test_registering_a_wrong_block_ends_with_our_error(
    plugin: ModuleType, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(ragdata={"output": "./run", "sources": [{"path": "./tei"}], "answrs": {}})
    with pytest.raises(SystemExit) as stopped:
        plugin.RagdataPlugin().register(config(path))
    assert stopped.value.code == 2
    message, fix = capsys.readouterr().err.splitlines()
    assert message.startswith(f"error: {path}:")
    assert message.endswith(": ragdata.answrs: unknown key 'answrs'")
    assert fix.startswith("fix: did you mean 'answers'?")


def test_a_failed_build_ends_with_our_error_and_code(
    plugin: ModuleType, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    registered, cfg = plugin.RagdataPlugin(), config(write(), base_model="embedded")
    registered.register(cfg)
    with pytest.raises(SystemExit) as stopped:
        registered.load_datasets(cfg)  # there is no ./tei
    assert stopped.value.code == 2
    assert "ragdata.sources" in capsys.readouterr().err


def test_a_base_model_without_a_template_is_named_before_anything_is_built(
    plugin: ModuleType, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoTokenizer

    from axolotl_ragdata.base_model import prepare_base_model

    tokenizer = AutoTokenizer.from_pretrained(prepare_base_model())
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path / "plain")
    cfg = config(write(), base_model=str(tmp_path / "plain"))
    registered = plugin.RagdataPlugin()
    registered.register(cfg)
    with pytest.raises(SystemExit) as stopped:
        registered.load_datasets(cfg)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "plain has no chat template, and the rows are conversations" in error
    assert "fix: take its -Instruct sister" in error
    assert not (tmp_path / "run").exists()
    # with one that Axolotl brings, it is the missing documents' turn
    with pytest.raises(SystemExit):
        registered.load_datasets(type(cfg)({**cfg, "chat_template": "chatml"}))
    assert "ragdata.sources" in capsys.readouterr().err


def test_every_checkpoint_says_which_dataset_it_was_trained_on(
    plugin: ModuleType, write: Write, tmp_path: Path
) -> None:
    registered = plugin.RagdataPlugin()
    registered._record = {"dataset_id": "d1"}
    (callback,) = registered.add_callbacks_pre_trainer({}, None)
    (tmp_path / "out" / "checkpoint-7").mkdir(parents=True)

    class State:
        global_step = 7

    class Arguments:
        output_dir = str(tmp_path / "out")

    callback.on_save(Arguments(), State(), None)
    assert "d1" in (tmp_path / "out" / "checkpoint-7" / "ragdata.json").read_text(encoding="utf-8")


def test_after_training_without_a_build_nothing_is_written(plugin: ModuleType, write: Write, tmp_path: Path) -> None:
    cfg = config(write())
    registered = plugin.RagdataPlugin()
    registered.register(cfg)
    registered.post_train(cfg, model=None)
    assert not (tmp_path / "out").exists()


def test_a_right_recipe_has_no_problem_and_is_left_alone(plugin: ModuleType, write: Write, tmp_path: Path) -> None:
    path = write()
    assert plugin.check_axolotl(path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yml"]


def test_a_key_that_axolotl_drops_is_named_with_its_line(plugin: ModuleType, write: Write) -> None:
    path = write(lora_alfa=32)
    (problem,) = plugin.check_axolotl(path)
    assert problem.startswith(f"{path}:{line_of(path, 'lora_alfa')}: lora_alfa: unknown to Axolotl")
    assert problem.endswith("did you mean lora_alpha?")


def test_a_wrong_type_is_named_with_its_line(plugin: ModuleType, write: Write) -> None:
    path = write(micro_batch_size="four")
    (problem,) = plugin.check_axolotl(path)
    assert problem.startswith(f"{path}:{line_of(path, 'micro_batch_size')}: micro_batch_size: Input should be")


def test_every_problem_is_named_at_once(plugin: ModuleType, write: Write) -> None:
    assert len(plugin.check_axolotl(write(micro_batch_size="four", lora_alfa=32, num_epochs="many"))) == 3


@pytest.mark.parametrize("plugins", [None, [], ["axolotl_ragdata:RagdataPlugin"]])
def test_a_recipe_that_does_not_list_the_plugin_is_named(
    plugins: list[str] | None, plugin: ModuleType, write: Write
) -> None:
    (problem,) = plugin.check_axolotl(write(plugins=plugins))
    assert "axolotl_ragdata.RagdataPlugin is not in it" in problem


@pytest.mark.parametrize(
    ("name", "shown"), [("nowhere.Plugin", "nowhere"), ("axolotl.integrations.base.NoPlugin", "NoPlugin")]
)
def test_a_plugin_that_does_not_load_is_named(name: str, shown: str, plugin: ModuleType, write: Write) -> None:
    problems = plugin.check_axolotl(write(plugins=["axolotl_ragdata.RagdataPlugin", name]))
    assert any(": plugins: " in problem and shown in problem for problem in problems)


def test_a_rule_between_keys_is_reported(plugin: ModuleType, write: Write) -> None:
    problems = plugin.check_axolotl(write(adapter="lorra"))
    assert len(problems) == 1
    assert "lorra" in problems[0]


def test_what_our_plugin_refuses_is_reported_too(
    plugin: ModuleType, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = plugin.check_axolotl(write(val_set_size=0.1))
    assert "val_set_size: 0.1 would cut a second validation set" in problem
    assert capsys.readouterr().err == ""


def test_a_check_leaves_no_plugin_behind(plugin: ModuleType, write: Write) -> None:
    from axolotl.integrations.base import PluginManager

    before = PluginManager._instance
    plugin.check_axolotl(write())
    assert PluginManager._instance is before
