"""Calls a second of `ragdata judge`, answers and verdicts, against N x latency / concurrency, the shortest time.

    python benchmarks/judge_throughput.py [-n 1000] [-c 64] [--latency 0.2] [--json]

A candidate and a judge are behind a loopback server in a process of its own, with the latency; everything else is what
the command does: prompts, retries, the journal on the disk, parsing. CPU is this process's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from axolotl_ragdata.journal import Journal
from axolotl_ragdata.judge.answering import Answering
from axolotl_ragdata.judge.candidates import look_up
from axolotl_ragdata.judge.judges import judged
from axolotl_ragdata.judge.prompts import ask
from axolotl_ragdata.judge.records import JudgeQuestion, SourcePassage
from axolotl_ragdata.progress import Silent
from axolotl_ragdata.recipe import Recipe, recipe_from

SERVERS = Path(__file__).parent.parent / "tests" / "servers"
TEXT = "Anxiety is common in adults, and it lasts for months. " * 20


def module(name: str) -> Any:
    """Return a server of the tests."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", SERVERS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


def serve(latency_s: float) -> None:
    """Answer and judge until stdin ends; the address is the first line of stdout."""
    model = module("model")
    known = module("judge").KnownJudge(model.completion, truth=lambda question, answer: 7.0)

    def behaviour(number: int, body: Any) -> Any:
        return known(number, body) if "response_format" in body else None

    class Slow(model.ModelServer):  # type: ignore[misc, name-defined]
        async def _chat(self, request: Any) -> Any:
            await asyncio.sleep(latency_s)
            return await super()._chat(request)

    server = Slow(behaviour=behaviour).start()
    print(server.base_url, flush=True)
    sys.stdin.read()


def opened(base_url: str, concurrency: int, folder: Path) -> Recipe:
    """Return a recipe with one candidate and one judge."""
    called = {"base_url": base_url, "concurrency": concurrency}
    judge = {
        "candidates": [{"kind": "endpoint", "model": "careful", **called}],
        "judges": [{"model": "expert", **called}],
        "scoring": ["pointwise"],
    }
    data = {"ragdata": {"output": "./x", "sources": [{"path": "x"}], "judge": judge}}
    return recipe_from(data, folder / "recipe.yml")


async def run(base_url: str, count: int, concurrency: int, latency_s: float, folder: Path) -> dict[str, Any]:
    """Return the measures of both halves."""
    recipe = opened(base_url, concurrency, folder)
    block = recipe.ragdata.judge
    assert block is not None
    questions = [
        JudgeQuestion(
            id=str(number),
            origin="file",
            question=f"What is fact {number}?",
            reference="It is known.",
            passages=(SourcePassage(passage_id=f"p{number}", text=f"{TEXT} ({number})"),),
        )
        for number in range(count)
    ]
    candidate = look_up(recipe, block, questions)[0]
    out: dict[str, Any] = {"questions": count, "concurrency": concurrency}
    with contextlib.closing(Journal.open(folder / "journal")) as journal:
        asked = [await ask(candidate, question, None, None) for question in questions]
        answering = Answering(journal, {}, Silent())
        started, cpu = time.perf_counter(), time.process_time()
        answers = await answering.answer(asked)
        assert all(answer.text for answer in answers)
        out |= measures("answers", count, started, cpu, latency_s, concurrency)
        started, cpu = time.perf_counter(), time.process_time()
        verdicts = await judged(recipe, block, questions, answers, journal, Silent())
        assert all(score.value is not None for score in verdicts.scores.scores)
        calls = verdicts.usage["expert"].calls
        out |= measures("verdicts", calls, started, cpu, latency_s, concurrency)
    return out


def measures(name: str, calls: int, started: float, cpu: float, latency_s: float, concurrency: int) -> dict[str, Any]:
    """Return calls a second, the share of the bound and the CPU of one half."""
    wall_s = time.perf_counter() - started
    return {
        f"{name}_per_s": round(calls / wall_s, 1),
        f"{name}_share_of_bound": round(calls * latency_s / concurrency / wall_s, 3),
        f"{name}_cpu_ms": round(1000 * (time.process_time() - cpu) / calls, 2),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--questions", type=int, default=1000)
    parser.add_argument("-c", "--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.latency)
        return 0
    command = [sys.executable, __file__, "--serve", "--latency", str(args.latency)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server, tempfile.TemporaryDirectory() as folder:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        try:
            out = asyncio.run(run(base_url, args.questions, args.concurrency, args.latency, Path(folder)))
        finally:
            server.kill()
    print(json.dumps(out) if args.json else "\n".join(f"{name:<26}{value:,}" for name, value in out.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
