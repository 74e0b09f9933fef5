from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import Any

import pytest

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.carrying import carried_over
from axolotl_ragdata.coverage import Cell, section_of
from axolotl_ragdata.inquiries import Planner
from axolotl_ragdata.previous import Previous
from axolotl_ragdata.questions import Inquiry, load_cards
from axolotl_ragdata.records import Example, Passage, Provenance, Question
from axolotl_ragdata.rounds import Rounds

from .handwritten import demo

DOCUMENT, PASSAGES = demo("panic-disorder-and-agoraphobia")


def block(**keys: object) -> QuestionsBlock:
    return QuestionsBlock.model_validate({"from": "llm", "types": ["definition", "numeric"], "per_passage": 1, **keys})


def rounds_of(made: QuestionsBlock, passages: list[Passage] = PASSAGES) -> Rounds:
    return Rounds(made, Planner(made, load_cards(made.types, "here"), [DOCUMENT], passages), made.weights)


def questions(inquiry: Inquiry) -> list[Question]:
    return [
        Question(
            id=f"q-{inquiry.id}-{number}",
            type=inquiry.type,
            text=f"What is thing {number} of {inquiry.id}?",
            passage_ids=(inquiry.passage.id,),
            generator="llm",
            producer="x",
        )
        for number in range(inquiry.count)
    ]


def run(rounds: Rounds, lost: Any = lambda question: False) -> tuple[Counter[Cell], list[list[Inquiry]]]:
    """Ask until nothing is asked any more; every question becomes a row but those that are lost."""
    rows: Counter[Cell] = Counter()
    asked = []
    source = rounds.first()
    while source:
        asked.append(source)
        heard = [question for inquiry in source for question in questions(inquiry)]
        rounds.hear(source, heard)
        of = {inquiry.passage.id: inquiry.passage for inquiry in source}
        for question in heard:
            if not lost(question):
                rows[section_of(of[question.passage_ids[0]]), question.type] += 1
        source = rounds.next(rows)
        assert len(asked) < 200
    return rows, asked


def test_without_a_quota_everything_is_asked_once() -> None:
    made = block()
    rows, asked = run(rounds_of(made))
    assert len(asked) == 1
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES)
    assert rows.total() == sum(len(found) for found in planner.eligible.values())


def test_a_target_that_every_question_meets_takes_one_round_and_no_call_more() -> None:
    rows, asked = run(rounds_of(block(target=9)))
    assert rows.total() == 9
    assert len(asked) == 1
    assert sum(inquiry.count for inquiry in asked[0]) == 9


def test_what_is_lost_is_asked_for_again_elsewhere_then_again_of_the_same() -> None:
    seen: Counter[str] = Counter()

    def every_second(question: Question) -> bool:
        seen["all"] += 1
        return seen["all"] % 2 == 0

    rows, asked = run(rounds_of(block(target=12)), every_second)
    assert rows.total() >= 12
    assert len(asked) > 1
    again = [inquiry for source in asked for inquiry in source if inquiry.round]
    assert all(inquiry.asked for inquiry in again), "a second time the first questions are shown"
    calls = [(inquiry.type, inquiry.passage.id, inquiry.round) for source in asked for inquiry in source]
    assert len(set(calls)) == len(calls), "no call is made twice"


def test_it_ends_when_nothing_is_left_to_ask() -> None:
    made = block(target=1000, rounds=2)
    rows, asked = run(rounds_of(made))
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES)
    assert rows.total() == 2 * sum(len(found) for found in planner.eligible.values())
    rows, asked = run(rounds_of(made), lambda question: True)
    assert rows.total() == 0
    assert sum(map(len, asked)) == 2 * sum(len(found) for found in planner.eligible.values())


def test_a_passage_that_gave_nothing_is_not_asked_again() -> None:
    rounds = rounds_of(block(target=500, rounds=5))
    source = rounds.first()
    rounds.hear(source, [])
    assert rounds.next({}) == []


def test_equal_histories_ask_equal_things() -> None:
    first, second = (run(rounds_of(block(target=20)), lambda question: len(question.text) % 3 == 0) for _ in range(2))
    assert first == second
    backwards = run(rounds_of(block(target=20), PASSAGES[::-1]), lambda question: len(question.text) % 3 == 0)
    assert backwards[0] == first[0], "the order of the passages decides nothing"


def example(question: Question) -> Example:
    origin = Provenance(
        doc_id=DOCUMENT.id,
        doc_title="",
        source_path="",
        source_sha256="",
        licence=None,
        section_path=(),
        passage_ids=question.passage_ids,
        question_id=question.id,
        answer_id="a",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    return Example(
        id=question.id, type=question.type, question=question.text, answer="", messages=(), provenance=origin
    )


def again(rounds: Rounds, lost: Any) -> tuple[list[list[Inquiry]], list[Inquiry]]:
    """Return what a rebuild asks that the last build asked, and what it asks beyond that."""
    rows: Counter[Cell] = Counter()
    source, asked = rounds.first(), []
    while source:
        asked.append(source)
        of = {inquiry.passage.id: inquiry.passage for inquiry in source}
        heard = [question for inquiry in source for question in questions(inquiry)]
        rounds.hear(source, heard)
        for question in heard:
            if not lost(question):
                rows[section_of(of[question.passage_ids[0]]), question.type] += 1
        source = rounds.again()
    return asked, rounds.next(rows)


def fourth(question: Question) -> bool:
    return len(question.id) % 4 == 0 or question.id[-3] in "abc"


@pytest.mark.parametrize("quota", [{"target": 14}, {"per_section": 2}, {"target": 30, "per_passage": 3}])
def test_the_plan_of_the_last_build_is_made_again_and_nothing_beyond_it(quota: dict[str, int]) -> None:
    made = block(**quota)
    first = rounds_of(made)
    _, asked = run(first, fourth)
    plan = first.plan([example(one) for source in asked for inquiry in source for one in questions(inquiry)])
    assert sum(one.rows for one in plan) == sum(inquiry.count for source in asked for inquiry in source)
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES)
    before = Previous(passages={DOCUMENT.id: PASSAGES}, asked=plan, same_plan=True)
    repeated, more = again(Rounds(made, planner, {}, carried_over(made, planner, before)), fourth)
    assert more == []
    key = attrgetter("id")
    assert sorted((one for source in repeated for one in source), key=key) == sorted(
        (one for source in asked for one in source), key=key
    ), "with the same counts, and the same questions shown as asked before"


def test_what_another_card_or_a_lower_count_asked_is_not_taken_over() -> None:
    made = block(target=14, per_passage=2)
    first = rounds_of(made)
    run(first)
    plan = first.plan([])
    changed = [one.model_copy(update={"producer": "questions/definition@0"}) for one in plan]
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES)
    assert carried_over(made, planner, Previous(asked=plan)).counts
    assert not carried_over(made, planner, Previous(asked=changed)).counts
    fewer = block(target=14, per_passage=1)
    counts = carried_over(fewer, planner, Previous(asked=plan)).counts
    assert all(count == 1 for each in counts.values() for count in each)


def test_a_passage_that_reads_the_same_in_another_file_keeps_its_plan() -> None:
    made = block(target=14)
    first = rounds_of(made)
    run(first)
    moved = [one.model_copy(update={"id": f"x{one.id}", "doc_id": "d-other"}) for one in PASSAGES]
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], moved)
    before = Previous(passages={DOCUMENT.id: PASSAGES}, asked=first.plan([]), same_plan=True)
    carried = carried_over(made, planner, before)
    assert {passage for passage, _ in carried.counts} == {f"x{one.passage_id}" for one in before.asked}
    assert not carried.new
    (first_section, *_) = planner.askable
    assert carried_over(made, planner, Previous(passages={"d": []}, asked=first.plan([]))).new >= {first_section}


def test_passages_that_were_never_asked_are_named() -> None:
    rounds = rounds_of(block(target=2))
    _, asked = run(rounds)
    named = {record.subject_id for record in rounds.passed_over()}
    reached = {inquiry.passage.id for source in asked for inquiry in source}
    planner = Planner(block(), load_cards(["definition", "numeric"], "here"), [DOCUMENT], PASSAGES)
    refused = {record.subject_id for record in map(planner.refusal, PASSAGES) if record}
    assert named | reached | refused == {passage.id for passage in PASSAGES}
    assert not named & reached


def test_personas_and_difficulty_are_drawn_for_each_call_and_stay() -> None:
    made = block(personas=["a nurse", "a student"], difficulty=["easy", "hard"])
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES)
    drawn = [(inquiry.persona, inquiry.difficulty) for inquiry in planner.everything()]
    assert len(set(drawn)) == 4
    assert drawn == [(inquiry.persona, inquiry.difficulty) for inquiry in planner.everything()]


def test_rows_that_bring_their_answer_are_judged_like_others() -> None:
    made = block(types=["true_false"], per_passage=2, paraphrases=3)
    most = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES).most(4)
    assert most.answers == 0
    assert most.rows == most.inquiries * 2 * 3 > 0


def test_neighbours_come_from_other_sections() -> None:
    made = block(types=["multiple_choice"])
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], PASSAGES)
    by_id = {passage.id: passage for passage in PASSAGES}
    for inquiry in planner.everything():
        assert len(inquiry.neighbour_ids) == 2
        assert all(by_id[key].section_path != inquiry.passage.section_path for key in inquiry.neighbour_ids)


@pytest.mark.parametrize("part", ["back", "body"])
def test_boilerplate_is_skipped_by_name(part: Any) -> None:
    funding = PASSAGES[3].model_copy(update={"id": "p-f", "section_path": ("Funding",), "part": part})
    made = block()
    planner = Planner(made, load_cards(made.types, "here"), [DOCUMENT], [*PASSAGES, funding])
    assert "p-f" not in {inquiry.passage.id for inquiry in planner.everything()}
    (record,) = [
        record for record in map(planner.refusal, [*PASSAGES, funding]) if record and record.subject_id == "p-f"
    ]
    assert record.reason == "skipped: funding"
