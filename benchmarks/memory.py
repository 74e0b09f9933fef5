"""The peak memory of a build of many passages against that of one of few, with the same number of rows asked for.

    python benchmarks/memory.py [--small 20000] [--large 200000] [--rows 200] [--json]

The bound is the smaller build: one whose memory did not grow with the corpus would read 1.0. Peaks are of the whole
process. `ratio` leaves the index out: what it takes is measured in a process of its own that indexes the same passages
and searches them, as the difference to one that does so with a hundred; LanceDB's own buffers are most of it.
The corpus is arithmetic, three passages to a section, the embedder the mock's, of few dimensions, so that a run takes
minutes. (The default sizes take about ten; `--small 2000 --large 20000` takes one.)
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

SECTIONS = 8
PASSAGES_A_SECTION = 3
SENTENCES = 8
DIMENSIONS = 16
FEW = 100
UNITS_A_MB = 1e6 if sys.platform == "darwin" else 1e3
INDEXING = """
import resource, sys
from pathlib import Path
from axolotl_ragdata.embed import open_embedder
from axolotl_ragdata.index import Index, Retriever
from axolotl_ragdata.recipe import load_recipe
from axolotl_ragdata.records import Passage
from axolotl_ragdata.shelf import PassageShelf
from axolotl_ragdata.store import RunDirectory
recipe, count = load_recipe(Path(sys.argv[1])), int(sys.argv[2])
with (recipe.output / "passages.jsonl").open() as lines:
    passages = PassageShelf(Passage.model_validate_json(line) for line, _ in zip(lines, range(count)))
index = Index.open(Path(sys.argv[3]), open_embedder(recipe, RunDirectory(recipe.output).cache))
index.update(passages)
index.tag()
Retriever(index).search_all([passages[at].text[:200] for at in range(0, len(passages), len(passages) // 64)], 5)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peaks_mb(base_url: str, passages: int, rows: int) -> tuple[int, float, float]:
    """Return the passages of a build of about so many, its peak memory and that of its index, in MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", passages // SECTIONS // PASSAGES_A_SECTION, SECTIONS, SENTENCES)
        questions = {"from": "llm", "types": ["definition", "criteria"], "per_passage": 2, "target": rows}
        embed = {"model": "mock", "base_url": base_url, "batch_size": 256, "dimensions": DIMENSIONS}
        cut = {"max_tokens": 256, "overlap": 0}
        recipe = write_recipe(folder, base_url, embed=embed, questions=questions, passages=cut)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(ragdata("build", recipe), stdout=log, stderr=log)
            # the process's own peak, which polling would miss
            _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit((folder / "log").read_text())
        with (folder / "run" / "passages.jsonl").open("rb") as lines:
            made = sum(1 for _ in lines)
        index = _indexing_mb(recipe, made, folder / "index") - _indexing_mb(recipe, FEW, folder / "few")
        return made, used.ru_maxrss / UNITS_A_MB, index


def _indexing_mb(recipe: Path, count: int, folder: Path) -> float:
    command = [sys.executable, "-c", INDEXING, str(recipe), str(count), str(folder)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) / UNITS_A_MB


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=20_000, help="passages of the smaller build")
    parser.add_argument("--large", type=int, default=200_000, help="passages of the larger one")
    parser.add_argument("--rows", type=int, default=200, help="rows that either is asked for")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint() as base_url:
        small, large = (peaks_mb(base_url, passages, args.rows) for passages in (args.small, args.large))
    (few, low, low_index), (many, high, high_index) = small, large
    facts: dict[str, Any] = {
        "passages": [few, many],
        "rows_asked_for": args.rows,
        "peak_mb": [round(low), round(high)],
        "index_mb": [round(low_index), round(high_index)],
        "ratio": round((high - high_index) / (low - low_index), 2),
        "ratio_with_index": round(high / low, 2),
        "kb_a_passage": round((high - high_index - low + low_index) * 1e3 / (many - few), 2),
    }
    show(facts, args.json)


if __name__ == "__main__":
    main()
