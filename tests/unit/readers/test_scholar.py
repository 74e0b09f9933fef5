"""Semantic Scholar's datasets s2orc and s2orc_v2: one text with annotations."""

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

ENTRY = "[1] D. Kluger, L. Quante. Being right. PLOS ONE, 2019."
PIECES: list[tuple[str, str, dict[str, Any]]] = [
    ("title", "On sleep", {}),
    ("author", "Ada B Lovelace 1", {}),
    ("abstract", "Short.", {}),
    ("sectionheader", "Methods", {"n": "2."}),
    ("sectionheader", "People", {"n": "2.1"}),
    ("paragraph", "As  [1] says, see Fig. 1.\nMood = m (1).", {}),
    ("formula", "E = mc2 (2)", {"id": "formula_0"}),
    ("paragraph", "More [9].", {}),
    ("sectionheader", "Results", {}),
    ("paragraph", "End.", {}),
    ("sectionheader", "Fig. 1 .", {}),
    ("figure", "Mood over time.", {"id": "fig_0"}),
    ("table", "Table 1. Means.", {"id": "tab_0"}),
    ("bibentry", ENTRY, {"id": "b0", "doi": "10.1371/x", "matched_paper_id": 7}),
]
INNER: list[tuple[str, str, dict[str, Any]]] = [
    ("authorfirstname", "Ada", {}),
    ("authorfirstname", "B", {}),
    ("authorlastname", "Lovelace", {}),
    ("bibref", "[1]", {"ref_id": "b0"}),
    ("bibref", "[9]", {}),
    ("figureref", "Fig. 1", {"ref_id": "fig_0"}),
    ("formula", "Mood = m (1)", {}),
    ("figurecaption", "Mood over time.", {}),
    ("bibtitle", "Being right", {}),
    ("bibvenue", "PLOS ONE", {}),
    ("bibauthor", "D. Kluger", {}),
    ("bibauthor", "L. Quante", {}),
    ("bibauthorfirstname", "D.", {}),
    ("bibauthorlastname", "Kluger", {}),
    ("bibauthorlastname", "Quante", {}),
    ("bibauthorfirstname", "L.", {}),
]
IN_V2 = {"sectionheader": "section_header", "bibref": "bib_ref", "bibentry": "bib_entry", "bibtitle": "bib_title"} | {
    f"bib{name}": f"bib_{name}" for name in ("author", "venue")
}


def annotated(pieces: list[tuple[str, str, dict[str, Any]]], as_text: bool = True) -> dict[str, Any]:
    """The pieces as one text, with annotations of them and of what stands within them."""
    text = "\n"
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, said, attributes in pieces:
        found.setdefault(kind, []).append({"end": len(text) + len(said), "start": len(text), "attributes": attributes})
        text += f"{said}\n\n"
    for kind, said, attributes in INNER:
        if said in text:
            start = text.index(said)
            found.setdefault(kind, []).append({"start": start, "end": start + len(said), "attributes": attributes})
    notes: dict[str, Any] = {kind: json.dumps(notes) if as_text else notes for kind, notes in found.items()}
    return {"text": text, "annotations": notes | {"publisher": None, "venue": "null" if as_text else None}}


def read(data: Any) -> Document:
    return readers.get("s2orc", "test").read(Path("a.json"), json.dumps(data).encode())


def check(document: Document) -> None:
    """The body, wherever the bibliography stands."""
    parts = [
        (section.path, section.number, [(block.kind, block.text) for block in section.blocks])
        for section in document.sections
        if section.part == "body"
    ]
    assert parts == [
        (("Methods",), "2", []),
        (
            ("Methods", "People"),
            "2.1",
            [
                ("paragraph", "As [1] says, see Fig. 1. Mood = m (1)."),
                ("figure", "Fig. 1 . Mood over time."),
                ("formula", "E = mc2 (2)"),
                ("paragraph", "More [9]."),
            ],
        ),
        (("Results",), None, [("paragraph", "End."), ("table", "Table 1. Means.")]),
    ]
    marks = [
        (mark.text, mark.ref_id)
        for section in document.sections
        for block in section.blocks
        for mark in block.citations
        if mark.text == block.text[mark.start : mark.end]
    ]
    assert marks == [("[1]", "b0"), ("[9]", None)]
    (reference,) = document.references
    assert (reference.id, reference.title, reference.venue, reference.year, reference.doi, reference.raw) == (
        "b0",
        "Being right",
        "PLOS ONE",
        2019,
        "10.1371/x",
        ENTRY,
    )
    assert reference.authors == ("D. Kluger", "L. Quante")
    assert document.warnings == ()


@pytest.mark.parametrize("as_text", [True, False])
def test_s2orc(as_text: bool) -> None:
    content = annotated(PIECES, as_text) | {"source": {"pdfurls": None, "oainfo": {"license": "CCBY"}}}
    document = read({"corpusid": 1, "externalids": {"doi": "10.1/sleep", "arxiv": None}, "content": content})
    assert (document.title, document.doi, document.licence) == ("On sleep", "10.1/sleep", "CCBY")
    assert document.authors == ("Ada B Lovelace",)
    assert document.sections[0].part == "abstract"
    assert document.sections[0].blocks[0].text == "Short."
    check(document)


def test_s2orc_v2() -> None:
    body, bibliography = annotated(PIECES[3:-1]), annotated(PIECES[-1:])
    for layer in (body, bibliography):
        layer["annotations"] = {IN_V2.get(kind, kind): value for kind, value in layer["annotations"].items()}
    document = read(
        {
            "corpusid": 1,
            "title": "On sleep",
            "authors": [{"name": "Ada Lovelace", "authorId": "1"}, {"name": None}],
            "openaccessinfo": {"license": "CCBY", "externalids": {"DOI": "10.1/sleep"}},
            "body": body,
            "bibliography": bibliography,
        }
    )
    assert (document.title, document.doi, document.licence) == ("On sleep", "10.1/sleep", "CCBY")
    assert document.authors == ("Ada Lovelace",)
    check(document)


def test_names_without_persons_around_them() -> None:
    layer = annotated(PIECES[-1:])
    del layer["annotations"]["bibauthor"]
    data = {"corpusid": 1, "body": annotated(PIECES[5:6]), "bibliography": layer}
    assert read(data).references[0].authors == ("D. Kluger", "L. Quante")


def test_each_character_of_what_overlaps_comes_once() -> None:
    text = "One two three four."
    spans = [{"start": 0, "end": 7}, {"start": 4, "end": 13}, {"start": 5, "end": 6}, {"start": 14, "end": 99}]
    document = read({"corpusid": 1, "body": {"text": text, "annotations": {"paragraph": spans}}})
    assert [block.text for block in document.sections[0].blocks] == ["One two", "three", "four."]
    assert document.warnings == ("1 annotations lie outside the text",)


def test_lines_are_paragraphs_where_none_are_annotated() -> None:
    content = annotated([piece for piece in PIECES if piece[0] != "paragraph"])
    content["text"] += "Left over.\nAnd this."
    document = read({"corpusid": 1, "content": content})
    said = [block.text for section in document.sections for block in section.blocks]
    assert said == ["Short.", "E = mc2 (2)", "Left over.", "And this.", "Fig. 1 . Mood over time.", "Table 1. Means."]
    assert document.warnings == ("no paragraphs are annotated: each line is taken for one",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"corpusid": 1, "title": "On sleep", "abstract": "Short."}, "no known dialect"),
        ({"corpusid": 1, "content": {"text": None, "annotations": None}, "body": None}, None),
        ({"corpusid": 1, "content": "text"}, "has not the shape"),
        ({"corpusid": 1, "body": {"text": 1}}, "int where text belongs"),
        ({"corpusid": 1, "body": {"text": "a", "annotations": {"paragraph": "[{"}}}, "has not the shape"),
        ({"corpusid": 1, "body": {"text": "a", "annotations": {"paragraph": [{"start": 0}]}}}, "KeyError: 'end'"),
        ({"corpusid": 1, "body": {"text": "a", "annotations": {"paragraph": "[" * 100_000}}}, "nested too deeply"),
    ],
)
def test_other_shapes_are_refused(data: Any, said: str | None) -> None:
    if said is None:
        assert read(data).warnings == ("body is empty",)
        return
    with pytest.raises(DocumentRefused, match=said) as refusal:
        read(data)
    assert refusal.value.fix


EDGE = st.integers(-2, 40)
NOTE = st.fixed_dictionaries(
    {"start": EDGE, "end": EDGE},
    optional={
        "attributes": st.none() | st.dictionaries(st.sampled_from(["id", "ref_id", "n", "doi"]), st.text("ab1."))
    },
)
KIND = st.sampled_from(sorted({kind for kind, _, _ in (*PIECES, *INNER)} | set(IN_V2.values())))
NOTES = st.lists(NOTE, max_size=4)
LAYER = st.fixed_dictionaries(
    {"text": st.text("ab. \n1é\x00", max_size=40), "annotations": st.dictionaries(KIND, NOTES | NOTES.map(json.dumps))}
)


@settings(max_examples=300, deadline=None)
@given(LAYER, LAYER | st.none(), st.booleans())
def test_any_annotations_are_read_with_exact_offsets(body: Any, bibliography: Any, is_first: bool) -> None:
    data = {"corpusid": 1, "bibliography": bibliography, "content" if is_first else "body": body}
    document = read(data)
    known = {reference.id for reference in document.references}
    for section in document.sections:
        for block in section.blocks:
            for mark in block.citations:
                assert block.text[mark.start : mark.end] == mark.text.strip() != ""
                assert mark.ref_id is None or mark.ref_id in known
