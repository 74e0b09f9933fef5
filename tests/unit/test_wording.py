from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.wording import Quantity, codes, content_stems, normalised, quantities, stem, words


def told(text: str) -> list[tuple[str, str]]:
    return [(found.value, found.unit) for found in quantities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5% and 5 % and five percent and 5 per cent", [("5", "%")] * 4),
        ("5 pour cent, cinq pour cent", [("5", "%"), ("5", "%")]),
        ("10mg, 10 mg and 10 milligrams", [("10", "mg")] * 3),
        ("aged 18–25 years", [("18", "year"), ("25", "year")]),
        ("5, 6 or 7 weeks", [("5", "week"), ("6", "week"), ("7", "week")]),
        ("a 12-week trial", [("12", "week")]),
        ("p < .05 and M = 3.40", [("0.05", ""), ("3.4", "")]),
        ("r = −0.30, not 0.3", [("-0.3", ""), ("0.3", "")]),
        ("1,200 or 1 200 people", [("1200", ""), ("1200", "")]),
        ("3,5 % des cas", [("3.5", "%")]),
        ("twenty-five cases", [("25", "")]),
        ("one of the two", [("2", "")]),
        ("DSM-5, IL-6 and F32.1", []),
        ("1. First.\n2) Second [12, 13]", []),
        ("version 0.8.2", [("0.8.2", "")]),
        ("2019-2020", [("2019", ""), ("2020", "")]),
        ("quinze jours", [("15", "day")]),
    ],
)
def test_numbers_are_read_with_their_units(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


def test_units_that_contradict_each_other_do_not_agree() -> None:
    assert not Quantity("5", "week").agrees_with(Quantity("5", "month"))
    assert not Quantity("5", "week").agrees_with(Quantity("6", "week"))
    assert Quantity("5").agrees_with(Quantity("5", "month"))


def test_codes_are_one_token_whatever_their_hyphen() -> None:
    assert codes("DSM-5 DSM‑5 dsm5 5HT2A 10mg 12") == ["dsm5", "dsm5", "dsm5", "5ht2a"]


def test_words_of_a_language_with_accents_and_elisions() -> None:
    assert words("L’anxiété qu'elle décrit") == ["anxiété", "elle", "décrit"]
    assert "anxiét" in content_stems("l'anxiété")


@pytest.mark.parametrize(("one", "other"), [("symptoms", "symptom"), ("studies", "study"), ("treated", "treat")])
def test_inflected_forms_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("mania", "hypomania"), ("panic", "panics-not"), ("cause", "effect")])
def test_different_words_keep_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@given(st.text(max_size=200))
def test_no_text_breaks_them(text: str) -> None:
    quantities(text)
    codes(text)
    content_stems(text)
    assert normalised(normalised(text)) == normalised(text)


@given(st.integers(0, 10**7), st.sampled_from(["", " mg", " %", " weeks"]))
def test_an_integer_is_found_as_it_was_written(number: int, unit: str) -> None:
    assert told(f"about {number}{unit}.")[0][0] == str(number)
    assert told(f"about {number:,}{unit}.")[0][0] == str(number)
