"""What the plugin does with an Axolotl configuration; Axolotl itself is not imported here."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import yaml

from axolotl_ragdata import ranks
from axolotl_ragdata.base_model import EMBEDDED, prepare_base_model
from axolotl_ragdata.display import show_error
from axolotl_ragdata.errors import Interrupted, NoDocuments, RagdataError, RecipeError, StaleDataset
from axolotl_ragdata.exports import exports
from axolotl_ragdata.freshness import damage, staleness
from axolotl_ragdata.interruption import end_interrupted
from axolotl_ragdata.lineage import check_resume, make_record
from axolotl_ragdata.pipeline import ensure_built, exported_files, files_to_train_on
from axolotl_ragdata.recipe import BLOCK, KeyPath, Recipe, key_lines, recipe_from
from axolotl_ragdata.replacement import SPLITS
from axolotl_ragdata.store import RunDirectory
from axolotl_ragdata.terminal import TerminalProgress

Config = MutableMapping[str, Any]

SCHEME = "ragdata://"
UNNAMED = "the configuration handed to Axolotl"
# a process that judges is on its own, whatever launched the training
LAUNCHERS_OWN = re.compile(
    r"(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE|LOCAL_WORLD_SIZE)$|MASTER_|TORCHELASTIC_|ACCELERATE_|ROLE_NAME$"
)
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
        if isinstance(error, Interrupted):
            end_interrupted(error.exit_code)
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
        RecipeError: `val_set_size` would cut Axolotl's own validation set out of the training rows, or `output_dir`
            cannot be written.
        UnknownName: There is no such split or export format.
        ModelFileError: `base_model: embedded` cannot be prepared.
    """
    check_output(cfg, recipe)
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

    Of several processes one builds; the others wait and say so, and fail with it.

    Raises:
        RagdataError: As `axolotl_ragdata.pipeline.ensure_built`.
        StaleDataset: Something would have to be built, and the recipe says `build: never`.
        FailedElsewhere: Another process of this launch failed.
    """
    if recipe.ragdata.build == "never":
        return _as_it_is(recipe)
    _warn_many_ranks(recipe)
    with ranks.one_at_a_time(recipe.output, lambda: _wait(recipe)), TerminalProgress() as progress:
        return ensure_built(recipe, lambda: _wait(recipe), progress)


def _wait(recipe: Recipe) -> None:
    who = "waiting" if ranks.world_size() == 1 else f"rank {ranks.rank()} is waiting"
    _say(f"{who} for another process to build {recipe.output}")


def _as_it_is(recipe: Recipe) -> dict[str, Path]:
    try:
        reason = staleness(recipe)
    except NoDocuments:  # a machine that only trains needs no documents
        reason = damage(RunDirectory(recipe.output))
    if reason:
        what = f"the dataset is stale and the recipe says `build: never` ({reason})"
        raise StaleDataset(recipe.where("build"), what, f"run `ragdata build {recipe.path}`, or remove `build: never`")
    return files_to_train_on(recipe)


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
        _say("the dataset has no validation row (too small, or of a kind without): training goes on without evaluation")
    cfg["test_datasets"] = [_filled(entry, recipe, files) for entry in kept] or None
    if cfg.get("hub_model_id"):
        _say(f"Axolotl's model card holds this recipe with its paths; read it before {cfg['hub_model_id']} is public")
    placed = [_split_of(entry, recipe) for key in ("datasets", "test_datasets") for entry in cfg.get(key) or []]
    return make_record(cfg, recipe, {split: path.name for split, path in files.items() if split in placed})


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
    if ranks.world_size() == 1 or int(os.environ.get("LOCAL_RANK", "0")) != 0:
        return
    if reason := staleness(recipe):
        _say(
            f"building the dataset under a launch of several processes ({reason}); when it takes long, the others "
            f"time out: stop and run `axolotl preprocess {recipe.path}` first"
        )


def check_template(cfg: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse a base model without a chat template where the rows need one, before anything is built or loaded.

    Raises:
        RecipeError: It has none, and the recipe names none.
        ModelFileError: Its tokenizer cannot be had.
    """
    templated = [entry for entry in cfg.get("datasets") or [] if str(entry.get("type")).startswith("chat_template")]
    own = [entry for entry in templated if _split_of(entry, recipe)]
    named = cfg.get("chat_template") or cfg.get("chat_template_jinja") or cfg.get("tokenizer_use_mistral_common")
    if own and named in (None, False, "tokenizer_default"):
        from axolotl_ragdata.chat_template import check_has_template, open_tokenizer

        check_has_template(recipe, open_tokenizer(recipe))


def check_output(cfg: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse a folder for the trained weights that cannot be written; nothing is written to find out.

    Raises:
        RecipeError: It cannot.
    """
    folder = Path(str(cfg.get("output_dir") or ".")).expanduser()
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path("/"))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = f"{folder} cannot be written: {there} is {'read-only' if there.is_dir() else 'a file'}"
        raise RecipeError(f"{recipe.path}: output_dir", what, "name a folder that can be written")


def continue_from(cfg: Mapping[str, Any], recipe: Recipe, record: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another dataset; say so where it cannot be known.

    Raises:
        RecipeError: As `axolotl_ragdata.lineage.check_resume`.
    """
    if unknown := check_resume(cfg, recipe, record):
        _say(unknown)


def weights_saved(folder: Path, since: float) -> bool:
    """Return whether weights were written into a folder since a time (seconds since 1970); older ones do not count."""
    found = [path for pattern in ("*model*.safetensors", "*model*.bin") for path in folder.glob(pattern)]
    # a file system may cut the seconds' fraction off
    return any(path.stat().st_mtime >= since - 1.0 for path in found)


def judge_trained(recipe: Recipe, folder: Path) -> None:
    """Run `ragdata judge` on weights that were just saved, in a process of its own; what goes wrong there is only said.

    Nothing that happens there can reach the weights or end the training with an error: not a missing key, not a full
    card, not a killed process.

    Args:
        recipe: Its `judge:` block says what is compared.
        folder: Where the weights are.
    """
    command = [
        sys.executable,
        "-m",
        "axolotl_ragdata.cli",
        "judge",
        str(recipe.path),
        "--tuned",
        str(folder.absolute()),
    ]
    environment = {name: value for name, value in os.environ.items() if not LAUNCHERS_OWN.match(name)}
    _say(f"judging the trained model: ragdata judge {recipe.path}")
    try:
        code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
        ended = f"exit code {code}" if code else ""
    except (OSError, KeyboardInterrupt) as problem:
        ended = f"{type(problem).__name__} {problem}"
    if ended:
        _say(f"the judge ended with {ended}; the weights in {folder} are not touched")


def _say(line: str) -> None:
    print(f"ragdata: {line}", file=sys.stderr, flush=True)  # noqa: T201
