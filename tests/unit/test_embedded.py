"""The models that come as packages, on this machine."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import pytest

from axolotl_ragdata import embedded
from axolotl_ragdata.embedded import MODELS, LlmServer, install_models, model_path, models_folder
from axolotl_ragdata.errors import ModelFileError, RecipeError
from axolotl_ragdata.store import sha256_of


def test_every_model_is_here_with_its_hash() -> None:
    for name, model in MODELS.items():
        assert sha256_of(model_path(name)) == model.sha256
        assert model.licence == "Apache-2.0"
    assert len(install_models()) == len(MODELS)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = model_path("minilm-tokenizer")
    monkeypatch.setenv("RAGDATA_CACHE", str(tmp_path))
    shutil.copy(source, tmp_path)
    assert models_folder() == tmp_path
    return tmp_path / source.name


def test_a_file_that_was_copied_here_is_checked_and_taken(own_cache: Path) -> None:
    assert model_path("minilm-tokenizer") == own_cache


def test_a_wrong_hash_is_refused_and_both_hashes_are_named(own_cache: Path) -> None:
    own_cache.write_bytes(own_cache.read_bytes() + b" ")
    with pytest.raises(ModelFileError) as caught:
        model_path("minilm-tokenizer")
    message = str(caught.value)
    assert sha256_of(own_cache) in message
    assert MODELS["minilm-tokenizer"].sha256 in message
    assert "fix: delete" in message


def test_a_file_that_changed_after_it_was_checked_is_checked_again(own_cache: Path) -> None:
    model_path("minilm-tokenizer")
    own_cache.write_bytes(b"other")
    with pytest.raises(ModelFileError, match="wrong SHA-256"):
        model_path("minilm-tokenizer")


def test_a_model_that_cannot_be_fetched(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(ModelFileError, match="cannot be downloaded") as caught:
        model_path("minilm-onnx")
    assert "fix: check the network" in str(caught.value)
    assert not list(own_cache.parent.glob("*.onnx"))


def test_an_unknown_model() -> None:
    with pytest.raises(RecipeError, match="no embedded model 'minilm'"):
        model_path("minilm")


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAGDATA_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelFileError, match="cannot be written"):
        model_path("minilm-onnx")


def test_the_chat_model_answers_by_schema_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xllamacpp", reason="the extra [llm] is not installed")
    schema = {"type": "object", "properties": {"answer": {"type": "string", "maxLength": 40}}, "required": ["answer"]}
    body = {
        "model": "embedded",
        "messages": [{"role": "user", "content": "Name a colour."}],
        "max_tokens": 60,
        "temperature": 0.0,
        "seed": 1,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    }
    with LlmServer() as server:
        assert server.base_url.startswith("http://127.0.0.1:")
        call = urllib.request.Request(
            f"{server.base_url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(call, timeout=60) as reply:
            choice = json.load(reply)["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert isinstance(json.loads(choice["message"]["content"])["answer"], str)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert embedded.SLOTS * embedded.TOKENS_A_SLOT >= 8192
