"""Proof of a finished run from its files alone: quotes, splits, accounting, hashes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.examples import conversation, open_book
from axolotl_ragdata.exports import Export, exports, materials
from axolotl_ragdata.overlap import overlapping_pairs
from axolotl_ragdata.places import places_of
from axolotl_ragdata.proofs import groups_together, within_quota
from axolotl_ragdata.records import (
    Answer,
    Document,
    Example,
    Failure,
    Message,
    Passage,
    Question,
    Record,
    Rejected,
    Verdict,
    content_id,
)
from axolotl_ragdata.soundness import flagged, judged, numbers
from axolotl_ragdata.splits import held_out_passages, main_passages
from axolotl_ragdata.store import RunDirectory, sha256_of
from axolotl_ragdata.wording import normalised

RecordT = TypeVar("RecordT", bound=Record)

SPLITS = ("train", "validation", "test_seen", "test_unseen")
TABLES: dict[str, type[Record]] = {
    "documents": Document,
    "passages": Passage,
    "questions": Question,
    "answers": Answer,
    "verdicts": Verdict,
    "examples": Example,
    "rejected": Rejected,
    "failures": Failure,
}
SHOWN = 20
"""Problems that are printed; all of them are in the result."""


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
            wrong = f", {bad[name]:,} wrong" if bad[name] else ""
            yield f"{'FAILED' if bad[name] else 'ok':<8}{name}: {count:,} checked{wrong}"
        yield from (f"        {problem.check}: {problem.text}" for problem in self.problems[:SHOWN])
        if len(self.problems) > SHOWN:
            yield f"        and {len(self.problems) - SHOWN:,} more; --json shows all"


@dataclass
class _Run:
    """The tables of a finished run, and what was wrong with reading them."""

    folder: Path
    manifest: Mapping[str, Any]
    rows: dict[str, list[Any]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def by_id(self, name: str, _: type[RecordT]) -> dict[str, RecordT]:
        return {row.id: row for row in self.rows[name]}

    @property
    def examples(self) -> list[Example]:
        return self.rows["examples"]

    @property
    def rejected(self) -> list[Rejected]:
        return self.rows["rejected"]


def verify(folder: Path) -> Result:
    """Return what a run directory proves; it is read, never written, and needs no source file, model or network.

    Of the manifest it reads `counts`, `files`, `sha256`, `dataset_id`, `documents`, `format` and
    `recipe.split.unseen_by`.

    Raises:
        StoreError: There is no finished run.
    """
    run = _open(folder)
    checks: dict[str, Callable[[_Run], Iterable[str]]] = {
        "tables can be read": lambda run: [*run.unreadable, *[""] * (len(TABLES) - len(run.unreadable))],
        "hashes of the files": _hashes,
        "counts of the manifest": _counts,
        "ids are unique": _unique,
        "passages in their document": _passages,
        "quotes in their source": _quotes,
        "numbers in the evidence": lambda run: numbers(run.examples, run.by_id("passages", Passage)),
        "verdicts that let rows in": lambda run: judged(run.examples, run.rows["verdicts"], run.manifest),
        "passages that give orders are named": lambda run: flagged(run.rows["passages"], run.manifest),
        "places of the quotes": _places,
        "rows from their question and answer": _derived,
        "every passage accounted for": _passages_accounted,
        "every question accounted for": _questions_accounted,
        "no overlap between splits": _disjoint,
        "phrasings of one fact in one split": lambda run: groups_together(run.examples),
        "test_unseen keeps its sections out": _kept_out,
        "test_seen asks about what is trained on": _seen,
        "exported rows are the examples": _exported,
    }
    if asked := _quota(run):
        checks["no more rows than asked for"] = lambda run: within_quota(run.examples, run.rows["passages"], asked)
    checked, problems = {}, []
    for name, check in checks.items():
        outcomes = list(check(run))
        checked[name] = len(outcomes)
        problems += [Problem(check=name, text=text) for text in outcomes if text]
    return Result(checked=checked, problems=problems)


def _open(folder: Path) -> _Run:
    store = RunDirectory(folder)
    manifest = store.read_manifest()
    if manifest is None:
        raise StoreError(str(folder), "there is no finished build here", "run `ragdata build` first")
    run = _Run(folder, manifest)
    for name, kind in TABLES.items():
        try:
            run.rows[name] = store.read_table(name, kind)
        except StoreError as problem:
            run.rows[name] = []
            run.unreadable.append(f"{problem.where}: {problem.what}")
    return run


def _hashes(run: _Run) -> Iterator[str]:
    """Yield '' for a file whose hash is the manifest's; exports must carry it in their name."""
    stated = run.manifest.get("sha256", {})
    files = run.manifest.get("files", {})
    for name in [*(f"{table}.jsonl" for table in TABLES), *files.values()]:
        path = run.folder / Path(name).name
        if name not in stated:
            yield f"{name} has no hash in the manifest"
        elif not path.is_file():
            yield f"{name} is missing"
        else:
            found = sha256_of(path)
            yield "" if found == stated[name] else f"{name} has SHA-256 {found[:16]}…, not {stated[name][:16]}…"
            if name in files.values() and found[:16] not in name:
                yield f"{name} is not named by its content, {found[:16]}"
    for split in SPLITS:
        for path in run.folder.glob(f"{split}-*.jsonl"):
            if path.name != files.get(split):
                yield f"{path.name} is not of this build"
    expected = content_id("dataset", *sorted(files.values()))
    yield "" if run.manifest.get("dataset_id") == expected else f"dataset_id is not {expected}, as the files say"


def _counts(run: _Run) -> Iterator[str]:
    found = {name: len(rows) for name, rows in run.rows.items()}
    found |= {split: sum(row.split == split for row in run.examples) for split in SPLITS}
    for name, count in found.items():
        stated = run.manifest.get("counts", {}).get(name)
        yield "" if stated == count else f"counts.{name} is {stated}, the tables hold {count}"
    for split in SPLITS:
        listed = split in run.manifest.get("files", {})
        yield (
            ""
            if listed == bool(found[split])
            else f"{split} has {found[split]} rows and {'a' if listed else 'no'} file"
        )
    sources = {(row["id"], row["sha256"]) for row in run.manifest.get("documents", [])}
    same = sources == {(row.id, row.source.sha256) for row in run.rows["documents"]}
    yield "" if same else "the manifest lists other documents than documents.jsonl"


def _unique(run: _Run) -> Iterator[str]:
    for name in ("documents", "passages", "questions", "answers", "examples"):
        for key, count in Counter(row.id for row in run.rows[name]).items():
            yield "" if count == 1 else f"{key} stands {count} times in {name}.jsonl"


def _passages(run: _Run) -> Iterator[str]:
    documents = run.by_id("documents", Document)
    for passage in run.rows["passages"]:
        document = documents.get(passage.doc_id)
        same = document is not None and document.text[passage.start : passage.end] == passage.text
        yield "" if same else f"{passage.id} is not {passage.start}-{passage.end} of its document"


def _quotes(run: _Run) -> Iterator[str]:
    """Yield '' for a quote that stands where it says, else what is wrong; a row without one is wrong."""
    documents, passages = run.by_id("documents", Document), run.by_id("passages", Passage)
    for example in run.examples:
        if not example.provenance.citations:
            yield f"{example.id} has no quote"
        for citation in example.provenance.citations:
            document, passage = documents.get(citation.doc_id), passages.get(citation.passage_id)
            shown = f"{example.id}: the quote {citation.quote[:60]!r}"
            if document is None or passage is None:
                yield f"{example.id} cites {citation.passage_id}, which is not in this run"
            elif not citation.quote.strip() or document.text[citation.start : citation.end] != citation.quote:
                yield f"{shown} is not at {citation.start} of {document.source.path}"
            elif passage.doc_id != document.id or not passage.start <= citation.start < citation.end <= passage.end:
                yield f"{shown} is outside its passage {passage.id}"
            else:
                yield ""


def _places(run: _Run) -> Iterator[str]:
    """Yield '' for a row whose quotes are placed in the sentences and on the pages of their documents."""
    documents = run.by_id("documents", Document)
    for example in run.examples:
        same = example.provenance.places == places_of(example, documents)
        yield "" if same else f"{example.id} places its quotes elsewhere than its documents do"


def _derived(run: _Run) -> Iterator[str]:
    """Yield '' for a row that is its question, its answer and its document."""
    questions, answers = run.by_id("questions", Question), run.by_id("answers", Answer)
    documents, passages = run.by_id("documents", Document), run.by_id("passages", Passage)
    for example in run.examples:
        origin = example.provenance
        question, answer = questions.get(origin.question_id), answers.get(origin.answer_id)
        document = documents.get(origin.doc_id)
        spoken = tuple(turn for turn in example.messages if turn.role != "system")
        shown = [passages[key] for key in example.context if key in passages]
        if question is None or answer is None or document is None:
            yield f"{example.id}: its question, answer or document is not in this run"
        elif example.id != content_id("ex", question.id, answer.id) or answer.question_id != question.id:
            yield f"{example.id} is not the id of its question and answer"
        elif (example.question, example.answer) != (question.text, answer.text) or spoken != open_book(
            conversation(question, answer), shown
        ):
            yield f"{example.id} does not say what its question and answer say"
        elif (origin.citations, origin.passage_ids) != (answer.citations, question.passage_ids):
            yield f"{example.id} does not cite what its answer cites"
        elif (origin.source_path, origin.source_sha256) != (document.source.path, document.source.sha256):
            yield f"{example.id} names another source than its document"
        else:
            yield ""


def _passages_accounted(run: _Run) -> Iterator[str]:
    """Yield '' for a passage that has a question, a rejection or a failure."""
    known = {key for question in run.rows["questions"] for key in question.passage_ids} | _dropped(run)
    known |= {key for record in run.rejected for key in record.subject.get("passage_ids", ())}
    for passage in run.rows["passages"]:
        yield "" if passage.id in known else f"{passage.id} has no question, no rejection and no failure"


def _questions_accounted(run: _Run) -> Iterator[str]:
    """Yield '' for a question or an answer that became a row, or was rejected or failed by name."""
    known = {example.provenance.question_id for example in run.examples} | _dropped(run)
    known |= {str(record.subject.get("question_id", "")) for record in run.rejected}
    for question in run.rows["questions"]:
        yield "" if question.id in known else f"{question.id} has no row, no rejection and no failure"
    questions = run.by_id("questions", Question)
    for answer in run.rows["answers"]:
        yield "" if answer.question_id in questions else f"{answer.id} answers no question of this run"


def _dropped(run: _Run) -> set[str]:
    return {record.subject_id for name in ("rejected", "failures") for record in run.rows[name]}


def _disjoint(run: _Run) -> Iterator[str]:
    """Yield '' for a question that is asked in one split only, nor held by a question of another split."""
    homes: dict[str, set[str]] = defaultdict(set)
    for example in run.examples:
        homes[normalised(example.question)].add(example.split)
    for question, splits in homes.items():
        yield "" if len(splits) == 1 else f"{question!r} is asked in {' and '.join(sorted(splits))}"
    for at, of in overlapping_pairs([example.question for example in run.examples]):
        one, other = run.examples[at], run.examples[of]
        if one.split != other.split:
            yield f"{one.id} ({one.split}) and {other.id} ({other.split}) share their words"


def _quota(run: _Run) -> Mapping[str, Any]:
    """Return what the recipe of the run asks of its questions, {} where it sets no quota."""
    asked = dict(run.manifest.get("recipe", {}).get("questions", {}))
    return asked if asked.get("target") or asked.get("per_section") else {}


def _kept_out(run: _Run) -> Iterator[str]:
    """Yield '' for a row outside test_unseen that stands on nothing that test_unseen keeps out, nor on its text."""
    passages = run.by_id("passages", Passage)
    unseen_by = str(run.manifest.get("recipe", {}).get("split", {}).get("unseen_by", "section"))
    unseen = held_out_passages(run.examples, run.rows["passages"], unseen_by)
    for row in run.examples:
        if row.split != "test_unseen":
            shared = [passages[key] for key in [*main_passages(row), *row.context] if key in unseen]
            yield f"{row.id} ({row.split}) uses {shared[0].id} of {shared[0].heading!r}" if shared else ""


def _seen(run: _Run) -> Iterator[str]:
    trained = {key for row in run.examples if row.split == "train" for key in row.provenance.passage_ids}
    for row in run.examples:
        if row.split == "test_seen":
            missing = set(row.provenance.passage_ids) - trained
            yield f"{row.id} asks about {min(missing)}, which no training row asks about" if missing else ""


def _exported(run: _Run) -> Iterator[str]:
    """Yield '' for an exported line that is the row of its example, and what is wrong, missing or there twice."""
    name = str(run.manifest.get("format"))
    if name not in exports.names():
        yield f"there is no export {name!r}, which the manifest names"
        return
    export = exports.get(name, "manifest.json")
    for split, wanted in _wanted_rows(run, export).items():
        name = str(run.manifest.get("files", {}).get(split, ""))
        written: Counter[str] = Counter()
        for number, line in enumerate(_lines(run.folder / Path(name).name) if name else (), 1):
            row = _parsed(line)
            key = str(row.get("id"))
            if key not in wanted or not _same(row, wanted[key], export.needs_template):
                yield f"{name}:{number} is not the row of an example in {split}"
                continue
            written[key] += 1
            yield "" if written[key] == 1 else f"{name}:{number} is there twice"
        yield from (f"{missing} was not exported" for missing in wanted.keys() - written.keys())


class _Unrendered:
    """Stands for a chat template where none can be had: the whole conversation is the trained text."""

    def segments(self, messages: Sequence[Message]) -> list[tuple[bool, str]]:
        return [(turn.role == "assistant", turn.content) for turn in messages]


def _wanted_rows(run: _Run, export: Export) -> dict[str, dict[str, dict[str, Any]]]:
    unseen_by = str(run.manifest.get("recipe", {}).get("split", {}).get("unseen_by", "section"))
    unseen = held_out_passages(run.examples, run.rows["passages"], unseen_by)
    made = materials(run.examples, run.rows["passages"], run.rejected, unseen, _Unrendered())
    return {split: {str(row["id"]): row for row in export.rows(material)} for split, material in made.items()}


def _same(row: dict[str, Any], wanted: dict[str, Any], rendered: bool) -> bool:
    """Return whether a row is what it should be; of a rendered one, whether it trains on what the assistant says."""
    if not rendered:
        return row == wanted
    said = [[str(part.get("text", "")) for part in of["segments"] if part.get("label")] for of in (row, wanted)]
    within = len(said[0]) == len(said[1]) and all(want.strip() in have for have, want in zip(*said, strict=True))
    return within and {**row, "segments": ()} == {**wanted, "segments": ()}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n") if path.is_file() else []


def _parsed(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
