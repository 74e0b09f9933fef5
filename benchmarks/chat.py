"""Calls a second of the chat seam against N x latency / concurrency, the shortest possible time.

    python benchmarks/chat.py [-n 2000] [-c 64] [--latency 0.2] [--json]

Runs against `../shared/bench/mock_llm.py` where it is beside the repository. CPU is this process's: seam and journal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from axolotl_ragdata.journal import Journal
from axolotl_ragdata.llm import open_chat
from axolotl_ragdata.recipe import recipe_from
from axolotl_ragdata.stage import ChatRequest, Completion

MOCK = Path(__file__).parent.parent.parent / "shared" / "bench" / "mock_llm.py"
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "quote": {"type": "string"}},
    "required": ["answer", "quote"],
    "additionalProperties": False,
}
TEXT = "Anxiety is common in adults, and it lasts for months. " * 20


async def run(base_url: str, calls: int, concurrency: int, folder: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of so many calls."""
    llm = {"model": "mock", "base_url": base_url, "concurrency": concurrency}
    recipe = recipe_from({"ragdata": {"output": "./x", "sources": [{"path": "x"}], "llm": llm}}, folder / "recipe.yml")
    journal = Journal.open(folder / "journal")
    async with open_chat(recipe, journal) as chat:
        await chat.complete(ChatRequest("bench@1", "warm", "You answer.", "Warm up.", SCHEMA))
        started, cpu = time.perf_counter(), time.process_time()
        requests = [ChatRequest("bench@1", str(n), "You answer.", f"{TEXT} ({n})", SCHEMA) for n in range(calls)]
        answers = await asyncio.gather(*(chat.complete(request) for request in requests))
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    journal.close()
    assert all(isinstance(answer, Completion) for answer in answers)
    return wall_s, cpu_s


def main() -> int:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--calls", type=int, default=2000)
    parser.add_argument("-c", "--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not MOCK.exists():
        print(f"skipped: {MOCK.name} is not beside the repository", file=sys.stderr)
        return 0
    command = [sys.executable, str(MOCK), "--port", "0", "--latency", str(args.latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mock, tempfile.TemporaryDirectory() as folder:
        assert mock.stdout is not None
        base_url = mock.stdout.readline().split()[-1]
        try:
            wall_s, cpu_s = asyncio.run(run(base_url, args.calls, args.concurrency, Path(folder)))
        finally:
            mock.terminate()
    out: dict[str, Any] = {
        "calls": args.calls,
        "concurrency": args.concurrency,
        "calls_per_s": round(args.calls / wall_s, 1),
        "share_of_bound": round(args.calls * args.latency / args.concurrency / wall_s, 3),
        "cpu_ms_per_call": round(1000 * cpu_s / args.calls, 2),
    }
    print(json.dumps(out) if args.json else "\n".join(f"{name:<20}{value:,}" for name, value in out.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
