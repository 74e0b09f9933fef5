"""Every recipe that the repository ships: ours, Axolotl's own schema, and nothing that a plain install lacks."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import yaml

from axolotl_ragdata.pipeline import check_names
from axolotl_ragdata.recipe import load_recipe
from axolotl_ragdata.template import recipe_text

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


def test_there_are_recipes() -> None:
    assert {"quickstart.yml", "dsm5.yml"} <= {path.name for path in RECIPES}


@every_recipe
def test_our_half_is_right_and_every_name_in_it_is_known(path: Path) -> None:
    check_names(load_recipe(path))


@every_recipe
def test_axolotls_schema_accepts_it_and_drops_no_key(path: Path, plugin: ModuleType) -> None:
    assert plugin.check_axolotl(path) == []


@every_recipe
def test_it_lists_no_plugin_that_a_plain_install_lacks(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["plugins"] == ["axolotl_ragdata.RagdataPlugin"]


@pytest.mark.parametrize("base_model", [None, "mistralai/Mistral-7B-Instruct-v0.2"])
@pytest.mark.parametrize("llm_model", [None, "gpt-4o-mini"])
def test_axolotls_schema_accepts_what_init_writes(
    base_model: str | None, llm_model: str | None, plugin: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yml"
    path.write_text(recipe_text("./documents", base_model, llm_model), encoding="utf-8")
    assert plugin.check_axolotl(path) == []


def test_the_quickstart_has_what_a_cpu_needs() -> None:
    keys = yaml.safe_load((FOLDER / "quickstart.yml").read_text(encoding="utf-8"))
    assert {key: keys.get(key) for key in CPU_KEYS} == CPU_KEYS
    assert keys["base_model"] == "embedded"


def test_the_quickstarts_documents_are_shipped() -> None:
    recipe = load_recipe(FOLDER / "quickstart.yml")
    for source in recipe.ragdata.sources:
        assert len(list(recipe.folder.glob(source.path))) >= 10


def test_the_case_study_holds_the_papers_settings() -> None:
    keys = yaml.safe_load((FOLDER / "dsm5.yml").read_text(encoding="utf-8"))
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
