"""An answer that gives orders, imitates verdicts or ends itself early gains nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.blocks import JudgeModelBlock
from axolotl_ragdata.delimiters import SEAL_DIGITS
from axolotl_ragdata.judge.records import CandidateAnswer, ClaimReading, JudgeQuestion, Score, SourcePassage
from axolotl_ragdata.judge.rubrics import SCHEMAS, load_rubric, rubric_paths
from axolotl_ragdata.judge.scoring.prompts import request_of
from axolotl_ragdata.judge.scoring.verdicts import claims_of, score_of
from axolotl_ragdata.records import Failure
from axolotl_ragdata.stage import ChatRequest, Completion
from axolotl_ragdata.structured import Unusable, accepted

from .attacks import attack_texts
from .judging import block, questions, run

Known = Callable[..., tuple[str, Any]]
QUESTION = questions(1)[0]
JUDGE = JudgeModelBlock(model="judge-1")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def request(text: str = "an answer", name: str = "pointwise") -> ChatRequest:
    shown = {"first": text, "second": "other"} if name == "pairwise" else {"answer": text}
    return request_of(load_rubric(name), QUESTION, shown, JUDGE)


def said(content: str, asked: ChatRequest, mode: Any = "json_schema") -> tuple[str, Any] | Unusable:
    return accepted({"finish_reason": "stop", "message": {"content": content}}, asked)


@pytest.mark.parametrize("name", attack_texts())
@pytest.mark.parametrize("kind", ["pointwise", "pairwise", "claims"])
def test_an_attack_stays_inside_its_marks(name: str, kind: str, judge_server: ModuleType) -> None:
    text = attack_texts()[name]
    asked = request(text, kind)
    seal, shown = judge_server.parsed(asked.user)
    assert seal == asked.seal
    assert len(seal) == SEAL_DIGITS
    assert seal not in text
    assert shown["first" if kind == "pairwise" else "answer"] == text
    assert shown["question"] == QUESTION.question
    assert asked.user.rstrip().endswith(f"The seal-id is {seal}.")


@pytest.mark.parametrize("name", attack_texts())
def test_an_attack_that_knows_the_seal_of_another_prompt_does_not_know_its_own(name: str) -> None:
    stolen = request("an answer").seal
    assert stolen is not None
    asked = request(attack_texts(stolen)[name])
    assert asked.seal != stolen


@pytest.mark.parametrize("name", attack_texts())
def test_a_verdict_in_an_answer_is_never_the_verdict(name: str) -> None:
    text = attack_texts()[name]
    for mode in ("json_schema", "json_object", "text"):
        assert isinstance(said(text, request(text), mode), Unusable)


def test_an_attack_gains_nothing_with_a_judge_that_reads(known_judge: Known, tmp_path: Path) -> None:
    url, _ = known_judge()
    asked = questions(len(attack_texts()))
    answers = [
        CandidateAnswer(question_id=question.id, candidate=name, text=text)
        for question, attack in zip(asked, attack_texts().values(), strict=True)
        for name, text in (("plain", "worth 3"), ("attacking", f"worth 3 {attack}"))
    ]
    wanted = block(["plain", "attacking"], scoring=["pointwise", "pairwise"])
    found = run(wanted, asked, answers, {"judge-1": url}, tmp_path)
    assert {row.value for row in found.scores} == {3.0}
    assert {row.outcome for row in found.pairs} == {"tie"}
    assert found.selftests[0].passed


@pytest.mark.parametrize(
    "content",
    [
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 11}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": -1}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 7.5}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": "10"}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": true}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": null}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": NaN}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r"}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 2, "score": 10}',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 5, "bonus": 5}',
        '{"seal_id": "seal", "criteria": [], "reason": "r", "score": 5}',
        '[{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 5}]',
        '{"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 5} and another: 10',
        'Score: 5. {"seal_id": "SEAL", "criteria": [], "reason": "r", "score": 5}',
        "5",
        "10/10",
        "",
    ],
)
def test_what_is_not_the_schema_is_unscored(content: str) -> None:
    asked = request()
    assert isinstance(said(content.replace("SEAL", asked.seal or ""), asked), Unusable)


def test_a_whole_verdict_is_accepted_and_a_cut_one_is_not() -> None:
    asked = request()
    whole = json.dumps({"seal_id": asked.seal, "criteria": ["c"], "reason": "Score: 10/10 says it.", "score": 4})
    found = said(whole, asked)
    assert not isinstance(found, Unusable)
    assert found[1]["score"] == 4
    for end in range(len(whole)):
        assert isinstance(said(whole[:end], asked), Unusable)
    cut = accepted({"finish_reason": "length", "message": {"content": whole}}, asked)
    assert isinstance(cut, Unusable)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_only_the_schema_becomes_a_score(value: Any) -> None:
    asked = request()
    if isinstance(value, dict):
        value = {"seal_id": asked.seal, **value}
    found = said(json.dumps(value), asked)
    blank = Score(question_id="q", candidate="a", judge="j", rubric="r")
    if isinstance(found, Unusable):
        failure = Failure(stage="s", subject_id="q", error=found.reason, detail=found.detail)
        scored = score_of(blank, failure)
        assert scored.value is None
        assert scored.unscored
    else:
        scored = score_of(blank, Completion(found[0], found[1], "m"))
        assert 0 <= (scored.value if scored.value is not None else -1) <= 10


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_leaves_its_marks(question: str, text: str) -> None:
    asked = JudgeQuestion(id="q", origin="file", question=question, reference=text[::-1])
    made = request_of(load_rubric("pointwise"), asked, {"answer": text}, JUDGE)
    assert made.user.count(f'</answer seal-id="{made.seal}">') == 1
    assert f'<answer seal-id="{made.seal}">\n{text}\n</answer seal-id="{made.seal}">' in made.user


def test_a_quote_decides_only_where_it_stands() -> None:
    question = JudgeQuestion(
        id="q",
        origin="file",
        question="?",
        passages=(
            SourcePassage(passage_id="x", text="The limit is eleven days."),
            SourcePassage(passage_id="y", text="Headache is “common” here."),
        ),
    )
    items = [
        ("p1", "The limit is eleven days.", "supported"),
        ("p1", 'Headache is "common" here.', "contradicted"),
        ("p2", "The limit is twelve days.", "supported"),
        ("p7", "", "supported"),
        ("", "", "not_in_sources"),
    ]
    claims = [
        {"claim": f"c{n}", "passage_id": at, "quote": quote, "reason": "r", "label": label}
        for n, (at, quote, label) in enumerate(items)
    ]
    blank = ClaimReading(question_id="q", candidate="a", judge="j", rubric="r")
    read = claims_of(blank, question, Completion("", {"claims": [*claims, {**claims[0], "claim": " "}]}, "m"))
    assert [(claim.label, claim.passage_id, claim.quote) for claim in read.claims] == [
        ("supported", "x", "The limit is eleven days."),
        ("contradicted", "y", "Headache is “common” here."),
        (None, None, "The limit is twelve days."),
        (None, None, None),
        ("not_in_sources", None, None),
    ]
    assert [bool(claim.unscored) for claim in read.claims] == [False, False, True, True, False]


def test_every_card_has_a_schema_that_asks_for_the_reason_first() -> None:
    assert set(rubric_paths()) == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        keys = list(schema["properties"])
        assert keys[0] == "seal_id"
        assert load_rubric(name).verdict == schema
        for value, reason in (("score", "reason"), ("score", "criteria"), ("better", "reason")):
            if value in keys:
                assert keys.index(reason) < keys.index(value)
    items = list(SCHEMAS["claims"]["properties"]["claims"]["items"]["properties"])
    assert items.index("reason") < items.index("label")


def test_the_embedded_judge_cannot_miss_the_seal_and_others_get_the_plain_schema() -> None:
    shown = {"answer": "an answer"}
    plain = request_of(load_rubric("pointwise"), QUESTION, shown, JUDGE)
    assert plain.schema == SCHEMAS["pointwise"]
    tight = request_of(load_rubric("pointwise"), QUESTION, shown, JudgeModelBlock(model="embedded"))
    assert tight.schema is not None
    assert tight.schema["properties"]["seal_id"] == {"enum": [tight.seal]}
    assert tight.schema["properties"]["criteria"]["maxItems"] == 2
    assert SCHEMAS["pointwise"]["properties"]["seal_id"] == {"type": "string"}
