"""Proof of a finished run from its files alone: quotes, splits, accounting, hashes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Answer, Document, Example, Failure, Passage, Question, Rejected
from axolotl_ragdata.store import RunDirectory, sha256_of
from axolotl_ragdata.wording import normalised

SPLITS = ("train", "validation", "test_seen", "test_unseen")


class Problem(BaseModel):
    """Something that a finished run must not show."""

    check: str
    text: str


class Result(BaseModel):
    """What was checked, with how much of it there was, and every problem."""

    checked: dict[str, int]
    problems: list[Problem]

    def lines(self) -> Iterator[str]:
        """Yield what a person reads: a line a check, then the problems."""
        bad = Counter(problem.check for problem in self.problems)
        for name, count in self.checked.items():
            yield f"{'FAILED' if bad[name] else 'ok':<8}{name}: {count:,} checked" + (
                f", {bad[name]:,} wrong" if bad[name] else ""
            )
        yield from (f"        {problem.check}: {problem.text}" for problem in self.problems[:20])


@dataclass(frozen=True)
class Run:
    """The tables of a finished run."""

    folder: Path
    manifest: Mapping[str, Any]
    documents: Mapping[str, Document]
    passages: Mapping[str, Passage]
    questions: Mapping[str, Question]
    answers: Mapping[str, Answer]
    examples: list[Example]
    rejected: list[Rejected]
    failures: list[Failure]


def verify(folder: Path) -> Result:
    """Return what a run directory proves.

    Raises:
        StoreError: There is no finished run, or a table cannot be read.
    """
    run = _open(folder)
    checks = {
        "quotes in their source": _quotes(run),
        "passages in their document": _passages(run),
        "every passage accounted for": _accounted(run),
        "every question accounted for": _answered(run),
        "no overlap between splits": _disjoint(run),
        "exported rows are the examples": _exports(run),
        "hashes and counts of the manifest": _manifest(run),
    }
    checked, problems = {}, []
    for name, found in checks.items():
        outcomes = list(found)
        checked[name] = len(outcomes)
        problems += [Problem(check=name, text=text) for text in outcomes if text]
    return Result(checked=checked, problems=problems)


def _open(folder: Path) -> Run:
    store = RunDirectory(folder)
    manifest = store.read_manifest()
    if manifest is None:
        raise StoreError(str(folder), "there is no finished build here", "run `ragdata build` first")
    return Run(
        folder=folder,
        manifest=manifest,
        documents={row.id: row for row in store.read_table("documents", Document)},
        passages={row.id: row for row in store.read_table("passages", Passage)},
        questions={row.id: row for row in store.read_table("questions", Question)},
        answers={row.id: row for row in store.read_table("answers", Answer)},
        examples=store.read_table("examples", Example),
        rejected=store.read_table("rejected", Rejected),
        failures=store.read_table("failures", Failure),
    )


def _quotes(run: Run) -> Iterator[str]:
    """Yield '' for a quote that stands where it says, else what is wrong; an example without one is wrong."""
    for example in run.examples:
        if not example.provenance.citations:
            yield f"{example.id} has no quote"
        for citation in example.provenance.citations:
            document, passage = run.documents.get(citation.doc_id), run.passages.get(citation.passage_id)
            if document is None or passage is None:
                yield f"{example.id} cites {citation.passage_id}, which is not in this run"
            elif document.text[citation.start : citation.end] != citation.quote or not citation.quote:
                place = f"{citation.start} of {document.source.path}"
                yield f"{example.id}: the quote {citation.quote[:60]!r} is not at {place}"
            elif not passage.start <= citation.start <= citation.end <= passage.end:
                yield f"{example.id}: the quote {citation.quote[:60]!r} is outside its passage {passage.id}"
            else:
                yield ""


def _passages(run: Run) -> Iterator[str]:
    for passage in run.passages.values():
        document = run.documents.get(passage.doc_id)
        same = document is not None and document.text[passage.start : passage.end] == passage.text
        yield "" if same else f"{passage.id} is not {passage.start}–{passage.end} of its document"


def _accounted(run: Run) -> Iterator[str]:
    """Yield '' for a passage that has a question, a rejection or a failure."""
    known = {passage_id for question in run.questions.values() for passage_id in question.passage_ids}
    known |= _dropped(run)
    known |= {key for record in run.rejected for key in record.subject.get("passage_ids", ())}
    for passage_id in run.passages:
        yield "" if passage_id in known else f"{passage_id} has no question, no rejection and no failure"


def _answered(run: Run) -> Iterator[str]:
    """Yield '' for a question that became an example, or was rejected or failed by name."""
    known = {example.provenance.question_id for example in run.examples}
    known |= _dropped(run)
    known |= {record.subject.get("question_id", "") for record in run.rejected}
    for question_id in run.questions:
        yield "" if question_id in known else f"{question_id} has no example, no rejection and no failure"


def _dropped(run: Run) -> set[str]:
    return {record.subject_id for record in run.rejected} | {record.subject_id for record in run.failures}


def _disjoint(run: Run) -> Iterator[str]:
    """Yield '' for an example whose id and question are in one split only, and that shares nothing with test_unseen."""
    home: dict[str, set[str]] = defaultdict(set)
    for example in run.examples:
        home[example.id].add(example.split)
        home[normalised(example.question)].add(example.split)
    unseen = _places(run, (row for row in run.examples if row.split == "test_unseen"))
    for example in run.examples:
        splits = home[example.id] | home[normalised(example.question)]
        if len(splits) > 1:
            yield f"{example.id} ({example.question!r}) is in {' and '.join(sorted(splits))}"
        elif example.split != "test_unseen" and (shared := unseen & _places(run, [example])):
            yield f"{example.id} ({example.split}) uses {sorted(shared)[0]}, which test_unseen keeps out"
        else:
            yield ""


def _places(run: Run, examples: Iterable[Example]) -> set[str]:
    """Return the sections (or documents) whose passages the examples ask about or cite."""
    whole = run.manifest["recipe"]["split"]["unseen_by"] == "document"
    found = set()
    for example in examples:
        cited = [citation.passage_id for citation in example.provenance.citations]
        for key in (*example.provenance.passage_ids, *cited):
            if passage := run.passages.get(key):
                path = () if whole else passage.section_path
                found.add(" / ".join((passage.doc_id, *path)))
    return found


def _exports(run: Run) -> Iterator[str]:
    """Yield '' for an exported row that is the example of its id, and what is missing or extra."""
    wanted = {example.id: example for example in run.examples}
    exported: dict[str, str] = {}
    for split, name in run.manifest["files"].items():
        for number, line in enumerate(_lines(run.folder / name), 1):
            row = _parsed(line)
            example = wanted.get(str(row.get("id")))
            turns = [turn.model_dump() for turn in example.messages] if example else None
            if example is None or example.split != split or row.get("messages", turns) != turns:
                yield f"{name}:{number} is not an example of {split}"
                continue
            exported[example.id] = split
            yield ""
    for missing in wanted.keys() - exported.keys():
        yield f"{missing} was not exported"


def _manifest(run: Run) -> Iterator[str]:
    manifest = run.manifest
    for name, sha256 in manifest["sha256"].items():
        path = run.folder / name
        if not path.exists():
            yield f"{name} is missing"
            continue
        found = sha256_of(path)
        yield "" if found == sha256 else f"{name} has SHA-256 {found[:16]}…, not {sha256[:16]}…"
    for split, name in manifest["files"].items():
        yield "" if manifest["sha256"].get(name, "")[:16] in name else f"{split}: {name} is not named by its content"
    found_counts = {"examples": len(run.examples), "passages": len(run.passages), "documents": len(run.documents)}
    found_counts |= {split: sum(row.split == split for row in run.examples) for split in SPLITS}
    for name, count in found_counts.items():
        stated = manifest["counts"].get(name)
        yield "" if stated == count else f"counts.{name} is {stated}, the tables hold {count}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def _parsed(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
