"""A finished build of a few rows, a tiny model with an adapter, and recipes that judge them."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from axolotl_ragdata.recipe import Recipe, load_recipe
from axolotl_ragdata.records import Citation, Example, Message, Passage, Provenance
from axolotl_ragdata.store import RunDirectory

FACTS = [
    ("worry", "Generalised worry lasts for at least six months.", "How long does generalised worry last?"),
    ("panic", "A panic attack reaches its peak within ten minutes.", "When does a panic attack reach its peak?"),
    ("mania", "A manic episode lasts for one week or more.", "How long does a manic episode last?"),
    ("sleep", "Insomnia is treated with cognitive behavioural therapy first.", "How is insomnia treated first?"),
    ("fear", "Fear of open places is called agoraphobia.", "What is fear of open places called?"),
    ("voice", "Voices are the most common hallucination in schizophrenia.", "Which hallucination is most common?"),
]
SPLITS = ("train", "train", "test_seen", "test_seen", "test_unseen", "test_unseen")


def passage(number: int) -> Passage:
    name, text, _ = FACTS[number]
    return Passage(
        id=f"p-{name}", doc_id=f"d-{name}", doc_title=name, ordinal=0, text=text, start=0, end=len(text), n_tokens=9
    )


def example(number: int, split: str, **changes: Any) -> Example:
    name, text, question = FACTS[number]
    cited = Citation(passage_id=f"p-{name}", doc_id=f"d-{name}", quote=text, start=0, end=len(text))
    origin = Provenance(
        doc_id=f"d-{name}",
        doc_title=name,
        source_path=f"{name}.md",
        source_sha256="0" * 64,
        licence=None,
        section_path=("Course", name),
        passage_ids=(f"p-{name}",),
        question_id=f"q-{name}",
        answer_id=f"a-{name}",
        citations=(cited,),
        generator="structure",
        question_producer="rule",
        answer_producer="rule",
    )
    fields: dict[str, Any] = {
        "id": f"ex-{name}",
        "type": "definition",
        "question": question,
        "answer": text,
        "messages": (Message(role="user", content=question), Message(role="assistant", content=text)),
        "language": "en",
        "split": split,
        "provenance": origin,
        **changes,
    }
    return Example(**fields)


@pytest.fixture
def finished(tmp_path: Path) -> Callable[..., Recipe]:
    """Return a function that writes a recipe with a `judge:` block beside a finished build."""

    def write(judge: dict[str, Any] | None, splits: tuple[str, ...] = SPLITS, **axolotl: Any) -> Recipe:
        run = RunDirectory(tmp_path / "run")
        run.create()
        run.write_table("examples", [example(at, split) for at, split in enumerate(splits)])
        run.write_table("passages", [passage(at) for at in range(len(FACTS))])
        run.write_manifest({"dataset_id": "dataset-1"})
        data = {"ragdata": {"output": "./run", "sources": [{"path": "x"}], "judge": judge}, **axolotl}
        path = tmp_path / "recipe.yml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        return load_recipe(path)

    return write


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes objects as a JSONL file."""

    def write(name: str, *lines: Any) -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random model of two small layers with the embedded model's tokenizer, and a random adapter on it."""
    if find_spec("torch") is None or find_spec("peft") is None:
        pytest.skip("torch and peft are not installed")
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from axolotl_ragdata.base_model import build_tokenizer
    from axolotl_ragdata.embedded import model_path

    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(1)
    tokenizer = build_tokenizer(model_path("smollm2-gguf"))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    tuned = get_peft_model(LlamaForCausalLM.from_pretrained(folder / "base"), lora)
    tuned.save_pretrained(folder / "adapter")
    tokenizer.save_pretrained(folder / "adapter")
    return {"base": folder / "base", "adapter": folder / "adapter"}
