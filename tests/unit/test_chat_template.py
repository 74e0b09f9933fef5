"""The chat template of a base model: what is trained on, and what it refuses."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata.chat_template import ChatTemplate, open_chat_template
from axolotl_ragdata.errors import ModelFileError, RecipeError
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.records import Message

pytestmark = [
    pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed"),
    pytest.mark.filterwarnings("ignore"),
]
SYSTEM = Message(role="system", content="Be brief.")
TALK = (
    Message(role="user", content="What is it?"),
    Message(role="assistant", content="A disorder.\n\nIt lasts."),
    Message(role="user", content="How long?"),
    Message(role="assistant", content="Six months."),
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role here') }}{% endif %}" + CHATML
THINKING = CHATML.replace(
    "{{ m.content }}", "{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}"
)


def recipe(folder: Path, **keys: Any) -> Recipe:
    block = {"output": "./run", "sources": [{"path": "./tei"}]}
    return recipe_from({"base_model": str(folder / "model"), **keys, "ragdata": block}, folder / "recipe.yml")


def save_tokenizer(folder: Path, template: str | None = CHATML) -> None:
    """Write a byte-level tokenizer without a merge, with the marks of ChatML as special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    fast = Tokenizer(models.BPE(vocab={sign: number for number, sign in enumerate(alphabet)}, merges=[]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    made = PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="<|im_end|>", chat_template=template)
    made.save_pretrained(folder / "model")


def opened(folder: Path, template: str | None = CHATML, **keys: Any) -> ChatTemplate:
    save_tokenizer(folder, template)
    return open_chat_template(recipe(folder, **keys))


def test_the_segments_are_the_conversation_and_the_answers_end_with_their_token(tmp_path: Path) -> None:
    template = opened(tmp_path)
    pieces = template.segments((SYSTEM, *TALK))
    assert "".join(text for _, text in pieces) == template.render((SYSTEM, *TALK))
    assert [text for label, text in pieces if label] == ["A disorder.\n\nIt lasts.<|im_end|>", "Six months.<|im_end|>"]


def test_what_the_template_puts_at_the_start_of_an_answer_is_part_of_it(tmp_path: Path) -> None:
    pieces = opened(tmp_path, THINKING).segments(TALK[:2])
    assert [text for label, text in pieces if label] == ["<think>\n\n</think>\n\nA disorder.\n\nIt lasts.<|im_end|>"]


def test_an_answer_that_repeats_the_question_is_found_at_its_own_place(tmp_path: Path) -> None:
    said = Message(role="assistant", content="What is it?")
    pieces = opened(tmp_path).segments((TALK[0], said))
    assert pieces[0][1].count("What is it?") == 1
    assert pieces[1] == (True, "What is it?<|im_end|>")


def test_tokens_are_those_of_the_rendered_text(tmp_path: Path) -> None:
    template = opened(tmp_path)
    # one token a byte, one a mark
    text = template.render(TALK)
    marks = text.count("<|im_start|>") + text.count("<|im_end|>")
    plain = text.replace("<|im_start|>", "").replace("<|im_end|>", "")
    assert template.count(TALK) == len(plain.encode()) + marks


def test_a_template_that_takes_no_system_prompt_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no system role here") as caught:
        opened(tmp_path, NO_SYSTEM).segments((SYSTEM, *TALK))
    assert "export.system" in caught.value.fix


def test_a_base_model_without_a_template_is_refused_with_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has no chat template") as caught:
        opened(tmp_path, None)
    assert "chat_template: chatml" in caught.value.fix


def test_a_template_in_the_recipe_or_in_a_file_beside_it(tmp_path: Path) -> None:
    assert opened(tmp_path, None, chat_template_jinja=CHATML).render(TALK[:1]).startswith("<|im_start|>user")
    file = tmp_path / "mine.jinja"
    file.write_text(CHATML, encoding="utf-8")
    again = opened(tmp_path, None, chat_template="jinja", chat_template_jinja=str(file))
    assert again.render(TALK[:1]).startswith("<|im_start|>user")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"base_model: the tokenizer of .*model cannot be read"):
        open_chat_template(recipe(tmp_path))


def test_no_base_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no base_model"):
        open_chat_template(recipe(tmp_path, base_model=None))
