"""Journal appends a second against one flush at a time on the same disk, and how long a million keys take to open.

    python benchmarks/journal.py [--waiters 512] [--keys 1000000] [--json]

The bound is `fdatasync` after each line: what a journal without group commit could do at best.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from axolotl_ragdata.interruption import run
from axolotl_ragdata.journal import Journal

ENTRY = {"text": "x" * 300}
ROUNDS = 200
FLUSHES = 1_000
TURNS = 7
"""Appends and single flushes are measured in turn, for a disk has its moods; the turn with the median ratio is told."""


async def appends_per_s(folder: Path, waiters: int) -> float:
    """Return acknowledged appends a second with so many waiting at once."""
    journal = Journal.open(folder)

    keys = [[f"c-{number:06d}{each:06d}" for each in range(ROUNDS)] for number in range(waiters)]

    async def wait(mine: list[str]) -> None:
        for key in mine:
            await journal.append(key, ENTRY)

    started = time.perf_counter()
    await asyncio.gather(*map(wait, keys))
    elapsed_s = time.perf_counter() - started
    journal.close()
    return waiters * ROUNDS / elapsed_s


def flushes_per_s(path: Path) -> float:
    """Return lines a second that are written and flushed one at a time."""
    line = json.dumps(ENTRY).encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    started = time.perf_counter()
    for _ in range(FLUSHES):
        os.write(descriptor, line)
        os.fdatasync(descriptor)
    elapsed_s = time.perf_counter() - started
    os.close(descriptor)
    return FLUSHES / elapsed_s


def open_s(folder: Path, keys: int) -> tuple[float, float]:
    """Return the seconds that a journal of so many keys takes to open, and the process's peak memory in MB."""
    folder.mkdir()
    with (folder / "answers-000001.jsonl").open("wb") as file:
        for number in range(keys):
            file.write(b'{"key":"c-%020x","entry":{"text":"%s"}}\n' % (number, b"y" * 200))
    started = time.perf_counter()
    journal = Journal.open(folder)
    elapsed_s = time.perf_counter() - started
    assert len(journal) == keys
    journal.close()
    return elapsed_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiters", type=int, default=512)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        pairs = []
        for turn in range(TURNS):
            flushes = flushes_per_s(Path(folder) / f"flushes{turn}")
            pairs.append((run(appends_per_s(Path(folder) / f"appends{turn}", args.waiters)), flushes))
        appends, flushes = sorted(pairs, key=lambda pair: pair[0] / pair[1])[TURNS // 2]
        seconds, peak_mb = open_s(Path(folder) / "keys", args.keys)
    out: dict[str, Any] = {
        "appends_per_s": round(appends),
        "flushes_per_s": round(flushes),
        "ratio_to_one_at_a_time": round(appends / flushes, 1),
        "ratios": [round(appends / flushes, 1) for appends, flushes in pairs],
        "keys": args.keys,
        "open_s": round(seconds, 2),
        "peak_mb": round(peak_mb),
    }
    print(json.dumps(out) if args.json else "\n".join(f"{name:<24}{value}" for name, value in out.items()))


if __name__ == "__main__":
    main()
