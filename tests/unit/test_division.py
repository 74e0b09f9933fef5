from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from axolotl_ragdata.division import divide, rows_by_cell
from axolotl_ragdata.examples import make_example
from axolotl_ragdata.quotes import citation_of
from axolotl_ragdata.recipe import Recipe, load_recipe
from axolotl_ragdata.records import Answer, Example, Passage, Question

from .handwritten import demo

DOCUMENT, PASSAGES = demo("panic-disorder-and-agoraphobia")
BY_ID = {passage.id: passage for passage in PASSAGES}


def row(passage: Passage, number: int, *cited: Passage) -> Example:
    question = Question(
        id=f"q-{passage.id}-{number}",
        type="definition",
        text=f"What is thing number {number} of {passage.id}?",
        passage_ids=(passage.id,),
        generator="llm",
        producer="x",
    )
    citations = tuple(one for each in (passage, *cited) if (one := citation_of(each.text[:50].strip(), each)))
    answer = Answer(
        id=f"a-{question.id}",
        question_id=question.id,
        text="It is so.",
        citations=citations,
        mode="generative",
        producer="y",
    )
    return make_example(question, answer, DOCUMENT, BY_ID)


# every second row cites the section before its own too, so that holding out a section takes rows from two
ROWS = [
    row(passage, number, *([PASSAGES[at - 1]] if number % 2 else []))
    for at, passage in enumerate(PASSAGES)
    for number in range(8)
]
VECTORS = np.eye(len(ROWS), dtype=np.float32)


def recipe(folder: Path, questions: str) -> Recipe:
    path = folder / "r.yml"
    path.write_text(
        "ragdata:\n  output: ./run\n  sources: [{path: ./x}]\n"
        f"  questions: {questions}\n  split: {{validation: 0.1, test_seen: 0.1, test_unseen: 0.1}}\n",
        encoding="utf-8",
    )
    return load_recipe(path)


@pytest.mark.parametrize("target", [10, 25, 60])
def test_what_no_split_can_hold_is_replaced_until_the_target_is_met(tmp_path: Path, target: int) -> None:
    made = divide(recipe(tmp_path, f"{{types: [definition], target: {target}}}"), ROWS, VECTORS, BY_ID)
    assert len(made.rows) == target
    names = [
        *(one.id for one in made.rows),
        *(one.id for one in made.surplus),
        *(one.subject_id for one in made.held_back),
    ]
    assert sorted(names) == sorted(one.id for one in ROWS), "every row is somewhere, once"
    assert {one.stage for one in made.rejected} <= {"splits", "coverage"}
    again = divide(recipe(tmp_path, f"{{types: [definition], target: {target}}}"), ROWS, VECTORS, BY_ID)
    assert again == made


def test_a_section_never_has_more_than_its_quota(tmp_path: Path) -> None:
    asked = recipe(tmp_path, "{types: [definition], per_section: 3}")
    made = divide(asked, ROWS, VECTORS, BY_ID)
    of_rows = {}
    for one in made.rows:
        section = BY_ID[one.provenance.passage_ids[0]].section_path
        of_rows[section] = of_rows.get(section, 0) + 1
    assert max(of_rows.values()) == 3
    assert rows_by_cell(asked, made, BY_ID).total() == len(made.rows) + len(made.surplus)


def test_without_a_quota_nothing_is_over(tmp_path: Path) -> None:
    made = divide(recipe(tmp_path, "{types: [definition]}"), ROWS, VECTORS, BY_ID)
    assert made.surplus == []
    assert len(made.rows) + len(made.held_back) == len(ROWS)
