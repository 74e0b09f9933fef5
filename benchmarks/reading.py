"""Documents read per CPU-second, and the share of that which bare XML parsing of the same files would take.

    python benchmarks/reading.py [FOLDER] [--rounds 9] [--json]

Every file is parsed by `lxml.etree.parse` and read by `read_document`, in turns within one run; the best of the rounds
counts, the trees and documents are let go at once. Memory is the peak of this process, before and after all rounds.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import find_files, read_document

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "tei"


def readable(folder: Path) -> list[Path]:
    """Return the files of a folder that are documents."""
    kept = []
    for path in find_files(folder):
        try:
            read_document(path)
        except DocumentRefused as refusal:
            print(f"left out: {refusal.where}: {refusal.what}", file=sys.stderr)
        else:
            kept.append(path)
    return kept


def cpu_seconds(work: Callable[[Path], object], files: list[Path]) -> float:
    """Return the CPU time that one round over the files takes."""
    start = time.process_time()
    for path in files:
        work(path)
    return time.process_time() - start


def peak_mb() -> float:
    """Return the peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Return the figures of all rounds."""
    files = readable(folder)
    before = peak_mb()
    parsed, read = float("inf"), float("inf")
    for _ in range(rounds):
        parsed = min(parsed, cpu_seconds(lambda path: etree.parse(str(path)), files))
        read = min(read, cpu_seconds(read_document, files))
    size = sum(path.stat().st_size for path in files)
    return {
        "documents": len(files),
        "megabytes": round(size / 1e6, 2),
        "parse_cpu_s": round(parsed, 4),
        "read_cpu_s": round(read, 4),
        "documents_per_cpu_s": round(len(files) / read, 1),
        "ratio_to_bare_parse": round(parsed / read, 3),
        "peak_mb_before": round(before, 1),
        "peak_mb_after": round(peak_mb(), 1),
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not find_files(args.folder):
        parser.error(f"no documents under {args.folder}")
    figures = measure(args.folder, args.rounds)
    print(json.dumps(figures) if args.json else "\n".join(f"{name:<22}{value:>10}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
