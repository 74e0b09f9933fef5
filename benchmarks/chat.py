"""Calls a second of the chat seam against N x latency / concurrency, the shortest possible time.

    python benchmarks/chat.py [-n 2000] [-c 64] [--latency 0.2] [--json]

Runs against `../shared/bench/mock_llm.py` where it is beside the repository. CPU is this process's: seam and journal.
The same calls by `openai` with its aiohttp transport follow in the same run: what the SDK alone takes.
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


async def run_sdk(base_url: str, calls: int, concurrency: int) -> tuple[float, float]:
    """Return wall and CPU seconds of so many calls by the SDK alone, without journal, schema or retries."""
    import openai

    gate = asyncio.Semaphore(concurrency)
    http = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0, http_client=http) as client:

        async def one(number: int) -> None:
            async with gate:
                await client.chat.completions.create(
                    model="mock",
                    messages=[
                        {"role": "system", "content": "You answer."},
                        {"role": "user", "content": f"{TEXT} ({number}) again"},
                    ],
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
                    },
                )

        await one(-1)
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(number) for number in range(calls)))
        return time.perf_counter() - started, time.process_time() - cpu


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
            sdk_wall_s, sdk_cpu_s = asyncio.run(run_sdk(base_url, args.calls, args.concurrency))
        finally:
            mock.terminate()
    out: dict[str, Any] = {
        "calls": args.calls,
        "concurrency": args.concurrency,
        "calls_per_s": round(args.calls / wall_s, 1),
        "share_of_bound": round(args.calls * args.latency / args.concurrency / wall_s, 3),
        "cpu_ms_per_call": round(1000 * cpu_s / args.calls, 2),
        "sdk_alone_share_of_bound": round(args.calls * args.latency / args.concurrency / sdk_wall_s, 3),
        "sdk_alone_cpu_ms_per_call": round(1000 * sdk_cpu_s / args.calls, 2),
    }
    print(json.dumps(out) if args.json else "\n".join(f"{name:<28}{value:,}" for name, value in out.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
