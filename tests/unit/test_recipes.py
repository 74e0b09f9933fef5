"""Every recipe that the repository ships: ours, Axolotl's own schema, and nothing that a plain install lacks."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.family import SHIPPED, shipped_text
from axolotl_ragdata.pipeline import check_names
from axolotl_ragdata.recipe import load_recipe
from axolotl_ragdata.template import BASES, GPUS, TASKS, Choice, recipe_text

FOLDER = Path(__file__).parent.parent.parent / "recipes"
RECIPES = sorted(FOLDER.glob("*.yml"))
CPU_KEYS = {
    "bf16": False,
    "attn_implementation": "sdpa",
    "lora_mlp_kernel": False,
    "lora_qkv_kernel": False,
    "lora_o_kernel": False,
    "lora_embedding_kernel": False,
}

every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)


def keys_of(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_folder_is_what_the_templates_write() -> None:
    assert {path.stem for path in RECIPES} == set(SHIPPED)
    for path in RECIPES:
        assert path.read_text(encoding="utf-8") == shipped_text(path.stem), "run `python scripts/recipes.py`"


@every_recipe
def test_our_half_is_right_and_every_name_in_it_is_known(path: Path) -> None:
    check_names(load_recipe(path))


@every_recipe
def test_axolotls_schema_accepts_it_and_drops_no_key(path: Path, plugin: ModuleType) -> None:
    assert plugin.check_axolotl(path) == []


@every_recipe
def test_axolotl_deprecates_no_key_of_it(
    path: Path, plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert plugin.deprecated_keys(path) == []
    # deeper keys are only spoken of in the log
    axolotl = logging.getLogger("axolotl")
    monkeypatch.setattr(logging, "disable", lambda level: None)
    monkeypatch.setattr(axolotl, "handlers", [caplog.handler])
    monkeypatch.setattr(axolotl, "propagate", False)
    plugin.check_axolotl(path)
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in said if "deprecat" in line.lower()]


def test_a_deprecated_key_is_found(plugin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "old.yml"
    text = recipe_text(Choice(base="mistral-7b")).replace("attn_implementation: sdpa", "flash_attention: true")
    path.write_text(text + "evaluation_strategy: epoch\n", encoding="utf-8")
    found = plugin.deprecated_keys(path)
    assert [line.split(": ")[1] for line in found] == ["flash_attention", "evaluation_strategy"]
    assert "attn_implementation" in found[0]


@every_recipe
def test_it_lists_no_plugin_that_a_plain_install_lacks(path: Path) -> None:
    assert keys_of(path)["plugins"] == ["axolotl_ragdata.RagdataPlugin"]


@every_recipe
def test_its_header_says_what_to_run_to_change_and_how_much_memory_it_takes(path: Path) -> None:
    header = path.read_text(encoding="utf-8").split("\nbase_model")[0]
    assert f"axolotl train recipes/{path.name}" in header
    assert "Memory (our estimate)" in header


@every_recipe
def test_its_files_are_its_own(path: Path) -> None:
    keys = keys_of(path)
    assert keys["output_dir"] == f"./outputs/{path.stem}"
    assert keys["ragdata"]["output"] == f"./data/{path.stem}"


def fits(task: str, base: str, gpu: str, packing: bool) -> bool:
    return not (packing and (task == "preference" or gpu == "cpu")) and not (task == "self" and base == "embedded")


CHOICES = [
    Choice(task=task, base=base, gpu=gpu, packing=packing, llm="gpt-4o-mini")
    for task, base, gpu, packing in itertools.product(TASKS, [*BASES, "some/model"], GPUS, (False, True))
    if fits(task, base, gpu, packing)
]


def test_axolotls_schema_accepts_whatever_init_writes(plugin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yml"
    # what the schema looks at does not depend on the base's name: one name for each, all cards, tasks and packing
    for choice in CHOICES:
        if choice.base not in ("embedded", "mistral-7b"):
            continue
        path.write_text(recipe_text(choice), encoding="utf-8")
        assert plugin.check_axolotl(path) == [], choice


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_our_half_of_whatever_init_writes_is_right(choice: Choice, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yml"
    path.write_text(recipe_text(choice), encoding="utf-8")
    recipe = load_recipe(path)
    check_names(recipe)
    assert recipe.axolotl["base_model"] == choice.model.model
    assert bool(recipe.axolotl.get("sample_packing")) == choice.packing
    assert recipe.ragdata.needs_llm == (choice.llm is not None)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(task="qaa"), "--task: unknown 'qaa'"),
        (Choice(gpu="24g"), "--gpu: unknown '24g'"),
        (Choice(task="preference", base="mistral-7b"), "needs a chat model"),
        (Choice(task="self"), "needs a model that vLLM serves"),
        (Choice(packing=True), "packing does not go with"),
    ],
)
def test_what_does_not_go_together_is_refused(choice: Choice, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_text(choice)


def test_rules_ask_where_no_chat_model_is_named() -> None:
    keys = yaml.safe_load(recipe_text(Choice()))
    assert keys["ragdata"]["questions"]["from"] == "structure"
    assert "llm" not in keys["ragdata"]


def test_the_quickstart_has_what_a_cpu_needs() -> None:
    keys = keys_of(FOLDER / "quickstart.yml")
    assert {key: keys.get(key) for key in CPU_KEYS} == CPU_KEYS
    assert keys["base_model"] == "embedded"


def test_the_quickstarts_documents_are_shipped() -> None:
    recipe = load_recipe(FOLDER / "quickstart.yml")
    for source in recipe.ragdata.sources:
        assert len(list(recipe.folder.glob(source.path))) >= 10


def test_the_case_study_holds_the_papers_settings() -> None:
    keys = keys_of(FOLDER / "dsm5.yml")
    paper = {
        "base_model": "mistralai/Mistral-7B-Instruct-v0.2",
        "adapter": "lora",
        "lora_r": 16,
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 8,
        "learning_rate": 5e-5,
        "num_epochs": 10,
    }
    assert {key: keys[key] for key in paper} == paper
    assert load_recipe(FOLDER / "dsm5.yml").ragdata.questions.target == 2000
    judged = load_recipe(FOLDER / "dsm5.yml").ragdata.judge
    assert judged is not None
    assert [candidate.label for candidate in judged.candidates][:2] == ["Mistral-7B-dsm5", "gpt-3.5-turbo-0125"]
    assert [judge.label for judge in judged.judges] == ["gpt-4"]


def test_the_family_is_what_was_asked_for() -> None:
    kinds = {path.stem: keys_of(path) for path in RECIPES}
    for method in ("lora", "qlora", "full-fsdp2", "full-zero3"):
        loose, packed = kinds[f"mistral-7b-{method}"], kinds[f"mistral-7b-{method}-packed"]
        assert (loose.get("sample_packing"), loose["attn_implementation"]) == (None, "sdpa")
        assert (packed["sample_packing"], packed["attn_implementation"]) == (True, "flash_attention_2")
    assert kinds["mistral-7b-qlora"]["load_in_4bit"] is True
    assert kinds["mistral-7b-full-fsdp2"]["fsdp_version"] == 2
    assert kinds["mistral-7b-full-zero3"]["deepspeed"]["zero_optimization"]["stage"] == 3
    assert "adapter" not in kinds["mistral-7b-full-fsdp2"]
    assert kinds["mistral-7b-dpo"]["rl"] == "dpo"
    assert kinds["mistral-7b-dpo"]["ragdata"]["export"]["format"] == "preference"
    assert kinds["mistral-7b-raft"]["ragdata"]["export"]["context"] == "gold+distractors"
    own = kinds["mistral-7b-self"]
    assert own["ragdata"]["llm"]["model"] == own["base_model"]
