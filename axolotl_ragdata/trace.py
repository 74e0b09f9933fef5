"""A row of a finished build, followed back: row → answer → quote → sentence → section → box on the page → file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from axolotl_ragdata.errors import StoreError, UnknownName
from axolotl_ragdata.lines import line_bytes
from axolotl_ragdata.places import place_of
from axolotl_ragdata.records import (
    Answer,
    Citation,
    Document,
    Example,
    Message,
    PageBox,
    Passage,
    Question,
    Record,
    Rejected,
    Split,
)
from axolotl_ragdata.store import RunDirectory, sha256_of

SHORTEST_ID = 6
NEAREST = 3
MOST_COMPARED = 20_000
"""Ids that an unknown one is compared with: more would take seconds."""
FileState = Literal["unchanged", "changed since the build", "not there"]


class SourceFile(Record):
    """The file that a quote comes from; `path` as the run names it, `state` None where it was not looked for."""

    path: str
    sha256: str
    reader: str
    reader_version: str
    grobid_version: str | None
    pdf: str | None
    pdf_sha256: str | None
    state: FileState | None


class TracedReference(Record):
    """An entry of the bibliography that a cited sentence points to."""

    text: str
    title: str | None
    doi: str | None


class TracedQuote(Record):
    """A quote and everything above it; `found` says whether it stands in the document where it should."""

    quote: str
    found: bool
    start: int
    end: int
    sentences: tuple[str, ...]
    section_path: tuple[str, ...]
    section_number: str | None
    block: str
    references: tuple[TracedReference, ...]
    boxes: tuple[PageBox, ...]
    passage_id: str
    doc_id: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    doi: str | None
    licence: str | None
    file: SourceFile


class Trace(Record):
    """A row with its question, its answer and the way back of each quote."""

    id: str
    split: Split
    type: str
    earlier: tuple[Message, ...]
    """Of a conversation: the turns before the question."""
    question: str
    answer: str
    answerable: bool
    question_by: str
    answer_by: str
    passage_ids: tuple[str, ...]
    """What the question was asked about."""
    quotes: tuple[TracedQuote, ...]


def trace(folder: Path, example_id: str, sources: Path | None = None) -> Trace:
    """Return the way back of a row, from the tables of a finished run alone.

    Args:
        folder: The run directory.
        example_id: The id of a row, or the beginning of one (from 6 characters on).
        sources: What the paths of the documents are relative to; None: the files are not looked for.

    Raises:
        StoreError: There is no finished run, a table cannot be read, or the row's document is not in the run.
        UnknownName: There is no such row; the error says whether it was dropped and why, or names the nearest ids.
    """
    run = RunDirectory(folder)
    if run.read_manifest() is None:
        raise StoreError(str(folder), "there is no finished build here", "run `ragdata build` first")
    example = _example(run, example_id)
    origin = example.provenance
    doc_ids = {citation.doc_id for citation in origin.citations}
    documents = run.read_rows("documents", Document, doc_ids)
    passages = run.read_rows("passages", Passage, {citation.passage_id for citation in origin.citations})
    questions = run.read_rows("questions", Question, {origin.question_id})
    answers = run.read_rows("answers", Answer, {origin.answer_id})
    for missing in sorted({origin.question_id, origin.answer_id, *doc_ids} - {*questions, *answers, *documents}):
        what = f"{example.id} stands on {missing}, which is not in this run"
        raise StoreError(str(folder), what, "see what else is wrong with `ragdata verify`, then build again")
    return Trace(
        id=example.id,
        split=example.split,
        type=example.type,
        earlier=tuple(turn for turn in example.messages if turn.role != "system")[:-2],
        question=example.question,
        answer=example.answer,
        answerable=example.answerable,
        question_by=_by(origin.question_producer, origin.question_model),
        answer_by=_by(origin.answer_producer, origin.answer_model),
        passage_ids=origin.passage_ids,
        quotes=tuple(_quote(citation, documents, passages, sources) for citation in origin.citations),
    )


def _by(producer: str, model: str | None) -> str:
    return f"{producer} ({model})" if model else producer


def _example(run: RunDirectory, wanted: str) -> Example:
    """Return the one row whose id is, or begins with, what is wanted."""
    known = run.read_ids("examples")
    found = [key for key in known if key == wanted] or [
        key for key in known if len(wanted) >= SHORTEST_ID and key.startswith(wanted)
    ]
    if len(found) == 1:
        return run.read_rows("examples", Example, found)[found[0]]
    where = str(run.folder / "examples.jsonl")
    if found:
        shown = ", ".join(sorted(found)[:NEAREST])
        raise UnknownName(where, f"{len(found)} rows begin with {wanted!r}", f"give more of the id: {shown}")
    for record in run.read_table("rejected", Rejected):
        if record.subject_id == wanted:
            why = f"{record.reason}{f' ({record.detail})' if record.detail else ''}"
            raise UnknownName(where, f"{wanted!r} is no row: it was dropped at {record.stage}: {why}", "choose another")
    few = known if len(known) <= MOST_COMPARED else [key for key in known if key.startswith(wanted[:SHORTEST_ID])]
    near = difflib.get_close_matches(wanted, few[:MOST_COMPARED], n=NEAREST, cutoff=0.3) or sorted(known)[:NEAREST]
    fix = f"the nearest of {len(known):,} ids: {', '.join(near)}" if near else "this run has no row"
    raise UnknownName(where, f"there is no row {wanted!r}", fix)


def _quote(
    citation: Citation, documents: Mapping[str, Document], passages: Mapping[str, Passage], sources: Path | None
) -> TracedQuote:
    document = documents[citation.doc_id]
    start, end = citation.start, citation.end
    place = place_of(document, start, end)
    section, block, _ = next(
        (placed for placed in reversed(document.placed_blocks) if placed[2] <= start), (None, None, 0)
    )
    passage = passages.get(citation.passage_id)
    inside = passage is not None and passage.doc_id == document.id and passage.start <= start < end <= passage.end
    first = place.sentences[0][0] if place.sentences else start
    last = place.sentences[-1][1] if place.sentences else end
    return TracedQuote(
        quote=citation.quote,
        found=inside and document.text[start:end] == citation.quote,
        start=start,
        end=end,
        sentences=tuple(document.text[slice(*span)] for span in place.sentences),
        section_path=section.path if section else (),
        section_number=section.number if section else None,
        block=block.kind if block else "",
        references=_references(document, first, last),
        boxes=place.boxes,
        passage_id=citation.passage_id,
        doc_id=document.id,
        title=document.title,
        authors=document.authors,
        year=document.year,
        doi=document.doi,
        licence=document.licence,
        file=_file(document, sources),
    )


def _references(document: Document, start: int, end: int) -> tuple[TracedReference, ...]:
    """Return what the citation marks between two offsets of the text point to."""
    entries = {entry.id: entry for entry in document.references}
    found: dict[TracedReference, Any] = {}
    for _, block, at in document.placed_blocks:
        for mark in block.citations:
            if mark.ref_id in entries and start <= at + mark.start < end:
                entry = entries[mark.ref_id]
                found[TracedReference(text=mark.text, title=entry.title or entry.raw, doi=entry.doi)] = None
    return tuple(found)


def _file(document: Document, sources: Path | None) -> SourceFile:
    source = document.source
    state: FileState | None = None
    if sources is not None:
        path = sources / source.path
        is_there = path.is_file() or line_bytes(path) is not None
        state = "not there" if not is_there else "changed since the build"
        if is_there and sha256_of(path) == source.sha256:
            state = "unchanged"
    return SourceFile(**source.model_dump(), state=state)
