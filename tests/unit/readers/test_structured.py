from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import read_document, readers
from axolotl_ragdata.readers.structured import document_schema, to_json
from axolotl_ragdata.records import SCHEMA_VERSION, Document

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
MAYBE = st.none() | TEXT
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
BOX = st.fixed_dictionaries({"page": st.integers(0, 9), **dict.fromkeys(("x", "y", "width", "height"), NUMBER)})
CELL = st.fixed_dictionaries(
    {"text": TEXT, "row_span": st.integers(1, 3), "col_span": st.integers(1, 3), "header": st.booleans()}
)
BLOCK = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["paragraph", "table", "figure", "formula", "list", "note"]),
        "text": TEXT,
        "label": MAYBE,
        "caption": MAYBE,
        "rows": st.lists(st.lists(CELL, max_size=2), max_size=2),
        "items": st.lists(TEXT, max_size=2),
        "boxes": st.lists(BOX, max_size=2),
    }
)


@st.composite
def marked_blocks(draw: st.DrawFn) -> dict[str, Any]:
    """A block with citations and sentences that lie within its text."""
    block = draw(BLOCK)
    spans = [draw(span_of(len(block["text"]))) for _ in range(draw(st.integers(0, 2)) if block["text"] else 0)]
    block["citations"] = [
        {"start": start, "end": end, "text": block["text"][start:end], "ref_id": draw(MAYBE)} for start, end in spans
    ]
    block["sentences"] = [
        {"start": start, "end": end, "boxes": draw(st.lists(BOX, max_size=2))} for start, end in spans
    ]
    return block


def span_of(length: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.integers(0, length - 1).flatmap(lambda start: st.tuples(st.just(start), st.integers(start + 1, length)))


SECTION = st.fixed_dictionaries(
    {
        "path": st.lists(TEXT, max_size=2),
        "number": MAYBE,
        "part": st.sampled_from(["abstract", "body", "back"]),
        "blocks": st.lists(marked_blocks(), max_size=3),
    }
)
REFERENCE = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["b0", "b1", "b0~"]),
        "title": MAYBE,
        "authors": st.lists(TEXT, max_size=2),
        "year": st.none() | st.integers(0, 3000),
        "venue": MAYBE,
        "doi": MAYBE,
        "raw": MAYBE,
    }
)
SOURCE = {"path": "a.xml", "sha256": "0", "reader": "grobid", "reader_version": "1", "grobid_version": "0.8.2"}
DOCUMENTS = st.fixed_dictionaries(
    {
        "id": TEXT,
        "title": TEXT,
        "language": MAYBE,
        "licence": MAYBE,
        "authors": st.lists(TEXT, max_size=2),
        "year": st.none() | st.integers(0, 3000),
        "doi": MAYBE,
        "sections": st.lists(SECTION, max_size=4),
        "references": st.lists(REFERENCE, max_size=4),
        "source": st.just(SOURCE),
        "warnings": st.lists(TEXT, max_size=2),
    }
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(DOCUMENTS)
def test_any_document_comes_back_as_it_was(fields: dict[str, object]) -> None:
    document = Document.model_validate(fields)
    raw = json.dumps(to_json(document)).encode()
    assert readers.get("s2orc", "test").read(Path("a.json"), raw) == document


def written() -> dict[str, Any]:
    """The JSON of a document with one citation, one sentence and one figure."""
    paragraph = {
        "kind": "paragraph",
        "text": "As [1] says.",
        "citations": [{"start": 3, "end": 6, "text": "[1]", "ref_id": "b0"}],
        "sentences": [{"start": 0, "end": 12}],
    }
    figure = {"kind": "figure", "text": "Mood over time.", "caption": "Mood over time."}
    fields = {"id": "doc-1", "source": SOURCE, "sections": [{"path": ["Methods"], "blocks": [paragraph, figure]}]}
    return to_json(Document.model_validate(fields))


def read(data: dict[str, Any]) -> Document:
    return readers.get("s2orc", "test").read(Path("a.json"), json.dumps(data).encode())


def test_another_version_is_refused_by_name() -> None:
    with pytest.raises(DocumentRefused, match=r"schema_version '9\.9', not '1\.0'"):
        read(written() | {"schema_version": "9.9"})


@pytest.mark.parametrize("kind", ["cite_spans", "sentence_spans"])
@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (5, 2), (3, 13), (10**30, 10**31)])
def test_a_span_outside_its_text_is_refused(kind: str, start: int, end: int) -> None:
    data = written()
    data["body_text"][0][kind][0] |= {"start": start, "end": end}
    with pytest.raises(DocumentRefused, match=rf"body_text\[0\]\.{kind}\[0\]: {start}-{end} is no stretch"):
        read(data)


def test_offsets_that_an_edit_left_behind_are_refused() -> None:
    data = written()
    data["body_text"][0]["text"] = "Cut"
    with pytest.raises(DocumentRefused, match="no stretch of a text of 3 characters"):
        read(data)


def test_a_citation_that_says_other_words_than_the_text_is_told_once() -> None:
    data = written()
    data["body_text"][0]["cite_spans"][0]["text"] = "[2]"
    document = read(data)
    assert document.warnings == ("1 citations said other words than the text where they stand: the text is taken",)
    assert document.sections[0].blocks[0].citations[0].text == "[1]"
    assert read(to_json(document)) == document


def test_a_figure_that_stands_nowhere_is_told() -> None:
    data = written()
    del data["body_text"][1]
    assert read(data).warnings == ("1 entries of ref_entries stand nowhere in the text: left out",)


@pytest.mark.parametrize("half", [rb"\ud800", rb"\uDC00", "\ud800".encode("utf-8", "surrogatepass")])
def test_text_that_could_not_be_written_is_refused(half: bytes) -> None:
    raw = json.dumps(written()).encode().replace(b"says.", half + b"5ays.")
    with pytest.raises(DocumentRefused, match="surrogates not allowed"):
        readers.get("s2orc", "test").read(Path("a.json"), raw)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_a_page_box_that_is_nowhere_is_refused(number: str) -> None:
    raw = json.dumps(written()).replace('"sentence_spans"', f'"boxes": [[1, {number}, 1, 1, 1]], "sentence_spans"')
    with pytest.raises(DocumentRefused, match="not finite"):
        readers.get("s2orc", "test").read(Path("a.json"), raw.encode())


def test_many_references_of_one_id_are_written_in_time() -> None:
    references = [{"id": "b0", "title": str(number)} for number in range(30_000)]
    document = Document.model_validate({"id": "doc-1", "source": SOURCE, "references": references})
    start = time.process_time()
    assert read(to_json(document)) == document
    assert time.process_time() - start < 5


def test_two_sections_of_one_id_are_refused() -> None:
    data = written()
    data["body_text"][1]["section_path"] = ["Results"]
    with pytest.raises(DocumentRefused, match=r"body_text\[1\]: its section_id 0"):
        read(data)


def test_real_documents_come_back_as_they_were(shared_data: Path, tmp_path: Path) -> None:
    n_read = 0
    for path in sorted((shared_data / "tei").glob("*.xml")):
        try:
            document = read_document(path)
        except DocumentRefused:
            continue
        file = tmp_path / "document.json"
        file.write_text(json.dumps(to_json(document)), encoding="utf-8")
        assert read_document(file) == document
        n_read += 1
    assert n_read == 25


def test_the_schema_describes_every_document(shared_data: Path) -> None:
    """Every object that is written has the keys of the schema and no others; jsonschema checks the types as well."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(document_schema())
    jsonschema.Draft202012Validator.check_schema(document_schema())
    names = ("tei/neeraja-2021-tables", "tei/dafflon-2024-phenotype", "tei/article-withdrawn", "odd/nested_divs_lists")
    for name in names:
        document = read_document(shared_data / f"{name}.tei.xml")
        assert not list(validator.iter_errors(to_json(document))), name
    assert document_schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert list(validator.iter_errors({"paper_id": 1}))


def test_every_text_is_written_once(shared_data: Path) -> None:
    document = read_document(shared_data / "tei" / "patkova-2022-faces.tei.xml")
    written = json.dumps(to_json(document), ensure_ascii=False)
    for section in document.sections:
        for block in section.blocks:
            if len(block.text) > 100 and "\n" not in block.text:
                start = json.dumps(block.caption or block.text, ensure_ascii=False)[1:90]
                assert written.count(start) == 1
