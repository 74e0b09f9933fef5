from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.quotes import as_read, locate

TEXT = 'Mania lasts\none week — "at least", says the DSM‑5.  It is not the patient’s fault.'


@pytest.mark.parametrize(
    "quote",
    [
        "Mania lasts one week",
        "Mania   lasts one\tweek - “at least”",
        "says the DSM-5.",
        "It is not the patient's fault.",
        "… It is not the patient’s fault. …",
        "“It is not the patient’s fault.”",
    ],
)
def test_white_space_and_marks_may_differ_and_the_span_is_the_sources(quote: str) -> None:
    span = locate(quote, TEXT)
    assert span is not None
    assert letters(TEXT[slice(*span)]) == letters(quote)


def letters(text: str) -> list[str]:
    return [letter for letter in text if letter.isalnum()]


@pytest.mark.parametrize(
    "quote",
    ["Mania lasts two weeks", "mania lasts one week", "Mania … week", "one", "", "It is not the patient’s fault!"],
)
def test_other_words_are_nowhere(quote: str) -> None:
    assert locate(quote, TEXT) is None


@given(st.text(alphabet="ab .,-'\"“”\n", min_size=8, max_size=60), st.data())
def test_what_is_found_has_the_letters_of_the_quote(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))]
    span = locate(quote, text)
    if span is not None:
        assert letters(text[slice(*span)]) == letters(quote)


@pytest.mark.parametrize(
    ("sentence", "read"),
    [
        ("Mania recurs [1, 2] (Smith et al., 2019; Doe, 2020a).", "Mania recurs."),
        ("The mean was 19.5 years and PPV 0.5 or 5.", "The mean was 19.5 years and PPV 0.5 or 5."),
        ("Bloods are checked during treatment.1", "Bloods are checked during treatment."),
        ("It grows and develops 11,29 .", "It grows and develops."),
        ("See the plexus (Figure 4A) and the graph (see Fig. 2).", "See the plexus and the graph."),
        ("La crise est brève (tableau 2) ; elle passe.", "La crise est brève ; elle passe."),
        ("It holds (in adults) for 18 months.", "It holds (in adults) for 18 months."),
    ],
)
def test_marks_are_left_out_and_numbers_are_kept(sentence: str, read: str) -> None:
    assert as_read(sentence) == read
