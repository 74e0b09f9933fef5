from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from axolotl_ragdata.duplicates import content_of, duplicate_groups, duplicate_pairs, find_duplicates

SAME = [
    ("What are the symptoms of panic disorder?", "Which signs does panic disorder have?"),
    ("What is mania?", "How is mania defined?"),
    ("How common is insomnia in adults?", "What is the prevalence of insomnia among adults?"),
    ("How many symptoms are needed for mania?", "How many symptoms are required for mania?"),
    ("Is it more common in women than in men?", "Is it more frequent in women than in men?"),
    ("Quels sont les symptômes du trouble panique ?", "Quels symptômes présente le trouble panique ?"),
]
DIFFERENT = [
    ("What are the symptoms of panic disorder?", "What are the symptoms of bipolar disorder?"),
    ("What are the symptoms of panic disorder?", "What are the causes of panic disorder?"),
    ("What is mania?", "What is hypomania?"),
    ("What is bipolar I disorder?", "What is bipolar II disorder?"),
    ("How many improved after 6 weeks?", "How many improved after 12 weeks?"),
    ("How many improved after two weeks?", "How many improved after three weeks?"),
    ("What did DSM-IV change?", "What did DSM-5 change?"),
    ("What changed in DSM-4?", "What changed in DSM-5?"),
    ("Which drugs should be used in mania?", "Which drugs should not be used in mania?"),
    ("Is it more common in women than in men?", "Is it more common in men than in women?"),
    ("Does stress cause insomnia?", "Does insomnia cause stress?"),
    ("When is insomnia treated?", "How is insomnia treated?"),
    ("What is criterion A of mania?", "What is criterion B of mania?"),
]


def alike(count: int) -> NDArray[np.float32]:
    """Vectors that are all the same: what is left to decide is decided by the words."""
    vectors = np.zeros((count, 4), dtype=np.float32)
    vectors[:, 0] = 1
    return vectors


@pytest.mark.parametrize(("one", "other"), SAME)
def test_paraphrases_with_close_vectors_are_one(one: str, other: str) -> None:
    assert find_duplicates([one, other], alike(2)) == [None, 0]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_paraphrases_with_far_vectors_are_two(one: str, other: str) -> None:
    assert find_duplicates([one, other], np.eye(2, dtype=np.float32)) == [None, None]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_names_other_things_stays_apart_however_close(one: str, other: str) -> None:
    assert find_duplicates([one, other], alike(2)) == [None, None]


def test_the_same_words_are_one_whatever_their_vectors() -> None:
    texts = ["What is it?", "WHAT is “it”", "What is mania?", "what  is mania"]
    assert find_duplicates(texts, np.eye(4, dtype=np.float32)) == [None, 0, None, 2]


def test_words_that_name_nothing_are_not_compared() -> None:
    assert find_duplicates(["What is it?", "Who are they?", "¿?", "!"], alike(4))[:2] == [None, None]


def test_the_first_is_kept_and_nothing_repeats_what_was_dropped() -> None:
    # close to its neighbour only: 0 ~ 1 ~ 2, but not 0 ~ 2
    angles = np.array([0.0, 0.4, 0.8])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    texts = ["What is mania?", "Define mania.", "How is mania defined?"]
    assert find_duplicates(texts, vectors, threshold=0.9) == [None, 0, None]
    assert duplicate_groups(texts, vectors, threshold=0.9) == [0, 0, 0]


def test_more_rows_than_a_block_are_all_compared() -> None:
    wordings = ["What is mania?", "Define mania.", "How is mania defined?"]
    texts = [f"{wordings[at % 3]} {'?' * (at // 3)}" for at in range(3000)]
    found = find_duplicates([f"Define mania {'so ' * at}" for at in range(1500)], alike(1500))
    assert found == [None, *[0] * 1499]
    assert find_duplicates(texts, alike(3000)).count(None) == 1


@given(st.lists(st.sampled_from([text for pair in SAME + DIFFERENT for text in pair]), max_size=30))
def test_what_is_left_repeats_nothing_and_what_is_dropped_repeats_something_left(texts: list[str]) -> None:
    found = find_duplicates(texts, alike(len(texts)))
    left = [at for at, of in enumerate(found) if of is None]
    assert all(of is None or (of < at and of in left) for at, of in enumerate(found))
    assert not list(duplicate_pairs([texts[at] for at in left], alike(len(left))))


@given(st.text(max_size=80))
def test_no_question_breaks_it(text: str) -> None:
    assert content_of(text) == content_of(text)
    assert find_duplicates([text, text], alike(2)) == [None, 0]
