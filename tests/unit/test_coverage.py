from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.allocation import rounded, settled, shares_of
from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.coverage import Held, by_section, choose, quotas
from axolotl_ragdata.gaps import shortfall
from axolotl_ragdata.recipe import recipe_from
from axolotl_ragdata.records import Example, Message, Provenance

WEIGHTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(0.01, 1e6), min_size=1, max_size=8)


def allocate(total: int, weights: dict[str, float], caps: dict[str, int], *salt: str) -> dict[str, int]:
    return rounded(shares_of(total, weights, caps), caps, *salt)


@given(st.integers(0, 5000), WEIGHTS, st.data(), st.text(max_size=5))
def test_whole_numbers_add_up_and_stay_under_their_caps(
    total: int, weights: dict[str, float], data: st.DataObject, salt: str
) -> None:
    caps = {key: data.draw(st.integers(0, 2000)) for key in weights}
    made = allocate(total, weights, caps, salt)
    assert sum(made.values()) == min(total, sum(caps.values()))
    assert all(0 <= made[key] <= caps[key] for key in weights)
    assert made == allocate(total, weights, caps, salt)


@given(st.integers(0, 500), WEIGHTS, st.data())
def test_what_is_held_stays_as_far_as_the_shares_allow(
    total: int, weights: dict[str, float], data: st.DataObject
) -> None:
    caps = {key: data.draw(st.integers(0, 200)) for key in weights}
    shares = shares_of(total, weights, caps)
    drawn = rounded(shares, caps)
    held = {key: data.draw(st.integers(0, 50)) for key in weights}
    made = settled(sum(drawn.values()), shares, drawn, held)
    assert sum(made.values()) == min(total, sum(caps.values()))
    assert all(abs(made[key] - share) < 1 and made[key] <= caps[key] for key, share in shares.items())
    assert settled(sum(made.values()), shares, drawn, made) == made, "what fits is left as it is"
    assert settled(sum(drawn.values()), shares, drawn, {}) == drawn, "of nothing held comes what was drawn"


def sections_of(documents: int, each: int = 10) -> list[tuple[str, ...]]:
    return [(f"d{document:03}", f"s{section}") for document in range(documents) for section in range(each)]


def asked_for(target: int, sections: list[tuple[str, ...]], held: Held | None = None) -> dict[tuple[str, ...], int]:
    block = QuestionsBlock.model_validate({"target": target})
    capacity = {section: {"definition": 6} for section in sections}
    found = quotas(block, dict.fromkeys(sections, 100), capacity, {}, held)
    return {section: count for (section, _), count in found.items()}


def test_documents_that_come_get_their_share_and_the_others_keep_the_rest() -> None:
    first = asked_for(100, sections_of(50))
    every = sections_of(60)
    new = {section for section in every if section not in set(sections_of(50))}
    rows = {(section, "definition"): count for section, count in first.items()}
    then = asked_for(100, every, Held(rows, new))
    assert sum(then.values()) == 100
    assert 15 <= sum(then.get(section, 0) for section in new) <= 18
    stayed = sum(min(count, then.get(section, 0)) for section, count in first.items())
    assert stayed == 100 - sum(then.get(section, 0) for section in new), "no row of the others moves elsewhere"
    left = Counter(section[0] for section, count in then.items() for _ in range(count) if section not in new)
    assert set(left.values()) <= {1, 2}, "no document gives up more than another"
    assert asked_for(100, every, Held({(section, "definition"): count for section, count in then.items()})) == then


def test_a_share_below_one_row_is_given_to_new_documents_as_often_as_it_should_be() -> None:
    """One document at a time, each with a share of a tenth: those that were there do not keep everything for ever."""
    sections, rows = sections_of(50, 1), asked_for(5, sections_of(50, 1))
    for number in range(50, 150):
        sections = sections_of(number + 1, 1)
        held = Held({(section, "definition"): count for section, count in rows.items()}, {sections[-1]})
        rows = asked_for(5, sections, held)
        assert sum(rows.values()) == 5
    assert sum(count for section, count in rows.items() if section[0] >= "d050") >= 2


def test_shares_follow_the_weights_over_many_sections() -> None:
    weights = {"definition": 2.0, "criteria": 1.0, "numeric": 1.0}
    caps = dict.fromkeys(weights, 100)
    found: Counter[str] = Counter()
    for number in range(1000):
        # one row a section: rounding must not give all of them to the heaviest type
        found.update(allocate(1, weights, caps, str(number)))
    assert found.total() == 1000
    assert 440 < found["definition"] < 560
    assert 200 < found["criteria"] < 300


def test_without_weights_all_are_alike_and_no_room_is_no_row() -> None:
    assert allocate(4, {"a": 0.0, "b": 0.0}, {"a": 9, "b": 9}) == {"a": 2, "b": 2}
    assert allocate(4, {"a": 1.0}, {"a": 0}) == {"a": 0}
    assert allocate(4, {}, {}) == {}


def block(**keys: object) -> QuestionsBlock:
    return QuestionsBlock.model_validate({"from": "llm", "types": ["definition", "criteria"], **keys})


TOKENS = {("d", "long"): 900, ("d", "short"): 100}
ROOM = {(section, name): 50 for section in TOKENS for name in ("definition", "criteria")}


def test_a_target_goes_by_content() -> None:
    found = quotas(block(target=20), TOKENS, by_section(ROOM), {})
    given = Counter[tuple[str, ...]]()
    for (section, _), count in found.items():
        given[section] += count
    assert given == {("d", "long"): 18, ("d", "short"): 2}


def test_what_a_section_cannot_give_of_a_target_the_others_do() -> None:
    room = {**ROOM, (("d", "long"), "definition"): 3, (("d", "long"), "criteria"): 0}
    found = quotas(block(target=20), TOKENS, by_section(room), {})
    assert sum(found.values()) == 20
    assert found[("d", "long"), "definition"] == 3


def test_a_quota_by_section_is_the_same_for_each_and_spread_by_weights() -> None:
    found = quotas(block(per_section=6, weights={"definition": 2.0}), TOKENS, by_section(ROOM), {"definition": 2.0})
    assert set(found.values()) == {4, 2}
    assert all(found[section, "definition"] == 4 for section in TOKENS)


def test_a_type_that_cannot_leaves_its_share_to_the_others() -> None:
    room = {**ROOM, (("d", "short"), "criteria"): 0}
    found = quotas(block(per_section=6), TOKENS, by_section(room), {})
    assert found[("d", "short"), "definition"] == 6
    assert quotas(block(), TOKENS, by_section(room), {}) == {}


def row(name: str, passage: str, kind: str = "definition", group: str | None = None) -> Example:
    origin = Provenance(
        doc_id="d",
        doc_title="",
        source_path="s",
        source_sha256="",
        licence=None,
        section_path=(),
        passage_ids=(passage,),
        question_id=f"q-{name}",
        answer_id=f"a-{name}",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="y",
    )
    turns = (Message(role="user", content="q"), Message(role="assistant", content="a"))
    return Example(id=f"ex-{name}", type=kind, question="q", answer="a", messages=turns, group=group, provenance=origin)


def test_rows_of_a_cell_come_from_all_of_its_passages() -> None:
    rows = [row(f"{passage}{number}", passage) for passage in ("p1", "p2", "p3") for number in range(4)]
    taken, over = choose(rows, {(("d",), "definition"): 6}, lambda example: (("d",), example.type))
    assert Counter(rows[at].provenance.passage_ids[0] for at in taken) == {"p1": 2, "p2": 2, "p3": 2}
    assert sorted([*taken, *over]) == list(range(12))


def test_never_more_than_asked_and_none_of_a_cell_without_a_quota() -> None:
    rows = [row("a", "p"), row("b", "p", "criteria"), row("c", "p")]
    taken, over = choose(rows, {(("d",), "definition"): 1}, lambda example: (("d",), example.type))
    assert len(taken) == 1
    assert 1 in over


def test_of_a_target_that_is_met_nothing_is_missing_and_nothing_is_planned() -> None:
    questions = {"from": "structure", "target": 2}
    recipe = recipe_from(
        {"ragdata": {"output": "./x", "sources": [{"path": "y"}], "questions": questions}}, Path("/r/recipe.yml")
    )
    assert shortfall(recipe, [], [], [row("a", "p"), row("b", "p")]) == (2, 0)


def test_phrasings_are_taken_together() -> None:
    rows = [row(f"g{number}", "p", group="g") for number in range(3)] + [row(f"h{n}", "p", group="h") for n in range(3)]
    taken, _ = choose(rows, {(("d",), "definition"): 3}, lambda example: (("d",), example.type))
    assert len({rows[at].group for at in taken}) == 1


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"per_section": 3, "target": 5}, "exclude each other"),
        ({"target": 5, "weights": {"riddle": 1.0}}, "'riddle', which is not among types"),
        ({"target": 5, "weights": {"criteria": 0.0}}, "must be above 0"),
        ({"weights": {"criteria": 2.0}}, "weights needs per_section or target"),
        ({"section_depth": 1}, "section_depth needs per_section or target"),
        ({"from": "structure", "paraphrases": 2}, "paraphrases needs from: llm"),
    ],
)
def test_what_contradicts_itself_is_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        block(**keys)
