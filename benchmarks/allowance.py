"""A build at an endpoint that allows fewer calls than are in flight: which rows are lost, and how much of it is used.

    python benchmarks/allowance.py [--documents 5] [--rpm 1200] [--concurrency 64] [--latency 0.2] [--json]

The recipe names no rate: the build has to find it from 429 and Retry-After. The bound is the allowance itself, so many
calls a minute from the first request to the last answer; what the endpoint had saved up before comes on top.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from setting import counters, mock_endpoint, ragdata, reset, show, write_documents, write_recipe


def measured(base_url: str, documents: int, rpm: int, concurrency: int) -> dict[str, Any]:
    """Return what a build made of the allowance."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", documents)
        write_recipe(folder, base_url, {"concurrency": concurrency})
        reset(base_url, rpm=rpm)
        subprocess.run(ragdata("build", folder / "recipe.yml"), check=True, capture_output=True)
        stats = counters(base_url)
        manifest = json.loads((folder / "run" / "manifest.json").read_text(encoding="utf-8"))
    allowed = stats["window_s"] * rpm / 60
    return {
        "allowed_per_s": round(rpm / 60, 1),
        "concurrency": concurrency,
        "calls_answered": stats["ok"],
        "turned_away": stats["rate_limited"],
        "turned_away_for_each_answer": round(stats["rate_limited"] / max(1, stats["ok"]), 3),
        "came_back_too_early": stats["early_retries"],
        "failures": manifest["counts"]["failures"],
        "share_of_bound": round(stats["ok"] / allowed, 3),
    }


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=5)
    parser.add_argument("--rpm", type=int, default=1200)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint(latency=args.latency) as base_url:
        show(measured(base_url, args.documents, args.rpm, args.concurrency), args.json)


if __name__ == "__main__":
    main()
