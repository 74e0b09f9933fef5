"""What the plugin does with an Axolotl configuration; Axolotl itself is not imported here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import yaml

from axolotl_ragdata import __version__
from axolotl_ragdata.base_model import EMBEDDED, ORIGIN, prepare_base_model
from axolotl_ragdata.display import TerminalProgress, show_error
from axolotl_ragdata.errors import RagdataError, RecipeError
from axolotl_ragdata.exports import exports
from axolotl_ragdata.pipeline import SPLITS, ensure_built, exported_files, staleness
from axolotl_ragdata.recipe import BLOCK, KeyPath, Recipe, key_lines, recipe_from
from axolotl_ragdata.store import RunDirectory, write_atomically

Config = MutableMapping[str, Any]

SCHEME = "ragdata://"
RECORD = "ragdata.json"
UNNAMED = "the configuration handed to Axolotl"
# Axolotl writes a copy of a swept or generated configuration straight into the folder of temporary files
AXOLOTLS_COPY = re.compile(r"(tmp|axolotl_config_)\w{8}\.ya?ml")


@contextlib.contextmanager
def ending_with_the_message() -> Iterator[None]:
    """End the process as our command line would: message and fix on stderr, our exit code, no traceback."""
    try:
        yield
    except RagdataError as error:
        sys.stdout.flush()
        show_error(error, debug=False)
        raise SystemExit(error.exit_code) from error


def recipe_of(cfg: Mapping[str, Any]) -> Recipe:
    """Return the checked recipe of a configuration that Axolotl has read but not validated.

    Raises:
        RecipeError: The `ragdata:` block is missing or wrong, or the file is a copy whose relative paths lead nowhere.
    """
    path = Path(cfg.get("axolotl_config_path") or UNNAMED)
    recipe = recipe_from(cfg, path, _lines(path))
    if path.parent.resolve() == Path(tempfile.gettempdir()).resolve() and AXOLOTLS_COPY.fullmatch(path.name):
        _refuse_relative_paths(recipe)
    return recipe


def _lines(path: Path) -> dict[KeyPath, int] | None:
    try:
        return key_lines(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # Axolotl read it before us, so it is no longer there: errors name the key without a line


def _refuse_relative_paths(recipe: Recipe) -> None:
    block = recipe.ragdata
    for path in (block.output, *(source.path for source in block.sources)):
        if not Path(path).expanduser().is_absolute():
            what = f"relative path {path!r}, in a copy of the recipe that Axolotl made (a sweep does)"
            raise RecipeError(f"{recipe.path}: {BLOCK}", what, "write absolute paths under `ragdata:` for a sweep")


def place(cfg: Config, recipe: Recipe) -> None:
    """Put into a raw configuration what validation wants to see: the datasets, and the path of the base model.

    A dataset that is not built yet stands there as `ragdata://train`; one that is, by its file, for the commands that
    read datasets without asking a plugin (`axolotl evaluate`). The recipe may place a split itself, with any keys
    beside: `test_datasets: [{path: "ragdata://test_unseen"}]`.

    Raises:
        RecipeError: `val_set_size` would cut Axolotl's own validation set out of the training rows.
        UnknownName: There is no such split or export format.
        ModelFileError: `base_model: embedded` cannot be prepared.
    """
    files = _finished_files(recipe)
    for key, split in (("datasets", "train"), ("test_datasets", "validation")):
        if key == "test_datasets" and not _validates(cfg, recipe):
            continue
        entries = list(cfg.get(key) or [])
        if not any(_split_of(entry, recipe) for entry in entries) and not (key == "test_datasets" and entries):
            entries.insert(0, {"path": f"{SCHEME}{split}"})
        cfg[key] = [_completed(entry, recipe, files) for entry in entries]
    if cfg.get("base_model") == EMBEDDED:
        cfg["base_model"] = str(prepare_base_model())


def _validates(cfg: Config, recipe: Recipe) -> bool:
    if not recipe.ragdata.split.validation and not cfg.get("test_datasets"):
        return False
    if cfg.get("val_set_size"):
        what = f"{cfg['val_set_size']} would cut a second validation set out of the training rows"
        fix = "remove it; `ragdata.split.validation` is the share that Axolotl evaluates on (0: use val_set_size)"
        raise RecipeError(f"{recipe.path}: val_set_size", what, fix)
    cfg["val_set_size"] = 0.0
    return True


def _finished_files(recipe: Recipe) -> dict[str, Path]:
    manifest = RunDirectory(recipe.output).read_manifest()
    return exported_files(recipe.output, manifest) if manifest else {}


def _split_of(entry: Mapping[str, Any], recipe: Recipe) -> str | None:
    path = str(entry.get("path") or "")
    if path.startswith(SCHEME):
        split = path.removeprefix(SCHEME)
        if split not in SPLITS:
            raise RecipeError(f"{recipe.path}: datasets", f"{path!r} names no split", f"one of {', '.join(SPLITS)}")
        return split
    found = re.fullmatch(rf"({'|'.join(SPLITS)})-[0-9a-f]+\.jsonl", Path(path).name)
    return found[1] if found and Path(path).parent == recipe.output else None


def _completed(entry: Mapping[str, Any], recipe: Recipe, files: Mapping[str, Path]) -> dict[str, Any]:
    split = _split_of(entry, recipe)
    if split is None:
        return dict(entry)
    path = str(files.get(split, f"{SCHEME}{split}"))
    where = recipe.where("export", "format")
    return {**exports.get(recipe.ragdata.export.format, where).stanza(path), **entry, "path": path}


def build(recipe: Recipe) -> dict[str, Path]:
    """Return the file of each split that has rows, built first where the dataset is missing or stale.

    Of several processes one builds, the others wait and say so.

    Raises:
        RagdataError: As `axolotl_ragdata.pipeline.ensure_built`.
    """
    _warn_many_ranks(recipe)
    with TerminalProgress() as progress:
        return ensure_built(recipe, lambda: _say(f"waiting for another process to build {recipe.output}"), progress)


def fill(cfg: Config, recipe: Recipe, files: Mapping[str, Path]) -> dict[str, Any]:
    """Put the files of a build into a validated configuration, where `place` put its entries.

    Returns:
        The record that leads from the trained model back to its data, for `write_record`.

    Raises:
        RecipeError: A split that the recipe places under `datasets:` has no rows.
    """
    cfg["datasets"] = [_filled(entry, recipe, files) for entry in cfg.get("datasets") or []]
    held_out = list(cfg.get("test_datasets") or [])
    kept = [entry for entry in held_out if _split_of(entry, recipe) in (None, *files)]
    if len(kept) < len(held_out):
        _say("the dataset is too small for a validation row: training goes on without evaluation")
    cfg["test_datasets"] = [_filled(entry, recipe, files) for entry in kept] or None
    if cfg.get("hub_model_id"):
        _say(f"Axolotl's model card holds this recipe with its paths; read it before {cfg['hub_model_id']} is public")
    return _record(cfg, recipe, files)


def _filled(entry: Any, recipe: Recipe, files: Mapping[str, Path]) -> Any:
    split = _split_of(entry, recipe)
    if split is None:
        return entry
    if split not in files:
        what = f"{SCHEME}{split} has no rows"
        raise RecipeError(f"{recipe.path}: datasets", what, f"raise `ragdata.split.{split}`, or add documents")
    entry["path"] = str(files[split])
    return entry


def _warn_many_ranks(recipe: Recipe) -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or int(os.environ.get("LOCAL_RANK", "0")) != 0:
        return
    if reason := staleness(recipe):
        _say(
            f"building the dataset under a launch of several processes ({reason}); when it takes long, the others "
            f"time out: stop and run `axolotl preprocess {recipe.path}` first"
        )


def _record(cfg: Mapping[str, Any], recipe: Recipe, files: Mapping[str, Path]) -> dict[str, Any]:
    manifest = RunDirectory(recipe.output).read_manifest() or {}
    placed = [_split_of(entry, recipe) for key in ("datasets", "test_datasets") for entry in cfg.get(key) or []]
    used = {split: path.name for split, path in files.items() if split in placed}
    embedded = recipe.axolotl.get("base_model") == EMBEDDED
    return {
        "ragdata_version": __version__,
        "recipe": recipe.path.name,
        "base_model": ORIGIN if embedded else cfg.get("base_model"),
        "dataset_id": manifest.get("dataset_id"),
        "index_tag": manifest.get("index", {}).get("tag"),
        "files": used,
        "sha256": {name: manifest.get("sha256", {}).get(name) for name in used.values()},
    }


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `ragdata.json` beside the trained weights; once or again is the same.

    Raises:
        StoreError: The folder cannot be written.
    """
    if int(os.environ.get("RANK", "0")) == 0:
        write_atomically(folder / RECORD, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())


def _say(line: str) -> None:
    print(f"ragdata: {line}", file=sys.stderr, flush=True)  # noqa: T201
