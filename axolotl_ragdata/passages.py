"""Document → passages: slices of one section, in whole sentences, by tokens of a named tokenizer.

Every character of every block that is not white space is in at least one passage. A table or a figure is a passage of
its own, with its caption; one that is too long is cut between rows, and caption and header row travel as `lead`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.recipe import PassagesBlock
from axolotl_ragdata.records import Block, BlockKind, Document, Passage, Section, content_id
from axolotl_ragdata.sentences import sentence_spans
from axolotl_ragdata.tokens import Tokenizer

if TYPE_CHECKING:
    from llama_index.core.node_parser import NodeParser

VERSION = "passages@1"
TABLE_RULE = re.compile(r"\|[\s:|-]*-[\s:|-]*\|\s*")
ALONE: tuple[BlockKind, ...] = ("table", "figure")


@dataclass(frozen=True)
class Unit:
    """What is never cut: a sentence, a row, or a piece of one that is too long. Offsets count in `Document.text`."""

    start: int
    end: int
    n_tokens: int


@dataclass(frozen=True)
class Run:
    """Blocks of one section that follow each other and make one text."""

    section: Section
    kind: BlockKind
    blocks: tuple[tuple[Block, int], ...]


def cut(document: Document, block: PassagesBlock, tokenizer: Tokenizer) -> list[Passage]:
    """Return the passages of a document in reading order; [] where it has no text.

    `max_tokens` bounds a passage's text (of a table that was cut, its rows); the heading and the lead come on top.

    Args:
        document: What to cut.
        block: `max_tokens` and `overlap`, in tokens.
        tokenizer: What counts them.
    """
    made: list[Passage] = []
    seen: Counter[tuple[tuple[str, ...], str, str]] = Counter()
    for run in _runs(document):
        pieces = (
            _table(document, run, block, tokenizer) if run.kind in ALONE else _prose(document, run, block, tokenizer)
        )
        for start, end, lead, n_tokens in pieces:
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
                    n_tokens=n_tokens,
                    ref_ids=_references(run, start, end),
                )
            )
            seen[key] += 1
    return made


def node_parser(block: PassagesBlock, tokenizer: Tokenizer) -> NodeParser:
    """Return a LlamaIndex node parser that cuts as `cut` does: one `TextNode` a passage, its id the passage's.

    It takes LlamaIndex documents whose text is plain; use `cut` for a document with sections.
    """
    from llama_index.core.node_parser import NodeParser
    from llama_index.core.schema import BaseNode, MetadataMode, TextNode

    class PassageNodeParser(NodeParser):  # type: ignore[misc]
        def _parse_nodes(self, nodes: Sequence[BaseNode], show_progress: bool = False, **kwargs: Any) -> list[BaseNode]:
            made: list[BaseNode] = []
            for node in nodes:
                text = node.get_content(metadata_mode=MetadataMode.NONE)
                for passage in cut(plain_document(node.node_id, text), block, tokenizer):
                    place = {"start": passage.start, "end": passage.end}
                    made.append(TextNode(id_=passage.id, text=passage.text, metadata={**node.metadata, **place}))
            return made

    return PassageNodeParser()


def plain_document(name: str, text: str) -> Document:
    """Return a document of one section without a heading, a paragraph for each run of lines between empty lines."""
    from axolotl_ragdata.records import Source

    blocks = tuple(Block(kind="paragraph", text=part.strip()) for part in re.split(r"\n\s*\n", text) if part.strip())
    source = Source(path=name, sha256="", reader="text", reader_version="1")
    return Document(id=content_id("doc", name, text), sections=(Section(blocks=blocks),), source=source)


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


def _prose(
    document: Document, run: Run, block: PassagesBlock, tokenizer: Tokenizer
) -> Iterator[tuple[int, int, str, int]]:
    units = [unit for part, at in run.blocks for unit in _sentences(part, at, document.language, block, tokenizer)]
    for group in _packed(units, block.max_tokens, block.overlap):
        yield group[0].start, group[-1].end, "", sum(unit.n_tokens for unit in group)


def _sentences(
    part: Block, at: int, language: str | None, block: PassagesBlock, tokenizer: Tokenizer
) -> Iterator[Unit]:
    if part.sentences and part.kind == "paragraph":
        # the parser's own sentences, and what stands between them
        spans = _whole(part.text, [(sentence.start, sentence.end) for sentence in part.sentences])
    else:
        spans = sentence_spans(part.text, language)
    return _units(part.text, at, spans, block.max_tokens, tokenizer)


def _whole(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans with the text between them added, so that none of it is lost."""
    full: list[tuple[int, int]] = []
    reached = 0
    for start, end in [*spans, (len(text), len(text))]:
        if text[reached : max(reached, start)].strip():
            full.append((reached, start))
        if end > max(reached, start):
            full.append((max(reached, start), end))
        reached = max(reached, end)
    return full


def _units(
    text: str, at: int, spans: Iterable[tuple[int, int]], max_tokens: int, tokenizer: Tokenizer
) -> Iterator[Unit]:
    tokens = tokenizer.spans(text)
    starts = [start for start, _ in tokens]
    for start, end in spans:
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        # a sentence longer than a passage is cut between tokens
        for low in range(first, max(first + 1, last), max_tokens):
            high = min(last, low + max_tokens)
            begin = start if low == first else starts[low]
            stop = end if high >= last else starts[high]
            yield Unit(at + begin, at + stop, max(1, high - low))


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


def _table(
    document: Document, run: Run, block: PassagesBlock, tokenizer: Tokenizer
) -> Iterator[tuple[int, int, str, int]]:
    part, at = run.blocks[0]
    units = list(_units(part.text, at, _lines(part.text), block.max_tokens, tokenizer))
    if sum(unit.n_tokens for unit in units) <= block.max_tokens:
        yield units[0].start, units[-1].end, "", sum(unit.n_tokens for unit in units)
        return
    head_end = _head_end(part.text)
    lead = part.text[:head_end].strip() if head_end else (part.label or "")
    for number, group in enumerate(_packed(units, block.max_tokens, 0)):
        inside = number == 0 or group[0].start < at + head_end
        yield group[0].start, group[-1].end, "" if inside else lead, sum(unit.n_tokens for unit in group)


def _lines(text: str) -> list[tuple[int, int]]:
    return [(found.start(), found.end()) for found in re.finditer(r"\S(?:[^\n]*\S)?", text)]


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
