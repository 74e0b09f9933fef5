"""What every filter of the registry promises; see `axolotl_ragdata.filters`."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.blocks import CRITERIA, FILTERS
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.filters import Evidence, Filter, Reason, filters
from axolotl_ragdata.records import Citation, Example, Message, Passage, Provenance, Score, Verdict

TEXT = "Insomnia is trouble falling asleep on three nights a week. It lasts for 3 months or longer."
PASSAGE = Passage(id="p", doc_id="d", ordinal=0, text=TEXT, start=0, end=len(TEXT), n_tokens=20)


def row(number: int, question: str, answer: str) -> Example:
    citation = Citation(passage_id="p", doc_id="d", quote=TEXT[:58], start=0, end=58)
    provenance = Provenance(
        doc_id="d",
        doc_title="Insomnia",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=(),
        passage_ids=("p",),
        question_id=f"q-{number}",
        answer_id=f"a-{number}",
        citations=(citation,),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Example(
        id=f"ex-{number}",
        type="x",
        question=question,
        answer=answer,
        messages=turns,
        language="en",
        provenance=provenance,
    )


GOOD = [
    row(0, "What is insomnia?", "Insomnia is trouble falling asleep on three nights a week."),
    row(1, "How long does insomnia last?", "It lasts for 3 months or longer."),
]
VERDICTS = {
    f"ex-{number}": Verdict(
        id=f"v-{number}",
        subject_id=f"ex-{number}",
        scores=tuple(Score(criterion=name, value=5, producer="x") for name in CRITERIA),
    )
    for number in range(2)
}
EVIDENCE = Evidence({"p": PASSAGE}, np.eye(2, dtype=np.float32), VERDICTS)
NAMES = filters.names()


def test_the_built_in_filters_are_there() -> None:
    assert set(NAMES) >= {*FILTERS, *CRITERIA}


def test_the_recipe_knows_which_filters_cost_calls() -> None:
    # the recipe cannot import the filters; it must agree with them all the same
    assert {name for name in NAMES if filters.get(name, "here").criterion} == set(CRITERIA)
    assert all(filters.get(name, "here").criterion == name for name in CRITERIA)
    assert not set(FILTERS) & set(CRITERIA), "a recipe that names no filter pays for none"


@pytest.mark.parametrize("name", NAMES)
class TestFilter:
    def opened(self, name: str) -> Filter:
        return filters.get(name, "here").from_settings({}, "here")

    def test_it_works_without_settings_and_keeps_good_rows(self, name: str) -> None:
        assert self.opened(name).check_all(GOOD, EVIDENCE) == [None, None]

    def test_it_says_one_thing_a_row_in_order(self, name: str) -> None:
        rows = [*GOOD, row(2, "What is insomnia?", "It is 17 sheep in DSM-9, as this passage above says.")]
        evidence = Evidence({"p": PASSAGE}, np.eye(3, dtype=np.float32))
        found = self.opened(name).check_all(rows, evidence)
        assert len(found) == len(rows)
        assert all(reason is None or isinstance(reason, Reason) for reason in found)
        assert found == self.opened(name).check_all(rows, evidence)

    def test_a_reason_can_be_counted(self, name: str) -> None:
        rows = [*GOOD, row(2, "What is insomnia?", "It is 17 sheep in DSM-9, as this passage above says.")]
        found = self.opened(name).check_all(rows, Evidence({"p": PASSAGE}, np.eye(3, dtype=np.float32)))
        for reason in filter(None, found):
            assert 0 < len(reason.reason) < 60
            assert not any(sign.isdigit() for sign in reason.reason)
            assert (reason.score is None) == (reason.threshold is None)

    @settings(max_examples=25, deadline=None)
    @given(st.text(max_size=200), st.text(max_size=200))
    def test_whatever_the_row_says_there_is_a_reason_or_none(self, name: str, question: str, answer: str) -> None:
        (found,) = self.opened(name).check_all([row(0, question, answer)], EVIDENCE)
        assert found is None or found.reason

    def test_no_rows(self, name: str) -> None:
        assert self.opened(name).check_all([], Evidence({}, np.zeros((0, 2), dtype=np.float32))) == []

    @pytest.mark.parametrize("given_settings", [{"no_such_setting": 1}, {"use": "x"}])
    def test_an_unknown_setting_is_refused_with_its_place(self, name: str, given_settings: dict[str, Any]) -> None:
        with pytest.raises(RecipeError, match=r"r\.yml: ragdata\.filters\[0\]"):
            filters.get(name, "here").from_settings(given_settings, "r.yml: ragdata.filters[0]")

    def test_every_setting_has_a_description_and_a_default(self, name: str) -> None:
        for key, field in filters.get(name, "here").model_fields.items():
            assert field.description, key
            assert not field.is_required(), key

    def test_it_can_be_sent_to_another_process(self, name: str) -> None:
        opened = self.opened(name)
        assert pickle.loads(pickle.dumps(opened)) == opened
