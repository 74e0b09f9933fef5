"""Whatever stands under a text of a TEI file is read, beside its body, in a group and in further texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Document

from .tei import bibliography


def read(texts: str) -> Document:
    raw = f'<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader/>{texts}</TEI>'.encode()
    return readers.get("grobid", "test").read(Path("a.tei.xml"), raw)


def shape(document: Document) -> list[tuple[str, str, list[str]]]:
    return [(one.part, " / ".join(one.path), [block.text for block in one.blocks]) for one in document.sections]


def test_what_stands_beside_the_body_is_read() -> None:
    document = read(
        '<text>Before. <body><div><head>A</head><p>One<ref type="foot" target="#n">1</ref>.</p></div></body> Between.'
        '<back><div><head>Thanks</head><p>To all.</p></div></back><note xml:id="n">A note.</note>'
        "<figure><figDesc>A figure.</figDesc></figure><p>After.</p></text>"
    )
    assert shape(document) == [
        ("body", "", ["Before."]),
        ("body", "A", ["One1.", "A note."]),
        ("body", "", ["Between.", "A figure."]),
        ("back", "Thanks", ["To all."]),
        ("body", "", ["After."]),
    ]
    assert document.warnings == ()


def test_a_text_without_a_body_is_read() -> None:
    document = read(
        '<text><div><head n="1">A</head><p>One.</p></div><div><head n="1.1">B</head><p>Two.</p></div></text>'
    )
    assert shape(document) == [("body", "A", ["One."]), ("body", "A / B", ["Two."])]
    assert document.warnings == ()


def test_further_texts_are_read_and_their_sections_stand_apart() -> None:
    one = f'<text><body><div><head n="2">A</head><p>One.</p></div></body><back>{bibliography("b0")}</back></text>'
    two = (
        "<text><body><div><head>Aside</head><p>Two "
        f'<ref type="bibr" target="#b1">[2]</ref>.</p></div></body><back>{bibliography("b1")}</back></text>'
    )
    wanted = [("body", "A", ["One."]), ("body", "Aside", ["Two [2]."])]
    for texts in (one + two, f"<text><group>{one}{two}</group></text>", f"<text><group>{one}</group></text>{two}"):
        document = read(texts)
        assert shape(document) == wanted
        assert [reference.id for reference in document.references] == ["b0", "b1"]
        assert [mark.ref_id for mark in document.sections[1].blocks[0].citations] == ["b1"]
        assert document.warnings == ()


def test_parts_of_a_text_within_its_body_are_text() -> None:
    document = read("<text><body><div><head>A</head><p>One. <back>Two.</back> Three.</p></div></body></text>")
    assert shape(document) == [("body", "A", ["One. Two. Three."])]


def test_a_bibliography_within_another_is_read_once() -> None:
    inner = bibliography("b0", "b1").removeprefix('<div type="references">').removesuffix("</div>")
    document = read(f"<text><body><p>One.</p></body><back><listBibl>{inner}{inner}</listBibl></back></text>")
    assert [reference.id for reference in document.references] == ["b0", "b1", "b0", "b1"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("", "header only: the file has no body"),
        ("<text/>", "header only: the file has no body"),
        ("<text><front><p>One.</p></front></text>", "header only: the file has no body"),
        ("<text><front/><body/></text>", "body is empty"),
        ("<text><body/></text><text><body><p/></body></text>", "body is empty"),
    ],
)
def test_what_is_missing_is_said(texts: str, said: str) -> None:
    assert read(texts).warnings == (said,)
