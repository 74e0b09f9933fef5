from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Document

BODY = [
    {
        "text": "As  [1] says, see Table 1.",
        "cite_spans": [{"start": 4, "end": 7, "text": "[1]", "ref_id": "BIBREF0"}],
        "ref_spans": [{"start": 18, "end": 25, "text": "Table 1", "ref_id": "TABREF0"}],
        "section": "Methods",
        "sec_num": "2",
    },
    {"text": "More.", "cite_spans": [], "ref_spans": [], "section": "Methods", "sec_num": "2"},
    {"text": "End.", "section": "Results", "sec_num": None},
]
BIB = {
    "BIBREF0": {
        "ref_id": "b0",
        "title": "Being right",
        "authors": [{"first": "Daniel", "middle": ["S"], "last": "Kluger", "suffix": ""}],
        "year": 2019,
        "venue": "PLOS ONE",
        "other_ids": {"DOI": ["10.1371/x"]},
        "raw_text": None,
    }
}
REFS = {
    "TABREF0": {
        "text": "Means.",
        "type_str": "table",
        "num": "1",
        "content": "<table><tr><th>Drug</th><th>p</th></tr><tr><td>A</td><td>&lt; 0.05</td></tr></table>",
    },
    "FIGREF0": {"text": "Nothing refers to this.", "type_str": "figure", "fig_num": "3"},
}
TABLE = "Table 1. Means.\n| Drug | p |\n| --- | --- |\n| A | < 0.05 |"


def read(data: Any) -> Document:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return readers.get("s2orc", "test").read(Path("a.json"), raw)


def check_common(document: Document) -> None:
    assert document.title == "On sleep"
    assert document.authors == ("Ada B Lovelace",)
    abstract, methods, results = document.sections
    assert (abstract.part, abstract.path, abstract.blocks[0].text) == ("abstract", (), "Short.")
    assert [block.text for block in methods.blocks] == ["As [1] says, see Table 1.", TABLE, "More."]
    assert [block.text for block in results.blocks] == ["End.", "Figure 3. Nothing refers to this."]
    (citation,) = methods.blocks[0].citations
    assert (citation.start, citation.end, citation.text, citation.ref_id) == (3, 6, "[1]", "BIBREF0")
    (reference,) = document.references
    assert (reference.id, reference.authors, reference.doi) == ("BIBREF0", ("Daniel S Kluger",), "10.1371/x")


def test_s2orc() -> None:
    document = read(
        {
            "paper_id": "1",
            "title": "On sleep",
            "authors": [{"first": "Ada", "middle": ["B"], "last": "Lovelace", "suffix": ""}],
            "year": "2020",
            "identifiers": {"doi": "10.1/sleep"},
            "abstract": "Short.",
            "pdf_parse": {
                "abstract": [],
                "body_text": BODY,
                "back_matter": [],
                "bib_entries": BIB,
                "ref_entries": REFS,
            },
        }
    )
    check_common(document)
    assert (document.year, document.doi, document.sections[1].number) == (2020, "10.1/sleep", "2")


def test_cord19() -> None:
    document = read(
        {
            "paper_id": "1",
            "metadata": {"title": "On sleep", "authors": [{"first": "Ada", "middle": ["B"], "last": "Lovelace"}]},
            "abstract": [{"text": "Short.", "cite_spans": [], "section": "Abstract"}],
            "body_text": BODY,
            "bib_entries": BIB,
            "ref_entries": {
                "TABREF0": {"text": "Means.", "type": "table", "num": "1", "html": REFS["TABREF0"]["content"]},
                "FIGREF0": REFS["FIGREF0"],
            },
            "back_matter": [],
        }
    )
    check_common(document)


def client() -> dict[str, Any]:
    """What grobid-client-python 0.2 writes: sentences with a shared paragraph id."""
    return {
        "level": "sentence",
        "biblio": {
            "title": "On sleep",
            "authors": ["Ada Lovelace"],
            "doi": "10.1/sleep",
            "publication_date": "2020-05-01",
            "abstract": [[{"id": 0, "text": "Short.", "coords": [], "refs": []}]],
        },
        "body_text": [
            {"id": "p_1", "text": "One.", "coords": [], "refs": [], "head_section": "Methods"},
            {
                "id": "p_1",
                "text": "As [1] says.",
                "refs": [{"type": "bibr", "target": "#b0", "text": "[1]", "offset_start": 3, "offset_end": 6}],
                "head_section": "Methods",
            },
            {"id": "f_1", "text": "E = mc2", "refs": [], "type": "formula", "head_section": "Methods"},
            {"id": "p_2", "text": "Two.", "refs": [], "head_paragraph": "Results", "head_section": "People"},
        ],
        "figures_and_tables": [
            {
                "id": "tab_0",
                "label": "1",
                "head": "Table 1",
                "type": "table",
                "desc": "Means.",
                "content": {"headers": [], "rows": [["Drug", "p"], ["A", "< 0.05"]], "metadata": {}},
                "note": "In mg.",
                "coords": [],
            }
        ],
        "references": [
            {
                "id": "b1",
                "target": "b0",
                "title": "Being right",
                "authors": "Daniel Kluger",
                "year": 2019,
                "doi": "10.1/x",
            }
        ],
    }


def test_grobid_client_python() -> None:
    document = read(client())
    assert (document.title, document.doi, document.year) == ("On sleep", "10.1/sleep", 2020)
    _, methods, people = document.sections
    assert [(block.kind, block.text) for block in methods.blocks] == [
        ("paragraph", "One. As [1] says."),
        ("formula", "E = mc2"),
    ]
    (citation,) = methods.blocks[0].citations
    assert (citation.text, citation.ref_id) == ("[1]", "b0")
    assert people.path == ("Results", "People")
    assert people.blocks[-1].text == f"{TABLE}\nIn mg."
    assert document.references[0].authors == ("Daniel Kluger",)


def blocks(document: Document) -> list[tuple[str, str, str | None]]:
    return [(block.kind, block.text, block.label) for section in document.sections for block in section.blocks]


def paper(*entries: dict[str, Any], **parse: Any) -> Document:
    return read({"paper_id": "1", "pdf_parse": {"body_text": list(entries), **parse}})


def span(inside: str, said: str, **more: Any) -> dict[str, Any]:
    return {"start": inside.index(said), "end": inside.index(said) + len(said), **more}


def test_formulas_stand_where_their_stand_ins_stood() -> None:
    text = "Let  EQUATION and INLINEFORM0 hold [1], as [2] says."
    document = paper(
        {
            "text": text,
            "cite_spans": [span(text, "[1]", ref_id="BIBREF0"), span(text, "[2]", ref_id="BIBREF9")],
            "eq_spans": [
                span(text, "INLINEFORM0", text="", latex="\\beta < 1", ref_id="INLINEFORM0"),
                span(text, "EQUATION", text="EQUATION", raw_str="a = b", eq_num="(1)", ref_id="EQREF"),
            ],
        },
        bib_entries=BIB,
    )
    (block,) = document.sections[0].blocks
    assert block.text == "Let a = b and \\beta < 1 hold [1], as [2] says."
    assert [(mark.text, mark.ref_id) for mark in block.citations] == [("[1]", "BIBREF0"), ("[2]", None)]
    assert all(block.text[mark.start : mark.end] == mark.text for mark in block.citations)


def test_a_paragraph_that_is_only_a_formula_is_one() -> None:
    equation = {"start": 0, "end": 8, "text": "L = max(0, d + m)", "eq_num": "(1)", "ref_id": "EQREF0"}
    document = paper({"text": "EQUATION", "eq_spans": [equation]})
    assert blocks(document) == [("formula", "L = max(0, d + m)", "(1)")]


@pytest.mark.parametrize(
    "equation",
    [
        {"start": 0, "end": 5, "text": "gone"},
        {"start": 6, "end": 14},
        {"start": 6, "end": 14, "text": "EQUATION"},
        {"start": -9, "end": 99, "text": "gone"},
    ],
)
def test_text_that_is_no_stand_in_or_has_none_stays(equation: dict[str, Any]) -> None:
    assert blocks(paper({"text": "Where EQUATION holds.", "eq_spans": [equation]}))[0][1] == "Where EQUATION holds."


def test_keys_that_latex_leaves_in_the_text_give_way_to_their_numbers() -> None:
    text = "Figure FIGREF3 and BIBREF0 show it FOOTREF2 ."
    document = paper(
        {
            "text": text,
            "cite_spans": [span(text, "BIBREF0", ref_id="BIBREF0")],
            "ref_spans": [
                span(text, "FIGREF3", text="7", ref_id="FIGREF3"),
                span(text, "FOOTREF2", text="2", ref_id="FOOTREF2"),
            ],
        },
        bib_entries=BIB,
        ref_entries={
            "FIGREF3": {"type": "figure", "text": "Mood.", "num": "7"},
            "FOOTREF2": {"type": "footnote", "text": "By hand.", "num": "2"},
        },
    )
    assert blocks(document) == [
        ("paragraph", "Figure 7 and BIBREF0 show it 2 .", None),
        ("figure", "Figure 7. Mood.", "Figure 7"),
        ("note", "By hand.", "2"),
    ]
    assert document.sections[0].blocks[0].citations[0].text == "BIBREF0"


def test_each_kind_of_ref_entries_is_read_as_what_it_is() -> None:
    shown = "a = b"
    document = paper(
        {"text": " DISPLAYFORM0 ", "eq_spans": [{"start": 1, "end": 13, "text": shown, "latex": "a=b"}]},
        ref_entries={
            "FOOTREF0": {"type_str": "footnote", "text": "A footnote.", "num": "1"},
            "EQREF0": {"type_str": "equation", "text": shown, "num": "1"},
            "EQREF1": {"type_str": "equation", "text": None, "latex": "c = d", "num": "2"},
            "SECREF0": {"type_str": "section", "text": "Methods", "num": "1"},
            "BOXREF0": {"type_str": "box", "text": "A box.", "num": None},
            "FOOTREF1": {"text": "Without a type."},
            "TABREF0": {
                "type_str": "table",
                "text": "Means.",
                "num": "1",
                "content": [{"cells": [{"text": "Drug"}, {"text": "p"}]}, {"cells": [{"text": "A"}, {"text": "1"}]}],
            },
        },
    )
    assert blocks(document) == [
        ("formula", shown, None),
        ("note", "A footnote.", "1"),
        ("formula", "c = d", "2"),
        ("paragraph", "A box.", None),
        ("note", "Without a type.", None),
        ("table", "Table 1. Means.\n| Drug | p |\n| --- | --- |\n| A | 1 |", "Table 1"),
    ]


def test_sections_stand_below_the_longest_number_that_begins_their_own() -> None:
    entries = [
        {"text": text, "section": title, "sec_num": number}
        for text, title, number in [
            ("a", "Methods", "2."),
            ("b", "People", "2.1"),
            ("c", "Patients", "2.1.1"),
            ("d", "Tasks", "2.2"),
            ("e", "Results", None),
        ]
    ]
    assert [(section.path, section.number) for section in paper(*entries).sections] == [
        (("Methods",), "2"),
        (("Methods", "People"), "2.1"),
        (("Methods", "People", "Patients"), "2.1.1"),
        (("Methods", "Tasks"), "2.2"),
        (("Results",), None),
    ]


def test_headings_that_are_joined_are_taken_apart() -> None:
    """LaTeX and GROBID come from the top down, JATS from the bottom up."""
    document = paper(
        {"text": "a", "section": "Methods::People", "sec_num": "2.1"},
        {"text": "b", "section": "Methods::People", "sec_num": "2.1"},
        {"text": "c", "section": "Thanks", "sec_num": None},
        {"text": "d", "section": "Cells ::: People ::: Methods"},
        {"text": "e", "section": "::"},
    )
    assert [(section.path, section.number, len(section.blocks)) for section in document.sections] == [
        (("Methods", "People"), "2.1", 2),
        (("Thanks",), None, 1),
        (("Methods", "People", "Cells"), None, 1),
        ((), None, 1),
    ]


def test_the_releases_of_s2orc() -> None:
    """2019 keeps all in a line; 2020 the text and the metadata apart."""
    body = [{"text": "Hello.", "section": None, "cite_spans": [], "ref_spans": [], "eq_spans": []}]
    about = {"title": "On sleep", "abstract": "Aim: a. ::: Result: b.", "year": "2017", "doi": "10.1/x", "authors": []}
    document = read({"paper_id": "1", "metadata": about, "grobid_parse": {"body_text": body}, "latex_parse": None})
    assert (document.title, document.year, document.doi) == ("On sleep", 2017, "10.1/x")
    assert [block[1] for block in blocks(document)] == ["Aim: a.", "Result: b.", "Hello."]
    assert blocks(read({"paper_id": "1", "_pdf_hash": "", "body_text": body})) == [("paragraph", "Hello.", None)]
    with pytest.raises(DocumentRefused, match="metadata of S2ORC, without the text") as refusal:
        read({"paper_id": "1", **about, "has_pdf_parse": True})
    assert refusal.value.fix == "give the file of pdf_parses/"


def test_the_number_of_a_formula_of_grobid_client_python() -> None:
    data = client()
    data["body_text"][2] |= {"text": "E = mc2 (1)", "label": "(1)"}
    formula = read(data).sections[1].blocks[1]
    assert (formula.kind, formula.text, formula.label) == ("formula", "E = mc2 (1)", "(1)")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "a JSON list"),
        (b'{"a": 1}', "no known dialect"),
        (b'{"body_text": []}\n{"body_text": []}', "several JSON values"),
        (b'{"body_text": 3}', "TypeError"),
        (b'{"body_text": [{"text": 3}]}', "number|int where text belongs"),
        (b'{"body_text": [{"text": "a", "cite_spans": [{"start": 1e400, "end": 2}]}]}', "OverflowError"),
        (b'{"schema_version": "1.0", "source": {}, "body_text": []}', "KeyError"),
        (b"[" * 100_000, "not JSON|nested too deeply"),
        (b'{"body_text": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "nested too deeply"),
    ],
)
def test_other_shapes_are_refused(raw: bytes, said: str) -> None:
    with pytest.raises(DocumentRefused, match=said):
        read(raw)


def test_marks_that_overlap_beyond_measure_are_refused() -> None:
    marks = [{"start": 0, "end": 100_000}] * 20
    with pytest.raises(DocumentRefused, match="marks cover 2,000,000 characters"):
        paper({"text": "a" * 100_000, "cite_spans": marks})


def test_many_marks_in_a_text_that_is_squeezed_take_no_long_time() -> None:
    text = "[1]  " * 20_000
    marks = [{"start": at, "end": at + 3} for at in range(0, len(text), 5)]
    start = time.process_time()
    (block,) = paper({"text": text, "cite_spans": marks}).sections[0].blocks
    assert time.process_time() - start < 5
    assert {mark.text for mark in block.citations} == {"[1]"}
    assert len(block.citations) == len(marks)


def test_halves_of_surrogate_pairs_and_control_characters_are_cleaned() -> None:
    document = read(b'{"body_text": [{"text": "a\\ud800b\\u0000 [1]", "cite_spans": [{"start": 5, "end": 8}]}]}')
    assert document.text == "ab [1]"
    assert document.sections[0].blocks[0].citations[0].text == "[1]"
    assert document.model_dump_json()
