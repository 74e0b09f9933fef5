"""Filters over verdicts: no verdict is a value of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from axolotl_ragdata.filters import NOT_ASKED, Evidence, Reason, filters
from axolotl_ragdata.records import Example, Provenance, Score, Verdict

ROW = Example(
    id="ex",
    type="definition",
    question="What is mania?",
    answer="A state.",
    messages=(),
    provenance=Provenance(
        doc_id="d",
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=(),
        passage_ids=("p",),
        question_id="q",
        answer_id="a",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    ),
)


def said(name: str, value: int | None, reason: str = "why") -> dict[str, Verdict]:
    score = Score(criterion=name, value=value, reason=reason, producer="x")
    return {"ex": Verdict(id="v", subject_id="ex", scores=(score,))}


def judged(name: str, verdicts: dict[str, Verdict], row: Example = ROW, **settings: Any) -> Reason | None:
    rule = filters.get(name, "here").from_settings(settings, "here")
    return rule.check(row, Evidence({}, np.zeros((1, 1), dtype=np.float32), verdicts))


@pytest.mark.parametrize("name", ["answerable", "faithful", "relevant", "standalone", "round_trip"])
def test_the_threshold_decides_and_is_named(name: str) -> None:
    assert judged(name, said(name, 5)) is None
    assert judged(name, said(name, 4)) is None
    found = judged(name, said(name, 3))
    assert found is not None
    assert (found.score, found.threshold, found.detail) == (3, 4, "why")
    assert judged(name, said(name, 3), min_score=3) is None
    assert judged(name, said(name, 4), min_score=5) is not None


@pytest.mark.parametrize("threshold", [1, 5])
def test_no_verdict_neither_passes_nor_counts_as_a_number(threshold: int) -> None:
    found = judged("faithful", said("faithful", None, "cannot tell from this"), min_score=threshold)
    assert found == Reason("no verdict: faithful", "cannot tell from this")
    assert found.score is None


def test_a_row_that_nobody_judged_says_so() -> None:
    assert judged("faithful", {}) == Reason("no verdict: faithful", NOT_ASKED)
    assert judged("faithful", said("relevant", 5)) == Reason("no verdict: faithful", NOT_ASKED)


def test_of_a_row_that_abstains_the_passages_must_not_answer_it() -> None:
    row = ROW.model_copy(update={"answerable": False})
    assert judged("answerable", said("answerable", 1), row) is None
    assert judged("answerable", said("answerable", 5), row) is not None
    assert judged("answerable", said("answerable", None), row) is not None
    assert judged("faithful", {}, row) is None
    assert judged("round_trip", {}, row) is None
    assert judged("relevant", said("relevant", 2), row) is not None
