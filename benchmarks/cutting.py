"""Sentences found and passages cut a second, against counting the tokens of the same texts once.

    python benchmarks/cutting.py [FOLDER] [--json]

FOLDER holds documents, of any kind that `ragdata read` takes. The bound is the tokenizer over each document's text:
what cuts by tokens cannot do less. One process, its own CPU time, medians of five turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from axolotl_ragdata.blocks import PassagesBlock
from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.passages import cut
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Document
from axolotl_ragdata.sentences import sentence_spans
from axolotl_ragdata.tokens import open_tokenizer

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "tei"
TURNS = 5


def documents(folder: Path) -> list[Document]:
    """Return what can be read there."""
    read = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        try:
            read.append(read_document(path))
        except DocumentRefused as refusal:
            print(f"left out: {refusal.where}: {refusal.what}")
    return read


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of it."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    texts = documents(args.folder)
    characters = sum(len(document.text) for document in texts)
    tokenizer = open_tokenizer("embedded", args.folder)
    block = PassagesBlock()
    n_passages = sum(len(cut(document, block, tokenizer)) for document in texts)
    taken: dict[str, list[float]] = {"counting": [], "sentences": [], "cutting": []}
    for _ in range(TURNS):
        taken["counting"].append(seconds(lambda: [tokenizer.count(document.text) for document in texts]))
        taken["sentences"].append(
            seconds(lambda: [sentence_spans(document.text, document.language) for document in texts])
        )
        taken["cutting"].append(seconds(lambda: [cut(document, block, tokenizer) for document in texts]))
    counting_s, sentences_s, cutting_s = (statistics.median(values) for values in taken.values())
    found = {
        "documents": len(texts),
        "megabytes": round(characters / 1e6, 2),
        "passages": n_passages,
        "sentences_mb_per_s": round(characters / 1e6 / sentences_s, 2),
        "passages_per_s": round(n_passages / cutting_s),
        "counting_tokens_s": round(counting_s, 3),
        "cutting_over_counting": round(cutting_s / counting_s, 2),
    }
    if args.json:
        print(json.dumps(found))
        return
    print(f"{found['documents']} documents, {found['megabytes']} million characters, {n_passages} passages")
    print(f"sentences: {found['sentences_mb_per_s']} million characters a CPU-second")
    print(
        f"passages: {found['passages_per_s']} a CPU-second, {found['cutting_over_counting']} times counting tokens once"
    )


if __name__ == "__main__":
    main()
