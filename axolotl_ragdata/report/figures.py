"""The charts of the report."""

from __future__ import annotations

from collections.abc import Sequence

from axolotl_ragdata import facts
from axolotl_ragdata.page import Chart, bars, histogram, intervals
from axolotl_ragdata.records import Example, Rejected
from axolotl_ragdata.retrieval_quality import RetrievalReport

MEASURES = ("recall@5", "mrr", "ndcg@10")
LEAST_VALUES = 2
BARS_SHOWN = 20


def row_charts(examples: Sequence[Example], steps: Sequence[tuple[str, int]]) -> list[Chart]:
    """Return rows by type and split, rows by document, and what was left after each step."""
    charts = [
        bars("From files to rows", [name for name, _ in steps], {"left": [count for _, count in steps]}, "records")
    ]
    if not examples:
        return charts
    names = [name for name, _ in facts.types(examples)][:BARS_SHOWN]
    by_split = {
        split: [sum(row.type == name and row.split == split for row in examples) for name in names]
        for split in facts.SPLITS
    }
    charts.append(bars("Rows by question type and split", names, {k: v for k, v in by_split.items() if any(v)}))
    titles: dict[str, int] = {}
    for row in examples:
        titles[row.provenance.doc_title or "(no title)"] = titles.get(row.provenance.doc_title or "(no title)", 0) + 1
    most = sorted(titles.items(), key=lambda pair: (-pair[1], pair[0]))[:BARS_SHOWN]
    more = f" (the {BARS_SHOWN} with most)" if len(titles) > BARS_SHOWN else ""
    charts.append(bars(f"Rows by document{more}", [name for name, _ in most], {"rows": [count for _, count in most]}))
    return charts


def length_charts(examples: Sequence[Example]) -> list[Chart]:
    """Return how long questions, answers and quotes are."""
    if not examples:
        return []
    quotes = [len(quote.quote.split()) for row in examples for quote in row.provenance.citations]
    charts = [
        histogram("Length of the questions", [len(row.question.split()) for row in examples], "words"),
        histogram("Length of the answers", [len(row.answer.split()) for row in examples], "words"),
    ]
    return [*charts, histogram("Length of the quotes", quotes, "words")] if quotes else charts


def score_charts(examples: Sequence[Example], rejected: Sequence[Rejected]) -> list[Chart]:
    """Return where each row's own passage was found, how near it is, and the scores of what was dropped."""
    ranks, cosines = [], []
    for row in examples:
        for hit in row.provenance.hits:
            if hit.passage_id in row.provenance.passage_ids:
                ranks.append(hit.rank)
                cosines += [hit.dense_score] if hit.dense_score is not None else []
    charts = [histogram("Rank of a row's own passage", ranks, "rank in the search for its answer")] if ranks else []
    charts += [histogram("Question against its own passage", cosines, "cosine")] if cosines else []
    for (stage, reason, threshold), values in sorted(facts.scored_rejections(rejected).items(), key=str):
        if len(values) >= LEAST_VALUES:
            limits = [threshold] if threshold is not None else []
            charts.append(histogram(f"Dropped at {stage}: {reason} ({_said(threshold)})", values, "score", limits))
    return charts


def retrieval_charts(found: RetrievalReport | None) -> list[Chart]:
    """Return the main measures of each way of searching with their intervals."""
    return [
        intervals(
            f"{name}, {'questions of the run' if source == 'questions' else 'labelled file'}",
            [(mode, one[name].value, one[name].low, one[name].high) for mode, one in quality.modes.items()],
        )
        for source, quality in (found.sources.items() if found else ())
        for name in MEASURES
    ]


def _said(threshold: float | None) -> str:
    return "no threshold" if threshold is None else f"threshold {threshold:g}"
