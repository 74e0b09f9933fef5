from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "a JSON list"),
        (b'{"a": 1}', "no known dialect"),
        (b'{"body_text": []}\n{"body_text": []}', "several JSON values"),
        (b'{"body_text": 3}', "TypeError"),
        (b'{"body_text": [{"text": 3}]}', "number|int where text belongs"),
        (b'{"schema_version": "1.0", "source": {}, "body_text": []}', "KeyError"),
        (b"[" * 100_000, "not JSON|nested too deeply"),
    ],
)
def test_other_shapes_are_refused(raw: bytes, said: str) -> None:
    with pytest.raises((DocumentRefused, RecursionError), match=said + "|recursion"):
        read(raw)


def test_halves_of_surrogate_pairs_and_control_characters_are_cleaned() -> None:
    document = read(b'{"body_text": [{"text": "a\\ud800b\\u0000 [1]", "cite_spans": [{"start": 5, "end": 8}]}]}')
    assert document.text == "ab [1]"
    assert document.sections[0].blocks[0].citations[0].text == "[1]"
    assert document.model_dump_json()


NAMES = """
    text section cite_spans ref_spans start end ref_id title authors first last type_str num content html
    type offset_start offset_end target refs coords head desc note rows headers other_ids DOI year
""".split()  # noqa: SIM905
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
KEYS = ("body_text", "abstract", "bib_entries", "ref_entries", "back_matter", "biblio", "pdf_parse", "metadata")
MORE = ("references", "figures_and_tables", "schema_version", "source", "paper_id", "warnings")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS + MORE), JSON | st.lists(JSON, max_size=3), max_size=6))
def test_any_json_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        read(data)
    except DocumentRefused as refusal:
        assert refusal.fix
