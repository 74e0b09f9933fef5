"""`report.html`: what a finished run holds, where every row comes from, and what fell out on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axolotl_ragdata import facts
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.injection import planted_orders
from axolotl_ragdata.page import render
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Answer, Example, Failure, Passage, Question, Rejected
from axolotl_ragdata.report.figures import length_charts, retrieval_charts, row_charts, score_charts
from axolotl_ragdata.report.samples import Sample, flagged_sample, samples
from axolotl_ragdata.retrieval_quality import RetrievalReport, read_report
from axolotl_ragdata.store import RunDirectory, write_atomically

FILE = "report.html"
TEMPLATE = Path(__file__).with_name("report.html")
CHAPTERS = (
    ("rows", "Rows"),
    ("sections", "Sections"),
    ("funnel", "What fell out"),
    ("distributions", "Lengths and scores"),
    ("retrieval", "Retrieval"),
    ("duplicates", "Near-duplicates"),
    ("samples", "Samples"),
    ("sources", "Sources and licences"),
    ("warnings", "Warnings"),
    ("cost", "Cost and making"),
)
SECTIONS_SHOWN = 300
CLUSTERS_SHOWN = 50
WARNINGS_SHOWN = 300


@dataclass(frozen=True)
class Run:
    """The tables of a finished run that the page tells of."""

    manifest: Mapping[str, Any]
    passages: list[Passage]
    questions: list[Question]
    answers: list[Answer]
    examples: list[Example]
    rejected: list[Rejected]
    failures: list[Failure]
    retrieval: RetrievalReport | None


def write_report(recipe: Recipe) -> Path:
    """Return the page that was written into the run directory.

    Args:
        recipe: Whose finished run; the sources are only linked to, never read.

    Raises:
        StoreError: There is no finished run, a table cannot be read, or the page cannot be written.
    """
    page = recipe.output / FILE
    text = report(_read(recipe.output), recipe.folder, page)
    write_atomically(page, text.encode())
    return page


def report(run: Run, sources: Path, page: Path) -> str:
    """Return the page.

    Args:
        run: What it tells of.
        sources: What the paths of the documents are relative to.
        page: Where the page will be; links are relative to it.
    """
    manifest, by_id = run.manifest, {passage.id: passage for passage in run.passages}
    shown = samples(run.examples, by_id, sources, page)
    asked = {key for question in run.questions for key in question.passage_ids}
    steps = facts.funnel(manifest, len(asked & set(by_id)))
    return render(
        TEMPLATE,
        title=f"{manifest['name']}: what the dataset holds",
        lead=_lead(run),
        version=manifest["ragdata_version"],
        manifest=manifest,
        chapters=CHAPTERS,
        tiles=_tiles(run),
        misquoted=facts.misquoted(run.examples, by_id),
        quotes=sum(len(row.provenance.citations) for row in run.examples),
        row_charts=row_charts(run.examples, steps),
        types=_types(run.examples),
        **_sections(run),
        left_out=facts.left_out(manifest),
        length_charts=length_charts(run.examples),
        score_charts=score_charts(run.examples, run.rejected),
        scored=_scored(run.rejected),
        verdicts=_verdicts(manifest),
        retrieval=_retrieval(run),
        retrieval_charts=retrieval_charts(run.retrieval),
        clusters=facts.duplicate_clusters(run.rejected)[:CLUSTERS_SHOWN],
        clusters_in_all=len(facts.duplicate_clusters(run.rejected)),
        samples=shown,
        sources=facts.sources(manifest, run.examples),
        licences=facts.licences(run.examples),
        refused=[record for record in run.rejected if record.stage in ("read", "parse")],
        failures=run.failures,
        warnings=_warnings(manifest)[:WARNINGS_SHOWN],
        warnings_in_all=len(_warnings(manifest)),
        flagged=_flagged(run, sources, page),
        usage=_usage(run),
    )


def _read(folder: Path) -> Run:
    store = RunDirectory(folder)
    manifest = store.read_manifest()
    if manifest is None:
        raise StoreError(str(folder), "there is no finished build here", "run `ragdata build` first")
    return Run(
        manifest=manifest,
        passages=store.read_table("passages", Passage),
        questions=store.read_table("questions", Question),
        answers=store.read_table("answers", Answer),
        examples=store.read_table("examples", Example),
        rejected=store.read_table("rejected", Rejected),
        failures=store.read_table("failures", Failure),
        retrieval=read_report(folder),
    )


def _lead(run: Run) -> str:
    counts = run.manifest["counts"]
    languages = sorted({row.language for row in run.examples if row.language})
    spoken = f" in {', '.join(languages)}" if languages else ""
    return (
        f"{counts['examples']:,} question-answer rows{spoken} from {counts['documents']:,} documents. Every row leads "
        "back to the sentence that it came from."
    )


def _tiles(run: Run) -> list[tuple[int, str]]:
    counts = run.manifest["counts"]
    found = [(counts["examples"], "rows"), *((counts[split], split) for split in facts.SPLITS)]
    return [
        *found,
        (counts["documents"], "documents"),
        (counts["passages"], "passages"),
        (counts["refused"], "refused"),
    ]


def _types(examples: Sequence[Example]) -> list[tuple[Any, ...]]:
    return [
        (name, count, *(sum(row.type == name and row.split == split for row in examples) for split in facts.SPLITS))
        for name, count in facts.types(examples)
    ]


def _sections(run: Run) -> dict[str, Any]:
    found = facts.by_section(run.examples, run.passages)
    names = [name for name, _ in facts.types(run.examples)]
    most = max((count for *_, rows in found for count in rows.values()), default=1)
    without = [row for row in found if not row[4]]
    return {
        "type_names": names,
        # gaps stand where they are in the document, unless they would push rows off the page
        "sections": (found if len(found) <= SECTIONS_SHOWN else sorted(found, key=lambda row: not row[4]))[
            :SECTIONS_SHOWN
        ],
        "sections_in_all": len(found),
        "sections_without": len(without),
        "most": most,
    }


def _scored(rejected: Sequence[Rejected]) -> list[tuple[Any, ...]]:
    return [
        (f"{stage}: {reason}", threshold, len(values), min(values), sorted(values)[len(values) // 2], max(values))
        for (stage, reason, threshold), values in sorted(facts.scored_rejections(rejected).items(), key=str)
    ]


def _verdicts(manifest: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    names = ("1", "2", "3", "4", "5", "no verdict")
    return [
        (criterion, *(about["scores"].get(name, 0) for name in names))
        for criterion, about in (manifest.get("verdicts") or {}).items()
    ]


def _retrieval(run: Run) -> list[dict[str, Any]]:
    if run.retrieval is None:
        return []
    said = {"questions": "the questions of the run", "labels": "a labelled file"}
    return [
        {
            "title": f"{found.questions:,} of {found.of:,} questions from {said[source]}, {found.passages:,} passages",
            "stale": found.index != run.manifest["index"].get("tag"),
            "header": ["", *found.best],
            "rows": [
                *([mode, *(one.shown() for one in measured.values())] for mode, measured in found.modes.items()),
                ["hybrid less the better", *(one.shown() for one in found.hybrid_minus_best.values())],
            ],
            "without": len(found.without_passage),
        }
        for source, found in run.retrieval.sources.items()
    ]


def _warnings(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(document["path"], warning) for document in manifest["documents"] for warning in document["warnings"]]


def _flagged(run: Run, sources: Path, page: Path) -> list[tuple[str, Sample]]:
    found = []
    for passage in run.passages:
        if orders := planted_orders(passage.text):
            kinds = ", ".join(dict.fromkeys(order.kind for order in orders))
            spans = [(order.start, order.end) for order in orders]
            found.append((kinds, flagged_sample(passage, spans, run.manifest, sources, page)))
    return found


def _usage(run: Run) -> list[tuple[str, Any]]:
    llm, recipe = run.manifest.get("llm") or {}, run.manifest["recipe"]
    if not llm:
        return [("chat model", "none: rules asked, and answers are sentences of the documents"), ("cost", "nothing")]
    used = llm.get("usage_of_this_run") or {}
    price = recipe["llm"].get("price")
    tokens_in, tokens_out = used.get("input_tokens", 0), used.get("output_tokens", 0)
    cost = "no price in the recipe"
    if price:
        cost = f"{(tokens_in * price['input'] + tokens_out * price['output']) / 1e6:.4f} in the currency of `price`"
    return [
        ("chat model", llm.get("model")),
        ("calls of the last build", used.get("calls", 0)),
        ("tokens in", tokens_in),
        ("tokens out", tokens_out),
        ("calls that the journal had answered before", llm.get("calls_answered_by_the_journal", 0)),
        ("seconds", llm.get("seconds")),
        ("cost of the last build", cost),
        (
            "tokens of all answers of this dataset",
            sum(row.usage.input_tokens + row.usage.output_tokens for row in run.answers),
        ),
    ]
