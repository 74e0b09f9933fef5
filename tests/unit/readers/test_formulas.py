"""A formula between the halves of a sentence is part of it, and so are its boxes."""

from __future__ import annotations

from pathlib import Path

from axolotl_ragdata.places import place_of
from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Block, Document

from .tei import tei


def read(body: str) -> Document:
    return readers.get("grobid", "test").read(Path("a.tei.xml"), tei(f"<div><head>A</head>{body}</div>"))


def sentences(block: Block) -> list[tuple[str, list[float]]]:
    return [(block.text[one.start : one.end], [box.x for box in one.boxes]) for one in block.sentences]


def p(*marked: tuple[int, str]) -> str:
    inner = "".join(f'<s coords="1,{x},2,3,4">{text}</s>' for x, text in marked)
    return f'<p coords="{";".join(f"1,{x},2,3,4" for x, _ in marked)}">{inner}</p>'


def test_a_sentence_that_a_formula_splits_is_one_sentence() -> None:
    document = read(
        p((1, "It is known."), (2, "The density is"))
        + '<formula coords="1,3,2,3,4">D = m / v<label>(1)</label></formula>'
        + p((4, 'where m is the mass <ref type="bibr">[1]</ref>.'), (5, "Then we stopped."))
    )
    (block,) = document.sections[0].blocks
    assert sentences(block) == [
        ("It is known.", [1]),
        ("The density is D = m / v (1) where m is the mass [1].", [2, 3, 4]),
        ("Then we stopped.", [5]),
    ]
    assert [box.x for box in block.boxes] == [1, 2, 3, 4, 5]
    assert [mark.text for mark in block.citations] == ["[1]"]
    at = document.text.index("D = m")
    place = place_of(document, at, at + 5)
    assert [document.text[start:end] for start, end in place.sentences] == [sentences(block)[1][0]]
    assert [box.x for box in place.boxes] == [2, 3, 4]


def test_a_formula_that_begins_a_sentence_is_part_of_it() -> None:
    body = '<formula coords="1,3,2,3,4">D = m / v</formula>' + p((4, "where m is the mass."), (5, "We stopped."))
    (block,) = read(body).sections[0].blocks
    assert block.kind == "paragraph"
    assert sentences(block) == [("D = m / v where m is the mass.", [3, 4]), ("We stopped.", [5])]


def test_several_formulas_in_one_sentence() -> None:
    body = p((1, "It holds that")) + "<formula>x = 1,</formula><formula>y = 2</formula>" + p((4, "and no more."))
    (block,) = read(body).sections[0].blocks
    assert sentences(block) == [("It holds that x = 1, y = 2 and no more.", [1, 4])]


def test_a_formula_at_the_end_of_its_sentence() -> None:
    body = p((1, "It holds that")) + "<formula>x = 1</formula>" + p((4, "Then we stopped."))
    first, second = read(body).sections[0].blocks
    assert sentences(first) == [("It holds that x = 1", [1])]
    assert sentences(second) == [("Then we stopped.", [4])]


def test_text_beside_the_marked_sentences_stays_outside_of_them() -> None:
    body = "<p><s>One.</s> It holds that</p><formula>x = 1</formula><p>and <s>no more.</s></p>"
    (block,) = read(body).sections[0].blocks
    assert block.text == "One. It holds that x = 1 and no more."
    assert [text for text, _ in sentences(block)] == ["One.", "no more."]


def test_a_formula_gives_no_box_to_a_paragraph_that_has_none() -> None:
    formula = '<formula coords="1,3,2,3,4">x = 1</formula>'
    for body in (
        f"<p>It holds that</p>{formula}<p>and no more.</p>",
        f"{formula}<p>where x is no more.</p>",
        f"<p><s>It holds that</s></p>{formula}<p><s>and no more.</s></p>",
        f"{formula}<p><s>where x is no more.</s></p>",
    ):
        (block,) = read(body).sections[0].blocks
        assert block.boxes == ()
        assert [boxes for _, boxes in sentences(block)] in ([], [[]])
    (alone,) = read(formula).sections[0].blocks
    assert [box.x for box in alone.boxes] == [3]
