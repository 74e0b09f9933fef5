"""Questions: held-out rows with their passages, files, and what is wrong with them before anything is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.judge.contamination import find_overlaps, references_seen
from axolotl_ragdata.judge.distractors import with_distractors
from axolotl_ragdata.judge.exact import macro_f1, read_label, read_option, score_exactly, summarise, token_f1
from axolotl_ragdata.judge.questions import load_questions, with_options
from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion
from axolotl_ragdata.progress import Silent
from axolotl_ragdata.recipe import Recipe

Finished = Callable[..., Recipe]


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def load(recipe: Recipe, heard: Heard | None = None) -> list[JudgeQuestion]:
    return load_questions(recipe, recipe.ragdata.judge or JudgeBlock(), heard or Heard())


def test_held_out_rows_come_with_their_source(finished: Finished) -> None:
    questions = load(finished({}))
    assert [question.origin for question in questions] == ["test_seen", "test_seen", "test_unseen", "test_unseen"]
    mania = next(question for question in questions if question.id == "ex-mania")
    assert mania.reference == mania.passages[0].text == "A manic episode lasts for one week or more."
    assert (mania.doc_id, mania.section, mania.type) == ("d-mania", "Course / mania", "definition")


def test_files_stand_beside_the_splits(finished: Finished, write_lines: Callable[..., Path]) -> None:
    write_lines("more.jsonl", {"question": "Why?", "options": ["a", "b"], "label": "B", "colour": 1})
    heard = Heard()
    questions = load(finished({"questions": ["more.jsonl"], "splits": []}), heard)
    assert [(question.origin, question.label) for question in questions] == [("file", "b")]
    assert heard.lines == ["more.jsonl: keys that mean nothing here are ignored: colour"]
    assert with_options(questions[0]).splitlines()[:3] == ["Why?", "A. a", "B. b"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "holds no line"),
        ([["x"]], "a line is an object, not list"),
        ([{"reference": "x"}], "question: field required"),
        ([{"question": "  "}], "question: is blank"),
        ([{"question": "Why?", "options": ["a", "b"]}], "2 options without a label"),
        ([{"question": "Why?", "options": ["a", "b"], "label": "c"}], "label 'c' is none of the options"),
        ([{"question": "Why?", "options": ["a", "a"], "label": "a"}], "2 options, 1 of them different"),
        ([{"id": "1", "question": "Why?"}, {"id": "1", "question": "How?"}], "2 questions have the id '1'"),
        ([{"question": "Why?"}, {"question": "Why?"}], "2 questions have the id"),
    ],
)
def test_a_wrong_file_is_refused(
    lines: list[Any], said: str, finished: Finished, write_lines: Callable[..., Path]
) -> None:
    write_lines("wrong.jsonl", *lines)
    with pytest.raises(RecipeError) as refused:
        load(finished({"questions": ["wrong.jsonl"]}))
    assert said in str(refused.value)
    assert "fix: " in str(refused.value)


def test_no_held_out_row_is_an_error_with_a_way_out(finished: Finished) -> None:
    with pytest.raises(RecipeError, match="no row is held out as test_seen or test_unseen"):
        load(finished({}, splits=("train",) * 6))
    heard = Heard()
    load(finished({}, splits=("train", "train", "test_seen", "test_seen", "train", "train")), heard)
    assert heard.lines == ["test_unseen has no row: nothing is asked from it"]


def test_no_build_is_an_error(finished: Finished) -> None:
    recipe = finished({})
    (recipe.output / "manifest.json").unlink()
    with pytest.raises(RecipeError, match="there is no finished build"):
        load(recipe)


def test_a_limit_takes_the_same_questions_each_time(finished: Finished) -> None:
    first, again = (load(finished({"limit": 1})) for _ in range(2))
    assert first == again
    assert [question.origin for question in first] == ["test_seen", "test_unseen"]


def question(name: str, text: str, **fields: Any) -> JudgeQuestion:
    return JudgeQuestion(id=name, origin="file", question=text, **fields)


def by_letters(texts: Any) -> Any:
    """Return unit vectors of how often each letter stands: the same words, the same vector."""
    import numpy as np

    counts = np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts], "f4")
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_contamination_is_found_by_words_ngrams_and_meaning() -> None:
    training = {
        "r1": "What is panic?",
        "r2": "In adults of any age, how long does the worry of generalised anxiety disorder have to last at least?",
        "r3": "Which symptoms does panic disorder have?",
        "r4": "How is insomnia treated with 5 mg?",
    }
    asked = [
        question("same", "what is PANIC"),
        question("grams", "How long does the worry of generalised anxiety disorder have to last?"),
        question("meaning", "Which signs does panic disorder have?"),
        question("other", "Which symptoms does bipolar disorder have?"),
        question("dose", "How is insomnia treated with 10 mg?"),
    ]
    block = JudgeBlock(contamination_cosine=0.8)
    found = {
        each.question_id: (each.kind, each.training_id) for each in find_overlaps(asked, training, block, by_letters)
    }
    assert found == {"same": ("exact", "r1"), "grams": ("n-gram", "r2"), "meaning": ("embedding", "r3")}


def test_references_that_were_trained_on_are_found_whole() -> None:
    long = "A panic attack reaches its peak within ten minutes."
    asked = [question("a", "Q", reference=long), question("b", "Q", reference="Ten minutes.")]
    assert references_seen(asked, [f"Yes. {long.upper()} Often.", "It takes ten minutes."]) == ["a"]


def test_distractors_are_other_references_of_the_same_kind() -> None:
    asked = [
        question(f"q{at}", "Q", reference=f"r{at}", type="definition" if at < 4 else "numeric", language="en")
        for at in range(6)
    ]
    french = question("fr", "Q", reference="rf", language="fr")
    own = question("own", "Q", options=("x", "y"), label="y")
    found = with_distractors([*asked, french, own], JudgeBlock(distractors=3))
    assert found["q0"][0] == "r0"
    assert set(found["q0"]) == {"r0", "r1", "r2", "r3"}
    assert len(set(found["q5"])) == 4
    assert "r4" in found["q5"]
    assert "fr" not in found, "too few of its language"
    assert found["own"] == ("y", "x")
    assert with_distractors(asked, JudgeBlock(distractors=0)) == {}


def test_distractors_come_from_other_documents_first_and_are_spread_over_them() -> None:
    asked = [question(f"q{at}", "Q", reference=f"r{at}", doc_id=f"d{at % 2}") for at in range(40)]
    found = with_distractors(asked, JudgeBlock(distractors=3))
    assert found == with_distractors(list(reversed(asked)), JudgeBlock(distractors=3))
    for at, options in enumerate(found[each.id] for each in asked):
        assert {int(text[1:]) % 2 for text in options[1:]} == {1 - at % 2}
    used = Counter(text for options in found.values() for text in options[1:])
    assert len(used) > 30
    book = [each.model_copy(update={"doc_id": "book"}) for each in asked]
    assert all(len(set(options)) == 4 for options in with_distractors(book, JudgeBlock(distractors=3)).values())


def answered(name: str, text: str | None, **fields: Any) -> CandidateAnswer:
    return CandidateAnswer(
        question_id=name, candidate="c", text=text, failure=None if text is not None else "timed out", **fields
    )


def test_exact_scores_count_what_cannot_be_read_and_never_as_zero() -> None:
    asked = [
        question("1", "Q", options=("a", "b"), label="a"),
        question("2", "Q", options=("a", "b"), label="b"),
        question("3", "Q", options=("a", "b"), label="b"),
        question("4", "Q", reference="six months"),
        question("5", "Q", reference="x", answerable=False),
        question("6", "Q", reference="six months"),
    ]
    answers = [
        answered("1", "A."),
        answered("2", "Score: 10/10. The right option is [[b]] as b is right."),
        answered("3", "(a)"),
        answered("4", "The six weeks", reference_log_likelihood=-6.0, reference_tokens=3),
        answered("5", "The documents do not say."),
        answered("6", None),
    ]
    summary = {each.metric: each for each in summarise(asked, score_exactly(asked, answers)) if each.origin == "all"}
    assert (summary["accuracy"].value, summary["accuracy"].n, summary["accuracy"].unscored) == (0.5, 2, 1)
    assert summary["macro_f1"].value == pytest.approx((2 / 3 + 0) / 2)
    assert (summary["token_f1"].value, summary["token_f1"].n, summary["token_f1"].unscored) == (0.5, 1, 1)
    assert summary["abstention_precision"].value == summary["abstention_recall"].value == 1.0
    assert summary["reference_log_likelihood_per_token"].value == -2.0


def test_choice_by_log_likelihood_needs_one_clear_best() -> None:
    asked = [question("1", "Q", reference="aaaa"), question("2", "Q", reference="b"), question("3", "Q", reference="c")]
    answers = [
        answered("1", "x", compared_options=("aaaa", "z"), option_log_likelihoods=(-4.0, -3.0)),
        answered("2", "x", compared_options=("b", "z"), option_log_likelihoods=(-1.0, -3.0)),
        answered("3", "x", compared_options=("c", "z"), option_log_likelihoods=(-1.0, -1.0)),
    ]
    scores = {(each.metric, each.question_id): each.value for each in score_exactly(asked, answers)}
    assert [scores["choice_by_log_likelihood", name] for name in "123"] == [0.0, 1.0, 0.0]
    assert [scores["choice_by_log_likelihood_per_character", name] for name in "123"] == [1.0, 1.0, 0.0]


@given(st.text(max_size=200), st.text(max_size=200))
def test_token_f1_is_a_share_and_symmetric(one: str, other: str) -> None:
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, other) == token_f1(other, one)
    assert token_f1(one, one) == 1


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=9), min_size=2, max_size=5, unique=True))
def test_what_is_read_is_always_an_option(text: str, options: list[str]) -> None:
    assert read_option(text, options) in (None, *options)
    assert read_label(text, options) in (None, *options)


def test_macro_f1_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    pairs = [("a", "a"), ("b", "a"), ("c", "b"), ("b", "b"), ("c", "c"), ("a", "c"), ("none", "a")]
    predicted, true = zip(*pairs, strict=True)
    expected = metrics.f1_score(true, predicted, labels=["a", "b", "c"], average="macro", zero_division=0)
    assert macro_f1([(None if name == "none" else name, right) for name, right in pairs]) == pytest.approx(expected)
