from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.places import add_places, place_of
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Block, Document, PageBox, Section, SentenceSpan, Source

SOURCE = Source(path="a.tei.xml", sha256="0" * 64, reader="grobid", reader_version="1")


def box(page: int, y: float = 10.0) -> PageBox:
    return PageBox(page=page, x=1.0, y=y, width=50.0, height=9.0)


def document(*blocks: Block) -> Document:
    return Document(id="doc-1", language="en", sections=(Section(path=("A",), blocks=blocks),), source=SOURCE)


MARKED = Block(
    kind="paragraph",
    text="Mood fell. It rose again. It stayed.",
    sentences=(
        SentenceSpan(start=0, end=10, boxes=(box(1),)),
        SentenceSpan(start=11, end=25, boxes=(box(1, 20.0), box(2))),
        SentenceSpan(start=26, end=36),
    ),
    boxes=(box(9),),
)
PLAIN = Block(kind="paragraph", text="One line. Another line.", boxes=(box(3),))


def test_a_quote_has_the_boxes_of_its_sentences() -> None:
    place = place_of(document(MARKED), 14, 18)
    assert place.sentences == ((11, 25),)
    assert place.boxes == (box(1, 20.0), box(2))


def test_a_quote_over_two_sentences_has_both() -> None:
    place = place_of(document(MARKED), 5, 14)
    assert place.sentences == ((0, 10), (11, 25))
    assert place.boxes == (box(1), box(1, 20.0), box(2))


def test_a_sentence_without_a_box_has_that_of_its_block() -> None:
    assert place_of(document(MARKED), 30, 33).boxes == (box(9),)


def test_offsets_count_in_the_document_not_in_the_block() -> None:
    source = document(MARKED, PLAIN)
    at = source.text.index("Another")
    place = place_of(source, at, at + 7)
    assert [source.text[slice(*span)] for span in place.sentences] == ["Another line."]
    assert place.boxes == (box(3),)


def test_a_quote_over_two_blocks_has_both() -> None:
    source = document(MARKED, PLAIN)
    place = place_of(source, source.text.index("It stayed"), source.text.index("line.") + 3)
    assert [source.text[slice(*span)] for span in place.sentences] == ["It stayed.", "One line."]
    assert place.boxes == (box(9), box(3))


def test_what_no_parser_marked_has_no_box() -> None:
    place = place_of(document(Block(kind="paragraph", text="Nothing known.")), 0, 7)
    assert (place.sentences, place.boxes) == (((0, 14),), ())


@given(st.integers(-5, 80), st.integers(-5, 80))
def test_any_slice_has_a_place(start: int, end: int) -> None:
    source = document(MARKED, PLAIN)
    for first, last in place_of(source, start, end).sentences:
        assert 0 <= first < last <= len(source.text)
        assert first < end
        assert start < last


def test_every_sentence_of_a_real_file_with_coordinates(shared_data: Path) -> None:
    """Every paragraph of a file with coordinates leads to a page; the boxes are those that the file gives it."""
    source = read_document(shared_data / "tei" / "jangraw-2023-mood.tei.xml")
    placed = [(block, at) for _, block, at in source.placed_blocks if block.kind == "paragraph" and block.boxes]
    assert len(placed) > 20
    for block, at in placed:
        place = place_of(source, at, at + len(block.text))
        assert set(place.boxes) >= {one for span in block.sentences for one in span.boxes} or place.boxes
        assert place.sentences[0][0] == at


def test_real_files_have_a_sentence_for_every_quote(shared_data: Path) -> None:
    for path in sorted((shared_data / "tei").glob("*.xml"))[:8]:
        try:
            source = read_document(path)
        except DocumentRefused:
            continue
        for _, block, at in source.placed_blocks[::7]:
            place = place_of(source, at, at + 1)
            assert place.sentences[0][0] <= at < place.sentences[0][1], block.text[:80]


def test_no_rows_no_places() -> None:
    assert add_places([], []) == []


@pytest.mark.parametrize("page", [1, 400])
def test_the_same_box_is_named_once(page: int) -> None:
    twice = Block(
        kind="paragraph",
        text="A b. C d.",
        sentences=(
            SentenceSpan(start=0, end=4, boxes=(box(page),)),
            SentenceSpan(start=5, end=9, boxes=(box(page),)),
        ),
    )
    assert place_of(document(twice), 0, 9).boxes == (box(page),)
