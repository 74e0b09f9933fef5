"""Every export, loaded by the tool that it is for: Axolotl tokenises it, TRL and datasets and pyarrow read it."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.delivery import deliver
from axolotl_ragdata.exports import exports
from axolotl_ragdata.pipeline import build
from axolotl_ragdata.recipe import Recipe, load_recipe

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("axolotl") is None, reason="axolotl is not installed"),
    pytest.mark.filterwarnings("ignore"),  # of the tools themselves
]
CONVERSATIONS = ["messages", "sharegpt", "alpaca", "input_output"]


@pytest.fixture(scope="module")
def recipe(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A finished build of four demonstration articles."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "demo-documents").mkdir()
    for path in sorted((repository / "recipes" / "demo-documents").glob("*.tei.xml"))[:4]:
        shutil.copy(path, folder / "demo-documents")
    shutil.copy(repository / "recipes" / "quickstart.yml", folder)
    recipe = load_recipe(folder / "quickstart.yml")
    build(recipe)
    return recipe


@pytest.fixture(scope="module")
def rows(recipe: Recipe) -> list[dict[str, Any]]:
    return read_lines(deliver(recipe, "messages").folder / "train.jsonl")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def tokenizer(plugin: ModuleType) -> Any:
    from transformers import AutoTokenizer

    from axolotl_ragdata.base_model import prepare_base_model

    return AutoTokenizer.from_pretrained(prepare_base_model())


@pytest.fixture(scope="module")
def axolotl(plugin: ModuleType) -> Iterator[ModuleType]:
    with plugin._plugins_of_its_own():
        yield plugin


def tokenised(axolotl: ModuleType, recipe: Recipe, stanza: dict[str, Any], folder: Path, **keys: Any) -> Any:
    """Return what Axolotl makes of a `datasets:` entry, with the quickstart's other keys."""
    from axolotl.loaders import load_tokenizer
    from axolotl.utils.config import normalize_config, validate_config
    from axolotl.utils.data import prepare_datasets, prepare_preference_datasets
    from axolotl.utils.dict import DictDefault

    from axolotl_ragdata.base_model import prepare_base_model

    given = {key: value for key, value in recipe.axolotl.items() if key not in ("plugins", "eval_strategy")}
    given |= {"base_model": str(prepare_base_model()), "datasets": [stanza], "val_set_size": 0.0, **keys}
    given |= {"output_dir": str(folder / "out"), "dataset_prepared_path": str(folder / "prepared")}
    cfg = validate_config(DictDefault(given), capabilities=axolotl.CARD, env_capabilities={"torch_version": "2.13.0"})
    normalize_config(cfg)
    prepare = prepare_preference_datasets if cfg.rl else prepare_datasets
    return prepare(cfg, load_tokenizer(cfg))[0]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_axolotl_trains_on_the_answer_and_its_end_only(
    name: str, axolotl: ModuleType, recipe: Recipe, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = deliver(recipe, name).folder / "train.jsonl"
    made = tokenised(axolotl, recipe, exports.get(name, "here").stanza(str(path)), tmp_path)
    assert len(made) == len(rows), "no row was dropped"
    wanted = sorted(row["messages"][-1]["content"].strip() + "<|im_end|>" for row in rows)
    trained_on = [[label for label in row["labels"] if label != -100] for row in made]
    assert sorted(tokenizer.decode(labels) for labels in trained_on) == wanted


def test_input_output_is_token_for_token_what_messages_is(axolotl: ModuleType, recipe: Recipe, tmp_path: Path) -> None:
    made = {}
    for name in ("messages", "input_output"):
        path = deliver(recipe, name).folder / "train.jsonl"
        stanza = exports.get(name, "here").stanza(str(path))
        own = tokenised(axolotl, recipe, stanza, tmp_path / name)
        made[name] = sorted((list(row["input_ids"]), list(row["labels"])) for row in own)
    assert made["messages"] == made["input_output"]


def test_axolotl_trains_on_every_token_of_a_completion(
    axolotl: ModuleType, recipe: Recipe, tokenizer: Any, tmp_path: Path
) -> None:
    path = deliver(recipe, "completion").folder / "train.jsonl"
    made = tokenised(axolotl, recipe, exports.get("completion", "here").stanza(str(path)), tmp_path)
    assert len(made) >= len(read_lines(path))
    assert all(list(row["labels"]) == list(row["input_ids"]) for row in made)
    texts = " ".join(tokenizer.decode(row["input_ids"], skip_special_tokens=True) for row in made)
    assert all(row["text"][:40] in texts for row in read_lines(path))


def preferences(rows: list[dict[str, Any]], folder: Path) -> Path:
    """Write pairs as the export does: the extractive build of these tests refuses no answer."""
    pairs = [
        {
            "id": row["id"],
            "prompt": row["messages"][:-1],
            "chosen": row["messages"][-1:],
            "rejected": [{"role": "assistant", "content": "It lasts 9 weeks."}],
        }
        for row in rows
    ]
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return path


def test_axolotl_reads_preference_pairs(
    axolotl: ModuleType, recipe: Recipe, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    stanza = exports.get("preference", "here").stanza(str(preferences(rows, tmp_path)))
    made = tokenised(axolotl, recipe, stanza, tmp_path, rl="dpo")
    assert len(made) == len(rows)
    wanted = sorted(row["messages"][-1]["content"].strip() for row in rows)
    assert sorted(row["chosen"].removesuffix("<|im_end|>") for row in made) == wanted
    for row in made:
        assert row["prompt"].endswith("<|im_start|>assistant\n")
        assert row["prompt"].count("<|im_start|>user") == 1
        assert row["rejected"] == "It lasts 9 weeks.<|im_end|>"


@pytest.fixture(scope="module")
def small_model(tokenizer: Any) -> Any:
    """A model of two layers that nobody trained: enough for a trainer to take a step."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, **sizes))


def settings(folder: Path) -> dict[str, Any]:
    return {"output_dir": str(folder), "max_steps": 1, "per_device_train_batch_size": 2, "report_to": "none"} | {
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
    }


@pytest.mark.parametrize("name", ["trl", "unsloth"])
def test_trl_fine_tunes_on_the_messages(
    name: str, recipe: Recipe, small_model: Any, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    folder = deliver(recipe, name).folder
    data = load_dataset("json", data_files={"train": str(folder / "train.jsonl")}, cache_dir=str(tmp_path / "cache"))
    args = SFTConfig(max_length=512, **settings(tmp_path / "out"))
    trainer = SFTTrainer(small_model, args=args, train_dataset=data["train"], processing_class=tokenizer)
    read = [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]
    assert len(read) == len(rows)
    assert all(row["messages"][-1]["content"].strip() in text for row, text in zip(rows, read, strict=True))
    assert trainer.train().training_loss > 0


def test_trl_takes_the_pairs_for_dpo(
    small_model: Any, tokenizer: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer

    path = preferences(rows, tmp_path)
    data = load_dataset("json", data_files={"train": str(path)}, cache_dir=str(tmp_path / "cache"))["train"]
    args = DPOConfig(max_length=512, **settings(tmp_path / "out"))
    reference = copy.deepcopy(small_model)
    trainer = DPOTrainer(small_model, reference, args=args, train_dataset=data, processing_class=tokenizer)
    assert len(trainer.train_dataset) == len(rows)
    assert trainer.train().training_loss > 0


def test_datasets_loads_the_hugging_face_folder(recipe: Recipe, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    from datasets import load_dataset

    folder = deliver(recipe, "huggingface", tmp_path / "folder").folder
    loaded = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation", "test_seen", "test_unseen"}
    assert [dict(row) for row in loaded["train"]] == rows


def test_the_hub_reads_the_cards_front_matter(recipe: Recipe, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    folder = deliver(recipe, "huggingface", tmp_path).folder
    card = DatasetCard.load(folder / "README.md")
    files = [file for entry in card.data.configs for file in entry["data_files"]]
    assert all((folder / file["path"]).exists() for file in files)
    assert card.data.license


def test_pyarrow_reads_the_parquet_files(recipe: Recipe, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    import pyarrow.parquet

    folder = deliver(recipe, "parquet", tmp_path).folder
    assert pyarrow.parquet.read_table(folder / "train.parquet").to_pylist() == rows
    schemas = {str(pyarrow.parquet.read_schema(path)) for path in folder.glob("*.parquet")}
    assert len(schemas) == 1, "every split has the same columns of the same types"
