from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.overlap import MOST_PAIRED, Joined, OverlapIndex, ngrams, overlapping_pairs

PAGE = " ".join(f"word{number}" for number in range(60))


def test_a_question_inside_a_page_and_a_page_around_a_question() -> None:
    inside = " ".join(f"word{number}" for number in range(20, 32))
    assert OverlapIndex([PAGE]).nearest(inside) == (0, 1.0)
    assert OverlapIndex([inside]).nearest(PAGE) == (0, 1.0)


def test_the_share_is_that_of_the_shorter_text() -> None:
    half = " ".join([f"word{number}" for number in range(15)] + [f"other{number}" for number in range(15)])
    found = OverlapIndex([PAGE]).nearest(half)
    assert found is not None
    assert found[1] == pytest.approx(8 / 23, abs=1e-3)


def test_a_short_text_is_found_as_a_whole_only() -> None:
    index = OverlapIndex(["What is mania?"])
    assert index.nearest("what IS mania") == (0, 1.0)
    assert index.nearest("What is mania, and how long does it last in adults?") is None


def test_the_same_template_with_another_name_is_no_overlap() -> None:
    one = "What percentage of people with panic disorder relapse within three months?"
    other = "What percentage of people with bipolar disorder relapse within three months?"
    assert list(overlapping_pairs([one, other])) == []


def test_pairs_are_found_across_many_holders() -> None:
    texts = [PAGE] * (MOST_PAIRED + 5) + ["something else " * 20]
    joined: Joined[int] = Joined()
    for one, other in overlapping_pairs(texts):
        joined.join(one, other)
    assert {joined.root(at) for at in range(len(texts) - 1)} == {0}
    assert joined.root(len(texts) - 1) == len(texts) - 1


def test_a_sample_of_the_ngrams_finds_long_overlaps_too() -> None:
    page = " ".join(f"word{number}" for number in range(400))
    shifted = " ".join(f"word{number}" for number in range(100, 500))
    assert list(overlapping_pairs([page, shifted], 0.5, keep_one_in=8)) == [(0, 1)]


@given(st.lists(st.text(alphabet="ab c", max_size=40), max_size=6))
def test_the_index_and_the_pairs_agree(texts: list[str]) -> None:
    pairs = set(overlapping_pairs(texts, 0.8, 3))
    assert all(one < other for one, other in pairs)
    for one, other in pairs:
        found = OverlapIndex([texts[one]], 3).nearest(texts[other])
        assert found is not None
        assert found[1] >= 0.8


@given(
    st.lists(st.text(alphabet="ab ", max_size=24), max_size=MOST_PAIRED + 6),
    st.sampled_from([0.3, 0.5, 1.0]),
    st.integers(1, 3),
)
def test_pairs_are_those_that_comparing_every_ngram_gives(texts: list[str], containment: float, length: int) -> None:
    grams = [set(ngrams(text, length)) for text in texts]
    expected = set()
    for other, own in enumerate(grams):
        for one, earlier in enumerate(grams[:other]):
            # of an n-gram that many texts hold, only the first is paired with each
            common = [gram for gram in own & earlier if one == _first(grams, gram) or not _is_crowded(grams, gram)]
            if common and len(common) >= containment * min(len(own), len(earlier)):
                expected.add((one, other))
    found = list(overlapping_pairs(texts, containment, length))
    assert found == sorted(expected)


def _first(grams: list[set[str]], gram: str) -> int:
    return next(at for at, own in enumerate(grams) if gram in own)


def _is_crowded(grams: list[set[str]], gram: str) -> bool:
    return sum(gram in own for own in grams) > MOST_PAIRED
