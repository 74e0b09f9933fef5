from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.entities import names, unsupported_codes, unsupported_links, unsupported_names

SOURCE = (
    "Karl Leonhard separated bipolar II from unipolar forms; the DSM-5-TR and CBT followed. In Paris, Lasègue spoke of "
    "obsessive compulsive disorder (OCD). See F32.10 at https://a.org/x."
)


@pytest.mark.parametrize(
    "answer",
    [
        "It was Leonhard.",
        "In the DSM-5-TR, Leonhard's view is kept.",
        "Lasegue worked there.",
        "This is Obsessive-Compulsive Disorder.",
        "It is treated with Cognitive Behavioural Therapy, known as CBT.",
        "Treatment: Rest. However, The end. “Some” say so.",
        "Dr. Leonhard and bipolar II.",
        "Compulsive acts are part of OCD.",
        "The code is F32.10.",
    ],
)
def test_what_the_source_states_in_any_form_is_supported(answer: str) -> None:
    assert list(unsupported_names(answer, [SOURCE])) == []
    assert list(unsupported_codes(answer, [SOURCE])) == []


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("It was Emil Kraepelin.", ["Emil", "Kraepelin"]),
        ("It is treated with EMDR.", ["EMDR"]),
        ("In Vienna, he spoke.", ["Vienna"]),
        ("Dr. Freud was there.", ["Freud"]),
        ("It is bipolar I disorder.", ["I"]),
        ("It belongs to cluster B.", ["B"]),
    ],
)
def test_a_name_that_no_source_states_is_found(answer: str, missing: list[str]) -> None:
    assert list(unsupported_names(answer, [SOURCE])) == missing


@pytest.mark.parametrize(
    ("answer", "missing"),
    [("F32.1", ["f321"]), ("F32", ["f32"]), ("The DSM-4", ["dsm4"]), ("IL-6", ["il6"]), ("F32.100", ["f32100"])],
)
def test_a_code_is_a_whole_or_another_code(answer: str, missing: list[str]) -> None:
    assert list(unsupported_codes(answer, [SOURCE])) == missing


def test_links_must_be_the_sources() -> None:
    assert list(unsupported_links("https://a.org/x and www.b.org, x@b.org.", [SOURCE])) == ["www.b.org", "x@b.org"]


@given(st.text(max_size=200))
def test_a_text_supports_itself(text: str) -> None:
    assert list(unsupported_links(text, [text])) == []
    for name in names(text):
        assert name in text
