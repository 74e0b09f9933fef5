from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.filters import Evidence, Reason
from axolotl_ragdata.filters.grounded import Grounded
from axolotl_ragdata.records import Citation, Example, Passage, Provenance

TEXT = (
    "Panic attacks peak within 10 minutes. In the DSM-5, two of 13 symptoms suffice. "
    "Relapse reached 12.5 % in 6 months."
)
PASSAGE = Passage(
    id="p-1",
    doc_id="d-1",
    doc_title="Panic disorder",
    section_path=("Course",),
    ordinal=0,
    text=TEXT,
    lead="Table 2 (dose in mg)",
    start=100,
    end=100 + len(TEXT),
    n_tokens=30,
)


def cited(quote: str, at: int | None = None, doc_id: str = "d-1", passage_id: str = "p-1") -> Citation:
    start = 100 + TEXT.index(quote) if at is None else at
    return Citation(passage_id=passage_id, doc_id=doc_id, quote=quote, start=start, end=start + len(quote))


def reason(
    answer: str, citations: Sequence[Citation] | None = None, question: str = "How does it go?"
) -> Reason | None:
    provenance = Provenance(
        doc_id="d-1",
        doc_title="Panic disorder",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=("Course",),
        passage_ids=("p-1",),
        question_id="q-1",
        answer_id="a-1",
        citations=(cited("Panic attacks peak within 10 minutes."),) if citations is None else tuple(citations),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    example = Example(id="ex-1", type="criteria", question=question, answer=answer, messages=(), provenance=provenance)
    return Grounded().check(example, Evidence({"p-1": PASSAGE}, np.zeros((1, 2), dtype=np.float32)))


@pytest.mark.parametrize(
    "answer",
    [
        "Panic attacks peak within ten minutes.",
        "Panic attacks reach their peak within 10 min.",
        "Relapse reached 12.5% in six months.",
        "Relapse reached 12,5 percent within 6-months.",
        "The DSM‑5 asks for 2 of thirteen symptoms.",
        "1. Panic attacks peak within 10 minutes.\n2. Two symptoms suffice. [3]",
        "The dose is in mg.",
    ],
)
def test_an_answer_that_its_passage_carries_is_kept(answer: str) -> None:
    assert reason(answer) is None


@pytest.mark.parametrize(
    ("answer", "why", "detail"),
    [
        ("Panic attacks peak within 20 minutes.", "a number is not in the cited passages", "20 min"),
        ("Panic attacks peak within 10 hours.", "a number is not in the cited passages", "10 h"),
        ("Panic attacks peak within twelve minutes.", "a number is not in the cited passages", "12 min"),
        ("Relapse reached 12.6 % in 6 months.", "a number is not in the cited passages", "12.6 %"),
        ("Relapse reached −12.5 % in 6 months.", "a number is not in the cited passages", "-12.5 %"),
        ("In the DSM-IV-2, two symptoms suffice.", "a code is not in the cited passages", "iv2"),
        ("In ICD10, two symptoms suffice.", "a code is not in the cited passages", "icd10"),
        ("Sertraline lowers serotonin reuptake quickly.", "words are not in the cited passages", "lowers, quickl"),
    ],
)
def test_an_answer_that_says_something_else_is_dropped_with_the_particulars(answer: str, why: str, detail: str) -> None:
    found = reason(answer)
    assert found is not None
    assert found.reason == why
    assert detail in found.detail


def test_a_reason_that_is_a_number_names_score_and_threshold() -> None:
    found = reason("Sertraline lowers serotonin reuptake quickly.")
    assert found is not None
    assert found.score == 0.0
    assert found.threshold == 0.5


def test_words_of_the_question_count_neither_way() -> None:
    assert reason("Agoraphobia: panic attacks.", question="Which attacks belong to agoraphobia?") is None


@pytest.mark.parametrize(
    ("citations", "why"),
    [
        ([], "cites nothing"),
        ([cited("peak", at=101)], "a quote is not in its passage"),
        ([cited("peak within 10 minutes.", passage_id="p-2")], "a quote is not in its passage"),
        ([cited("peak within 10 minutes.", doc_id="d-2")], "a quote is not in its passage"),
        ([cited("Panic", at=0)], "a quote is not in its passage"),
        ([cited("Table 2", at=92)], "a quote is not in its passage"),
        ([Citation(passage_id="p-1", doc_id="d-1", quote="", start=100, end=100)], "a quote is not in its passage"),
        ([cited("Panic attacks"), cited("peaks", at=113)], "a quote is not in its passage"),
    ],
)
def test_every_quote_must_stand_at_its_place(citations: list[Citation], why: str) -> None:
    found = reason("Panic attacks peak within 10 minutes.", citations)
    assert found is not None
    assert found.reason == why


def test_settings_are_checked_with_the_place_and_a_fix() -> None:
    with pytest.raises(RecipeError, match=r"filters\[0\].min_overlap.*less than or equal to 1.*not 2"):
        Grounded.from_settings({"min_overlap": 2.0}, "r.yml: ragdata.filters[0]")
    with pytest.raises(RecipeError, match="did you mean 'min_overlap'"):
        Grounded.from_settings({"min_overlapp": 0.5}, "r.yml: ragdata.filters[0]")
    assert Grounded.from_settings({"min_overlap": 0.25}, "x").min_overlap == 0.25
