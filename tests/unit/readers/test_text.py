from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Document


def read(text: str | bytes, name: str = "a.md") -> Document:
    raw = text.encode() if isinstance(text, str) else text
    return readers.get("text", "test").read(Path(name), raw)


def shape(document: Document) -> list[tuple[tuple[str, ...], list[tuple[str, str]]]]:
    return [(section.path, [(block.kind, block.text) for block in section.blocks]) for section in document.sections]


def test_markdown_headings_are_the_section_path() -> None:
    document = read(
        "# Handbook\n\nIntroduction,\nwrapped.\n\n## Mood\n\n"
        "### Depression ###\n\nText.\n\nPanic\n-----\n\nMore *text*."
    )
    assert document.title == "Handbook"
    assert shape(document) == [
        ((), [("paragraph", "Introduction, wrapped.")]),
        (("Mood",), []),
        (("Mood", "Depression"), [("paragraph", "Text.")]),
        (("Panic",), [("paragraph", "More text.")]),
    ]


def test_several_top_headings_are_sections() -> None:
    document = read("# One\n\na\n\n# Two\n\nb")
    assert document.title == ""
    assert [section.path for section in document.sections] == [("One",), ("Two",)]


def test_markdown_lists_tables_code_and_links() -> None:
    document = read(
        "## A\n\n1. first\n   - nested [link](http://x)\n2. second `code`\n   goes on\n\n"
        "| Drug | p |\n|---|---|\n| A\\|B | < 0.05 |\n\n"
        "> quoted\n\n```\nx  =  1\n```\n\n![a picture](x.png)\n\n<!-- hidden -->\n"
    )
    listed, table, quote, code, picture = document.sections[0].blocks
    assert (listed.kind, listed.items) == ("list", ("1. first", "nested link", "2. second code goes on"))
    assert table.text == "| Drug | p |\n| --- | --- |\n| A\\|B | < 0.05 |"
    assert [[(cell.text, cell.header) for cell in row] for row in table.rows] == [
        [("Drug", True), ("p", True)],
        [("A|B", False), ("< 0.05", False)],
    ]
    assert (quote.text, code.text, picture.text) == ("quoted", "x  =  1", "a picture")


def test_front_matter_is_about_the_document() -> None:
    document = read('---\ntitle: "Sleep"\nlang: en\nlicense: CC0-1.0\ndate: 2024-05-01\nauthor: A. B.\n---\n\nText.\n')
    assert (document.title, document.language, document.licence, document.year, document.authors) == (
        "Sleep",
        "en",
        "CC0-1.0",
        2024,
        ("A. B.",),
    )
    assert document.text == "Text."


def test_plain_text_paragraphs_headings_and_lists() -> None:
    document = read(
        "On sleep\n\nFirst line\nsecond line.\n\nMETHODS\n\n- one\n- two\n  goes on\n\n"
        "2.1 People\n\n2 patients relapsed.\n",
        "a.txt",
    )
    assert document.title == "On sleep"
    assert shape(document) == [
        ((), [("paragraph", "First line second line.")]),
        (("METHODS",), [("list", "one\ntwo goes on")]),
        (("2.1 People",), [("paragraph", "2 patients relapsed.")]),
    ]
    assert document.sections[1].blocks[0].items == ("one", "two goes on")


def test_one_line_is_a_paragraph_not_a_title() -> None:
    assert (read("Just a line", "a.txt").title, read("Just a line", "a.txt").text) == ("", "Just a line")


@pytest.mark.parametrize(
    ("raw", "text", "warned"),
    [
        ("é\r\nb".encode(), "é b", 0),
        ("\ufeffé".encode(), "é", 0),
        ("é".encode("utf-16"), "é", 0),
        ("café – ok".encode("cp1252"), "café – ok", 1),
        (b"a\x0bb and a good deal of other text " * 20, "ab and", 1),
    ],
)
def test_encodings(raw: bytes, text: str, warned: int) -> None:
    document = read(raw)
    assert document.text.startswith(text)
    assert len(document.warnings) == warned


def test_binary_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="binary"):
        read(bytes(range(32)) * 50)


@given(st.binary(max_size=300), st.sampled_from(["a.md", "a.txt"]))
def test_any_bytes_are_read_or_refused(raw: bytes, name: str) -> None:
    try:
        read(raw, name)
    except DocumentRefused as refusal:
        assert refusal.fix


MARKS = [
    "# ",
    "## ",
    "- ",
    "1. ",
    "| a | b |\n|---|---|\n",
    "```\n",
    "> ",
    "---\n",
    "a",
    "\n",
    "\n\n",
    " ",
    "*",
    "<p>",
    "é",
]


@given(st.lists(st.sampled_from(MARKS), max_size=40).map("".join), st.sampled_from(["a.md", "a.txt"]))
def test_any_markdown_keeps_its_letters(text: str, name: str) -> None:
    document = read(text, name)
    shown = " ".join(
        [document.title, document.text, *(title for section in document.sections for title in section.path)]
    )
    assert shown.count("é") >= text.count("é") - text.count("```")


def test_decomposed_text_is_not_taken_for_binary() -> None:
    document = read("e\u0301" * 500)
    assert document.text == "é" * 500
    assert document.warnings == ()
