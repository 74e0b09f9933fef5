"""Axolotl's side: the plugin, its one key, and the check of Axolotl's half of a recipe."""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
import os
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from axolotl.integrations.base import BasePlugin, PluginManager
from pydantic import BaseModel, Field, ValidationError

from axolotl_ragdata.base_model import EMBEDDED, ORIGIN
from axolotl_ragdata.lineage import write_record
from axolotl_ragdata.recipe import BLOCK, Recipe, key_lines, load_recipe
from axolotl_ragdata.training import (
    build,
    check_template,
    continue_from,
    ending_with_the_message,
    fill,
    judge_trained,
    place,
    recipe_of,
    weights_saved,
)

NAME = "axolotl_ragdata.RagdataPlugin"
NAMES = {NAME, "axolotl_ragdata.plugin.RagdataPlugin"}
# what the check promises Axolotl of the machine that will train: a current card, or eight of them
CARD = {"bf16": True, "fp8": False, "tf32": True, "n_gpu": 1, "compute_capability": "sm_80"}
SHARDED = ("fsdp_config", "deepspeed")


class RagdataArgs(BaseModel):
    """Our one key in Axolotl's schema; what is inside is checked by our own recipe, with lines and fixes."""

    ragdata: dict[str, Any] | None = Field(None, description="how the dataset is built from documents")


class RagdataPlugin(BasePlugin):  # type: ignore[misc]
    """Builds the dataset of a recipe when `axolotl preprocess` or `axolotl train` needs it."""

    def __init__(self) -> None:
        super().__init__()
        self._recipe: Recipe | None = None
        self._record: dict[str, Any] | None = None
        self._judged = False
        self._started = time.time()

    def get_input_args(self) -> str:
        """Return where Axolotl finds our key."""
        return f"{RagdataArgs.__module__}.{RagdataArgs.__name__}"

    def register(self, cfg: Any) -> None:
        """Check the `ragdata:` block and put placeholders; every command and every rank comes here, nothing is built.

        Raises:
            SystemExit: The block is wrong; message and fix are on stderr.
        """
        with ending_with_the_message():
            self._recipe = recipe_of(cfg)
            place(cfg, self._recipe)

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Build the dataset if it is missing or stale, and put its files where the placeholders are.

        Raises:
            SystemExit: The build failed, or training cannot go on from a checkpoint; message and fix are on stderr.
        """
        with ending_with_the_message():
            self._started = time.time()
            recipe = self._recipe or recipe_of(cfg)
            check_template(cfg, recipe)
            self._record = fill(cfg, recipe, build(recipe))
            if not preprocess:
                continue_from(cfg, recipe, self._record)

    def add_callbacks_pre_trainer(self, cfg: Any, model: Any) -> list[Any]:
        """Return what leaves `ragdata.json` in every checkpoint."""
        from transformers import TrainerCallback

        record = self._record

        class Recorded(TrainerCallback):  # type: ignore[misc]
            def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                if record is not None and folder.is_dir():
                    write_record(folder, record)

        return [Recorded()]

    def post_train(self, cfg: Any, model: Any) -> None:
        """Leave `ragdata.json` beside the trained weights, and judge them where the recipe says so.

        Axolotl calls this on every rank and twice, before the weights are saved and after: the first rank judges, once,
        when the weights of this training are there.

        Raises:
            SystemExit: The folder cannot be written; message and fix are on stderr.
        """
        with ending_with_the_message():
            if self._record is not None:
                write_record(Path(cfg.output_dir), self._record)
        if self._is_to_judge() and weights_saved(Path(cfg.output_dir), self._started):
            self._judge(cfg, model)

    def post_train_unload(self, cfg: Any) -> None:
        """Judge, where the weights were saved only now; Axolotl has taken the model off the card."""
        if self._is_to_judge():
            self._judge(cfg, None)

    def _is_to_judge(self) -> bool:
        block = self._recipe.ragdata.judge if self._recipe is not None else None
        return block is not None and block.after_train and not self._judged

    def _judge(self, cfg: Any, model: Any) -> None:
        self._judged = True
        if self._recipe is not None and int(os.environ.get("RANK", "0")) == 0:
            _make_room(model)
            judge_trained(self._recipe, Path(cfg.output_dir))


def _make_room(model: Any) -> None:
    """Take the trained model off the card: its weights are saved, and the judge loads the base model there."""
    import torch

    if model is None or not torch.cuda.is_available():
        return
    # a quantised or sharded model cannot be moved; then the judge has to do with what is left
    with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
        model.to("cpu")
    torch.cuda.empty_cache()


def template_named(name: str, tokenizer: Any) -> str:
    """Return the text of a chat template that Axolotl knows by name.

    Raises:
        ValueError: There is none.
    """
    from axolotl.utils.chat_templates import get_chat_template

    return str(get_chat_template(name, tokenizer=tokenizer))


def check_axolotl(recipe_path: Path) -> list[str]:
    """Return what Axolotl would refuse or drop without a word in its half of a recipe; [] where all is well.

    Axolotl's own schema is asked, as if for current GPUs; no model is loaded and no data is built.

    Raises:
        RecipeError: Our half is wrong.
    """
    recipe = load_recipe(recipe_path)
    text = recipe_path.read_text(encoding="utf-8")
    lines = {path[0]: line for path, line in key_lines(text).items() if len(path) == 1}

    def at(key: str) -> str:
        if not key:
            return str(recipe_path)
        return f"{recipe_path}:{lines[key]}: {key}" if key in lines else f"{recipe_path}: {key}"

    listed = recipe.axolotl.get("plugins") or []
    if not NAMES & set(listed):
        return [f"{at('plugins')}: {NAME} is not in it, so `axolotl train` would know nothing of `{BLOCK}:`"]
    try:
        with _plugins_of_its_own(), _silence():
            problems = _schema_problems(recipe_path, yaml.safe_load(text), listed)
    except SystemExit as stop:  # how a plugin, ours above all, refuses a recipe
        return [str(stop.__cause__ or stop)]
    return [f"{at(key)}: {what}" for key, what in problems]


def deprecated_keys(recipe_path: Path) -> list[str]:
    """Return the keys of a recipe that this release of Axolotl still takes and a later one will not, each with why.

    Raises:
        RecipeError: The recipe cannot be read.
    """
    from axolotl.integrations.config import merge_input_args
    from axolotl.utils.schemas.deprecated import DeprecatedParameters

    recipe = load_recipe(recipe_path)
    with _plugins_of_its_own():
        fields = merge_input_args()[0].model_fields
    # a field says so itself, or stands in the class that holds those that do not
    return [
        f"{recipe_path}: {key}: {fields[key].deprecated or 'deprecated by Axolotl'}"
        for key in recipe.axolotl
        if key in fields and (fields[key].deprecated or key in DeprecatedParameters.model_fields)
    ]


def _schema_problems(path: Path, data: dict[str, Any], listed: Sequence[str]) -> list[tuple[str, str]]:
    from axolotl.integrations.config import merge_input_args
    from axolotl.utils.config import prepare_plugins, validate_config
    from axolotl.utils.dict import DictDefault

    cfg = DictDefault({**data, "axolotl_config_path": str(path)})
    if cfg.base_model == EMBEDDED:
        cfg.base_model = ORIGIN  # a name is enough here: nothing is to be fetched or prepared for a check
    try:
        prepare_plugins(cfg)
        loaded = PluginManager.get_instance().plugins
        problems = [("plugins", f"{name} cannot be loaded") for name in listed if name not in loaded]
        problems += _unknown_keys(data, merge_input_args()[0])
        cards = 8 if any(data.get(key) for key in SHARDED) else 1
        capabilities = {**CARD, "n_gpu": cards}
        validate_config(cfg, capabilities=capabilities, env_capabilities={"torch_version": _torch_version()})
    except ValidationError as problem:
        problems += [_refused(error) for error in problem.errors(include_url=False)]
    except (ValueError, TypeError, ImportError, AttributeError) as problem:
        problems = [("plugins" if isinstance(problem, (ImportError, AttributeError)) else "", str(problem))]
    return problems


def _unknown_keys(data: dict[str, Any], schema: type[BaseModel]) -> list[tuple[str, str]]:
    known = set(schema.model_fields)
    for field in schema.model_fields.values():
        names = (field.alias, field.validation_alias)
        known.update(name for name in names if isinstance(name, str))
        known.update(str(name) for name in getattr(field.validation_alias, "choices", ()))
    return [(key, _dropped(key, known)) for key in data if key not in known]


def _dropped(key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown to Axolotl {version('axolotl')}, which drops it without a word{hint}"


def _refused(error: Any) -> tuple[str, str]:
    location = [str(part) for part in error["loc"]]
    message = str(error["msg"]).removeprefix("Value error, ")
    return (location[0], ": ".join([*location[1:], message])) if location else ("", message)


def _torch_version() -> str:
    return version("torch").split("+", maxsplit=1)[0]


@contextlib.contextmanager
def _plugins_of_its_own() -> Iterator[None]:
    # Axolotl keeps every plugin that was ever loaded in a process-wide singleton
    before, PluginManager._instance = PluginManager._instance, None
    try:
        yield
    finally:
        PluginManager._instance = before


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    # Axolotl prints tracebacks and logs of what we report ourselves
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
