"""The peak memory of a build of many passages against that of one of few, with the same number of rows asked for.

    python benchmarks/memory.py [--small 20000] [--large 200000] [--rows 200] [--json]

The bound is the smaller build: one whose memory did not grow with the corpus would read 1.0. Both peaks are of the
whole process, the vectors and what LanceDB holds included; `vectors_mb` says how much the vectors account for.
The corpus is arithmetic, the embedder the mock's, of few dimensions, so that a run takes minutes. (The default sizes
take about half an hour; `--small 2000 --large 20000` takes two minutes.)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from setting import mock_endpoint, ragdata, show, write_documents, write_recipe

SECTIONS = 20
DIMENSIONS = 16
FLOAT_BYTES = 4


def peak_mb(base_url: str, passages: int, rows: int) -> float:
    """Return the peak memory of a build of so many passages, in MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", passages // SECTIONS, SECTIONS)
        questions = {"from": "llm", "types": ["definition", "criteria"], "per_passage": 2, "target": rows}
        embed = {"model": "mock", "base_url": base_url, "batch_size": 256, "dimensions": DIMENSIONS}
        recipe = write_recipe(folder, base_url, embed=embed, questions=questions)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(ragdata("build", recipe), stdout=log, stderr=log)
            # the process's own peak, which polling would miss
            _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit((folder / "log").read_text())
    return used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=20_000, help="passages of the smaller build")
    parser.add_argument("--large", type=int, default=200_000, help="passages of the larger one")
    parser.add_argument("--rows", type=int, default=200, help="rows that either is asked for")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint() as base_url:
        small, large = (peak_mb(base_url, passages, args.rows) for passages in (args.small, args.large))
    facts: dict[str, Any] = {
        "passages": [args.small, args.large],
        "rows_asked_for": args.rows,
        "peak_mb": [round(small), round(large)],
        "vectors_mb": [round(count * DIMENSIONS * FLOAT_BYTES / 1e6, 1) for count in (args.small, args.large)],
        "ratio": round(large / small, 2),
        "kb_a_passage": round((large - small) * 1e3 / (args.large - args.small), 1),
    }
    show(facts, args.json)


if __name__ == "__main__":
    main()
