"""A whole build through the Batch API, killed in the middle and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BODY = """\
llm: {{model: careful, base_url: "{url}", mode: batch, batch: {{quiet_s: 0.3, poll_s: 0.1}}}}
  questions: {{from: llm, types: [definition], per_passage: 1}}
  answers: {{mode: generative, top_k: 3}}
  passages: {{max_tokens: 384, overlap: 0}}"""


def test_a_build_by_batches_survives_kill_9_without_submitting_twice(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], batch_server: ModuleType
) -> None:
    server = batch_server.BatchServer(batch_s=1.0).start()
    try:
        recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
        command = [sys.executable, "-m", "axolotl_ragdata.cli", "build", str(recipe)]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not server.batches and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
        submitted = sum(batch["request_counts"]["total"] for batch in server.batches.values())
        assert submitted

        ended = ragdata("build", recipe)
        assert ended.code == 0, ended.err
        assert "submitted batch" in ended.err, "the answers' batch"
        assert len(server.paid) == len(set(server.paid)), "nothing was asked twice"
        assert ragdata("verify", recipe).code == 0
    finally:
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_waits_for_a_batch_stops_at_once(
    tmp_path: Path, make_recipe: Callable[..., Path], batch_server: ModuleType, number: signal.Signals
) -> None:
    server = batch_server.BatchServer(batch_s=600).start()
    try:
        recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
        command = [sys.executable, "-m", "axolotl_ragdata.cli", "build", str(recipe)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            assert child.stderr is not None
            assert any("in_progress" in line for line in child.stderr)
            started = time.monotonic()
            child.send_signal(number)
            said = child.stderr.read()
            assert child.wait() == 128 + number
        assert time.monotonic() - started < 5
        assert "a batch goes on at the endpoint" in said
        assert "Traceback" not in said
    finally:
        server.stop()
