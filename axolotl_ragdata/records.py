"""The records that flow through a build, and the ids that make a re-run find its own work.

Document → Passage → Question → Answer → Example; `Rejected` and `Failure` stand beside them as ordinary outcomes.
All are frozen pydantic models; one is one line of JSONL. All offsets count Unicode code points.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.0"
CANONICAL = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode
BLOCK_JOINT = "\n\n"
"""What stands between two blocks in `Document.text`."""
PATH_JOINT = " / "
"""What stands between two section titles where a path is shown."""

BlockKind = Literal["paragraph", "table", "figure", "formula", "list", "note"]
Part = Literal["abstract", "body", "back"]
Generator = Literal["llm", "structure"]
Split = Literal["train", "validation", "test_seen", "test_unseen"]


def content_id(prefix: str, *parts: Any) -> str:
    """Return `prefix-` and 20 hexadecimal digits that follow from the parts alone.

    The parts must be JSON values; equal values give equal ids on every machine and in every Python version.

    >>> content_id("p", "text", {"b": 1, "a": 2}) == content_id("p", "text", {"a": 2, "b": 1})
    True
    """
    return f"{prefix}-{hashlib.blake2b(CANONICAL(parts).encode(), digest_size=10).hexdigest()}"


class Record(BaseModel):
    """A frozen row; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PageBox(Record):
    """A rectangle on a page: page number from 1, the rest in PDF points from the upper left corner."""

    page: int
    x: float
    y: float
    width: float
    height: float


class InlineCitation(Record):
    """A citation mark inside a block: `text` is `block.text[start:end]`; `ref_id` is None where it has no target."""

    start: int
    end: int
    text: str
    ref_id: str | None = None


class SentenceSpan(Record):
    """A sentence of a block as the parser saw it: `block.text[start:end]`, with its boxes on the page."""

    start: int
    end: int
    boxes: tuple[PageBox, ...] = ()


class Cell(Record):
    """A table cell."""

    text: str
    row_span: int = 1
    col_span: int = 1
    header: bool = False


class Block(Record):
    """A piece of a section: a paragraph, table, figure, formula, list or note.

    `text` is what is read, quoted and counted: of a table its label, caption and cells as Markdown, of a list its
    items one a line, of the others the running text.
    """

    kind: BlockKind
    text: str
    label: str | None = None
    caption: str | None = None
    rows: tuple[tuple[Cell, ...], ...] = ()
    items: tuple[str, ...] = ()
    citations: tuple[InlineCitation, ...] = ()
    sentences: tuple[SentenceSpan, ...] = ()
    boxes: tuple[PageBox, ...] = ()


class Section(Record):
    """A run of blocks under one heading; `path` holds the titles from the top down, () where there is none."""

    path: tuple[str, ...] = ()
    number: str | None = None
    part: Part = "body"
    blocks: tuple[Block, ...] = ()


class Reference(Record):
    """An entry of the bibliography; `id` is what `InlineCitation.ref_id` points to."""

    id: str
    title: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str | None = None
    doi: str | None = None
    raw: str | None = None


class Source(Record):
    """Where a document comes from; `sha256` is of the file's bytes. `pdf` is what a build made that file from."""

    path: str
    sha256: str
    reader: str
    reader_version: str
    grobid_version: str | None = None
    pdf: str | None = None
    pdf_sha256: str | None = None


class Document(Record):
    """A structured document. `text` holds the text of its non-empty blocks, joined by an empty line."""

    id: str
    title: str = ""
    language: str | None = None
    licence: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    doi: str | None = None
    sections: tuple[Section, ...] = ()
    references: tuple[Reference, ...] = ()
    source: Source
    warnings: tuple[str, ...] = ()
    schema_version: str = SCHEMA_VERSION

    @cached_property
    def text(self) -> str:
        """The whole text; every offset of a passage or a quote counts in it."""
        return BLOCK_JOINT.join(block.text for _, block, _ in self.placed_blocks)

    @cached_property
    def placed_blocks(self) -> tuple[tuple[Section, Block, int], ...]:
        """Every non-empty block with its section and the offset of its first character in `text`."""
        placed = []
        at = 0
        for section in self.sections:
            for block in section.blocks:
                if block.text:
                    placed.append((section, block, at))
                    at += len(block.text) + len(BLOCK_JOINT)
        return tuple(placed)


class Passage(Record):
    """A slice of one section that is indexed, asked about and quoted: `text` is `document.text[start:end]`.

    `lead` is text that travels in front of it without being part of the slice, such as the caption and header row of a
    table that was too long for one passage.
    """

    id: str
    doc_id: str
    doc_title: str = ""
    language: str | None = None
    section_path: tuple[str, ...] = ()
    part: Part = "body"
    kind: BlockKind = "paragraph"
    ordinal: int
    text: str
    lead: str = ""
    start: int
    end: int
    n_tokens: int
    ref_ids: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The document's title and the section path, as the embedder and the LLM see it first."""
        return PATH_JOINT.join(part for part in (self.doc_title, *self.section_path) if part)

    @property
    def in_context(self) -> str:
        """The text with its heading and lead: what is embedded, indexed and shown to the LLM."""
        return "\n".join(part for part in (self.heading, self.lead, self.text) if part)


class Usage(Record):
    """Tokens as the endpoint reported them, summed over `calls` calls."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class Citation(Record):
    """A quote that was checked: `quote` is `document.text[start:end]` and lies inside the passage."""

    passage_id: str
    doc_id: str
    quote: str
    start: int
    end: int


class Turn(Record):
    """A user's turn of a conversation: as it is said there, and in words that need no turn before it."""

    text: str
    standalone: str


class Question(Record):
    """A question about passages. `producer` names the card or rule with its version; `model` is None for a rule."""

    id: str
    type: str
    text: str
    passage_ids: tuple[str, ...]
    answerable: bool = True
    language: str | None = None
    generator: Generator
    producer: str
    model: str | None = None
    evidence: tuple[tuple[int, int], ...] = ()
    """The spans of `document.text` that the question was asked about, in reading order, inside its first passage."""
    answer_text: str | None = None
    """The answer that came with the question: of a rule its evidence as it is read, of a choice the right option; of a
    question that the corpus does not answer, what is missing. None: it is still to be answered."""
    citations: tuple[Citation, ...] = ()
    """Of a chat model: the quotes that the question came with, one a passage."""
    prompt: str | None = None
    """What the user's message says where that is more than `text`: a case, a statement, options in their order."""
    turns: tuple[Turn, ...] = ()
    """Of a conversation: what the user says, turn by turn; `text` is the last in words that stand alone."""
    cited_docs: tuple[str, ...] = ()
    """Documents of the corpus that its passages cite: answers prefer them."""
    options: tuple[str, ...] = ()
    """Of a multiple choice or a classification: what is offered, in the order shown."""
    label: str | None = None
    """The right one of `options`."""
    group: str | None = None
    """What several phrasings of one fact share; a group is never divided between splits."""
    persona: str | None = None
    difficulty: str | None = None


class Hit(Record):
    """One result of a search. `score` is the fused score (hybrid), cosine (dense) or BM25 (text); higher is better."""

    passage_id: str
    rank: int
    score: float
    dense_rank: int | None = None
    dense_score: float | None = None
    text_rank: int | None = None
    text_score: float | None = None


class Place(Record):
    """Where a quote stands: the sentences that it touches, as spans of `document.text`, and their page boxes."""

    sentences: tuple[tuple[int, int], ...] = ()
    boxes: tuple[PageBox, ...] = ()


class Answer(Record):
    """An answer with its checked quotes and the passages that it was given."""

    id: str
    question_id: str
    text: str
    citations: tuple[Citation, ...]
    earlier: tuple[str, ...] = ()
    """Of a conversation: the answers to the turns before the last; `citations` carry them too."""
    hits: tuple[Hit, ...] = ()
    mode: Literal["generative", "extractive"]
    producer: str
    model: str | None = None
    usage: Usage = Usage()


class Score(Record):
    """What a verifier says of a row by one criterion, 1 (worst) to 5; `value` None is no verdict, never a 0."""

    criterion: str
    value: int | None = Field(None, ge=1, le=5)
    reason: str = ""
    producer: str
    model: str | None = None


class Verdict(Record):
    """What verifiers say of a row (`subject_id`): one score for each criterion that was asked."""

    id: str
    subject_id: str
    scores: tuple[Score, ...]
    usage: Usage = Usage()


class Message(Record):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Provenance(Record):
    """What leads a row back to its sentence."""

    doc_id: str
    doc_title: str
    source_path: str
    source_sha256: str
    source_pdf: str | None = None
    licence: str | None
    section_path: tuple[str, ...]
    passage_ids: tuple[str, ...]
    question_id: str
    answer_id: str
    citations: tuple[Citation, ...]
    places: tuple[Place, ...] = ()
    """Where each quote stands on its pages, in the order of `citations`."""
    hits: tuple[Hit, ...] = ()
    generator: Generator
    question_producer: str
    answer_producer: str
    question_model: str | None = None
    answer_model: str | None = None


class Example(Record):
    """A row of the dataset."""

    id: str
    type: str
    question: str
    answer: str
    messages: tuple[Message, ...]
    language: str | None = None
    split: Split = "train"
    answerable: bool = True
    """False: the corpus does not hold the answer, and the answer says so."""
    options: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    context: tuple[str, ...] = ()
    """Ids of the passages that the user message carries, in the order shown; () in a closed-book row."""
    provenance: Provenance


class Rejected(Record):
    """A record that did not go on, and why. `score` and `threshold` are there where the reason is a number."""

    stage: str
    subject_id: str
    reason: str
    detail: str = ""
    score: float | None = None
    threshold: float | None = None
    subject: dict[str, Any] = Field(default_factory=dict)


class Failure(Record):
    """Work that could not be done, and whether the next run should try it again."""

    stage: str
    subject_id: str
    error: str
    detail: str = ""
    retryable: bool = True
