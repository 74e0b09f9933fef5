"""Calls a second of `ragdata judge`, answers and then verdicts, against N x latency / concurrency, the shortest time.

    python benchmarks/judge_throughput.py [-n 2000] [-c 64] [--latency 0.2] [--bare] [--json]

The command is run twice against the mock endpoint: a candidate answers, then a judge marks the answers, which stand in
the journal. `share_of_bound` is taken from the first request to the last answer, `…_of_the_command` over everything:
starting Python, reading, estimates, statistics, the report. The mock fails the self-test by design, so the second
command ends with code 4. `--bare` runs raw aiohttp (`../shared/bench/bare_client.py`) against the same mock: on few
cores the mock itself is what keeps both from the bound, and `…_to_bare` is the fairer figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from setting import MOCK, counters, mock_endpoint, ragdata, reset, show

TEXT = "Anxiety is common in adults, and it lasts for months. " * 20
QUALITY_GATE = 4


def write_setting(folder: Path, base_url: str, count: int, concurrency: int) -> tuple[Path, Path]:
    """Write questions and two recipes, without a judge and with one; return the recipes."""
    rows = [{"question": f"What is fact {number}?", "reference": f"{TEXT}({number})"} for number in range(count)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "nothing.md").write_text("# Nothing\n\nNothing stands here.\n", encoding="utf-8")
    called = {"base_url": base_url, "concurrency": concurrency}
    judge: dict[str, Any] = {
        "candidates": [{"kind": "endpoint", "model": "careful", **called}],
        "questions": ["questions.jsonl"],
        "splits": [],
        "scoring": ["pointwise"],
    }
    recipes = []
    for name, judges in (("answers", []), ("verdicts", [{"model": "expert", **called}])):
        block = {"output": "./run", "sources": [{"path": "nothing.md"}], "judge": {**judge, "judges": judges}}
        recipes.append(folder / f"{name}.yml")
        recipes[-1].write_text(json.dumps({"base_model": "none", "ragdata": block}), encoding="utf-8")
    return recipes[0], recipes[1]


def measured(recipe: Path, base_url: str, concurrency: int, latency_s: float, code: int) -> dict[str, Any]:
    """Return the figures of one command, which must end with a code."""
    reset(base_url)
    before, started = _child_cpu_s(), time.perf_counter()
    done = subprocess.run(ragdata("judge", recipe), capture_output=True, text=True, check=False)
    whole_s, cpu_s = time.perf_counter() - started, _child_cpu_s() - before
    if done.returncode != code:
        raise SystemExit(f"ragdata judge ended with {done.returncode}:\n{done.stderr}")
    stats = counters(base_url)
    bound_s = stats["ok"] * latency_s / concurrency
    name = recipe.stem
    return {
        f"{name}_calls": stats["ok"],
        f"{name}_per_s": round(stats["ok"] / stats["window_s"], 1),
        f"{name}_share_of_bound": round(bound_s / stats["window_s"], 3),
        f"{name}_share_of_bound_of_the_command": round(bound_s / whole_s, 3),
        f"{name}_cpu_ms_per_call": round(1000 * cpu_s / stats["ok"], 2),
        f"{name}_repaid": stats["repaid"],
    }


def bare(base_url: str, calls: int, concurrency: int, latency_s: float) -> float:
    """Return the calls a second of raw aiohttp."""
    command = [sys.executable, str(MOCK.with_name("bare_client.py")), "aiohttp", "-n", str(calls)]
    command += ["-c", str(concurrency), "--latency", str(latency_s), "--base-url", base_url]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    return float(json.loads(first)["requests_per_s"])


def _child_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--questions", type=int, default=2000)
    parser.add_argument("-c", "--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--bare", action="store_true", help="also run the bare client, and print the ratios to it")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    facts: dict[str, Any] = {"questions": args.questions, "concurrency": args.concurrency}
    with mock_endpoint(latency=args.latency) as base_url, tempfile.TemporaryDirectory() as name:
        answers, verdicts = write_setting(Path(name), base_url, args.questions, args.concurrency)
        facts |= measured(answers, base_url, args.concurrency, args.latency, 0)
        facts |= measured(verdicts, base_url, args.concurrency, args.latency, QUALITY_GATE)
        if args.bare:
            facts["bare_per_s"] = bare(base_url, args.questions, args.concurrency, args.latency)
            for half in ("answers", "verdicts"):
                facts[f"{half}_to_bare"] = round(facts[f"{half}_per_s"] / facts["bare_per_s"], 3)
    show(facts, args.json)


if __name__ == "__main__":
    main()
