"""How well the index of a finished run finds what questions were asked about: dense, text and hybrid side by side."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from axolotl_ragdata.errors import DocumentRefused, StoreError
from axolotl_ragdata.index import Mode, Retriever
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.ranking import Measured, mean_interval, scores, summarised
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Passage, Question
from axolotl_ragdata.rows import open_retriever
from axolotl_ragdata.store import RunDirectory, write_atomically
from axolotl_ragdata.wording import normalised

FILE = "retrieval.json"
SCHEMA_VERSION = "1"
MODES: tuple[Mode, ...] = ("dense", "text", "hybrid")
KS = (1, 3, 5, 10)
DEPTH = 50
"""Ranks that are looked at."""
MOST_QUESTIONS = 2_000
SEARCHES_AT_ONCE = 64
LEAST_WORDS = 4
"""A shorter text stands in too many passages to say which is meant."""


class Label(BaseModel):
    """A line of a labelled file: a question and the passages that answer it, by id or by what they say."""

    model_config = ConfigDict(extra="ignore")

    question: str = Field(min_length=1)
    passages: list[str] = []
    answer: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        found = dict(data)
        given = found.pop("passage", None) or found.get("passages") or []
        return {**found, "passages": [given] if isinstance(given, str) else given}


@dataclass(frozen=True)
class Case:
    """A question, the passages that answer it, and the document of the first."""

    question: str
    relevant: frozenset[str]
    group: str


class Quality(BaseModel):
    """What was measured over one set of questions."""

    questions: int
    of: int
    """Questions that there were; fewer are measured where more than 2,000 were drawn from."""
    without_passage: list[str] = []
    """Questions of a labelled file whose passage is not in this run: not measured, never counted as a miss."""
    passages: int
    index: str
    embedder: str
    modes: dict[str, dict[str, Measured]]
    hybrid_minus_best: dict[str, Measured]
    """Hybrid less the better of dense and text alone, question by question."""
    best: dict[str, str]
    """By measure: which of dense and text is the better alone."""


class RetrievalReport(BaseModel):
    """What `retrieval.json` holds: by source of the questions."""

    schema_version: Literal["1"] = "1"
    sources: dict[Literal["questions", "labels"], Quality] = {}


def evaluate(recipe: Recipe, labels: Path | None = None, progress: Progress | None = None) -> Quality:
    """Return how well each way of searching finds the right passages, and keep it in the run directory.

    Args:
        recipe: Whose finished run.
        labels: A labelled file (JSONL: `question` with `passages`, ids or texts, or `answer`); None: the questions of
            the run and the passages that they were asked about.
        progress: Who hears of it.

    Raises:
        StoreError: There is no finished run, or its tables cannot be read.
        DocumentRefused: The labelled file cannot be read, or none of its questions has a passage in this run.
        RagdataError: As the embedder.
    """
    run, heard = RunDirectory(recipe.output), progress or Silent()
    if run.read_manifest() is None:
        raise StoreError(str(run.folder), "there is no finished build here", "run `ragdata build` first")
    with run.locked():
        passages = run.read_table("passages", Passage)
        cases, of, missing = _cases(run, passages, labels)
        retriever, embedder, tag = open_retriever(recipe, run, passages, heard)
        measured = measure(retriever, cases, heard)
        about = {"passages": len(passages), "index": tag, "embedder": embedder.name}
        quality = Quality(questions=len(cases), of=of, without_passage=missing, **about, **measured)
        _keep(run.folder, "questions" if labels is None else "labels", quality)
    return quality


def read_report(folder: Path) -> RetrievalReport | None:
    """Return what was measured in a run directory, None where nothing was.

    Raises:
        StoreError: The file is not what it should be.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return RetrievalReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as problem:
        what = f"cannot be read: {str(problem).splitlines()[0]}"
        raise StoreError(str(path), what, "measure again with `ragdata eval-retrieval`") from None


def measure(retriever: Retriever, cases: Sequence[Case], progress: Progress | None = None) -> dict[str, Any]:
    """Return `modes`, `hybrid_minus_best` and `best` of a `Quality`.

    Args:
        retriever: Over the passages.
        cases: At least one.
        progress: Who hears of it.
    """
    heard = progress or Silent()
    heard.start("searching", len(cases) * len(MODES))
    rows: dict[Mode, list[dict[str, float]]] = {}
    for mode in MODES:
        found = retriever.in_mode(mode)
        rows[mode] = []
        for start in range(0, len(cases), SEARCHES_AT_ONCE):
            block = cases[start : start + SEARCHES_AT_ONCE]
            ranked = found.search_all([case.question for case in block], DEPTH)
            for case, hits in zip(block, ranked, strict=True):
                keys = [hit.passage_id for hit, _ in hits]
                rows[mode].append(scores(keys, case.relevant, KS, DEPTH))
            heard.advance(len(block))
    groups = [case.group for case in cases]
    modes = {mode: summarised(rows[mode], groups) for mode in MODES}
    best: dict[str, Mode] = {
        name: "dense" if modes["dense"][name].value >= modes["text"][name].value else "text" for name in modes["dense"]
    }
    gained = {
        name: mean_interval([h[name] - b[name] for h, b in zip(rows["hybrid"], rows[best[name]], strict=True)], groups)
        for name in best
    }
    return {"modes": modes, "hybrid_minus_best": gained, "best": best}


def _cases(run: RunDirectory, passages: Sequence[Passage], labels: Path | None) -> tuple[list[Case], int, list[str]]:
    if labels is not None:
        return _labelled(labels, passages)
    documents = {passage.id: passage.doc_id for passage in passages}
    asked = [question for question in run.read_table("questions", Question) if question.answerable]
    found = [
        Case(question.text, frozenset(question.passage_ids), documents[question.passage_ids[0]]) for question in asked
    ]
    if not found:
        what = "no question of this run is answered by its documents"
        raise StoreError(str(run.folder), what, "give questions of your own with --labels")
    return _drawn(found), len(found), []


def _drawn(cases: list[Case]) -> list[Case]:
    return cases if len(cases) <= MOST_QUESTIONS else random.Random(42).sample(cases, MOST_QUESTIONS)  # noqa: S311


def _labelled(path: Path, passages: Sequence[Passage]) -> tuple[list[Case], int, list[str]]:
    by_id = {passage.id: passage for passage in passages}
    plain = {passage.id: f" {normalised(passage.text)} " for passage in passages}
    cases, missing = [], []
    for label in _labels(path):
        meant = sorted({key for text in _named(label) for key in _meant(text, plain)})
        if meant:
            cases.append(Case(label.question, frozenset(meant), by_id[meant[0]].doc_id))
        else:
            missing.append(label.question)
    if not cases:
        what = f"none of its {len(missing)} questions names a passage of this run"
        fix = "give `passages`: ids of passages.jsonl, or sentences that stand in the documents word for word"
        raise DocumentRefused(str(path), what, fix)
    return _drawn(cases), len(cases) + len(missing), missing


def _named(label: Label) -> list[str]:
    return label.passages or ([label.answer] if label.answer else [])


def _meant(text: str, plain: Mapping[str, str]) -> list[str]:
    """Return the passages of an id or a text: those that hold it word for word or, of a longer text, that it holds."""
    if text in plain:
        return [text]
    words = normalised(text)
    if words.count(" ") + 1 < LEAST_WORDS:
        return []
    holding = [key for key, passage in plain.items() if f" {words} " in passage]
    inside = (key for key, passage in plain.items() if passage.count(" ") > LEAST_WORDS and passage in f" {words} ")
    return holding or list(inside)


def _labels(path: Path) -> Iterator[Label]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        what = f"cannot be read: {problem.strerror if isinstance(problem, OSError) else 'it is not UTF-8'}"
        raise DocumentRefused(str(path), what, "give a JSONL file, a question a line") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Label.model_validate(json.loads(line))
        except (ValueError, ValidationError) as problem:
            first = problem.errors()[0] if isinstance(problem, ValidationError) else None
            what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "is not JSON"
            fix = 'a line is like {"question": "…", "passages": ["id or text"]}'
            raise DocumentRefused(f"{path}:{number}", what, fix) from None


def _keep(folder: Path, source: Literal["questions", "labels"], quality: Quality) -> None:
    try:
        report = read_report(folder) or RetrievalReport()
    except StoreError:
        # it was to be measured again
        report = RetrievalReport()
    kept = report.model_copy(update={"sources": {**report.sources, source: quality}})
    write_atomically(folder / FILE, f"{kept.model_dump_json(indent=2)}\n".encode())
