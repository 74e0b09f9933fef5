"""What Axolotl's own tokenising makes of our rows, under the real chat templates of the recipes' model families.

Mistral's tokenizer is the real one: it comes with mistral-common, which is also what its tokens are compared with. The
others have the real template over the small model's tokenizer: only their marks matter here.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.chat_template import ChatTemplate
from axolotl_ragdata.exports import exports
from axolotl_ragdata.lengths import longest_text, summarised
from axolotl_ragdata.records import Message

pytestmark = [
    pytest.mark.skipif(find_spec("axolotl") is None, reason="axolotl is not installed"),
    pytest.mark.filterwarnings("ignore"),
]
QUESTION = "How long must the symptoms of post-traumatic stress disorder last?"
ANSWER = "For more than one month.\n\n- Intrusion\n- Avoidance, with 1–2 symptoms"
FAMILIES = {
    # template of Axolotl: what ends a turn, what starts a text, what stands between the assistant's mark and the answer
    "mistral_v1": ("</s>", "<s>", ""),
    "qwen3": ("<|im_end|>", "", "<think>\n\n</think>\n\n"),
    "chatml": ("<|im_end|>", "", ""),
    "llama3": ("<|eot_id|>", "<|begin_of_text|>", ""),
}


def mistral() -> Any:
    """Return the tokenizer of Mistral-7B-Instruct-v0.2, from the file that mistral-common carries."""
    import mistral_common
    import sentencepiece
    from transformers import LlamaTokenizer
    from transformers.convert_slow_tokenizer import generate_merges

    file = Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))
    names = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    scores = {name: pieces.get_score(number) for number, name in enumerate(names)}
    vocabulary = {name: number for number, name in enumerate(names)}
    return LlamaTokenizer(vocab=vocabulary, merges=generate_merges(vocabulary, scores), legacy=True)


def small(start: str, end: str) -> Any:
    """Return the small model's tokenizer with the marks of another family."""
    from transformers import AutoTokenizer

    from axolotl_ragdata.base_model import prepare_base_model

    tokenizer = AutoTokenizer.from_pretrained(prepare_base_model())
    marks = [mark for mark in (start, end, "<|start_header_id|>", "<|end_header_id|>") if mark]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    tokenizer.eos_token, tokenizer.bos_token = end, start or None
    return tokenizer


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, plugin: ModuleType) -> tuple[str, Any]:
    """The name of a family and its tokenizer with its template."""
    end, start, _ = FAMILIES[request.param]
    tokenizer = mistral() if request.param == "mistral_v1" else small(start, end)
    tokenizer.chat_template = plugin.template_named(request.param, tokenizer)
    return request.param, tokenizer


def tokenised(tokenizer: Any, name: str, row: dict[str, Any]) -> dict[str, list[int]]:
    """Return what Axolotl makes of a row, under the entry that our export gives it."""
    from axolotl.prompt_strategies import load
    from axolotl.utils.dict import DictDefault

    stanza = exports.get(name, "here").stanza("train.jsonl")
    cfg = DictDefault({"sequence_len": 2048, "train_on_inputs": False, "chat_template": "tokenizer_default"})
    strategy = load(stanza["type"], tokenizer, cfg, DictDefault(stanza))
    made = strategy.tokenize_prompt(row)
    return {key: list(made[key]) for key in ("input_ids", "labels")}


def conversation(turns: int = 1) -> list[Message]:
    asked = [Message(role="user", content=QUESTION), Message(role="assistant", content=ANSWER)]
    return [turn for number in range(turns) for turn in (asked if number == 0 else follow_up(number))]


def follow_up(number: int) -> list[Message]:
    return [
        Message(role="user", content=f"And after {number} years?"),
        Message(role="assistant", content=f"Then {number} more."),
    ]


def as_row(messages: list[Message]) -> dict[str, Any]:
    return {"messages": [turn.model_dump() for turn in messages]}


def test_the_loss_covers_the_answer_and_its_end_token_and_nothing_else(family: tuple[str, Any]) -> None:
    name, tokenizer = family
    end, _, _ = FAMILIES[name]
    made = tokenised(tokenizer, "messages", as_row(conversation()))
    trained = [label for label in made["labels"] if label != -100]
    assert tokenizer.decode(trained).strip().removeprefix("<think>\n\n</think>\n\n") == f"{ANSWER}{end}"
    # one run of tokens, and the last of them is the end of the turn
    at = [number for number, label in enumerate(made["labels"]) if label != -100]
    assert at == list(range(at[0], at[-1] + 1))
    assert tokenizer.convert_ids_to_tokens(trained[-1]) == end
    assert [made["input_ids"][number] for number in at] == trained


def test_no_turn_but_the_assistants_is_trained_on_in_a_conversation(family: tuple[str, Any]) -> None:
    name, tokenizer = family
    end, _, _ = FAMILIES[name]
    made = tokenised(tokenizer, "messages", as_row(conversation(3)))
    trained = tokenizer.decode([label for label in made["labels"] if label != -100])
    assert trained.count(end) == 3
    for turn in conversation(3):
        assert (turn.content in trained) == (turn.role == "assistant")


def test_there_is_one_start_of_text_or_none(family: tuple[str, Any]) -> None:
    name, tokenizer = family
    _, start, _ = FAMILIES[name]
    made = tokenised(tokenizer, "messages", as_row(conversation()))
    tokens = tokenizer.convert_ids_to_tokens(made["input_ids"])
    assert [number for number, token in enumerate(tokens) if token == start] == ([0] if start else [])


def test_our_count_is_the_number_of_tokens_that_axolotl_makes(family: tuple[str, Any]) -> None:
    name, tokenizer = family
    row = as_row(conversation(2))
    made = tokenised(tokenizer, "messages", row)
    assert longest_text(row, ChatTemplate(tokenizer, name)) == len(made["input_ids"])


def test_the_segments_hold_the_same_text_and_train_on_the_same(family: tuple[str, Any]) -> None:
    name, tokenizer = family
    template = ChatTemplate(tokenizer, name)
    pieces = template.segments(conversation(2))
    segments = [{"label": label, "text": text} for label, text in pieces]
    made = tokenised(tokenizer, "input_output", {"segments": segments})
    trained = tokenizer.decode([label for label in made["labels"] if label != -100])
    assert [label for label, _ in pieces].count(True) == 2
    assert trained.count(FAMILIES[name][0]) == 2
    for turn in conversation(2):
        assert (turn.content in trained) == (turn.role == "assistant")
    assert made["input_ids"].count(tokenizer.bos_token_id) == (1 if FAMILIES[name][1] else 0)


def test_mistrals_tokens_are_those_of_its_own_reference(plugin: ModuleType) -> None:
    from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
    from mistral_common.tokens.tokenizers.base import InstructRequest
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    tokenizer = mistral()
    tokenizer.chat_template = plugin.template_named("mistral_v1", tokenizer)
    talk = [
        UserMessage(content=turn.content) if turn.role == "user" else AssistantMessage(content=turn.content)
        for turn in conversation(2)
    ]
    wanted = MistralTokenizer.v1().instruct_tokenizer.encode_instruct(InstructRequest(messages=talk)).tokens
    assert tokenised(tokenizer, "messages", as_row(conversation(2)))["input_ids"] == wanted


@pytest.mark.parametrize("name", ["messages", "sharegpt", "alpaca", "preference", "completion"])
def test_a_row_of_every_format_is_counted(name: str, plugin: ModuleType) -> None:
    tokenizer = small("", "<|im_end|>")
    tokenizer.chat_template = plugin.template_named("chatml", tokenizer)
    template = ChatTemplate(tokenizer, name)
    turns = conversation()
    rows = {
        "messages": as_row(turns),
        "sharegpt": {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
        "alpaca": {"system": "", "instruction": QUESTION, "output": ANSWER},
        "preference": {
            "prompt": as_row(turns[:1])["messages"],
            "chosen": as_row(turns[1:])["messages"],
            "rejected": [{"role": "assistant", "content": "No."}],
        },
        "completion": {"text": f"{QUESTION}\n{ANSWER}"},
    }
    plain = template.count_text(QUESTION) + template.count_text(ANSWER)
    assert plain <= longest_text(rows[name], template) <= plain + 20


def test_what_is_too_long_is_counted_and_marked() -> None:
    found = summarised([100] * 8 + [513, 900], 512)
    assert (found.rows, found.over, found.longest) == (10, 2, 900)
    assert sum(count for _, _, count in found.histogram) == 10
    marked = [line for line in found.lines() if "over sequence_len" in line]
    assert len(marked) == 2
    assert json.loads(found.model_dump_json())["sequence_len"] == 512
