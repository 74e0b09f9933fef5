"""Notes, figures and tables that hang under the body go where they are mentioned, whatever holds the mention."""

from __future__ import annotations

from pathlib import Path

from axolotl_ragdata.readers import readers

from .tei import tei


def shape(body: str, header: str = "", back: str = "") -> list[tuple[str, list[str]]]:
    document = readers.get("grobid", "test").read(Path("a.tei.xml"), tei(body, header, back))
    return [(" / ".join(one.path), [block.text for block in one.blocks]) for one in document.sections]


def mark(target: str, text: str = "1") -> str:
    return f'<ref type="foot" target="#{target}">{text}</ref>'


def note(xml_id: str) -> str:
    return f'<note place="foot" xml:id="{xml_id}">Note {xml_id}.</note>'


def test_a_note_of_a_list_stands_behind_the_list() -> None:
    body = (
        f"<div><head>A</head><p>Before.</p><list><item>One{mark('n')}</item><item>Two</item></list><p>After.</p></div>"
    )
    assert shape(body + "<div><head>B</head><p>More.</p></div>" + note("n")) == [
        ("A", ["Before.", "One1\nTwo", "Note n.", "After."]),
        ("B", ["More."]),
    ]


def test_a_note_of_a_heading_stands_behind_the_first_block_of_its_section() -> None:
    body = (
        f"<div><head>A</head><p>Before.</p></div>\n<div>\n<head>METHODS{mark('n')}</head>\n</div>\n"
        f"<div>\n<head>People{mark('m', '2')}</head>\n<formula>x = 1</formula>\n<p>There were many.</p></div>"
    )
    assert shape(body + note("n") + note("m")) == [
        ("A", ["Before."]),
        ("METHODS1", []),
        ("METHODS1 / People2", ["x = 1", "Note n.", "Note m.", "There were many."]),
    ]


def test_a_note_of_a_heading_without_any_text_stays_in_the_body() -> None:
    back = "<div><head>Thanks</head><p>To all.</p></div>"
    assert shape(f"<div><head>A{mark('n')}</head></div>" + note("n"), back=back) == [
        ("A1", ["Note n."]),
        ("Thanks", ["To all."]),
    ]


def test_a_note_of_a_caption_stands_behind_its_figure_and_one_of_a_cell_behind_its_table() -> None:
    body = (
        '<div><head>A</head><p>See <ref type="figure" target="#f">Figure 1</ref>.</p></div>'
        "<div><head>B</head><p>More.</p>"
        f"<table><row><cell>1{mark('m', 'a')}</cell></row></table><p>Text.</p></div>"
        f'<figure xml:id="f"><head>Figure 1</head><figDesc>Means{mark("n")}.</figDesc></figure>'
        f"<figure><head>Figure 2</head><figDesc>Nobody mentions it.</figDesc></figure>"
    )
    assert shape(body + note("m") + note("n")) == [
        ("A", ["See Figure 1.", "Figure 1. Means1.", "Note n."]),
        ("B", ["More.", "| 1a |\n| --- |", "Note m.", "Text.", "Figure 2. Nobody mentions it."]),
    ]


def test_a_note_of_a_table_within_a_paragraph_stands_behind_the_table() -> None:
    body = f"<div><p>Text <table><row><cell>1{mark('n')}</cell></row></table> goes on.</p></div>"
    assert shape(body + note("n")) == [("", ["Text goes on.", "| 11 |\n| --- |", "Note n."])]


def test_notes_of_the_abstract_and_of_the_back_stand_there() -> None:
    header = f"<profileDesc><abstract><p>Short{mark('n')}.</p></abstract></profileDesc>"
    back = f"<div><head>Annex</head><p>Long{mark('m')}.</p></div><div><head>Thanks</head><p>To all.</p></div>"
    assert shape("<div><head>A</head><p>Text.</p></div>" + note("n") + note("m"), header, back) == [
        ("", ["Short1.", "Note n."]),
        ("A", ["Text."]),
        ("Annex", ["Long1.", "Note m."]),
        ("Thanks", ["To all."]),
    ]


def test_only_the_text_of_the_body_moves_figures() -> None:
    """The abstract or a caption may name a figure that is at home elsewhere."""
    header = '<profileDesc><abstract><p>See <ref type="figure" target="#g">2</ref>.</p></abstract></profileDesc>'
    body = (
        '<div><head>A</head><p>Text.</p><figure><head>Figure 1</head><figDesc>As in <ref target="#g">2</ref>.</figDesc>'
        '</figure></div><div><head>B</head><list><item>See <ref target="#g">it</ref>.</item></list></div>'
        "<div><head>C</head><p>End.</p></div>"
        '<figure xml:id="g"><head>Figure 2</head><figDesc>Means.</figDesc></figure>'
    )
    assert shape(body, header)[1:] == [
        ("A", ["Text.", "Figure 1. As in 2."]),
        ("B", ["See it.", "Figure 2. Means."]),
        ("C", ["End."]),
    ]


def test_notes_that_mention_each_other_or_themselves_are_kept_once() -> None:
    notes = (
        f'<note xml:id="n">First{mark("m")}{mark("n")}.</note><note xml:id="m">Second{mark("n")}.</note>'
        f'<note xml:id="o">Third.</note>'
    )
    assert shape(f"<div><head>A</head><p>Text{mark('o')}.</p></div>" + notes) == [
        ("A", ["Text1.", "Third.", "First11.", "Second1."])
    ]


def test_an_empty_element_leaves_nothing_to_the_next() -> None:
    body = '<div><p coords="1,1,2,3,4"/><formula/><p>Text.</p></div>'
    (block,) = readers.get("grobid", "test").read(Path("a.tei.xml"), tei(body)).sections[0].blocks
    assert (block.kind, block.text, block.boxes) == ("paragraph", "Text.", ())
