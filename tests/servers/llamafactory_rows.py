"""Run by LLaMA-Factory's own Python, in an export's folder: print what it loads of `train.yaml`, as JSON.

python llamafactory_rows.py MODEL: MODEL stands for the base model that the YAML names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer

keys = yaml.safe_load(Path("train.yaml").read_text(encoding="utf-8"))
model, data, training, _, _ = get_train_args({**keys, "model_name_or_path": sys.argv[1], "overwrite_cache": True})
loaded = load_tokenizer(model)
tokenizer = loaded["tokenizer"]
template = get_template_and_fix_tokenizer(tokenizer, data)
module = get_dataset(template, model, data, training, "sft", **loaded)
rows = [
    {
        "text": tokenizer.decode(row["input_ids"]),
        "trained_on": tokenizer.decode([label for label in row["labels"] if label != -100]),
    }
    for row in module["train_dataset"]
]
sys.stdout.write(json.dumps({"rows": rows, "evaluated": len(module["eval_dataset"])}))
