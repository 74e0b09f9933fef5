"""Embedding and searching: CPU-ms a passage, queries a second by mode, and what an unchanged index costs to open.

    python benchmarks/retrieval.py [--passages 3000] [--queries 300] [--json]
    python benchmarks/retrieval.py --medquad ../shared/data/medquad/medquad.jsonl [--json]

Texts are the paragraphs of the demonstration documents, repeated with their words in other orders up to the number
asked for. Their vectors are random (the speed of a search does not depend on them); queries are embedded by the
embedded model. The bound of embedding is the bare model run over the same tokens, that of dense and hybrid search the
embedding of the queries alone; each is taken in the same run.

With --medquad it measures quality instead: the answers of the file are the passages, its different questions are asked,
and every answer to a question is right. Hybrid stands beside dense, text and reciprocal rank fusion (k = 60), on all
questions and on the half that no setting was chosen on; the intervals are 95%, by bootstrap.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from axolotl_ragdata.embed import EmbeddedEmbedder, unit
from axolotl_ragdata.index import Index, Mode, Retriever, recall_at
from axolotl_ragdata.index.table import Ranked
from axolotl_ragdata.ranking import mean_interval, scores, summarised
from axolotl_ragdata.readers import find_files, read_document
from axolotl_ragdata.records import Passage

DOCUMENTS = Path(__file__).parent.parent / "recipes" / "demo-documents"
MODES: tuple[Mode, ...] = ("dense", "text", "hybrid")
QUERY_WORDS = 12
DEPTH = 50


class HalfRandom:
    """The embedded model for queries; random vectors of the same shape for passages."""

    name, dimensions = "half-random@1", 384

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.model = EmbeddedEmbedder()
        rows = np.random.default_rng(0).standard_normal((len(passages), self.dimensions), dtype=np.float32)
        self._vectors = dict(zip((passage.in_context for passage in passages), unit(rows), strict=True))

    def embed(self, texts: Sequence[str]) -> Any:
        """Return one unit vector a text."""
        if texts and texts[0] in self._vectors:
            return np.stack([self._vectors[text] for text in texts])
        return self.model.embed(texts)


def corpus(count: int) -> list[Passage]:
    """Return so many passages; each text is another."""
    order = random.Random(0)
    documents = [read_document(path) for path in find_files(DOCUMENTS)]
    texts = [block.text for document in documents for _, block, _ in document.placed_blocks if len(block.text) > 200]
    made = []
    for number in range(count):
        words = texts[number % len(texts)].split()
        if number >= len(texts):
            order.shuffle(words)
        text = f"{' '.join(words)} {number}"
        made.append(
            Passage(
                id=f"p-{number:06d}",
                doc_id=f"d-{number // 50}",
                ordinal=number,
                text=text,
                start=0,
                end=len(text),
                n_tokens=1,
            )
        )
    return made


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter, rounds: int = 3) -> float:
    """Return the shortest of some rounds."""
    taken = []
    for _ in range(rounds):
        start = clock()
        work()
        taken.append(clock() - start)
    return min(taken)


def embedding(passages: Sequence[Passage]) -> dict[str, float]:
    """Return the cost of texts of 256 tokens, and that of the bare model over the same tokens."""
    model = EmbeddedEmbedder(threads=1)
    model.embed(["load"])
    words = " ".join(passage.text for passage in passages[:40])
    ids = [window for window in model._windows(words) if len(window) == 256][:20]
    texts = [model._tokenizer.decode(window, skip_special_tokens=True) for window in ids]
    feeds = [
        {name: np.array([row]) for name, row in (("input_ids", window), ("attention_mask", [1] * 256))}
        | {"token_type_ids": np.zeros((1, 256), dtype=np.int64)}
        for window in ids
    ]
    whole = seconds(lambda: model.embed(texts), time.process_time)
    bare = seconds(lambda: [model._session.run(None, feed) for feed in feeds], time.process_time)
    return {
        "embed_cpu_ms_a_256_token_passage": 1000 * whole / len(texts),
        "bare_model_cpu_ms": 1000 * bare / len(feeds),
        "embed_over_bare_model": whole / bare,
    }


async def searched(retriever: Retriever, queries: Sequence[str], in_flight: int = 64) -> None:
    """Search with so many searches in flight, as the engine does."""
    gate = asyncio.Semaphore(in_flight)

    async def one(query: str) -> None:
        async with gate:
            await retriever.search(query, 5)

    await asyncio.gather(*(one(query) for query in queries))


def searching(folder: Path, passages: Sequence[Passage], count: int) -> dict[str, float]:
    """Return queries a second by mode, and what opening costs."""
    embedder = HalfRandom(passages)
    index = Index.open(folder, embedder)
    figures = {"index_s": seconds(lambda: index.update(passages), rounds=1)}
    figures["open_unchanged_s"] = seconds(lambda: Index.open(folder, embedder).update(passages))
    queries = [" ".join(passage.text.split()[3 : 3 + QUERY_WORDS]) for passage in passages[:count]]
    embedder.model.embed(queries[:1])
    alone = len(queries) / seconds(lambda: embedder.model.embed(queries))
    figures["query_embeddings_per_s"] = alone
    for mode in MODES:
        retriever = Retriever(index, mode)
        rate = len(queries) / seconds(lambda retriever=retriever: asyncio.run(searched(retriever, queries)))
        figures[f"{mode}_per_s"] = rate
        if mode != "text":
            figures[f"{mode}_over_bound"] = rate / alone
    return figures


def approximate(folder: Path, passages: Sequence[Passage]) -> dict[str, float]:
    """Return recall@10 and speed of HNSW on these (random, so the hardest) vectors."""
    index = Index.open(folder, HalfRandom(passages), exact_up_to=len(passages) // 2)
    index.update(passages)
    vectors = unit(np.random.default_rng(1).standard_normal((100, 384), dtype=np.float32))
    return {
        "hnsw_recall_at_10": recall_at(index, 10, 100),
        "hnsw_per_s": 100 / seconds(lambda: index.dense(vectors, 50)),
    }


def rank_fused(dense: Ranked, text: Ranked) -> list[str]:
    """Return the reciprocal rank fusion of two rankings: Cormack, Clarke and Büttcher, SIGIR 2009, with k = 60."""
    found: dict[str, float] = defaultdict(float)
    for ranking in (dense, text):
        for key, (rank, _) in ranking.items():
            found[key] += 1 / (60 + rank)
    return sorted(found, key=lambda key: (-found[key], key))


def quality(path: Path) -> dict[str, Any]:
    """Return each measure of each way of searching, over all questions and over the half that was kept back."""
    pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    right: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        right[pair["question"].casefold()].add(pair["id"])
    made = [
        Passage(
            id=one["id"], doc_id=one["url"], ordinal=0, text=one["answer"], start=0, end=len(one["answer"]), n_tokens=1
        )
        for one in pairs
    ]
    with tempfile.TemporaryDirectory() as folder:
        index = Index.open(Path(folder), EmbeddedEmbedder())
        index.update(made)
        queries = list(right)
        found = [index.dense(index.embedder.embed(queries), DEPTH), index.text(queries, [DEPTH] * len(queries))]
        ranked: dict[str, list[list[str]]] = {
            mode: [[hit.passage_id for hit, _ in hits] for hits in Retriever(index, mode).search_all(queries, DEPTH)]
            for mode in MODES
        }
        ranked["rank fusion"] = [rank_fused(*both) for both in zip(*found, strict=True)]
    order = list(range(len(queries)))
    random.Random(0).shuffle(order)
    return {
        name: {"questions": len(part), "passages": len(made)} | compared(ranked, queries, right, part)
        for name, part in (("all", order), ("kept back", order[1::2]))
    }


def compared(
    ranked: dict[str, list[list[str]]], queries: Sequence[str], right: dict[str, set[str]], part: Sequence[int]
) -> dict[str, Any]:
    """Return the measures of each mode with their intervals, and hybrid less the better of dense and text."""
    rows = {
        mode: [scores(found[at], right[queries[at]], (1, 3, 5, 10), DEPTH) for at in part]
        for mode, found in ranked.items()
    }
    groups = [queries[at] for at in part]
    means = {mode: summarised(found, groups) for mode, found in rows.items()}
    gain = {}
    for name in means["dense"]:
        best = max(("dense", "text"), key=lambda mode: means[mode][name].value)
        paired = zip(rows["hybrid"], rows[best], strict=True)
        gain[name] = mean_interval([hybrid[name] - other[name] for hybrid, other in paired], groups)
    means["hybrid less the better"] = gain
    return {mode: {name: one.model_dump() for name, one in found.items()} for mode, found in means.items()}


def show_quality(found: dict[str, Any]) -> None:
    """Print a table for each part."""
    for part, about in found.items():
        modes = {name: value for name, value in about.items() if isinstance(value, dict)}
        print(f"{part}: {about['questions']} questions, {about['passages']} passages")
        print(f"{'':24}" + "".join(f"{name:>26}" for name in next(iter(modes.values()))))
        for mode, measured in modes.items():
            cells = (f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in measured.values())
            print(f"{mode:24}" + "".join(f"{cell:>26}" for cell in cells))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=int, default=3000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--medquad", type=Path, default=None, help="questions and answers: measure quality instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.medquad:
        found = quality(options.medquad)
        print(json.dumps(found)) if options.json else show_quality(found)
        return
    passages = corpus(options.passages)
    command = [sys.executable, "-c", "import axolotl_ragdata.index, axolotl_ragdata.embed"]
    figures = {"import_s": seconds(lambda: subprocess.run(command, check=True)), **embedding(passages)}
    with tempfile.TemporaryDirectory() as folder:
        figures |= searching(Path(folder) / "exact", passages, options.queries)
        figures |= approximate(Path(folder) / "hnsw", passages)
    shown = {name: float(f"{value:.3g}") for name, value in figures.items()}
    print(json.dumps(shown) if options.json else "\n".join(f"{name:36}{value:>12g}" for name, value in shown.items()))


if __name__ == "__main__":
    main()
