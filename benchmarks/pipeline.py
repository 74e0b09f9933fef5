"""A whole build through a chat endpoint against N x latency / concurrency, the shortest possible time.

    python benchmarks/pipeline.py [--concurrency 64] [--latency 0.2] [--calls 6000] [--json]

`share_of_bound` is the bound over the time that the build asks and answers in: retrieval, questions, answers, journal.
`share_of_bound_of_the_command` takes the whole command, with starting, reading, indexing and exporting. So do the two
figures of CPU, which is that of client and engine, without the server's. At 512 in flight the mock is the limit:
compare with `--bare`, as many calls by bare `openai[aiohttp]` (`../shared/bench/bare_client.py`) in the same run.
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

from setting import MOCK, counters, mock_endpoint, ragdata, reset, show, write_documents, write_recipe

CALLS_A_DOCUMENT = 175
SECTIONS = 10


def measured(base_url: str, calls: int, concurrency: int, latency_s: float) -> dict[str, Any]:
    """Return the figures of one build of about so many calls."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", max(1, calls // CALLS_A_DOCUMENT), SECTIONS)
        recipe = write_recipe(folder, base_url, {"concurrency": concurrency})
        reset(base_url)
        before, started = _child_cpu_s(), time.perf_counter()
        subprocess.run(ragdata("build", recipe), check=True, capture_output=True)
        whole_s, cpu_s = time.perf_counter() - started, _child_cpu_s() - before
        manifest = json.loads((folder / "run" / "manifest.json").read_text(encoding="utf-8"))
        stats = counters(base_url)
    made = int(manifest["llm"]["usage_of_this_run"]["calls"])
    bound_s = made * latency_s / concurrency
    wall_s = float(manifest["llm"]["seconds"])
    return {
        "calls": made,
        "rows": manifest["counts"]["examples"],
        "concurrency": concurrency,
        "bound_s": round(bound_s, 2),
        "wall_s": round(wall_s, 2),
        "calls_per_s": round(made / wall_s, 1),
        "share_of_bound": round(bound_s / wall_s, 3),
        "share_of_bound_of_the_command": round(bound_s / whole_s, 3),
        "cpu_ms_per_call": round(1000 * float(manifest["llm"]["cpu_seconds"]) / made, 2),
        "cpu_ms_per_call_of_the_command": round(1000 * cpu_s / made, 2),
        "repaid": stats["repaid"],
    }


def bare(base_url: str, calls: int, concurrency: int, latency_s: float) -> dict[str, Any]:
    """Return what bare `openai[aiohttp]` reads for as many calls."""
    port = base_url.rsplit(":", 1)[1].split("/")[0]
    command = [sys.executable, str(MOCK.with_name("bare_client.py")), "openai-aiohttp", "-n", str(calls)]
    command += ["-c", str(concurrency), "--rounds", "1", "--latency", str(latency_s), "--base-url"]
    command += [f"http://127.0.0.1:{port}/v1"]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    return dict(json.loads(first))


def _child_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=6000)
    parser.add_argument("-c", "--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--bare", action="store_true", help="also run the bare client, and print the ratio to it")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint(latency=args.latency) as base_url:
        facts = measured(base_url, args.calls, args.concurrency, args.latency)
        if args.bare:
            reference = bare(base_url, facts["calls"], args.concurrency, args.latency)
            facts["bare_openai_calls_per_s"] = reference["requests_per_s"]
            facts["ratio_to_bare_openai"] = round(facts["calls_per_s"] / reference["requests_per_s"], 3)
    show(facts, args.json)


if __name__ == "__main__":
    main()
