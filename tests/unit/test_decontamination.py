from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from axolotl_ragdata.decontamination import evaluation_files, fingerprint_of, open_decontaminated
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.filters import Evidence
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.records import Example, Provenance

LONG = "A man hears voices that comment on what he does and has heard them for seven months; what does he have?"


class Words:
    """An embedder whose texts of the same words are one vector."""

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), 64), dtype=np.float32)
        for at, text in enumerate(texts):
            for word in text.lower().split():
                vectors[at, sum(word.encode()) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def row(number: int, question: str, answer: str = "It is a state.") -> Example:
    origin = Provenance(
        doc_id="d",
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=None,
        section_path=(),
        passage_ids=("p",),
        question_id=f"q-{number}",
        answer_id=f"a-{number}",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    return Example(id=f"ex-{number}", type="x", question=question, answer=answer, messages=(), provenance=origin)


def recipe(folder: Path, decontaminate: Any, **more: Any) -> Recipe:
    block = {"output": "run", "sources": [{"path": "x"}], "decontaminate": decontaminate, **more}
    return recipe_from({"ragdata": block}, folder / "r.yml")


def written(folder: Path) -> None:
    lines = [{"question": LONG, "answer": "schizophrenia"}, {"prompt": "Which signs does panic disorder have?"}]
    (folder / "eval.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (folder / "notes.txt").write_text("\nHow long does a manic episode last at the least?\n", encoding="utf-8")


def dropped(folder: Path, against: Any, rows: list[Example]) -> list[Any]:
    ((name, rule),) = open_decontaminated(recipe(folder, against), Words())  # type: ignore[arg-type]
    assert name == "decontaminate"
    return rule.check_all(rows, Evidence({}, Words().embed([one.question for one in rows])))


def test_rows_that_hold_an_evaluation_question_are_dropped_and_named(tmp_path: Path) -> None:
    written(tmp_path)
    rows = [
        row(0, "What is mania?"),
        row(1, f"Consider this. {LONG}"),
        row(2, "What is it?", f"Often asked: {LONG} It is schizophrenia."),
        row(3, "Which signs does panic disorder have?"),
        row(4, "how long does a manic episode last at the least"),
        row(5, "Which signs does bipolar disorder have?"),
    ]
    found = dropped(tmp_path, ["eval.jsonl", "notes.txt"], rows)
    assert [one is None for one in found] == [True, False, False, False, False, True]
    assert found[1].detail.startswith("eval.jsonl:1: A man hears")
    assert found[2].score >= found[2].threshold == 0.8
    assert found[4].detail.startswith("notes.txt:2: ")
    assert "evaluation" in found[3].reason


def test_a_near_duplicate_is_found_by_its_vector(tmp_path: Path) -> None:
    written(tmp_path)
    rows = [row(0, "Which symptoms does panic disorder have?"), row(1, "Which symptoms does panic disorder not have?")]
    found = dropped(tmp_path, {"against": ["eval.jsonl"], "threshold": 0.6}, rows)
    assert found[0].reason == "repeats an evaluation question"
    assert found[0].threshold == 0.6


def test_judge_names_the_files_of_the_judge_block(tmp_path: Path) -> None:
    written(tmp_path)
    judged = recipe(tmp_path, ["judge"], judge={"questions": ["eval.jsonl"]})
    assert [path.name for path, _ in evaluation_files(judged)] == ["eval.jsonl"]
    with pytest.raises(RecipeError, match="there is no `judge:` block"):
        evaluation_files(recipe(tmp_path, ["judge"]))


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    written(tmp_path)
    before = fingerprint_of(recipe(tmp_path, ["notes.txt"]))
    (tmp_path / "notes.txt").write_text("Other?\n", encoding="utf-8")
    assert fingerprint_of(recipe(tmp_path, ["notes.txt"])) != before
    assert fingerprint_of(recipe(tmp_path, None)) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{\n", "eval.jsonl:1: is not JSON"),
        (b'{"a": 1}\n', "has no `question`"),
        (b"\xff\xfe\xff\n", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_questions_is_refused_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "eval.jsonl").write_bytes(content)
    with pytest.raises(RecipeError, match=said):
        open_decontaminated(recipe(tmp_path, ["eval.jsonl"]), Words())  # type: ignore[arg-type]


def test_a_missing_file_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"r\.yml: ragdata.decontaminate.against\[0\]: there is no file"):
        evaluation_files(recipe(tmp_path, ["nowhere.jsonl"]))


def test_without_the_block_nothing_is_compared(tmp_path: Path) -> None:
    assert open_decontaminated(recipe(tmp_path, None), Words()) == []  # type: ignore[arg-type]
