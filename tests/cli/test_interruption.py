"""A signal outside of what asks chat models: while documents are embedded, and in other commands than `build`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

RECIPE = """\
base_model: none
ragdata:
  output: ./run
  sources: [{{path: ./documents}}]
  questions: {{from: structure}}
  answers: {{mode: extractive}}
  embed: {{model: deaf, base_url: "http://127.0.0.1:{port}/v1", batch_size: 1}}
"""
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class Deaf(ThreadingHTTPServer):
    """An endpoint that says how long its vectors are, and never answers another call."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.called = threading.Event()
        self.closing = threading.Event()


class Asked(BaseHTTPRequestHandler):
    server: Deaf

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        if asked != ["dimensions"]:
            self.server.called.set()
            self.server.closing.wait(60)
            return
        answer = json.dumps({"data": [{"index": 0, "embedding": [1.0, 0.0, 0.0, 0.0]}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    """An endpoint that is of no use."""
    server = Deaf()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


def written_recipe(folder: Path, deaf: Deaf) -> Path:
    (folder / "documents").mkdir()
    for number in range(12):
        text = f"# Study {number}\n\nPanic of the kind {number} is a sudden fear that lasts {number + 2} minutes.\n"
        (folder / "documents" / f"{number}.md").write_text(text)
    path = folder / "recipe.yml"
    path.write_text(RECIPE.format(port=deaf.server_port))
    return path


def ended(deaf: Deaf, number: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Signal a command once it called the endpoint; how it ended, which must be soon."""
    command = [sys.executable, "-m", "axolotl_ragdata.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        assert deaf.called.wait(60)
        child.send_signal(number)
        signalled = time.monotonic()
        _, err = child.communicate(timeout=60)
    assert time.monotonic() - signalled < 5
    return child.returncode, err


@BOTH
def test_a_build_is_interrupted_while_it_embeds(tmp_path: Path, deaf: Deaf, number: signal.Signals) -> None:
    recipe = written_recipe(tmp_path, deaf)
    code, err = ended(deaf, number, "build", str(recipe))
    assert code == 128 + number
    assert f"{tmp_path / 'run'}: interrupted" in err
    assert "run the same command" in err
    assert "Traceback" not in err
    last = (tmp_path / "run" / "builds.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["outcome"] == "interrupted"


@BOTH
def test_another_command_is_interrupted(tmp_path: Path, deaf: Deaf, number: signal.Signals) -> None:
    code, err = ended(deaf, number, "search", str(written_recipe(tmp_path, deaf)), "panic")
    assert code == 128 + number
    assert "run the same command" in err
    assert "Traceback" not in err
