"""What leads a trained model back to its data: the record beside its weights, and what a checkpoint must agree with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axolotl_ragdata import __version__
from axolotl_ragdata.base_model import EMBEDDED, ORIGIN
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.store import RunDirectory, sha256_of, write_atomically

RECORD = "ragdata.json"
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
NAMES = {"ragdata": "the version of ragdata", "stages": "a prompt card or a stage", "sources": "the documents"}


def make_record(cfg: Mapping[str, Any], recipe: Recipe, used: Mapping[str, str]) -> dict[str, Any]:
    """Return the record of a training run.

    Args:
        cfg: Axolotl's configuration.
        recipe: What the dataset was built from.
        used: The file name of each split that is trained or evaluated on.
    """
    manifest = RunDirectory(recipe.output).read_manifest() or {}
    embedded = recipe.axolotl.get("base_model") == EMBEDDED
    return {
        "ragdata_version": __version__,
        "recipe": recipe.path.name,
        "recipe_sha256": sha256_of(recipe.path) if recipe.path.is_file() else None,
        "ragdata": manifest.get("recipe"),
        "base_model": ORIGIN if embedded else cfg.get("base_model"),
        "dataset_id": manifest.get("dataset_id"),
        "index_tag": manifest.get("index", {}).get("tag"),
        "files": dict(used),
        "sha256": {name: manifest.get("sha256", {}).get(name) for name in used.values()},
        "built_from": {key: _digest(value) for key, value in manifest.get("fingerprint", {}).items()},
    }


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `ragdata.json` beside trained weights; once or again is the same, and only the first rank does.

    Raises:
        StoreError: The folder cannot be written.
    """
    if int(os.environ.get("RANK", "0")) == 0:
        write_atomically(folder / RECORD, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())


def trained_rows(weights: Path) -> str | None:
    """Return the name of the file that weights were trained on, which holds a hash of its rows; None where unknown.

    Args:
        weights: Their folder; merged weights and checkpoints lie in a folder of it.
    """
    for folder in (weights, weights.parent):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return _trained_on(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    return None


def check_resume(cfg: Mapping[str, Any], recipe: Recipe, record: Mapping[str, Any]) -> str | None:
    """Refuse to go on from a checkpoint that was trained on another dataset.

    Returns:
        What cannot be known about the checkpoint, None where it was trained on these rows or there is none.

    Raises:
        RecipeError: It was trained on other rows; the error names what changed since.
    """
    checkpoint = _checkpoint(cfg)
    if checkpoint is None:
        return None
    try:
        then = json.loads((checkpoint / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{checkpoint} does not say which dataset it was trained on; nothing compares it with the present one"
    old, new = _trained_on(then), _trained_on(record)
    if old != new:
        what = f"{checkpoint} was trained on {old}, the dataset is now {new}: {_changed(then, record)}"
        fix = "start anew (remove resume_from_checkpoint and auto_resume_from_checkpoints), or build that dataset again"
        raise RecipeError(f"{recipe.path}: resume_from_checkpoint", what, fix)
    return None


def _checkpoint(cfg: Mapping[str, Any]) -> Path | None:
    if named := cfg.get("resume_from_checkpoint"):
        return Path(str(named)).expanduser()
    if not cfg.get("auto_resume_from_checkpoints"):
        return None
    folder = Path(str(cfg.get("output_dir") or "."))
    found = {int(match[1]): path for path in folder.glob("checkpoint-*") if (match := CHECKPOINT.fullmatch(path.name))}
    return found[max(found)] if found else None


def _trained_on(record: Mapping[str, Any]) -> str:
    # the name holds a hash of the content
    return str(record.get("files", {}).get("train"))


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    before, after = then.get("built_from") or {}, now.get("built_from") or {}
    keys = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    return f"{', '.join(NAMES.get(key, f'the {key}') for key in keys) or 'its rows'} changed"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
