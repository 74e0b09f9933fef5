"""Everything that came of a build → its run directory: tables, exports, card, and the manifest last."""

from __future__ import annotations

import datetime
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from axolotl_ragdata import __version__, corpus
from axolotl_ragdata.filters import NOT_ASKED
from axolotl_ragdata.materials import open_materials
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Passage, Rejected, content_id
from axolotl_ragdata.selection import Rows
from axolotl_ragdata.shelf import heads
from axolotl_ragdata.store import RunDirectory, sha256_of
from axolotl_ragdata.verdicts import producer_of


class Rejections:
    """Rejections on their way to their table, counted while they are written: a large corpus has many.

    Args:
        records: They, sorted.
    """

    def __init__(self, records: Iterable[Rejected]) -> None:
        self._records = records
        self._reasons: dict[str, Counter[str]] = {}
        self.not_asked = 0
        """Rows that wait for a verdict."""

    def __iter__(self) -> Iterator[Rejected]:
        for record in self._records:
            self._reasons.setdefault(record.stage, Counter())[record.reason] += 1
            self.not_asked += record.detail == NOT_ASKED
            yield record

    def of_stage(self, stage: str) -> int:
        """Return how many a stage made."""
        return self._reasons.get(stage, Counter()).total()

    def by_reason(self) -> dict[str, dict[str, int]]:
        """Return how many there are, by stage and reason, the commonest first."""
        return {stage: dict(reasons.most_common()) for stage, reasons in sorted(self._reasons.items())}


def _place(record: Rejected) -> tuple[str, str, str]:
    return record.stage, record.subject_id, record.reason


def write_run(
    recipe: Recipe,
    run: RunDirectory,
    documents: Sequence[Document],
    passages: Sequence[Passage],
    rows: Rows,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a finished run and return its manifest, which is written last.

    Args:
        recipe: What was built.
        run: Where.
        documents: What was read, sorted by id.
        passages: What they were cut into.
        rows: What came of them.
        facts: `fingerprint`, what the run depends on; `cutting`, warnings by document; `journal`, its marks;
            `below_quota`, whether rows of a quota were filtered away since it was filled; `notes`, tables that are no
            part of the dataset, by name.

    Raises:
        StoreError: It cannot be written.
    """
    from axolotl_ragdata.card import dataset_card
    from axolotl_ragdata.exports import exports

    examples = sorted(rows.examples, key=lambda record: record.id)
    rejected = sorted(rows.rejected, key=_place)
    rejections = Rejections(heapq.merge(rejected, rows.passed_over(), key=_place))
    tables: dict[str, Iterable[Any]] = {
        "documents": documents,
        "passages": passages,
        "questions": sorted(rows.questions, key=lambda record: record.id),
        "answers": sorted(rows.answers, key=lambda record: record.id),
        "verdicts": sorted(rows.verdicts, key=lambda record: record.subject_id),
        "examples": examples,
        "rejected": rejections,
        "failures": sorted(rows.failures, key=lambda record: (record.stage, record.subject_id)),
    }
    with run.replaced() as beside:
        counts: dict[str, int] = {name: beside.write_table(name, records) for name, records in tables.items()}
        for name, records in facts.get("notes", {}).items():
            beside.write_table(name, records)
        export = exports.get(recipe.ragdata.export.format, recipe.where("export", "format"))
        names: dict[str, str] = {}
        for split, material in open_materials(recipe, passages, examples, rejected).items():
            counts[split] = len(material.examples)
            if lines := export.rows(material):
                names[split] = beside.write_rows(split, lines)
        manifest = _manifest(recipe, documents, rows, rejections, facts, counts, names)
        card = dataset_card(manifest, examples)
        manifest["sha256"] = _hashes(beside, [*(f"{name}.jsonl" for name in tables), *names.values()])
        beside.write_card(card)
        beside.write_manifest(manifest)
    return manifest


def unfinished(manifest: Mapping[str, Any]) -> str | None:
    """Return what a run that stands has still to ask for, None where there is nothing."""
    if manifest.get("below_quota"):
        return "`ragdata filter` left fewer rows than the quota asks for"
    if manifest.get("unasked_verdicts"):
        return f"{manifest['unasked_verdicts']} rows wait for a verdict"
    if manifest.get("retryable_failures"):
        return f"{manifest['retryable_failures']} failures of the last build can be tried again"
    return None


def _manifest(
    recipe: Recipe,
    documents: Sequence[Document],
    rows: Rows,
    rejections: Rejections,
    facts: Mapping[str, Any],
    counts: Mapping[str, int],
    names: Mapping[str, str],
) -> dict[str, Any]:
    block = recipe.ragdata
    return {
        "ragdata_version": __version__,
        "name": recipe.path.stem,
        "dataset_id": content_id("dataset", *sorted(names.values())),
        "finished_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "recipe": block.model_dump(mode="json", by_alias=True),
        "fingerprint": facts["fingerprint"],
        "format": block.export.format,
        "counts": {**counts, "refused": rejections.of_stage(corpus.STAGE)},
        "rejected_by_reason": rejections.by_reason(),
        "failures_by_reason": dict(Counter(record.error for record in rows.failures).most_common()),
        "retryable_failures": sum(record.retryable for record in rows.failures),
        "verdicts": _verdicts(recipe, rows),
        "unasked_verdicts": rejections.not_asked,
        "below_quota": facts.get("below_quota", False),
        "flagged_passages": rows.flagged,
        "files": dict(names),
        "documents": [_about(document, facts["cutting"].get(document.id, ())) for document in heads(documents)],
        "index": rows.index,
        "llm": rows.llm,
        "journal": facts["journal"],
    }


def _verdicts(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    """Return, for each criterion that was asked, who was asked and how often each score was given."""
    found: dict[str, Any] = {}
    for score in (score for verdict in rows.verdicts for score in verdict.scores):
        about = found.setdefault(score.criterion, {"producer": score.producer, "scores": Counter()})
        about["scores"]["no verdict" if score.value is None else str(score.value)] += 1
    for criterion in recipe.ragdata.criteria:
        found.setdefault(criterion, {"producer": producer_of(criterion), "scores": {}})
    return {key: {**about, "scores": dict(sorted(about["scores"].items()))} for key, about in sorted(found.items())}


def _about(document: Document, cutting: Sequence[str]) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "path": document.source.path,
        "sha256": document.source.sha256,
        "reader": [document.source.reader, document.source.reader_version],
        "pdf": document.source.pdf,
        "language": document.language,
        "licence": document.licence,
        "warnings": [*document.warnings, *cutting],
    }


def _hashes(run: RunDirectory, names: Sequence[str]) -> dict[str, str]:
    return {name: sha256_of(run.folder / name) for name in names}
