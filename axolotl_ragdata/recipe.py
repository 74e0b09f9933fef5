"""The `ragdata:` block of an Axolotl YAML, checked strictly, with every error placed at `file:line: key`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.registry import nearest_fix

BLOCK = "ragdata"
KeyPath = tuple[Union[str, int], ...]


class Block(BaseModel):
    """A part of the recipe: unknown keys and loose types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SourceBlock(Block):
    """Where documents come from."""

    path: str = Field(description="a file, a folder or a glob, relative to the recipe")
    reader: str | None = Field(None, description="grobid, s2orc or text; chosen by content when left out")


class PassagesBlock(Block):
    """How documents are cut into passages."""

    max_tokens: int = Field(384, ge=32, le=8192, description="longest passage, in tokens of `tokenizer`")
    overlap: int = Field(48, ge=0, description="tokens that two neighbouring passages share, in whole sentences")
    tokenizer: str = Field("embedded", description="embedded, a tokenizer.json, or a Hugging Face model name")

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> PassagesBlock:
        if self.overlap >= self.max_tokens:
            raise ValueError(f"overlap {self.overlap} must be smaller than max_tokens {self.max_tokens}")
        return self


class EmbedBlock(Block):
    """What turns text into vectors."""

    model: str = Field("embedded", description="embedded, sentence-transformers/<name>, or the name at `base_url`")
    base_url: str | None = Field(None, description="an OpenAI-compatible endpoint, ending in /v1")
    api_key_env: str = Field("OPENAI_API_KEY", description="the environment variable that holds the endpoint's key")
    batch_size: int = Field(32, ge=1, le=2048, description="texts in one call")
    dimensions: int | None = Field(None, ge=1, description="asked of an endpoint that can shorten its vectors")


class PriceBlock(Block):
    """Prices in one currency per million tokens."""

    input: float = Field(ge=0, description="per million tokens in")
    output: float = Field(ge=0, description="per million tokens out")


class LlmBlock(Block):
    """The chat model that asks and answers."""

    model: str = Field("embedded", description="embedded, or the model's name at `base_url`")
    base_url: str | None = Field(None, description="an OpenAI-compatible endpoint, ending in /v1; else OPENAI_BASE_URL")
    api_key_env: str = Field("OPENAI_API_KEY", description="the environment variable that holds the endpoint's key")
    concurrency: int = Field(16, ge=1, le=4096, description="most calls in flight at once")
    timeout_s: float = Field(120.0, gt=0, description="seconds after which a call counts as hung")
    max_attempts: int = Field(5, ge=1, le=20, description="tries of one call")
    requests_per_minute: float | None = Field(
        None, gt=0, description="most calls a minute; null: as the endpoint allows"
    )
    tokens_per_minute: float | None = Field(
        None, gt=0, description="most tokens a minute; null: as the endpoint allows"
    )
    temperature: float | None = Field(0.7, ge=0, le=2, description="null: not sent")
    seed: int | None = Field(42, description="null: not sent")
    price: PriceBlock | None = Field(None, description="without it tokens are reported and no cost is invented")
    max_cost: float | None = Field(None, gt=0, description="hard cap on what a build may spend; needs `price`")
    max_tokens_total: int | None = Field(None, gt=0, description="hard cap on tokens in and out")

    @model_validator(mode="after")
    def _cost_needs_a_price(self) -> LlmBlock:
        if self.max_cost is not None and self.price is None:
            raise ValueError("max_cost needs price: {input: …, output: …} beside it")
        return self


class QuestionsBlock(Block):
    """What is asked."""

    origin: Literal["llm", "structure"] = Field(
        "llm", alias="from", description="llm: the chat model asks; structure: rules ask, without a model"
    )
    types: list[str] = Field(["definition", "criteria", "comparison"], min_length=1, description="question cards")
    per_passage: int = Field(2, ge=1, le=20, description="questions of each type asked of one passage, at most")


class AnswersBlock(Block):
    """How questions are answered."""

    mode: Literal["generative", "extractive"] = Field(
        "generative", description="generative: the chat model answers; extractive: sentences picked by the embedder"
    )
    top_k: int = Field(5, ge=1, le=50, description="passages that an answer is given")
    search: Literal["hybrid", "dense", "text"] = Field("hybrid", description="how they are found")


class FilterUse(Block):
    """One filter and its settings."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    use: str = Field(description="the filter's name")

    @property
    def settings(self) -> dict[str, Any]:
        """The keys beside `use`."""
        return dict(self.__pydantic_extra__ or {})


class SplitBlock(Block):
    """Shares of the rows that are held out."""

    validation: float = Field(0.05, ge=0, lt=1, description="share that Axolotl evaluates on while it trains")
    test_seen: float = Field(0.05, ge=0, lt=1, description="share of new questions about passages that are trained on")
    test_unseen: float = Field(0.05, ge=0, lt=1, description="share in whole sections or documents kept out")
    unseen_by: Literal["section", "document"] = Field("section", description="what test_unseen keeps out as a whole")
    seed: int = Field(42, description="changes which rows are held out")

    @model_validator(mode="after")
    def _something_is_left(self) -> SplitBlock:
        held_out = self.validation + self.test_seen + self.test_unseen
        if held_out >= 1:
            raise ValueError(f"the shares add up to {held_out:g}; nothing would be left to train on")
        return self


class ExportBlock(Block):
    """What is written for Axolotl."""

    format: str = Field("messages", description="the shape of a row")
    system: str | None = Field(None, description="a system prompt for every row")


class RagdataBlock(Block):
    """Everything under `ragdata:`."""

    output: str = Field(description="the run directory, relative to the recipe")
    sources: list[SourceBlock] = Field(min_length=1, description="where documents come from")
    passages: PassagesBlock = Field(default_factory=lambda: PassagesBlock())
    embed: EmbedBlock = Field(default_factory=lambda: EmbedBlock())
    llm: LlmBlock = Field(default_factory=lambda: LlmBlock())
    questions: QuestionsBlock = Field(default_factory=lambda: QuestionsBlock())
    answers: AnswersBlock = Field(default_factory=lambda: AnswersBlock())
    filters: list[FilterUse] = Field(
        default_factory=lambda: [FilterUse(use=name) for name in ("self_contained", "grounded", "near_duplicate")],
        description="applied in order",
    )
    split: SplitBlock = Field(default_factory=lambda: SplitBlock())
    export: ExportBlock = Field(default_factory=lambda: ExportBlock())
    max_failure_share: float = Field(0.05, ge=0, le=1, description="more failed records than this: exit code 3")

    @field_validator("output")
    @classmethod
    def _output_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must name a folder")
        return value

    @property
    def needs_llm(self) -> bool:
        """Whether a build calls a chat model at all."""
        return self.questions.origin == "llm" or self.answers.mode == "generative"


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
    what = f"{message[:1].lower()}{message[1:]}{shown}"
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
