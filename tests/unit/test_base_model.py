"""The embedded base model as a Hugging Face folder: the same tokens as llama.cpp, right marks, weights that speak."""

from __future__ import annotations

import json
import urllib.request
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata import base_model
from axolotl_ragdata.embedded import LlmServer
from axolotl_ragdata.errors import ModelFileError

TEXTS = [
    "It lasted 123 days, from 2024-05 to 2026; café, naïve, 5 mg/day (p<.001).",
    "\n\n\tx²  ½ １２ ﬁ 注意力不足過動症 🙂\r\n  two  spaces ",
    "<|im_start|>user\nWhat is a panic attack?<|im_end|>\n",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    """The prepared model; skips where what reads the GGUF is not installed."""
    if find_spec("gguf") is None or find_spec("transformers") is None:
        pytest.skip("gguf and transformers are not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch and transformers, on import
        return base_model.prepare_base_model()


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    """Its tokenizer, as training loads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def llama_cpp() -> Iterator[str]:
    """A running llama.cpp with the same GGUF."""
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    with LlmServer() as server:
        yield server.base_url.removesuffix("/v1")


def tokens_of_llama_cpp(url: str, text: str) -> list[int]:
    body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
    request = urllib.request.Request(f"{url}/tokenize", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return list(json.load(answer)["tokens"])


def test_it_is_prepared_once_and_whole(folder: Path) -> None:
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert base_model.prepare_base_model() == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert not list(folder.parent.glob(f".{folder.name}.*[!k]")), "a half-made folder was left"


def test_it_can_be_trained_and_says_where_it_is_from(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in config, "transformers refuses to train what it takes for quantized"
    assert config["tie_word_embeddings"] is True
    assert config["rope_parameters"]["rope_theta"] == 100000.0
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (1, 2, 2)


def test_the_marks_of_a_turn_are_right(tokenizer: Any) -> None:
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert text.endswith("<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nSo.<|im_end|>\n")
    assert tokenizer(text)["input_ids"].count(1) == text.count("<|im_start|>"), "no doubled BOS"


@pytest.mark.parametrize("text", TEXTS)
def test_it_cuts_as_llama_cpp_does(text: str, tokenizer: Any, llama_cpp: str) -> None:
    assert tokenizer(text)["input_ids"] == tokens_of_llama_cpp(llama_cpp, text)


def test_it_cuts_real_documents_as_llama_cpp_does(shared_data: Path, tokenizer: Any, llama_cpp: str) -> None:
    for path in sorted((shared_data / "tei").glob("*.xml"))[:5]:
        text = path.read_text(encoding="utf-8")[:20_000]
        assert tokenizer(text)["input_ids"] == tokens_of_llama_cpp(llama_cpp, text)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# the model has no tokens for some control characters, nor for the bytes of what stands above
@given(text=st.text(st.characters(max_codepoint=0x3FFFF, exclude_categories=("Cc", "Cs")), max_size=80))
def test_every_text_comes_back(text: str, tokenizer: Any) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_weights_speak(folder: Path, tokenizer: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(folder)
        start = tokenizer("The capital of France is", return_tensors="pt")
        out = model.generate(**start, max_new_tokens=3, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0])


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGDATA_CACHE", str(tmp_path))
    monkeypatch.setattr(base_model, "find_spec", lambda name: None if name == "gguf" else object())
    with pytest.raises(ModelFileError, match="needs gguf, which is not installed") as caught:
        base_model.prepare_base_model()
    assert "axolotl-ragdata[train]" in caught.value.fix
    assert not list(tmp_path.iterdir())
