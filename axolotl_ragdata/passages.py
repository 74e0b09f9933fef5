"""Document → passages: slices of one section, in whole sentences, by tokens of a named tokenizer.

Every character of every block that is not white space is in at least one passage. A table or a figure is a passage of
its own, with its caption; one that is too long is cut between rows, and caption and header row travel as `lead`. A
sentence that a formula interrupts stays in one piece.

`max_tokens` bounds what the embedder and the LLM see: heading, lead and text together. Ids follow from the document,
the section path and the text, not from offsets: a change in one section of a document leaves the others' as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from axolotl_ragdata.blocks import PassagesBlock
from axolotl_ragdata.records import (
    PATH_JOINT,
    Block,
    BlockKind,
    Document,
    Passage,
    Section,
    Source,
    content_id,
)
from axolotl_ragdata.sentences import Span, sentence_spans
from axolotl_ragdata.tokens import Tokenizer

if TYPE_CHECKING:
    from llama_index.core.node_parser import NodeParser

VERSION = "passages@2"
TABLE_RULE = re.compile(r"\|[\s:|-]*-[\s:|-]*\|\s*")
CELL = re.compile(r"(?<!\\)\|[^|\\]*(?:\\.[^|\\]*)*")
LINE = re.compile(r"\S(?:[^\n]*\S)?")
ALONE: tuple[BlockKind, ...] = ("table", "figure")
CLOSED = (".", "!", "?", "…")


class Cut(NamedTuple):
    """The passages of a document in reading order, and what had to be cut inside a sentence or a row."""

    passages: list[Passage]
    warnings: list[str]


class Unit(NamedTuple):
    """What is never cut: a sentence, a row, or a piece of one that is too long. Offsets count in `Document.text`."""

    start: int
    end: int
    n_tokens: int


class Piece(NamedTuple):
    """A passage to be; `n_tokens` without the heading."""

    start: int
    end: int
    lead: str
    n_tokens: int


@dataclass(frozen=True)
class Run:
    """Blocks of one section that follow each other and make one text."""

    section: Section
    kind: BlockKind
    blocks: tuple[tuple[Block, int], ...]


def cut(document: Document, block: PassagesBlock, tokenizer: Tokenizer) -> list[Passage]:
    """Return the passages of a document in reading order; [] where it has no text.

    Args:
        document: What to cut.
        block: `max_tokens` of heading, lead and text together (a heading may fill half of it, a longer one comes on
            top), and `overlap`, both in tokens.
        tokenizer: What counts them.
    """
    return cut_document(document, block, tokenizer).passages


def cut_document(document: Document, block: PassagesBlock, tokenizer: Tokenizer) -> Cut:
    """Return the passages as `cut` does, and a warning for each sentence or row that was too long to stay whole."""
    cutter = _Cutter(document, block, tokenizer)
    made: list[Passage] = []
    seen: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    for run in _runs(document):
        head_tokens = cutter.start(run)
        for start, end, lead, n_tokens in cutter.pieces(run):
            text = document.text[start:end]
            key = (run.section.path, lead, text)
            made.append(
                Passage(
                    id=content_id("p", VERSION, document.id, *key, seen[key]),
                    doc_id=document.id,
                    doc_title=document.title,
                    language=document.language,
                    section_path=run.section.path,
                    part=run.section.part,
                    kind=run.kind,
                    ordinal=len(made),
                    text=text,
                    lead=lead,
                    start=start,
                    end=end,
                    n_tokens=head_tokens + n_tokens,
                    ref_ids=_references(run, start, end),
                )
            )
            seen[key] += 1
    return Cut(made, cutter.warnings)


def node_parser(block: PassagesBlock, tokenizer: Tokenizer) -> NodeParser:
    """Return a LlamaIndex node parser that cuts as `cut` does: one `TextNode` a passage, its id the passage's.

    It takes LlamaIndex documents whose text is plain: a section without a heading each; use `cut` for a document with
    sections. `start_char_idx` and `end_char_idx` count in that text.
    """
    from llama_index.core.node_parser import NodeParser
    from llama_index.core.node_parser.node_utils import build_nodes_from_splits
    from llama_index.core.schema import BaseNode, MetadataMode

    class PassageNodeParser(NodeParser):  # type: ignore[misc]
        def _parse_nodes(self, nodes: Sequence[BaseNode], show_progress: bool = False, **kwargs: Any) -> list[BaseNode]:
            made: list[BaseNode] = []
            for node in nodes:
                text = node.get_content(metadata_mode=MetadataMode.NONE)
                passages = cut(plain_document(node.node_id, text), block, tokenizer)
                built = build_nodes_from_splits([passage.text for passage in passages], node, ref_doc=node)
                for passage, child in zip(passages, built, strict=True):
                    child.id_ = passage.id
                    child.start_char_idx, child.end_char_idx = passage.start, passage.end
                made.extend(built)
            return made

        def _postprocess_parsed_nodes(self, nodes: list[BaseNode], parent_doc_map: dict[str, Any]) -> list[BaseNode]:
            # the offsets are exact already; the library would search for the text and find its first occurrence
            exact = [(node.start_char_idx, node.end_char_idx) for node in nodes]
            made: list[BaseNode] = super()._postprocess_parsed_nodes(nodes, parent_doc_map)
            for node, (start, end) in zip(made, exact, strict=True):
                node.start_char_idx, node.end_char_idx = start, end
            return made

    return PassageNodeParser()


def plain_document(name: str, text: str) -> Document:
    """Return a document of one section without a heading whose text is exactly `text`."""
    blocks = (Block(kind="paragraph", text=text),) if text else ()
    source = Source(path=name, sha256="", reader="text", reader_version="1")
    return Document(id=content_id("doc", name, text), sections=(Section(blocks=blocks),), source=source)


class _Cutter:
    """Cuts the runs of one document; `warnings` collects what did not stay whole."""

    def __init__(self, document: Document, block: PassagesBlock, tokenizer: Tokenizer) -> None:
        self.document = document
        self.block = block
        self.tokenizer = tokenizer
        self.warnings: list[str] = []
        self._path: tuple[str, ...] = ()
        self._room = block.max_tokens

    def start(self, run: Run) -> int:
        """Prepare for a run; return the tokens of its heading."""
        self._path = run.section.path
        heading = PATH_JOINT.join(part for part in (self.document.title, *self._path) if part)
        n_tokens = self.tokenizer.count(heading) if heading else 0
        self._room = max(self.block.max_tokens // 2, self.block.max_tokens - n_tokens)
        return n_tokens

    def pieces(self, run: Run) -> Iterator[Piece]:
        """Yield the passages of a run."""
        if run.kind in ALONE:
            return self._float(*run.blocks[0])
        return self._prose(run)

    def _prose(self, run: Run) -> Iterator[Piece]:
        units: list[Unit] = []
        before: Block | None = None
        for part, at in run.blocks:
            own = list(self._units(part.text, at, self._sentences(part), self._room))
            if before and units and own and _interrupted(before, part):
                whole = Unit(units[-1].start, own[0].end, units[-1].n_tokens + own[0].n_tokens)
                if whole.n_tokens <= self._room:
                    units[-1:], own = [whole], own[1:]
            units += own
            before = part
        for group in _packed(units, self._room, self.block.overlap):
            yield _piece(group)

    def _sentences(self, part: Block) -> list[Span]:
        if part.sentences and part.kind == "paragraph":
            # the parser's own sentences, and what stands between them
            return _whole(part.text, [(sentence.start, sentence.end) for sentence in part.sentences])
        return sentence_spans(part.text, self.document.language)

    def _float(self, part: Block, at: int) -> Iterator[Piece]:
        whole = list(self._units(part.text, at, [_trimmed(part.text, 0, len(part.text))], len(part.text) + 1))
        if sum(unit.n_tokens for unit in whole) <= self._room:
            yield from (_piece([unit]) for unit in whole if unit.end > unit.start)
            return
        head_end = _head_end(part.text)
        lead, lead_tokens = self._lead(part, head_end)
        room = self._room - lead_tokens
        spans = [span for line in _lines(part.text) for span in self._parts_of_line(part.text, line, room)]
        for number, group in enumerate(_packed(list(self._units(part.text, at, spans, room)), room, 0)):
            if number == 0 or group[0].start < at + head_end:
                yield _piece(group)
            else:
                yield _piece(group, lead, lead_tokens)

    def _lead(self, part: Block, head_end: int) -> tuple[str, int]:
        """Return what travels in front of the later pieces, and its tokens: at most half the room."""
        label = part.label or ""
        header = "\n".join(part.text[start:end] for start, end in _lines(part.text[:head_end])[-2:])
        for lead in (part.text[:head_end].strip(), f"{label}\n{header}".strip() if head_end else "", label):
            if lead and (n_tokens := self.tokenizer.count(lead)) <= self._room // 2:
                return lead, n_tokens
        return "", 0

    def _parts_of_line(self, text: str, line: Span, room: int) -> list[Span]:
        start, end = line
        if text[start] != "|":
            return [
                (start + low, start + high) for low, high in sentence_spans(text[start:end], self.document.language)
            ]
        if self.tokenizer.count(text[start:end]) <= room:
            return [line]
        self._warn("a table row", self.tokenizer.count(text[start:end]))
        cells = _whole(text[start:end], [found.span() for found in CELL.finditer(text[start:end])])
        return [(start + low, start + high) for low, high in cells]

    def _units(self, text: str, at: int, spans: Iterable[Span], room: int) -> Iterator[Unit]:
        starts = [start for start, _ in self.tokenizer.spans(text)]
        for start, end in spans:
            first, last = bisect_left(starts, start), bisect_left(starts, end)
            if last - first > room:
                self._warn("a sentence", last - first)
            begin = start
            for low in range(first, max(first + 1, last), room):
                stop = end if low + room >= last else starts[low + room]
                begin, stop = _trimmed(text, begin, stop)
                if stop > begin:
                    yield Unit(at + begin, at + stop, max(1, min(last, low + room) - low))
                begin = stop

    def _warn(self, what: str, n_tokens: int) -> None:
        place = PATH_JOINT.join(self._path) or "text without a heading"
        self.warnings.append(f"{place}: {what} of {n_tokens} tokens is longer than a passage and was cut")


def _runs(document: Document) -> Iterator[Run]:
    run: list[tuple[Block, int]] = []
    section: Section | None = None
    for owner, block, at in document.placed_blocks:
        if run and section is not None and (owner is not section or block.kind in ALONE):
            yield Run(section, _kind(run), tuple(run))
            run = []
        section = owner
        if block.kind in ALONE:
            yield Run(owner, block.kind, ((block, at),))
        else:
            run.append((block, at))
    if run and section is not None:
        yield Run(section, _kind(run), tuple(run))


def _kind(run: Sequence[tuple[Block, int]]) -> BlockKind:
    kinds = {block.kind for block, _ in run}
    return kinds.pop() if len(kinds) == 1 else "paragraph"


def _interrupted(before: Block, part: Block) -> bool:
    """Return whether a formula and the text beside it are one sentence."""
    if part.kind == "formula":
        return not before.text.rstrip().endswith(CLOSED)
    return before.kind == "formula" and part.text.lstrip()[:1].islower()


def _whole(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order with the text between them added, so that none of it is lost."""
    full: list[Span] = []
    reached = 0
    for start, end in [*spans, (len(text), len(text))]:
        start = min(max(reached, start), len(text))
        end = min(max(start, end), len(text))
        if text[reached:start].strip():
            full.append((reached, start))
        if end > start:
            full.append((start, end))
        reached = end
    return full


def _packed(units: Sequence[Unit], max_tokens: int, overlap: int) -> Iterator[list[Unit]]:
    group: list[Unit] = []
    size = 0
    for unit in units:
        if group and size + unit.n_tokens > max_tokens:
            yield group
            group = _tail(group, min(overlap, max_tokens - unit.n_tokens))
            size = sum(kept.n_tokens for kept in group)
        group.append(unit)
        size += unit.n_tokens
    if group:
        yield group


def _tail(group: Sequence[Unit], overlap: int) -> list[Unit]:
    kept: list[Unit] = []
    size = 0
    for unit in reversed(group[1:]):
        size += unit.n_tokens
        if size > overlap:
            break
        kept.insert(0, unit)
    return kept


def _piece(group: Sequence[Unit], lead: str = "", lead_tokens: int = 0) -> Piece:
    return Piece(group[0].start, group[-1].end, lead, lead_tokens + sum(unit.n_tokens for unit in group))


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _lines(text: str) -> list[Span]:
    return [found.span() for found in LINE.finditer(text)]


def _head_end(text: str) -> int:
    """Return where the caption and header row of a Markdown table end, 0 where there is no such row."""
    for start, end in _lines(text):
        if TABLE_RULE.fullmatch(text[start:end]):
            return end
    return 0


def _references(run: Run, start: int, end: int) -> tuple[str, ...]:
    found = (
        mark.ref_id
        for part, at in run.blocks
        for mark in part.citations
        if mark.ref_id and start <= at + mark.start < end
    )
    return tuple(dict.fromkeys(found))
