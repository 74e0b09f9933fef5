from __future__ import annotations

import numpy as np
import pytest

from axolotl_ragdata.filters import Evidence, filters
from axolotl_ragdata.records import Citation, Example, Provenance

NONE = Evidence({}, np.zeros((1, 2), dtype=np.float32))


def row(question: str, answer: str, answer_model: str | None) -> Example:
    provenance = Provenance(
        doc_id="d",
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=(),
        passage_ids=("p",),
        question_id="q",
        answer_id="a",
        citations=(Citation(passage_id="p", doc_id="d", quote="x", start=0, end=1),),
        generator="llm",
        question_producer="x",
        answer_producer="x",
        answer_model=answer_model,
    )
    return Example(id="e", type="x", question=question, answer=answer, messages=(), provenance=provenance)


@pytest.mark.parametrize(
    ("question", "answer", "model", "reason"),
    [
        ("What is mania?", "Mania is a state of raised mood.", "m", None),
        ("What does the text say about mania?", "It lasts.", "m", "the question refers to its source"),
        ("What is mania in this study?", "It lasts.", None, "the question refers to its source"),
        ("What is mania?", "According to the passage, a state.", "m", "the answer refers to its source"),
        # a sentence of the document is what it is
        ("What is mania?", "In this study, mania is a state.", None, None),
    ],
)
def test_a_row_must_stand_without_its_document(
    question: str, answer: str, model: str | None, reason: str | None
) -> None:
    found = filters.get("self_contained", "here").from_settings({}, "here").check(row(question, answer, model), NONE)
    assert (found.reason if found else None) == reason
