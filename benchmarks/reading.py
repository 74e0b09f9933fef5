"""Reading TEI, against what bounds it and what else does it, all in one run.

    python benchmarks/reading.py [FOLDER] [--rounds 9] [--documents 2000] [--client PYTHON] [--json]

- One core: the CPU time of `lxml.etree.parse` and of `read_document` for each file in turns, the best of the rounds.
- All cores: the wall time of `read_documents` over `--documents` files (those of the folder again and again), and of
  `lxml.etree.parse` over the same list in one process; in turns, of which the one with the median ratio is told.
- Memory: what one process holds after a tenth of that list and after all of it, each document let go at once.
- grobid-client-python's converter of TEI to JSON: the CPU time of its `convert_tei_file`, which returns a dictionary,
  against that of `read_document`, which returns a Document; and of both with the JSON written. It is no dependency:
  `pip install grobid-client-python` into any environment and name its Python with `--client`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from lxml import etree

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import find_files, read_document
from axolotl_ragdata.readers.many import read_documents
from axolotl_ragdata.readers.structured import to_json

TURNS = 5
DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "tei"
CLIENT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from grobid_client.format.TEI2LossyJSON import TEI2LossyJSONConverter
import logging
logging.disable(logging.CRITICAL)
files = json.load(sys.stdin)
taken = {}
for path in files:
    start = converted = time.process_time()
    try:
        found = TEI2LossyJSONConverter().convert_tei_file(path, stream=False)
        converted = time.process_time()
        outcome = "read" if json.dumps(found, ensure_ascii=False) != "null" else "gave nothing"
    except Exception as problem:
        outcome = f"failed: {type(problem).__name__}"
    taken[path] = (converted - start, time.process_time() - start, outcome)
json.dump(taken, sys.stdout)
"""

Figures = dict[str, float | int | str | None]


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


def one_core(files: list[Path], rounds: int) -> Figures:
    """Return the CPU time of parsing and of reading, each file's best round."""
    works: dict[str, Callable[[Path], object]] = {"parse": lambda path: etree.parse(str(path)), "read": read_document}
    best = {name: dict.fromkeys(files, float("inf")) for name in works}
    for _ in range(rounds):
        for path in files:
            for name, work in works.items():
                start = time.process_time()
                work(path)
                best[name][path] = min(best[name][path], time.process_time() - start)
    parsed, read = (sum(best[name].values()) for name in works)
    return {
        "documents": len(files),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 2),
        "parse_cpu_s": round(parsed, 4),
        "read_cpu_s": round(read, 4),
        "documents_per_cpu_s": round(len(files) / read, 1),
        "ratio_to_bare_parse_one_core": round(parsed / read, 3),
    }


def all_cores(files: list[Path], n_documents: int) -> Figures:
    """Return the wall time of reading on all cores, and of parsing in one process."""
    many = list(islice(cycle(files), n_documents))
    turns = []
    for _ in range(TURNS):
        start = time.perf_counter()
        for path in many:
            etree.parse(str(path))
        parsed = time.perf_counter() - start
        start = time.perf_counter()
        refused = sum(isinstance(found, DocumentRefused) for found in read_documents([(path, None) for path in many]))
        turns.append((parsed, time.perf_counter() - start))
        assert not refused
    parsed, read = sorted(turns, key=lambda turn: turn[0] / turn[1])[TURNS // 2]
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "documents_read_on_all_cores": n_documents,
        "documents_per_s_on_all_cores": round(n_documents / read, 1),
        "ratio_to_bare_parse_all_cores": round(parsed / read, 3),
        "ratios_of_the_turns": " ".join(f"{one / other:.2f}" for one, other in turns),
    }


def resident_mb() -> float:
    """Return the memory that this process holds now, in MiB; where the system does not say, its peak so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(files: list[Path], n_documents: int) -> Figures:
    """Return what this process holds after a tenth of the documents, and the most that it held afterwards."""
    early, most = 0.0, 0.0
    for number, path in enumerate(islice(cycle(files), n_documents), 1):
        read_document(path)
        if number == n_documents // 10:
            early = resident_mb()
        elif number > n_documents // 10 and number % 25 == 0:
            most = max(most, resident_mb())
    return {"memory_mb_after_a_tenth": round(early, 1), "most_memory_mb_afterwards": round(most, 1)}


def client(files: list[Path], python: str, rounds: int) -> Figures:
    """Return the CPU time of the other converter and of this reader on the same files, without and with JSON."""
    asked = subprocess.run(
        [python, "-c", "import grobid_client.format.TEI2LossyJSON"], stderr=subprocess.DEVNULL, check=False
    )
    if asked.returncode:
        print(f"grobid-client-python is not installed for {python}: not compared", file=sys.stderr)
        return {"grobid_client": "not installed: not compared"}
    best: dict[str, dict[str, float]] = {}
    outcomes: dict[str, str] = {}
    for _ in range(min(rounds, 3)):
        names = json.dumps([str(path) for path in files])
        done = subprocess.run([python, "-c", CLIENT], input=names, stdout=subprocess.PIPE, text=True, check=True)
        for path, (converted, written, outcomes[path]) in json.loads(done.stdout).items():
            keep(best, path, {"client": converted, "client to JSON": written})
    for _ in range(rounds):
        for file in files:
            keep(best, str(file), own_seconds(file))
    total = {name: sum(taken[name] for taken in best.values()) for name in next(iter(best.values()))}
    n_read = sum(outcome == "read" for outcome in outcomes.values())
    return {
        "grobid_client": f"{n_read} of {len(files)} files converted",
        "grobid_client_cpu_s": round(total["client"], 3),
        "times_faster_than_grobid_client": round(total["client"] / total["read"], 1),
        "times_faster_to_json": round(total["client to JSON"] / total["read to JSON"], 1),
    }


def own_seconds(file: Path) -> dict[str, float]:
    """Return the CPU time of reading a file, without and with its JSON written."""
    start = time.process_time()
    document = read_document(file)
    read = time.process_time()
    json.dumps(to_json(document), ensure_ascii=False)
    return {"read": read - start, "read to JSON": time.process_time() - start}


def keep(best: dict[str, dict[str, float]], file: str, taken: dict[str, float]) -> None:
    """Keep the shortest time of each kind for a file."""
    known = best.setdefault(file, {})
    for name, seconds in taken.items():
        known[name] = min(known.get(name, seconds), seconds)


def measure(folder: Path, args: argparse.Namespace) -> Figures:
    """Return all figures."""
    files = readable(folder)
    # first what depends on the memory of this process, which the others leave in pieces
    figures = all_cores(files, args.documents)
    gc.collect()
    figures |= memory(files, args.documents)
    figures |= one_core(files, args.rounds)
    return figures | client(files, args.client, args.rounds)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--client", default=sys.executable, metavar="PYTHON", help="where grobid-client-python is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not find_files(args.folder):
        parser.error(f"no documents under {args.folder}")
    figures: dict[str, Any] = measure(args.folder, args)
    print(json.dumps(figures) if args.json else "\n".join(f"{name:<34}{value:>12}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
