"""How often the judge's 95% intervals hold the truth, over simulated runs whose truth is known.

Each run draws documents, questions in them (1 to 12 a document) and two candidates' scores from 0 to 10: a document, a
question and a judge have an effect each, scores are rounded to whole points as a judge gives them. The truth is the
mean difference over 150,000 documents. Reported: the share of runs whose interval holds it, the share of runs without a
difference whose p-value is below 0.05, and the share of runs that see a difference which `questions_needed` says 80% of
runs see. Exit code 1 where an interval holds the truth in fewer than 93% or more than 97% of the runs.

    python benchmarks/judge_intervals.py [--runs 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np
from numpy.typing import NDArray

from axolotl_ragdata.judge.statistics.clusters import codes_of, estimate_mean, robust_error, sums_of
from axolotl_ragdata.judge.statistics.paired import compare
from axolotl_ragdata.judge.statistics.power import questions_needed

Floats = NDArray[np.float64]
SCENARIOS = {
    "one question a document, 60": (60, 1, 0.0),
    "60 documents, 1-12 questions": (60, 12, 1.0),
    "20 documents, 1-12 questions": (20, 12, 1.0),
    "12 documents, 1-6 questions": (12, 6, 1.0),
    "30 documents, strongly alike": (30, 10, 2.0),
}
LOW, HIGH = 0.93, 0.97


def drawn(source: np.random.Generator, documents: int, most: int, alike: float, gain: float) -> tuple[Floats, ...]:
    """Return (scores of a, scores of b, document of each question)."""
    sizes = source.integers(1, most + 1, documents)
    where = np.repeat(np.arange(documents), sizes)
    ease = source.normal(6, 1, documents)[where] + source.normal(0, 1, where.size)
    edge = gain + source.normal(0, alike, documents)[where]
    first = ease + edge + source.normal(0, 1.5, where.size)
    second = ease + source.normal(0, 1.5, where.size)
    return np.clip(np.round(first), 0, 10), np.clip(np.round(second), 0, 10), where


def covered(name: str, runs: int, seed: int) -> dict[str, float | str | int]:
    """Return the shares of one scenario."""
    documents, most, alike = SCENARIOS[name]
    source = np.random.default_rng(seed)
    first, second, where = drawn(np.random.default_rng(seed + 1), 150_000, most, alike, 0.7)
    # a run's mean weights documents by their questions; over many documents it tends to this
    truth = float((first - second).mean())
    hits = {"analytic": 0, "bootstrap": 0, "total, analytic": 0, "total, bootstrap": 0}
    total = float(first.mean())
    false = 0
    for number in range(runs):
        first, second, where = drawn(source, documents, most, alike, 0.7)
        found = compare(first, second, where.tolist(), seed=number % 4).estimate
        alone = estimate_mean(first, where.tolist(), seed=number % 4)
        for kind, estimate, value in (("", found, truth), ("total, ", alone, total)):
            assert estimate.analytic is not None
            assert estimate.bootstrap is not None
            hits[f"{kind}analytic"] += value in estimate.analytic
            hits[f"{kind}bootstrap"] += value in estimate.bootstrap
        first, second, where = drawn(source, documents, most, alike, 0.0)
        false += compare(first, second, where.tolist(), seed=number % 4).p_permutation < 0.05
    return {"scenario": name, "runs": runs, **{key: hit / runs for key, hit in hits.items()}, "p < 0.05": false / runs}


def seen(runs: int, seed: int) -> dict[str, float | int]:
    """Return the share of runs that see a difference of 0.7 points with as many questions as are said to be needed."""
    first, second, where = drawn(np.random.default_rng(seed), 20_000, 5, 0.7, 0.7)
    differences = first - second
    truth, deviation = float(differences.mean()), float(differences.std())
    sums, sizes = sums_of(differences, codes_of(where.tolist()))
    error, _ = robust_error(sums, sizes)
    size = float((sizes**2).sum() / sizes.sum())
    icc = (error**2 * differences.size / deviation**2 - 1) / (size - 1)
    needed = questions_needed(truth, deviation, size, icc)
    source = np.random.default_rng(seed + 1)
    documents = round(needed / float(sizes.mean()))
    found = 0
    for number in range(runs):
        first, second, where = drawn(source, documents, 5, 0.7, 0.7)
        found += compare(first, second, where.tolist(), seed=number % 4).p_permutation < 0.05
    return {"difference": round(truth, 3), "questions": needed, "documents": documents, "seen": found / runs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    rows = [covered(name, options.runs, options.seed + 100 * at) for at, name in enumerate(SCENARIOS)]
    power = seen(options.runs, options.seed)
    seconds = time.perf_counter() - began
    shares = [float(row[key]) for row in rows for key in row if key.endswith(("analytic", "bootstrap"))]
    held = all(LOW <= share <= HIGH for share in shares)
    if options.json:
        print(json.dumps({"scenarios": rows, "power": power, "seconds": seconds, "all in 93-97%": held}))
        return 0 if held else 1
    for row in rows:
        shown = "  ".join(f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float))
        print(f"{row['scenario']:32} {shown}")
    print(
        f"power: {power['questions']} questions in {power['documents']} documents are said to show "
        f"{power['difference']} points in 80% of runs; {power['seen']:.1%} do"
    )
    print(
        f"{options.runs} runs each, {seconds:.0f} s; every interval covers in 93-97% of runs: {'yes' if held else 'NO'}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
