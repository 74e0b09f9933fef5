"""What is to be told of a finished run, counted once: the dataset card and the report say the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from axolotl_ragdata.records import PATH_JOINT, Example, Passage, Rejected

UNKNOWN_LICENCE = "not stated in the file"
SPLITS = ("train", "validation", "test_seen", "test_unseen")
ORDER = ("read", "parse", "passages", "questions", "answers", "verdicts", "filters", "splits", "failed")
"""Stages in the order in which a record passes them."""
NEAR_DUPLICATES = "filters/near_duplicate"


def splits(manifest: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Return split, rows and exported file of each split that has rows."""
    return [(split, manifest["counts"][split], name) for split, name in manifest["files"].items()]


def types(examples: Sequence[Example]) -> list[tuple[str, int]]:
    """Return question type and rows, the commonest first."""
    return Counter(row.type for row in examples).most_common()


def sources(manifest: Mapping[str, Any], examples: Sequence[Example]) -> list[tuple[str, str, str, int]]:
    """Return title, file, licence and rows of each document, by file."""
    rows = Counter(row.provenance.doc_id for row in examples)
    return [
        (
            document["title"] or "(no title)",
            document["path"],
            document["licence"] or UNKNOWN_LICENCE,
            rows[document["id"]],
        )
        for document in sorted(manifest["documents"], key=lambda document: document["path"])
    ]


def licences(examples: Sequence[Example]) -> list[tuple[str, int, str]]:
    """Return licence, rows and their share, the commonest first."""
    found = Counter(row.provenance.licence or UNKNOWN_LICENCE for row in examples)
    return [(name, count, f"{100 * count / len(examples):.1f}%") for name, count in found.most_common()]


def left_out(manifest: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Return stage, reason and number of everything that did not become a row, in the order of the stages."""
    rejected = manifest["rejected_by_reason"].items()
    rows = [(stage, reason, count) for stage, reasons in rejected for reason, count in reasons.items()]
    rows += [("failed", reason, count) for reason, count in manifest["failures_by_reason"].items()]
    return sorted(rows, key=lambda row: (_place(row[0]), row[0], -row[2]))


def funnel(manifest: Mapping[str, Any], passages_asked: int) -> list[tuple[str, int]]:
    """Return what was left after each step, from files to training rows.

    Args:
        manifest: Of the run.
        passages_asked: Passages that have a question.
    """
    counts = manifest["counts"]
    return [
        ("files", counts["documents"] + counts["refused"]),
        ("documents", counts["documents"]),
        ("passages", counts["passages"]),
        ("passages asked about", passages_asked),
        ("questions", counts["questions"]),
        ("answers", counts["answers"]),
        ("rows", counts["examples"]),
        ("training rows", counts["train"]),
    ]


def by_section(
    examples: Sequence[Example], passages: Sequence[Passage]
) -> list[tuple[str, str, int, int, Counter[str]]]:
    """Return document, section, passages, passages with a row, and rows by type, in reading order of the documents."""
    held: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    titles: dict[str, str] = {}
    for passage in sorted(passages, key=lambda one: (one.doc_title, one.doc_id, one.ordinal)):
        held[passage.doc_id, passage.section_path].append(passage.id)
        titles[passage.doc_id] = passage.doc_title or "(no title)"
    rows: dict[tuple[str, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
    used: set[str] = set()
    for row in examples:
        rows[row.provenance.doc_id, row.provenance.section_path][row.type] += 1
        used.update(row.provenance.passage_ids)
    return [
        (titles[key[0]], PATH_JOINT.join(key[1]) or "(no heading)", len(ids), len(used.intersection(ids)), rows[key])
        for key, ids in held.items()
    ]


def duplicate_clusters(rejected: Sequence[Rejected]) -> list[tuple[str, list[tuple[str, float | None]]]]:
    """Return each question that others repeated, with them and their cosines, the largest cluster first."""
    found: dict[str, list[tuple[str, float | None]]] = defaultdict(list)
    for record in rejected:
        if record.stage == NEAR_DUPLICATES:
            found[record.detail].append((str(record.subject.get("question", record.subject_id)), record.score))
    clusters = [(detail.partition(": ")[2] or detail, repeats) for detail, repeats in found.items()]
    return sorted(clusters, key=lambda cluster: (-len(cluster[1]), cluster[0]))


def scored_rejections(rejected: Sequence[Rejected]) -> dict[tuple[str, str, float | None], list[float]]:
    """Return the scores of what was dropped for a number, by stage, reason and threshold."""
    found: dict[tuple[str, str, float | None], list[float]] = defaultdict(list)
    for record in rejected:
        if record.score is not None:
            found[record.stage, record.reason, record.threshold].append(record.score)
    return dict(found)


def misquoted(examples: Sequence[Example], passages: Mapping[str, Passage]) -> list[str]:
    """Return the rows with a quote that is not, character by character, where its passage has it."""
    wrong = []
    for row in examples:
        for quote in row.provenance.citations:
            passage = passages.get(quote.passage_id)
            if passage is None or passage.text[quote.start - passage.start : quote.end - passage.start] != quote.quote:
                wrong.append(row.id)
                break
    return wrong


def _place(stage: str) -> int:
    first = stage.partition("/")[0]
    return ORDER.index(first) if first in ORDER else len(ORDER)
