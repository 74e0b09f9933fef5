"""A build through a chat endpoint on loopback: whole, interrupted, killed, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BODY = """\
llm: {{model: careful, base_url: "{url}", concurrency: 4, timeout_s: 10.0, max_attempts: 3}}
  questions: {{from: llm, types: [definition, criteria], per_passage: 1}}
  answers: {{mode: generative, top_k: 3}}
  passages: {{max_tokens: 384, overlap: 0}}"""
SECRET = "sk-cli-secret-0987654321"


@pytest.fixture
def serve(model_server: ModuleType) -> Iterator[Callable[..., Any]]:
    started = []

    def start(behaviour: Any = None, latency_s: float = 0.0) -> Any:
        server = model_server.ModelServer(latency_s=latency_s, behaviour=behaviour).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def rows(recipe: Path, table: str) -> list[dict[str, Any]]:
    path = recipe.parent / "run" / f"{table}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def manifest(recipe: Path) -> dict[str, Any]:
    return dict(json.loads((recipe.parent / "run" / "manifest.json").read_text(encoding="utf-8")))


def started_build(recipe: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "axolotl_ragdata.cli", "build", str(recipe)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_answers(server: Any, count: int, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while server.answered < count:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "the build asks nothing"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    model_server: ModuleType,
) -> tuple[Path, int]:
    """A build that nothing disturbed, and the calls that it took."""
    server = model_server.ModelServer().start()
    recipe = make_recipe(tmp_path_factory.mktemp("undisturbed"), BODY.format(url=server.base_url))
    ended = ragdata("build", recipe)
    server.stop()
    assert ended.code == 0, ended.err
    assert "at most" in ended.err, "the estimate comes before the spending"
    return recipe, len(server.requests)


def test_the_papers_method_end_to_end(undisturbed: tuple[Path, int], ragdata: Callable[..., Any]) -> None:
    recipe, calls = undisturbed
    examples = rows(recipe, "examples")
    assert len(examples) >= 10
    assert {example["provenance"]["generator"] for example in examples} == {"llm"}
    assert all(example["provenance"]["answer_model"] == "careful" for example in examples)
    assert all(1 <= len(example["provenance"]["hits"]) <= 3 for example in examples), "what is far off is left out"
    usage = manifest(recipe)["llm"]["usage_of_this_run"]
    assert usage == {"calls": calls, "input_tokens": 100 * calls, "output_tokens": 20 * calls}
    assert ragdata("verify", recipe).code == 0


def test_a_second_build_calls_nothing(undisturbed: tuple[Path, int], ragdata: Callable[..., Any]) -> None:
    # the server is gone by now: a call would be an error
    ended = ragdata("build", undisturbed[0], "--json")
    assert (ended.code, json.loads(ended.out)["unchanged"]) == (0, True)


def test_kill_9_and_again_pays_for_what_was_in_flight_at_most(
    tmp_path: Path,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    serve: Callable[..., Any],
    undisturbed: tuple[Path, int],
) -> None:
    server = serve(latency_s=0.03)
    recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
    kills = 3
    for number in range(1, kills + 1):
        with started_build(recipe) as child:
            wait_for_answers(server, number * undisturbed[1] // (kills + 1), child)
            child.send_signal(signal.SIGKILL)
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    bodies = [json.dumps(body, sort_keys=True) for body in server.requests]
    repaid = len(bodies) - len(set(bodies))
    assert repaid <= kills * 4, "at most what was in flight at each kill"
    assert manifest(recipe)["files"] == manifest(undisturbed[0])["files"], "the same rows as an undisturbed run"
    for path in (tmp_path / "run" / "journal").glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            json.loads(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_says_how_to_go_on(
    tmp_path: Path, make_recipe: Callable[..., Path], serve: Callable[..., Any], number: signal.Signals
) -> None:
    server = serve(latency_s=0.05)
    recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
    with started_build(recipe) as child:
        wait_for_answers(server, 8, child)
        child.send_signal(number)
        signalled = time.monotonic()
        _, err = child.communicate(timeout=30)
    assert time.monotonic() - signalled < 5
    assert child.returncode == 128 + number
    assert "run the same command" in err
    assert "Traceback" not in err


def test_two_builds_at_once(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], serve: Callable[..., Any]
) -> None:
    server = serve(latency_s=0.1)
    recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
    with started_build(recipe) as first:
        wait_for_answers(server, 2, first)
        second = ragdata("build", recipe)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)
    assert second.code == 1
    assert "another build is writing" in second.err
    assert "Traceback" not in second.err


def refusing(code: int, message: str) -> Any:
    return lambda number, body: (code, {"error": {"message": message}}, {})


@pytest.mark.parametrize(
    ("code", "expected"), [(401, ["refuses the key", "OPENAI_API_KEY"]), (404, ["knows no model 'careful'", "careful"])]
)
def test_a_refusing_endpoint_is_one_clear_error(
    tmp_path: Path,
    make_recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    serve: Callable[..., Any],
    code: int,
    expected: list[str],
) -> None:
    server = serve(refusing(code, f"no: {SECRET}"))
    recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
    ended = ragdata("build", recipe, env={"OPENAI_API_KEY": SECRET})
    assert ended.code == 1
    for text in expected:
        assert text in ended.err
    assert SECRET not in ended.err + ended.out
    assert "Traceback" not in ended.err
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_an_endpoint_that_is_down(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]
) -> None:
    ended = ragdata("build", make_recipe(tmp_path, BODY.format(url="http://127.0.0.1:9/v1")))
    assert ended.code == 1
    assert "got no answer" in ended.err
    assert "run the same command again" in ended.err


def test_a_missing_key(tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]) -> None:
    environment: Mapping[str, str] = {**os.environ, "OPENAI_API_KEY": ""}
    ended = ragdata("build", make_recipe(tmp_path, BODY.format(url="https://example.org/v1")), env=environment)
    assert ended.code == 2
    assert "OPENAI_API_KEY is not set" in ended.err


def test_rows_that_fail_are_named_and_tried_again(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], serve: Callable[..., Any]
) -> None:
    broken = True

    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        if broken and len(body["messages"][-1]["content"]) % 4 == 0:
            return 400, {"error": {"message": "too long for this model"}}, {}
        return None

    server = serve(behaviour)
    recipe = make_recipe(tmp_path, BODY.format(url=server.base_url))
    ended = ragdata("build", recipe)
    assert ended.code == 3, ended.err
    assert "records failed" in ended.err
    failed = rows(recipe, "failures")
    assert failed
    assert {failure["error"] for failure in failed} == {"refused with status 400"}
    before = len(server.requests)
    broken = False
    assert ragdata("build", recipe).code == 0
    assert rows(recipe, "failures") == []
    assert len(server.requests) - before <= 2 * len(failed), "only what failed is asked again, and what follows from it"


def test_a_cap_counts_what_earlier_runs_of_the_same_build_spent(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], serve: Callable[..., Any]
) -> None:
    server = serve()
    body = BODY.format(url=server.base_url)
    capped = body.replace("max_attempts: 3", "max_attempts: 3, max_tokens_total: 12000")
    recipe = make_recipe(tmp_path, capped)
    first = ragdata("build", recipe)
    asked = len(server.requests)
    assert first.code == 3, first.err
    assert "max_tokens_total" in first.err
    assert ragdata("build", recipe).code == 3
    assert len(server.requests) < 1.5 * asked, "the first run's calls count: only what it had set aside is left"
    assert 120 * len(server.requests) <= 12_000

    recipe.write_text(recipe.read_text().replace("12000", "9000000"))
    assert ragdata("build", recipe).code == 0
    shown = ragdata("runs", recipe)
    assert shown.code == 0
    assert shown.out.count("stopped at a cap") == 2
    assert "finished" in shown.out
    overview = json.loads(ragdata("runs", recipe, "--json").out)
    assert overview["total"]["calls"] == len(server.requests)
    assert overview["total_cost"] is None, "no price, no cost"


def test_runs_without_a_run_directory(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]
) -> None:
    ended = ragdata("runs", make_recipe(tmp_path))
    assert ended.code == 2
    assert "fix:" in ended.err
