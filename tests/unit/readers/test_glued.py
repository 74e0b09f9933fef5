"""Running lines that are glued to other text are cut off it, and every mark stays where its text is."""

from __future__ import annotations

from pathlib import Path

from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Block, Document

from .tei import bibliography, tei

LINE = "example.org/journal/rsos R. Soc. Open Sci. 9: 2010 Downloaded from https://example.org/ on 2 May 2022"
HALVES = LINE[: LINE.index(" Downloaded")], LINE[LINE.index("Downloaded") :]


def read(body: str) -> Document:
    return readers.get("grobid", "test").read(Path("a.tei.xml"), tei(body, back=bibliography("b0", "b1")))


def blocks(document: Document) -> list[Block]:
    return [block for section in document.sections if section.part == "body" for block in section.blocks]


def texts(document: Document) -> list[str]:
    return [block.text for block in blocks(document)]


def test_a_running_line_is_cut_off_the_text_that_it_is_glued_to() -> None:
    alone = f"<note>{LINE}</note>" * 3
    first, second = HALVES
    document = read(
        f"<div><p>Its end is here. {LINE}</p>{alone}<p>Seen in halves. {second} {first} 12</p><note>{second}</note>"
        f"<note place='foot' n='4'>{LINE} of all patients.</note><p>Not {LINE} between.</p><p>Else.</p></div>"
    )
    assert texts(document) == [
        *("Its end is here.", LINE, "Seen in halves.", "of all patients.", "Not between.", "Else."),
    ]
    assert document.warnings == (
        f"running line {LINE!r}: 2 repetitions were left out",
        "running lines were cut out of 5 other blocks",
    )


def test_marks_stay_where_their_text_is() -> None:
    mark = '<ref type="bibr" target="#b{}">[{}]</ref>'
    one, two = mark.format(0, 1), mark.format(1, 2)
    document = read(
        f"<div>{f'<note>{LINE}</note>' * 3}<p><s coords='1,2,3,4,5'>{LINE} So {one} says</s> "
        f"<s coords='2,2,3,4,5'>it {LINE} too {two}.</s> <s coords='3,2,3,4,5'>{LINE}</s></p></div>"
    )
    block = blocks(document)[1]
    assert block.text == "So [1] says it too [2]."
    assert [block.text[found.start : found.end] for found in block.citations] == ["[1]", "[2]"]
    assert [(block.text[found.start : found.end], found.boxes[0].page) for found in block.sentences] == [
        ("So [1] says", 1),
        ("it too [2].", 2),
    ]


def test_a_line_that_is_alone_once_runs_where_it_ends_other_texts() -> None:
    line = "Web of Papers 8 (2014) DOI 10.1051/abc/2014 © the authors, 2014"
    document = read(f"<div><p>One. {line}</p><note>{line}</note><note>Two. {line}</note><p>Three.</p></div>")
    assert texts(document) == ["One.", line, "Two.", "Three."]
    assert document.warnings == ("running lines were cut out of 2 other blocks",)


def test_a_sentence_with_an_address_is_no_running_line() -> None:
    said = "All data are at https://example.org/data for a year."
    document = read(
        f"<div><p>{said}</p><p>We thank all. {said}</p><p>As before. {said}</p><p>See www.example.org</p></div>"
    )
    assert document.warnings == ()
    assert document.text.count(said) == 3
