"""`ragdata judge` as users meet it: what it says before it spends, what it writes, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml


@pytest.fixture
def server(model_server: ModuleType) -> Iterator[Any]:
    started = model_server.ModelServer().start()
    yield started
    started.stop()


@pytest.fixture
def recipe(tmp_path: Path, server: Any) -> Callable[..., Path]:
    """Writes a recipe that judges an endpoint and a file of answers on two questions of a file."""

    def write(**changes: Any) -> Path:
        questions = [
            {"id": "1", "question": "How long does worry last?", "reference": "Six months."},
            {"id": "2", "question": "What is fear of open places?", "options": ["mania", "agoraphobia"], "label": "B"},
        ]
        answers = [{"question_id": "1", "answer": "Six months."}, {"question_id": "2", "answer": "B"}]
        for name, lines in (("questions", questions), ("answers", answers)):
            text = "".join(f"{json.dumps(line)}\n" for line in lines)
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
        judge = {
            "splits": [],
            "questions": ["questions.jsonl"],
            "candidates": [
                {"kind": "answers", "name": "elsewhere", "path": "answers.jsonl"},
                {"kind": "endpoint", "model": "careful", "base_url": server.base_url},
            ],
            **changes,
        }
        data = {"ragdata": {"output": "./run", "sources": [{"path": "x"}], "judge": judge}}
        path = tmp_path / "recipe.yml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        return path

    return write


def test_the_estimate_comes_first_and_the_results_last(
    recipe: Callable[..., Path], ragdata: Callable[..., Any], server: Any
) -> None:
    done = ragdata("judge", recipe())
    assert done.code == 0, done.err
    said = done.err.splitlines()
    assert "elsewhere: 2 of 2 questions are answered in its file" in said
    assert said.index("2 questions (2 file), 2 candidates") < next(
        number for number, line in enumerate(said) if line.startswith("answers of careful")
    )
    assert any(line.startswith("careful: 2 calls, about ") for line in said)
    assert "accuracy" in done.out
    assert "elsewhere" in done.out
    assert len(server.requests) == 2
    again = ragdata("judge", recipe(), "--json")
    results = json.loads(again.out)
    assert results["candidates"] == ["elsewhere", "careful"]
    assert len(server.requests) == 2, "the journal answers"
    assert "careful: 0 calls, all in the journal" in again.err


def test_a_judge_that_fails_its_selftest_ends_with_code_4(
    recipe: Callable[..., Path], ragdata: Callable[..., Any], server: Any
) -> None:
    path = recipe(judges=[{"model": "other-expert", "base_url": server.base_url, "max_attempts": 1}])
    done = ragdata("judge", path)
    assert done.code == 4, done.err
    assert "SELF-TEST FAILED" in done.err
    assert "judged tables are void" in done.err
    results = json.loads((path.parent / "run" / "judge" / "results.json").read_text(encoding="utf-8"))
    assert results["void"] is True
    assert results["exact_summaries"], "exact scores need no judge"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"questions": []}, "there is no question"),
        ({"questions": ["absent.jsonl"]}, "cannot be read"),
        ({"candidates": [{"kind": "answers", "name": "x", "path": "absent.jsonl"}]}, "cannot be read"),
        ({"judges": [{"model": "gpt", "api_key_env": "NO_SUCH_KEY"}]}, "NO_SUCH_KEY is not set"),
        ({"splits": ["test_seen"]}, "there is no finished build"),
        ({"candidates": [{"kind": "adapter"}]}, "base_model: is missing"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_spent(
    changes: dict[str, Any], said: str, recipe: Callable[..., Path], ragdata: Callable[..., Any], server: Any
) -> None:
    done = ragdata("judge", recipe(**changes))
    assert done.code == 2
    assert said in done.err
    assert "\nfix: " in done.err
    assert "Traceback" not in done.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "lines", "said", "fix"),
    [
        ("answers", [], "holds no line", "one JSON object a line"),
        ("answers", [{"question_id": "9", "answer": "x"}], "is to one of the 2 questions", "`question_id`: '1', '2'"),
        ("answers", [{"question_id": "1", "answer": "x"}] * 2, "answers the question '1' a second time", "one answer"),
        ("questions", [{"id": "1", "question": "A?"}, {"id": "1", "question": "B?"}], "have the id '1'", "of its own"),
        ("questions", [{"question": "A?", "options": ["x", "y"]}], "2 options without a label", "add `label`"),
        ("questions", [{"question": "A?", "options": ["x", "y"], "label": "C"}], "'C' is none of", "or its letter"),
        ("questions", [{"id": [1], "question": "A?"}], "should be a valid string, not [1]", "the keys are"),
        ("questions", [{"id": 1, "qestion": "A?"}], "question: field required", "the keys are"),
    ],
)
def test_a_wrong_file_is_an_error_before_anything_is_spent(
    name: str,
    lines: list[Any],
    said: str,
    fix: str,
    recipe: Callable[..., Path],
    ragdata: Callable[..., Any],
    server: Any,
    tmp_path: Path,
) -> None:
    path = recipe(judges=[{"model": "other-expert", "base_url": server.base_url}])
    (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    done = ragdata("judge", path)
    assert done.code == 2
    what, how = done.err.strip().splitlines()[-2:]
    assert what.startswith("error: ")
    assert said in what
    assert how.startswith("fix: ")
    assert fix in how
    assert server.requests == []


def test_numbers_are_ids_and_what_a_file_leaves_unanswered_is_said(
    recipe: Callable[..., Path], ragdata: Callable[..., Any], tmp_path: Path
) -> None:
    path = recipe(candidates=[{"kind": "answers", "name": "elsewhere", "path": "answers.jsonl"}])
    lines = [{"question_id": 1, "answer": "Six months."}, {"question_id": 7, "answer": "x"}]
    (tmp_path / "answers.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    done = ragdata("judge", path)
    assert done.code == 0, done.err
    assert "elsewhere: 1 of 2 questions are answered in its file; 1 lines are to none of them" in done.err
