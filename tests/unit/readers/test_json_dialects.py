"""Any JSON, and samples of every dialect with something else in some places, are read with exact offsets or refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import readers
from axolotl_ragdata.readers.structured import from_json, to_json
from axolotl_ragdata.records import Document

from .test_s2orc import BIB, BODY, REFS, client
from .test_scholar import PIECES, annotated
from .test_structured import written

NAMES = """
    text section sec_num cite_spans ref_spans eq_spans start end ref_id title authors first last type_str num content
    html latex raw_str cells type offset_start offset_end target refs coords head label desc note rows headers
    other_ids DOI year annotations paragraph attributes section_id section_path block_type
""".split()  # noqa: SIM905
ODD = (
    -1,
    10**30,
    1e400,
    float("nan"),
    "",
    "EQUATION",
    "::",
    "a:::b",
    "BIBREF0",
    "2.1",
    "[[",
    "[{}]",
    "\ud800",
    "e\u0301",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
KEYS = ("body_text", "abstract", "bib_entries", "ref_entries", "back_matter", "biblio", "pdf_parse", "metadata")
MORE = ("references", "figures_and_tables", "schema_version", "source", "paper_id", "warnings", "corpusid", "body")
EQUATION = {"text": "As EQUATION", "eq_spans": [{"start": 3, "end": 11, "text": "a = b"}], "section": "Methods::People"}
SAMPLES: tuple[dict[str, Any], ...] = (
    {"paper_id": "1", "pdf_parse": {"body_text": [*BODY, EQUATION], "bib_entries": BIB, "ref_entries": REFS}},
    {"paper_id": "1", "metadata": {"title": "a", "authors": [{"first": "A", "last": "B"}]}, "body_text": BODY},
    {"corpusid": 1, "content": annotated(PIECES, as_text=False)},
    {"corpusid": 1, "title": "a", "body": annotated(PIECES), "bibliography": annotated(PIECES, as_text=False)},
    client(),
    written(),
)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every object and list with each of its keys."""
    if isinstance(data, (dict, list)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield data, key
            yield from places(value)


@st.composite
def changed_samples(draw: st.DrawFn) -> dict[str, Any]:
    """A sample of a dialect of which one to three values are others, or gone."""
    data = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(places(data))))
        if draw(st.booleans()):
            holder[key] = draw(JSON)
        else:
            del holder[key]
            if not data:
                break
    return data


def check(data: dict[str, Any]) -> None:
    try:
        document = readers.get("s2orc", "test").read(Path("a.json"), json.dumps(data).encode())
    except DocumentRefused as refusal:
        assert refusal.fix
        return
    known = {reference.id for reference in document.references}
    is_ours = document.source.reader != "s2orc"
    for section in document.sections:
        for block in section.blocks:
            for mark in block.citations:
                assert 0 <= mark.start < mark.end <= len(block.text)
                assert mark.text == block.text[mark.start : mark.end]
                assert is_ours or mark.ref_id in {None, *known}
    assert Document.model_validate_json(document.model_dump_json()) == document
    assert Document.model_validate(from_json(json.loads(json.dumps(to_json(document))))) == document


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS + MORE), JSON | st.lists(JSON, max_size=3), max_size=6))
def test_any_json_is_read_or_refused(data: dict[str, Any]) -> None:
    check(data)


@settings(max_examples=600, deadline=None)
@given(changed_samples())
def test_any_change_of_a_sample_is_read_or_refused(data: dict[str, Any]) -> None:
    check(data)
