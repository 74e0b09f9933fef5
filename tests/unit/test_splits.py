from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from axolotl_ragdata.blocks import SplitBlock
from axolotl_ragdata.records import Citation, Example, Passage, Provenance, Rejected
from axolotl_ragdata.splits import assign_splits, group_of, main_passages, split_problems
from axolotl_ragdata.wording import normalised

HELD_OUT = ("validation", "test_seen", "test_unseen")


def passage(doc: int, section: int, number: int = 0, text: str = "") -> Passage:
    name = f"p-{doc}-{section}-{number}"
    text = text or f"Text of {name}."
    path = (f"Section {section}",)
    return Passage(
        id=name, doc_id=f"d-{doc}", section_path=path, ordinal=0, text=text, start=0, end=len(text), n_tokens=4
    )


def example(number: int, asked: Passage, *cited: Passage, question: str = "") -> Example:
    citations = tuple(
        Citation(passage_id=one.id, doc_id=one.doc_id, quote=one.text, start=0, end=one.end)
        for one in cited or (asked,)
    )
    provenance = Provenance(
        doc_id=asked.doc_id,
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=asked.section_path,
        passage_ids=(asked.id,),
        question_id=f"q-{number}",
        answer_id=f"a-{number}",
        citations=citations,
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    question = question or f"What is alpha {number}?"
    return Example(id=f"ex-{number}", type="x", question=question, answer="It.", messages=(), provenance=provenance)


def alike(rows: Sequence[Example]) -> NDArray[np.float32]:
    return np.ones((len(rows), 1), dtype=np.float32)


def corpus(documents: int = 10, sections: int = 5, questions: int = 4) -> tuple[list[Example], dict[str, Passage]]:
    passages = [passage(doc, section) for doc in range(documents) for section in range(sections)]
    rows = [example(at * questions + number, one) for at, one in enumerate(passages) for number in range(questions)]
    return rows, {one.id: one for one in passages}


def by_split(rows: Sequence[Example]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        found[row.split].append(row)
    return found


def check(
    rows: Sequence[Example],
    kept: Sequence[Example],
    rejected: Sequence[Rejected],
    passages: dict[str, Passage],
    by: str,
) -> None:
    """What must hold of every assignment."""
    assert sorted([row.id for row in kept] + [record.subject_id for record in rejected]) == sorted(
        row.id for row in rows
    )
    splits = by_split(kept)
    held_out = {group_of(passages[key], by) for row in splits["test_unseen"] for key in main_passages(row)}
    for split, members in splits.items():
        touched = {group_of(passages[key], by) for row in members for key in main_passages(row)}
        assert split == "test_unseen" or not touched & held_out
    homes = defaultdict(set)
    for row in kept:
        homes[normalised(row.question)].add(row.split)
    assert all(len(found) == 1 for found in homes.values())
    assert not list(split_problems(kept, None, list(passages.values()), by))
    trained = {key for row in splits["train"] for key in row.provenance.passage_ids}
    assert all(key in trained for row in splits["test_seen"] for key in row.provenance.passage_ids)


@pytest.mark.parametrize("by", ["section", "document"])
def test_the_shares_are_met_and_the_sets_mean_what_they_say(by: str) -> None:
    rows, passages = corpus()
    block = SplitBlock(validation=0.05, test_seen=0.1, test_unseen=0.1, unseen_by=by)  # type: ignore[arg-type]
    kept, rejected = assign_splits(rows, alike(rows), passages, block)
    check(rows, kept, rejected, passages, by)
    sizes = Counter(row.split for row in kept)
    assert not rejected
    assert (sizes["validation"], sizes["test_seen"], sizes["test_unseen"]) == (10, 20, 20)


def test_the_same_rows_and_seed_give_the_same_splits_in_any_order() -> None:
    rows, passages = corpus()
    first = {row.id: row.split for row in assign_splits(rows, alike(rows), passages, SplitBlock())[0]}
    again = {row.id: row.split for row in assign_splits(rows[::-1], alike(rows), passages, SplitBlock())[0]}
    other = {row.id: row.split for row in assign_splits(rows, alike(rows), passages, SplitBlock(seed=7))[0]}
    assert first == again
    assert first != other


def test_more_documents_move_few_rows() -> None:
    rows, passages = corpus(documents=20)
    most, fewer = rows, [row for row in rows if row.provenance.doc_id not in ("d-3", "d-11")]
    before = {row.id: row.split for row in assign_splits(fewer, alike(fewer), passages, SplitBlock())[0]}
    after = {row.id: row.split for row in assign_splits(most, alike(most), passages, SplitBlock())[0]}
    moved = [key for key, split in before.items() if after.get(key) != split]
    assert len(moved) <= 0.04 * len(before)


def test_a_row_on_both_sides_of_the_line_is_rejected_with_the_side() -> None:
    one, two = passage(0, 0), passage(0, 1)
    rows = [example(0, one), example(1, one), example(2, one, two), example(3, two, one)]
    rows += [example(number, two) for number in range(4, 12)]
    passages = {one.id: one, two.id: two}
    kept, rejected = assign_splits(rows, alike(rows), passages, SplitBlock(test_unseen=0.1, test_seen=0, validation=0))
    check(rows, kept, rejected, passages, "section")
    assert {row.id for row in kept if row.split == "test_unseen"} == {"ex-0", "ex-1"}
    assert {record.subject_id: record.reason for record in rejected} == {
        "ex-2": "cites a section that is trained on",
        "ex-3": "cites a held-out section",
    }
    assert rejected[0].subject["passage_ids"] == [one.id]


def test_sections_without_rows_across_are_chosen_first() -> None:
    rows, passages = corpus(documents=4, sections=5)
    crossing = [
        passages[f"p-{doc}-{section}-0"] for doc in range(4) for section in range(5) if (doc, section) != (2, 3)
    ]
    rows += [example(1000 + at, one, *crossing[at + 1 : at + 2], one) for at, one in enumerate(crossing)]
    kept, rejected = assign_splits(rows, alike(rows), passages, SplitBlock(test_unseen=0.04))
    assert not rejected
    assert {row.provenance.passage_ids for row in kept if row.split == "test_unseen"} == {("p-2-3-0",)}


def test_the_same_long_text_in_two_documents_makes_them_one() -> None:
    text = " ".join(["the same words again"] * 10)
    passages = {one.id: one for doc in range(8) for one in [passage(doc, 0, text=text if doc in (1, 5) else "")]}
    rows = [example(4 * doc + number, passages[f"p-{doc}-0-0"]) for doc in range(8) for number in range(4)]
    for seed in range(30):
        block = SplitBlock(test_unseen=0.25, test_seen=0, validation=0, unseen_by="document", seed=seed)
        held = {
            row.provenance.doc_id
            for row in assign_splits(rows, alike(rows), passages, block)[0]
            if row.split != "train"
        }
        assert ("d-1" in held) == ("d-5" in held)


def test_boilerplate_does_not_join_documents() -> None:
    passages = {one.id: one for doc in range(8) for one in [passage(doc, 0), passage(doc, 1, text="No conflict.")]}
    rows = [example(4 * doc + number, passages[f"p-{doc}-0-0"]) for doc in range(8) for number in range(4)]
    block = SplitBlock(test_unseen=0.1, unseen_by="document")
    assert sum(row.split == "test_unseen" for row in assign_splits(rows, alike(rows), passages, block)[0]) == 4


def test_questions_that_repeat_each_other_share_a_split() -> None:
    rows, passages = corpus(documents=4, sections=2, questions=2)
    rows += [example(900 + at, passages[key], question="What is mania?") for at, key in enumerate(passages)]
    for seed in range(20):
        block = SplitBlock(test_seen=0.2, validation=0.2, test_unseen=0.2, seed=seed)
        kept, rejected = assign_splits(rows, alike(rows), passages, block)
        check(rows, kept, rejected, passages, "section")
        assert {record.reason for record in rejected} <= {"repeats a question about a section that is trained on"}


@pytest.mark.parametrize("count", range(9))
def test_a_few_rows_fill_every_split_that_they_can_and_training_first(count: int) -> None:
    one, two, three = passage(0, 0), passage(1, 0), passage(2, 0)
    rows = [example(number, (one, one, two, three, one, one, one, two)[number]) for number in range(count)]
    kept, rejected = assign_splits(rows, alike(rows), {row.id: row for row in (one, two, three)}, SplitBlock())
    check(rows, kept, rejected, {row.id: row for row in (one, two, three)}, "section")
    sizes = Counter(row.split for row in kept)
    assert bool(sizes["train"]) == bool(count)
    if count >= 6:
        assert all(sizes[split] for split in HELD_OUT)


def test_shares_of_zero_train_on_everything() -> None:
    rows, passages = corpus(documents=2)
    kept, rejected = assign_splits(rows, alike(rows), passages, SplitBlock(validation=0, test_seen=0, test_unseen=0))
    assert {row.split for row in kept} == {"train"}
    assert not rejected


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_cited_the_sets_stay_apart(data: st.DataObject) -> None:
    passages = [passage(doc, section, number) for doc in range(3) for section in range(3) for number in range(2)]
    chosen = st.sampled_from(passages)
    rows = [
        example(at, data.draw(chosen), *data.draw(st.lists(chosen, max_size=2)))
        for at in range(data.draw(st.integers(0, 25)))
    ]
    by = data.draw(st.sampled_from(["section", "document"]))
    share = st.sampled_from([0.0, 0.05, 0.2, 0.3])
    block = SplitBlock(
        validation=data.draw(share),
        test_seen=data.draw(share),
        test_unseen=data.draw(share),
        unseen_by=by,  # type: ignore[arg-type]
        seed=data.draw(st.integers(0, 5)),
    )
    known = {one.id: one for one in passages}
    kept, rejected = assign_splits(rows, alike(rows), known, block)
    check(rows, kept, rejected, known, by)
    assert not rows or any(row.split == "train" for row in kept)


def words(start: int, count: int) -> str:
    return " ".join(f"word{number}" for number in range(start, start + count))


def test_documents_that_hold_most_of_a_passage_of_each_other_are_one() -> None:
    """A preprint and its article: cut elsewhere, so that no passage is the same."""
    texts = {1: words(0, 60), 5: words(20, 60)}
    passages = {one.id: one for doc in range(8) for one in [passage(doc, 0, text=texts.get(doc, ""))]}
    rows = [example(4 * doc + number, passages[f"p-{doc}-0-0"]) for doc in range(8) for number in range(4)]
    for seed in range(30):
        block = SplitBlock(test_unseen=0.25, test_seen=0, validation=0, unseen_by="document", seed=seed)
        kept, rejected = assign_splits(rows, alike(rows), passages, block)
        check(rows, kept, rejected, passages, "document")
        held = {row.provenance.doc_id for row in kept if row.split == "test_unseen"}
        assert ("d-1" in held) == ("d-5" in held)


def test_a_chain_of_documents_that_share_text_is_one() -> None:
    texts = {0: words(0, 60), 1: words(25, 60), 2: words(50, 60)}
    passages = {one.id: one for doc in range(9) for one in [passage(doc, 0, text=texts.get(doc, ""))]}
    rows = [example(4 * doc + number, passages[f"p-{doc}-0-0"]) for doc in range(9) for number in range(4)]
    for seed in range(30):
        block = SplitBlock(test_unseen=0.4, test_seen=0, validation=0, unseen_by="document", seed=seed)
        held = {
            row.provenance.doc_id
            for row in assign_splits(rows, alike(rows), passages, block)[0]
            if row.split == "test_unseen"
        }
        assert len(held & {"d-0", "d-1", "d-2"}) in (0, 3)


def test_a_question_that_holds_another_shares_its_split() -> None:
    rows, passages = corpus(documents=4, sections=2, questions=2)
    question = "For how many days must the mood be raised before the episode counts as manic?"
    rows += [example(900 + at, passages[key], question=f"{at} cases: {question}") for at, key in enumerate(passages)]
    for seed in range(20):
        block = SplitBlock(test_seen=0.2, validation=0.2, test_unseen=0.2, seed=seed)
        kept, rejected = assign_splits(rows, alike(rows), passages, block)
        check(rows, kept, rejected, passages, "section")
        assert len({row.split for row in kept if question in row.question}) <= 1


def moved(rows: Sequence[Example], at: int, split: str) -> list[Example]:
    return [row.model_copy(update={"split": split}) if number == at else row for number, row in enumerate(rows)]


def first_in(rows: Sequence[Example], split: str) -> int:
    return next(at for at, row in enumerate(rows) if row.split == split)


def test_the_proof_finds_what_stands_in_the_wrong_split() -> None:
    rows, passages = corpus()
    same = example(900, passages["p-0-0-0"], question="What is alpha 0?")
    kept, _ = assign_splits([*rows, same], alike([*rows, same]), passages, SplitBlock())
    known = list(passages.values())

    def problems(changed: Sequence[Example]) -> str:
        return "; ".join(split_problems(changed, alike(changed), known, "section"))

    assert problems(kept) == ""
    assert "which test_unseen keeps out" in problems(moved(kept, first_in(kept, "test_unseen"), "train"))
    assert "which test_unseen keeps out" in problems(moved(kept, first_in(kept, "train"), "test_unseen"))
    twin = next(at for at, row in enumerate(kept) if row.id == "ex-900")
    other = "validation" if kept[twin].split != "validation" else "train"
    assert "are one question" in problems(moved(kept, twin, other))
    seen = kept[first_in(kept, "test_seen")].provenance.passage_ids
    orphaned = [
        row.model_copy(update={"split": "validation"})
        if row.split == "train" and row.provenance.passage_ids == seen
        else row
        for row in kept
    ]
    assert "which no training row asks about" in problems(orphaned)
    unseen = kept[first_in(kept, "test_unseen")].provenance.passage_ids
    shown = [row.model_copy(update={"context": unseen}) if row.split == "train" else row for row in kept]
    assert "which test_unseen keeps out" in problems(shown), "a passage that the user message carries counts too"
