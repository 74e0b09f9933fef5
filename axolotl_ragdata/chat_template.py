"""The chat template of the base model: what a row looks like to it, in text and in tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from axolotl_ragdata.base_model import EMBEDDED, prepare_base_model
from axolotl_ragdata.errors import ModelFileError, RecipeError
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Message

OWN = (None, "tokenizer_default")
FROM_RECIPE = "jinja"


class ChatTemplate:
    """A tokenizer with its chat template.

    Args:
        tokenizer: One of transformers, with a chat template.
        name: Of the model, for errors.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer = tokenizer
        self._name = name
        special = sorted(map(str, tokenizer.get_added_vocab()) or [tokenizer.eos_token], key=len, reverse=True)
        self._end = re.compile(rf"\s*(?:{'|'.join(map(re.escape, special))})")

    def render(self, messages: Sequence[Message], ask: bool = False) -> str:
        """Return a conversation as the model reads it; with `ask`, up to where the assistant's turn begins.

        Raises:
            RecipeError: The template refuses it, as some do a system prompt.
        """
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask))
        except Exception as problem:  # jinja's own and the template's raise_exception
            roles = ", ".join(turn.role for turn in messages)
            fix = "remove `export.system` if the model takes no system prompt, or choose another base_model"
            raise RecipeError(f"base_model: {self._name}", f"its template refuses {roles}: {problem}", fix) from None

    def segments(self, messages: Sequence[Message]) -> list[tuple[bool, str]]:
        """Return the rendered conversation in pieces, each with whether it is trained on.

        Trained on is what the assistant says, from where its turn begins to its end token; not the white space behind.

        Raises:
            RecipeError: The template refuses the conversation, or changes what is said in it.
        """
        whole = self.render(messages)
        pieces: list[tuple[bool, str]] = []
        done = at = 0
        for number, turn in enumerate(messages):
            said = turn.content.strip()
            found = whole.find(said, at)
            if found < 0:
                fix = "choose another base_model, or an export without its template"
                raise RecipeError(f"base_model: {self._name}", f"its template changes {said[:60]!r}", fix)
            at = found + len(said)
            if turn.role != "assistant":
                continue
            before = self.render(messages[:number], ask=True)
            start = len(before) if whole.startswith(before) and done <= len(before) <= found else found
            end = self._end.match(whole, at)
            at = end.end() if end else at
            pieces += [(False, whole[done:start]), (True, whole[start:at])]
            done = at
        return [*pieces, *([(False, whole[done:])] if whole[done:] else [])]

    def count(self, messages: Sequence[Message]) -> int:
        """Return the number of tokens of a rendered conversation.

        Raises:
            RecipeError: The template refuses it.
        """
        return self.count_text(self.render(messages))

    def count_text(self, text: str) -> int:
        """Return the number of tokens of a text in which every mark already stands."""
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def open_tokenizer(recipe: Recipe) -> Any:
    """Return the tokenizer of the recipe's base model; no weights are read.

    Raises:
        ModelFileError: It cannot be had: not installed, not there, no access.
        RecipeError: The recipe names no base model.
    """
    base = str(recipe.axolotl.get("base_model") or "")
    if not base:
        raise RecipeError(str(recipe.path), "there is no base_model", "name the model to fine-tune")
    where = f"{recipe.path}: base_model"
    if find_spec("transformers") is None:
        what, fix = "transformers is not installed", "pip install 'axolotl-ragdata[train]'"
        raise ModelFileError(where, f"the tokenizer of {base} cannot be read: {what}", fix)
    from transformers import AutoTokenizer

    name = str(prepare_base_model()) if base == EMBEDDED else str(recipe.axolotl.get("tokenizer_config") or base)
    try:
        return AutoTokenizer.from_pretrained(name, revision=recipe.axolotl.get("revision_of_model") or "main")
    except Exception as problem:  # what it raises depends on what is wrong with the files, the network or the name
        first = next(iter(str(problem).splitlines()), type(problem).__name__)
        fix = "check the name, the network, and `hf auth login` for a model with a licence to accept"
        raise ModelFileError(where, f"the tokenizer of {name} cannot be read: {first}", fix) from None


def open_chat_template(recipe: Recipe, named: Any = None) -> ChatTemplate:
    """Return the chat template that training will use.

    Args:
        recipe: Whose `base_model`, and `chat_template` or `chat_template_jinja` where it names one.
        named: Returns the text of a template that Axolotl knows by name, given name and tokenizer; None: there is none.

    Raises:
        RecipeError: The base model has no chat template, and the recipe names none.
        ModelFileError: The tokenizer cannot be had.
    """
    tokenizer = open_tokenizer(recipe)
    choice = recipe.axolotl.get("chat_template")
    if choice == FROM_RECIPE or (choice is None and recipe.axolotl.get("chat_template_jinja")):
        tokenizer.chat_template = _text_or_file(str(recipe.axolotl.get("chat_template_jinja") or ""))
    elif choice not in OWN and named is not None:
        tokenizer.chat_template = named(choice, tokenizer)
    check_has_template(recipe, tokenizer)
    return ChatTemplate(tokenizer, str(recipe.axolotl.get("base_model")))


def check_has_template(recipe: Recipe, tokenizer: Any) -> None:
    """Refuse a base model without a chat template.

    Raises:
        RecipeError: It has none.
    """
    if not tokenizer.chat_template:
        what = f"{recipe.axolotl.get('base_model')} has no chat template, and the rows are conversations"
        fix = "take its -Instruct sister, or set `chat_template: chatml`, or export: {format: alpaca} or completion"
        raise RecipeError(f"{recipe.path}: base_model", what, fix)


def _text_or_file(value: str) -> str:
    path = Path(value).expanduser()
    # a template is far longer than a path, and a path has no line break
    return path.read_text(encoding="utf-8") if "{" not in value and path.is_file() else value
