"""The `ragdata:` block of an Axolotl YAML, checked strictly, with every error placed at `file:line: key`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from axolotl_ragdata.blocks import RagdataBlock
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.registry import nearest_fix

BLOCK = "ragdata"
KeyPath = tuple[Union[str, int], ...]


@dataclass(frozen=True)
class Recipe:
    """A checked recipe: our block, Axolotl's keys as they stand in the file, and where everything is."""

    path: Path
    ragdata: RagdataBlock
    axolotl: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False, compare=False)

    def where(self, *location: str | int) -> str:
        """Return the place of a key below `ragdata:`, as errors name it: `file:line: ragdata.llm.model`."""
        return _where(self.path, location, self.lines)

    @property
    def folder(self) -> Path:
        """What relative paths are relative to."""
        return self.path.parent

    def resolve(self, path: str) -> Path:
        """Return a path of the recipe as an absolute one, with `~` expanded."""
        return Path(os.path.abspath(self.folder / Path(path).expanduser()))

    @property
    def output(self) -> Path:
        """The run directory."""
        return self.resolve(self.ragdata.output)


def load_recipe(path: Path) -> Recipe:
    """Return the recipe in a file.

    Raises:
        RecipeError: The file is missing, is not YAML, has no `ragdata:` block, or the block is wrong; every mistake in
            the block is listed, each at its line.
    """
    text = _read(path)
    try:
        data = yaml.safe_load(text)
        lines = key_lines(text)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(problem, "problem", None) or str(problem).splitlines()[0]
        raise RecipeError(
            where, f"not YAML: {what}", "indent with spaces and quote texts that hold ': ' or '#'"
        ) from None
    if not isinstance(data, dict):
        raise RecipeError(
            str(path), f"a recipe is a mapping of keys, this is {_kind(data)}", "start from `ragdata init`"
        )
    return recipe_from(data, path, lines)


def recipe_from(data: Mapping[str, Any], path: Path, lines: Mapping[KeyPath, int] | None = None) -> Recipe:
    """Return the recipe in a mapping that was already read, as Axolotl hands it to a plugin.

    Args:
        data: All keys of the file.
        path: The file, for errors and relative paths.
        lines: Line numbers by key path; left out, errors name the file and the key.

    Raises:
        RecipeError: As `load_recipe`.
    """
    if BLOCK not in data:
        fix = "add one, or write a new recipe with `ragdata init`"
        raise RecipeError(str(path), "there is no `ragdata:` block", fix)
    block = data[BLOCK]
    if not isinstance(block, Mapping):
        raise RecipeError(
            _where(path, (), lines), f"must be a mapping of keys, not {_kind(block)}", "see `ragdata init`"
        )
    try:
        checked = RagdataBlock.model_validate(_plain(block))
    except ValidationError as problem:
        raise _recipe_error(problem, path, lines) from None
    return Recipe(path, checked, {key: value for key, value in data.items() if key != BLOCK}, dict(lines or {}))


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line (from 1) of every key and list item of a YAML text.

    >>> key_lines("{a: {b: 1}}")
    {('a',): 1, ('a', 'b'): 1}
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return dict(_walk(root, ())) if root is not None else {}


def _walk(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            yield below, key.start_mark.line + 1
            yield from _walk(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _walk(value, (*path, index))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(
            str(path), "there is no such recipe", "check the path, or write one with `ragdata init`"
        ) from None
    except UnicodeDecodeError as problem:
        raise RecipeError(str(path), f"not UTF-8 at byte {problem.start}", "save the file as UTF-8") from None
    except OSError as problem:
        raise RecipeError(
            str(path), f"cannot be read: {problem.strerror}", "check the path and its permissions"
        ) from None


def _plain(value: Any) -> Any:
    # Axolotl hands its configuration over as DictDefault, whose missing keys read as None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "a text", type(None): "empty", bool: "true or false"}
    return names.get(type(value), f"{type(value).__name__} {value!r}")


def _where(path: Path, location: KeyPath, lines: Mapping[KeyPath, int] | None) -> str:
    full: KeyPath = (BLOCK, *location)
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in full).lstrip(".")
    for length in range(len(full), 0, -1):
        if lines and full[:length] in lines:
            return f"{path}:{lines[full[:length]]}: {name}"
    return f"{path}: {name}"


def _recipe_error(problem: ValidationError, path: Path, lines: Mapping[KeyPath, int] | None) -> RecipeError:
    found = [_explained(item) for item in problem.errors(include_url=False)]
    location, what, fix = found[0]
    more = [f"{_where(path, at, lines)}: {text} ({how})" for at, text, how in found[1:]]
    return RecipeError(_where(path, location, lines), "\n".join([what, *(f"also {line}" for line in more)]), fix)


def _explained(error: Any) -> tuple[KeyPath, str, str]:
    location: KeyPath = tuple(error["loc"])
    kind, value, message = error["type"], error["input"], str(error["msg"])
    if kind == "extra_forbidden":
        known = _keys(location[:-1])
        return location, f"unknown key {str(location[-1])!r}", nearest_fix(str(location[-1]), known)
    if kind == "missing":
        return location, "is missing", f"add `{location[-1]}:`, {_description(location)}"
    message = message.removeprefix("Value error, ")
    shown = "" if isinstance(value, (dict, list)) else f", not {value!r}"
    what, _, fix = f"{message[:1].lower()}{message[1:]}{shown}".partition("\n")
    if kind == "value_error" and isinstance(value, dict):
        # two keys that do not go together: what either of them means is no help
        return location, what, fix or "correct one of these keys, or leave it out"
    return location, what, f"give {_description(location)}" if _description(location) else "correct the value"


def _block_at(location: KeyPath) -> type[BaseModel] | None:
    block: type[BaseModel] | None = RagdataBlock
    for part in location:
        if isinstance(part, int) or block is None:
            continue
        block = _inner(_field(block, str(part)))
    return block


def _field(block: type[BaseModel], name: str) -> Any:
    for key, item in block.model_fields.items():
        if name in (key, item.alias):
            return item
    return None


def _inner(item: Any) -> type[BaseModel] | None:
    candidates = [item.annotation] if item is not None else []
    while candidates:
        kind = candidates.pop()
        if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, BaseModel):
            return kind
        candidates.extend(get_args(kind))
    return None


def _keys(location: KeyPath) -> list[str]:
    block = _block_at(location)
    return [item.alias or name for name, item in block.model_fields.items()] if block else []


def _description(location: KeyPath) -> str:
    block = _block_at(location[:-1])
    names = [part for part in location if isinstance(part, str)]
    item = _field(block, names[-1]) if block and names else None
    return (item.description or "") if item is not None else ""
