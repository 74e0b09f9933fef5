"""Where a quote stands: the sentences that it touches and their boxes on the pages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from axolotl_ragdata.records import Block, Document, Example, PageBox, Place
from axolotl_ragdata.sentences import sentence_spans
from axolotl_ragdata.shelf import by_id


def place_of(document: Document, start: int, end: int) -> Place:
    """Return the place of `document.text[start:end]`.

    The sentences are those that the parser marked, else those that `sentence_spans` finds. The boxes are those of the
    sentences, else those of their block; () where the file has no coordinates.
    """
    sentences: list[tuple[int, int]] = []
    boxes: list[PageBox] = []
    for block, at in _blocks(document, start, end):
        marked = block.sentences
        touched = [one for one in marked if at + one.start < end and start < at + one.end]
        own = [box for one in touched for box in one.boxes]
        boxes += own or block.boxes
        spans = [(one.start, one.end) for one in touched] or sentence_spans(block.text, document.language)
        sentences += [(at + first, at + last) for first, last in spans if at + first < end and start < at + last]
    return Place(sentences=tuple(sentences), boxes=tuple(dict.fromkeys(boxes)))


def add_places(examples: Sequence[Example], documents: Sequence[Document]) -> list[Example]:
    """Return the rows with the place of each quote in their provenance, in the order of the quotes."""
    read = by_id(documents)
    # document by document, as reading one takes longer than all its places do
    order = sorted(range(len(examples)), key=lambda at: examples[at].provenance.doc_id)
    placed = {at: _placed(examples[at], read) for at in order}
    return [placed[at] for at in range(len(examples))]


def places_of(example: Example, documents: Mapping[str, Document]) -> tuple[Place, ...]:
    """Return the place of each quote of a row, an empty one where its document is not among those given."""
    return tuple(
        place_of(documents[citation.doc_id], citation.start, citation.end) if citation.doc_id in documents else Place()
        for citation in example.provenance.citations
    )


def _placed(example: Example, documents: Mapping[str, Document]) -> Example:
    origin = example.provenance.model_copy(update={"places": places_of(example, documents)})
    return example.model_copy(update={"provenance": origin})


def _blocks(document: Document, start: int, end: int) -> Iterator[tuple[Block, int]]:
    """Yield the blocks that a slice of the text touches, each with its offset."""
    placed = document.placed_blocks
    first = bisect_right(placed, start, key=lambda item: item[2]) - 1
    for _, block, at in placed[max(first, 0) :]:
        if at >= end:
            return
        if start < at + len(block.text):
            yield block, at
