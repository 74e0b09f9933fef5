"""LLaMA-Factory: `dataset_info.json`, the rows, and the YAML that trains on them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from axolotl_ragdata.exports import Dataset, bundles
from axolotl_ragdata.exports.jsonl import write_lines
from axolotl_ragdata.exports.parquet import message_rows
from axolotl_ragdata.store import write_atomically

TRAIN = "train.yaml"
INFO = "dataset_info.json"
# its own names for the chat templates of model families
TEMPLATES = (
    (r"smollm2", "smollm2"),
    (r"mistral|mixtral", "mistral"),
    (r"llama-?3", "llama3"),
    (r"qwen3", "qwen3_nothink"),
    (r"qwen", "qwen"),
    (r"gemma-?3", "gemma3"),
    (r"gemma", "gemma"),
    (r"phi-?4", "phi4"),
)
UNNAMED = "default"
# Axolotl's key → LLaMA-Factory's
KEYS = {
    "lora_r": "lora_rank",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "sequence_len": "cutoff_len",
    "micro_batch_size": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "num_epochs": "num_train_epochs",
    "learning_rate": "learning_rate",
    "lr_scheduler": "lr_scheduler_type",
    "warmup_ratio": "warmup_ratio",
    "warmup_steps": "warmup_steps",
    "weight_decay": "weight_decay",
    "logging_steps": "logging_steps",
    "seed": "seed",
}
HEADER = """\
# cd into this folder, then: llamafactory-cli train {train}
# The settings are the recipe's; `template` is LLaMA-Factory's name for the chat template of {base}.
"""
NO_TEMPLATE = (
    "# None of its names is known for this model: put the right one, or the model sees another format later.\n"
)


class LlamaFactoryBundle:
    """One JSONL a split, `dataset_info.json` that names them, and `train.yaml`.

    The rows go in as its `sharegpt` formatting with our own role names; its `openai` formatting alters system prompts.
    """

    needs_template = False

    def write(self, dataset: Dataset, folder: Path) -> list[Path]:
        """Write the files; return them.

        Raises:
            StoreError: One of them cannot be written.
        """
        rows = message_rows(dataset)
        stem = re.sub(r"\W+", "_", dataset.name)
        named = {f"{stem}_{split}": f"{split}.jsonl" for split in rows}
        paths = [write_lines(folder / f"{split}.jsonl", lines) for split, lines in rows.items()]
        info = {name: _entry(file) for name, file in named.items()}
        write_atomically(folder / INFO, (json.dumps(info, indent=2) + "\n").encode())
        write_atomically(folder / TRAIN, _train_yaml(dataset.recipe, stem, list(rows)).encode())
        return [*paths, folder / INFO, folder / TRAIN]


def _entry(file: str) -> dict[str, Any]:
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    return {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {**tags, "system_tag": "system"},
    }


def _train_yaml(recipe: Mapping[str, Any], stem: str, splits: list[str]) -> str:
    base = str(recipe.get("base_model") or "")
    template = next((name for pattern, name in TEMPLATES if re.search(pattern, base.lower())), UNNAMED)
    keys: dict[str, Any] = {
        "model_name_or_path": base,
        "stage": "sft",
        "do_train": True,
        **_method(recipe),
        "dataset_dir": ".",
        "dataset": f"{stem}_train",
        "template": template,
        "output_dir": "./saves",
        **{theirs: recipe[ours] for ours, theirs in KEYS.items() if recipe.get(ours) is not None},
        "bf16": bool(recipe.get("bf16")),
        "report_to": "none",
    }
    if "validation" in splits:
        keys |= {"eval_dataset": f"{stem}_validation", "eval_strategy": "epoch"}
    if recipe.get("sample_packing"):
        keys["neat_packing"] = True
    unnamed = NO_TEMPLATE if template == UNNAMED else ""
    return HEADER.format(train=TRAIN, base=base) + unnamed + yaml.safe_dump(keys, sort_keys=False, allow_unicode=True)


def _method(recipe: Mapping[str, Any]) -> dict[str, Any]:
    if recipe.get("adapter") not in ("lora", "qlora"):
        return {"finetuning_type": "full"}
    quantized = {"quantization_bit": 4, "quantization_method": "bnb"} if recipe.get("load_in_4bit") else {}
    return {"finetuning_type": "lora", "lora_target": "all", **quantized}


bundles.register("llamafactory")(LlamaFactoryBundle())
