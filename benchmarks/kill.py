"""`kill -9` at random moments of one build, then finished: what was paid twice, and whether the rows are the same.

    python benchmarks/kill.py [--kills 20] [--documents 10] [--json]

The bound is the number of calls in flight at each kill: their answers had not arrived, so they are paid for again. The
rows are compared with those of a build that nothing disturbed. A process is killed, not asked to stop.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from setting import counters, mock_endpoint, ragdata, reset, show, write_documents, write_recipe

LATENCY_S = 0.1


def measured(base_url: str, kills: int, documents: int, concurrency: int) -> dict[str, Any]:
    """Return the figures of a build that was killed so many times."""
    with tempfile.TemporaryDirectory() as name:
        calm, killed = Path(name) / "calm", Path(name) / "killed"
        for folder in (calm, killed):
            write_documents(folder / "documents", documents)
            write_recipe(folder, base_url, {"concurrency": concurrency})
        reset(base_url)
        subprocess.run(ragdata("build", calm / "recipe.yml"), check=True, capture_output=True)
        calls = counters(base_url)["ok"]
        reset(base_url)
        done = _killed(base_url, killed / "recipe.yml", kills, calls)
        if done < kills:
            raise SystemExit(f"the build was finished after {done} of {kills} kills; give it more --documents")
        subprocess.run(ragdata("build", killed / "recipe.yml"), check=True, capture_output=True)
        stats = counters(base_url)
        invalid = sum(_invalid(path) for path in (killed / "run" / "journal").glob("*.jsonl"))
        same = _rows(calm) == _rows(killed)
    return {
        "calls": calls,
        "kills": done,
        "repaid": stats["repaid"],
        "in_flight_at_the_kills": done * concurrency,
        "repaid_of_bound": round(stats["repaid"] / max(1, done * concurrency), 3),
        "invalid_journal_lines": invalid,
        "same_rows_as_undisturbed": same,
    }


def _killed(base_url: str, recipe: Path, kills: int, calls: int) -> int:
    """Kill the build at random moments, one in each of as many equal shares of its calls; return how many landed.

    The last share is left for the build that ends it. A moment is told by the calls that were answered for the first
    time: those that are paid again do not bring the build on.
    """
    chosen = random.Random(42)
    landed = 0
    for number in range(kills):
        moment = calls * (number + chosen.random()) / (kills + 1)
        before = _different(base_url)
        with subprocess.Popen(ragdata("build", recipe), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            # each of them is killed while it asks, wherever the one before was killed
            while child.poll() is None and _different(base_url) <= max(moment, before):
                time.sleep(0.01)
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                landed += 1
    return landed


def _different(base_url: str) -> int:
    stats = counters(base_url)
    return int(stats["ok"] - stats["repaid"])


def _invalid(path: Path) -> int:
    lines = path.read_bytes().splitlines()
    bad = 0
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            bad += 1
    return bad


def _rows(folder: Path) -> list[str]:
    return sorted((folder / "run" / "examples.jsonl").read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("-c", "--concurrency", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint(latency=LATENCY_S) as base_url:
        show(measured(base_url, args.kills, args.documents, args.concurrency), args.json)


if __name__ == "__main__":
    main()
