from __future__ import annotations

import numpy as np

from axolotl_ragdata.filters import Evidence
from axolotl_ragdata.filters.near_duplicate import NearDuplicate
from axolotl_ragdata.records import Example, Provenance


def example(number: int, question: str) -> Example:
    provenance = Provenance(
        doc_id="d",
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=(),
        passage_ids=("p",),
        question_id=f"q-{number}",
        answer_id=f"a-{number}",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    return Example(id=f"ex-{number}", type="x", question=question, answer="It is.", messages=(), provenance=provenance)


QUESTIONS = ["What is mania?", "What is hypomania?", "How is mania defined?", "What is panic?"]
VECTORS = np.array([[1, 0], [1, 0], [0.96, 0.28], [0, 1]], dtype=np.float32)


def test_a_repeated_question_names_what_it_repeats_with_the_cosine_and_the_threshold() -> None:
    rows = [example(number, question) for number, question in enumerate(QUESTIONS)]
    found = NearDuplicate().check_all(rows, Evidence({}, VECTORS))
    assert [at for at, reason in enumerate(found) if reason] == [2]
    reason = found[2]
    assert reason is not None
    assert reason.reason == "repeats an earlier question"
    assert reason.detail == "ex-0: What is mania?"
    assert (reason.score, reason.threshold) == (0.96, 0.9)


def test_the_threshold_is_a_setting() -> None:
    rows = [example(number, question) for number, question in enumerate(QUESTIONS)]
    strict = NearDuplicate.from_settings({"threshold": 0.97}, "here")
    assert strict.check_all(rows, Evidence({}, VECTORS)) == [None] * 4


def test_no_rows() -> None:
    assert NearDuplicate().check_all([], Evidence({}, np.zeros((0, 2), dtype=np.float32))) == []
