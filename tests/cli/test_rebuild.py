"""What a build does again after a document was added, changed or removed, or the recipe was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RECIPE = """\
base_model: none
ragdata:
  output: ./run
  sources: [{{path: ./documents}}]
  llm: {{model: careful, base_url: "{url}", concurrency: 8}}
  questions: {{from: llm, types: [definition], per_passage: 1}}
  answers: {{mode: generative, top_k: 3}}
  passages: {{max_tokens: 384, overlap: 0}}
"""
SUBJECTS = ("Anxiety", "Mania", "Insomnia", "Catatonia", "Delirium", "Bulimia", "Narcolepsy", "Agoraphobia")


GRADES = ("first", "second", "third", "fourth", "fifth")


def text(subject: str, sections: int = 4, dose: int = 20) -> str:
    parts = [f"# {subject}"]
    for number in range(1, sections + 1):
        grade = GRADES[number - 1]  # in words: the model that these tests run asks without numbers
        told = (
            f"{subject} of the {grade} grade is treated with {dose + number} mg of salt a day in the {number} clinics"
        )
        parts += [
            f"## {subject} of the {grade} grade",
            f"{told} that {subject.lower()} care has. It lasts {number} weeks.",
        ]
    return "\n\n".join(parts) + "\n"


@pytest.fixture
def server(model_server: ModuleType) -> Iterator[Any]:
    started = model_server.ModelServer().start()
    yield started
    started.stop()


@pytest.fixture
def recipe(tmp_path: Path, server: Any, ragdata: Callable[..., Any]) -> Path:
    """A recipe over eight documents of four passages each, built once."""
    (tmp_path / "documents").mkdir()
    for subject in SUBJECTS:
        (tmp_path / "documents" / f"{subject}.md").write_text(text(subject))
    path = tmp_path / "recipe.yml"
    path.write_text(RECIPE.format(url=server.base_url))
    built = ragdata("build", path)
    assert built.code == 0, built.err
    return path


def asked_since(server: Any, before: int) -> list[str]:
    return [body["messages"][-1]["content"] for body in server.requests[before:]]


def rows(recipe: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (recipe.parent / "run" / f"{table}.jsonl").read_text().split("\n")[:-1]]


def test_a_changed_sentence_is_asked_about_alone(recipe: Path, server: Any, ragdata: Callable[..., Any]) -> None:
    before = len(server.requests)
    assert json.loads(ragdata("build", recipe, "--dry-run", "--json").out)["calls"] == 0
    changed = recipe.parent / "documents" / "Mania.md"
    changed.write_text(changed.read_text().replace("22 mg", "95 mg"))
    told = json.loads(ragdata("diff", recipe, "--json").out)
    assert told["documents"] == {"changed": ["documents/Mania.md"]}
    assert told["passages"] == {"new": 1, "gone": 1, "standing": 31}
    assert told["rows"]["retired: its passage changed or went"] == 1
    rehearsed = json.loads(ragdata("build", recipe, "--dry-run", "--json").out)
    assert len(server.requests) == before, "neither a diff nor a dry run asks anything"
    assert rehearsed["in_journal"] > 0.8 * before, "what is paid for is subtracted"
    assert ragdata("build", recipe).code == 0
    asked = asked_since(server, before)
    assert asked, "what changed is asked about"
    assert len(asked) <= rehearsed["calls"] <= len(asked) + 4, "the dry run said so"
    assert all("95 mg" in prompt for prompt in asked), "only prompts that hold the changed passage"
    assert len(asked) <= 1.2 * before / len(SUBJECTS)
    texts = {row["text"] for row in rows(recipe, "passages")}
    assert not any("22 mg" in text and "Mania" in text for text in texts)
    assert not any("22 mg" in row["answer"] and "Mania" in row["answer"] for row in rows(recipe, "examples"))
    assert ragdata("verify", recipe).code == 0


def test_who_asks_is_drawn_by_the_text_and_not_by_the_file(
    recipe: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    """A file with another byte gives its passages other ids; those that read the same are not asked about again."""
    text_of = recipe.read_text()
    recipe.write_text(
        text_of.replace("[definition]", "[definition, true_false]").replace(
            "per_passage: 1", "per_passage: 1, personas: [a nurse, a judge, a cook, a clerk], difficulty: [easy, hard]"
        )
    )
    assert ragdata("build", recipe).code == 0
    changed = recipe.parent / "documents" / "Mania.md"
    changed.write_text(changed.read_text().replace("22 mg", "95 mg"))
    before = len(server.requests)
    assert ragdata("build", recipe).code == 0
    asked = asked_since(server, before)
    assert asked
    assert all("95 mg" in prompt for prompt in asked)


def test_an_added_document_leaves_the_answers_of_others_alone(
    recipe: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    assert "would do nothing" in ragdata("diff", recipe).out
    before, had = len(server.requests), {row["id"] for row in rows(recipe, "answers")}
    (recipe.parent / "documents" / "Hysteria.md").write_text(text("Hysteria"))
    assert ragdata("build", recipe).code == 0
    assert all("Hysteria" in prompt for prompt in asked_since(server, before))
    assert had <= {row["id"] for row in rows(recipe, "answers")}
    assert ragdata("verify", recipe).code == 0


def test_rows_of_a_removed_document_are_retired_without_a_call_for_others(
    recipe: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    (recipe.parent / "documents" / "Bulimia.md").unlink()
    assert ragdata("build", recipe).code == 0
    assert not any("Bulimia" in row["question"] for row in rows(recipe, "examples"))
    assert not any("Bulimia" in row["text"] for row in rows(recipe, "passages"))
    assert ragdata("verify", recipe).code == 0


def test_a_moved_document_costs_nothing(recipe: Path, server: Any, ragdata: Callable[..., Any]) -> None:
    before = len(server.requests)
    shutil.move(recipe.parent / "documents" / "Mania.md", recipe.parent / "documents" / "Moved.md")
    assert ragdata("build", recipe).code == 0
    assert len(server.requests) == before


def test_another_number_of_passages_asks_for_the_answers_alone(
    recipe: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    before = len(server.requests)
    recipe.write_text(recipe.read_text().replace("top_k: 3", "top_k: 2"))
    told = ragdata("diff", recipe)
    assert told.code == 0, told.err
    assert "answers.top_k: 3 → 2: its answer is asked for anew" in told.out
    assert "rows" in told.out
    assert ragdata("build", recipe).code == 0
    asked = asked_since(server, before)
    assert asked
    assert all("<question" in prompt for prompt in asked), "no question is asked again"


def test_a_dry_run_of_a_first_build_counts_prompts_and_spends_nothing(
    tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "Mania.md").write_text(text("Mania"))
    path = tmp_path / "recipe.yml"
    path.write_text(RECIPE.format(url=server.base_url).replace("concurrency: 8", "price: {input: 1.0, output: 2.0}"))
    told = ragdata("build", path, "--dry-run")
    assert told.code == 0, told.err
    assert "questions/definition" in told.out
    found = json.loads(ragdata("build", path, "--dry-run", "--json").out)
    asks = next(stage for stage in found["stages"] if stage["stage"] == "questions/definition")
    assert asks["calls"] == 4
    assert asks["input_tokens"] > 4 * 100
    assert found["cost"] == pytest.approx((found["input_tokens"] + 2 * found["output_tokens"]) / 1e6, abs=1e-5)
    assert server.requests == []
    built = ragdata("build", path)
    assert built.code == 0
    assert len(server.requests) <= found["calls"]
    spent = (100 * 1.0 + 20 * 2.0) * len(server.requests) / 1e6
    assert f" out; {spent:.4f} spent; 0 from the journal" in " ".join(built.out.split()), "its end says what it cost"


def rewrite(recipe: Path, old: str, new: str) -> None:
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))


def differs(recipe: Path, ragdata: Callable[..., Any]) -> dict[str, Any]:
    told = ragdata("diff", recipe, "--json")
    assert told.code == 0, told.err
    return dict(json.loads(told.out))


@pytest.mark.parametrize(
    ("old", "new", "follows", "rows_are", "calls"),
    [
        (
            "passages:",
            "filters: [{use: relevant}]\n  passages:",
            "verdicts are asked for: relevant",
            "verdicts",
            "verdict",
        ),
        ("[definition]", "[definition, criteria]", "questions of the type criteria are asked", "kept", "questions"),
        ("top_k: 3", "top_k: 3, min_score: -0.5", "answers whose passages change", "kept, unless other passages", None),
        ("top_k: 3", "top_k: 3, refresh: retrieved", "answers whose passages change", "kept, unless other", None),
        ("per_passage: 1", "per_passage: 1, rounds: 2", "more may be asked", "kept", None),
    ],
)
def test_a_diff_says_what_a_build_then_asks(
    recipe: Path, server: Any, ragdata: Callable[..., Any], old: str, new: str, follows: str, rows_are: str, calls: Any
) -> None:
    rewrite(recipe, old, new)
    told = differs(recipe, ragdata)
    assert any(follows in consequence for consequence in told["settings"].values()), told["settings"]
    assert not any("anew" in fate for fate in told["rows"]), told["rows"]
    assert all(rows_are in fate for fate in told["rows"]), told["rows"]
    before = len(server.requests)
    assert ragdata("build", recipe).code == 0
    asked = server.requests[before:]
    names = {body["response_format"]["json_schema"]["name"] for body in asked}
    assert (calls in names) if calls else not asked
    if calls == "questions":
        assert not any("Type: definition" in body["messages"][0]["content"] for body in asked)


def test_a_changed_card_is_named_and_only_its_rows_are_asked_anew(recipe: Path, ragdata: Callable[..., Any]) -> None:
    rewrite(recipe, "[definition]", "[definition, numeric]")
    assert ragdata("build", recipe).code == 0
    of_type = [row["type"] for row in rows(recipe, "examples")]
    run = recipe.parent / "run"
    manifest = json.loads((run / "manifest.json").read_text())
    now = manifest["fingerprint"]["stages"]["questions/definition"]
    for path in (run / "manifest.json", run / "examples.jsonl"):
        # as if another card had asked them
        path.write_text(path.read_text().replace(now, "1-0ld"))
    told = differs(recipe, ragdata)
    (follows,) = told["settings"].items()
    assert follows == (
        f"questions/definition: 1-0ld → {now}",
        "its question is asked anew where definition is its type",
    )
    assert told["rows"]["its question is asked anew: the card questions/definition changed"] == of_type.count(
        "definition"
    )
    assert told["rows"]["kept"] == of_type.count("numeric")


def quota_recipe(folder: Path, server: Any, quota: str = "target: 12") -> Path:
    (folder / "documents").mkdir()
    for subject in SUBJECTS:
        (folder / "documents" / f"{subject}.md").write_text(text(subject))
    path = folder / "recipe.yml"
    made = RECIPE.format(url=server.base_url).replace("per_passage: 1", f"per_passage: 1, {quota}")
    # nothing is lost to splits: what is lost is asked for again
    path.write_text(f"{made}  filters: [{{use: faithful}}]\n  split: {{validation: 0, test_seen: 0, test_unseen: 0}}\n")
    return path


def ids(recipe: Path, table: str = "examples") -> set[str]:
    return {row["id"] for row in rows(recipe, table)}


def test_a_quota_of_what_stands_is_not_asked_for_again(
    tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    recipe = quota_recipe(tmp_path, server)
    assert ragdata("build", recipe).code == 0
    had, first = ids(recipe), len(server.requests)
    assert len(had) == 12

    recipe.write_text(recipe.read_text().replace("validation: 0,", "validation: 0.1,"))
    assert ragdata("build", recipe).code == 0
    assert len(server.requests) == first, "another split asks nothing"
    assert ids(recipe) == had

    (tmp_path / "documents" / "Hysteria.md").write_text(text("Hysteria"))
    assert ragdata("build", recipe).code == 0
    asked = asked_since(server, first)
    assert all("Hysteria" in prompt for prompt in asked), "only the new document is asked about"
    assert 1 <= len(asked) <= 6, "one or two rows, each a question, an answer and a verdict"
    now = ids(recipe)
    assert len(now) == 12
    assert len(had & now) >= 10, "rows of the others stay, but for those that make room"
    assert any("hysteria" in row["question"] for row in rows(recipe, "examples"))
    assert ragdata("verify", recipe).code == 0

    before = len(server.requests)
    (tmp_path / "documents" / "Hysteria.md").unlink()
    assert ragdata("build", recipe).code == 0
    assert len(server.requests) - before <= 6
    assert len(ids(recipe)) == 12
    assert not any("hysteria" in row["question"] for row in rows(recipe, "examples"))


def test_a_changed_sentence_under_a_quota_costs_its_own_row_at_most(
    tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    recipe = quota_recipe(tmp_path, server, "per_section: 1")
    assert ragdata("build", recipe).code == 0
    had, before = {row["question"] for row in rows(recipe, "examples")}, len(server.requests)
    changed = tmp_path / "documents" / "Mania.md"
    changed.write_text(changed.read_text().replace("22 mg", "95 mg"))
    assert ragdata("build", recipe).code == 0
    asked = asked_since(server, before)
    assert asked
    assert all("95 mg" in prompt for prompt in asked)
    assert len(had & {row["question"] for row in rows(recipe, "examples")}) >= len(had) - 1
    assert len(ids(recipe)) == len(had)


def test_a_higher_target_asks_for_the_difference_alone(
    tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    recipe = quota_recipe(tmp_path, server)
    assert ragdata("build", recipe).code == 0
    had, before = ids(recipe), len(server.requests)
    recipe.write_text(recipe.read_text().replace("target: 12", "target: 16"))
    assert ragdata("build", recipe).code == 0
    assert len(asked_since(server, before)) <= 3 * 4
    assert had <= ids(recipe)
    assert len(ids(recipe)) == 16
    before = len(server.requests)
    recipe.write_text(recipe.read_text().replace("target: 16", "target: 10"))
    assert ragdata("build", recipe).code == 0
    assert len(server.requests) == before
    assert len(ids(recipe)) == 10


def rehearsed(recipe: Path, ragdata: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    """Return what a dry run says, and by stage the calls at most and those in the journal."""
    told = ragdata("build", recipe, "--dry-run", "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    calls: dict[str, tuple[int, int]] = {}
    for stage in found["stages"]:
        most, held = calls.get(stage["stage"], (0, 0))
        calls[stage["stage"]] = (most + stage["calls"], held + stage["in_journal"])
    return found, calls


def test_verdicts_that_are_paid_for_are_subtracted(recipe: Path, server: Any, ragdata: Callable[..., Any]) -> None:
    rewrite(recipe, "passages:", "filters: [{use: faithful}]\n  passages:")
    found, calls = rehearsed(recipe, ragdata)
    before = len(server.requests)
    assert ragdata("build", recipe).code == 0
    asked = len(server.requests) - before
    assert found["calls"] == calls["verdicts/faithful"][0] == asked > 0
    rewrite(recipe, "[{use: faithful}]", "[{use: faithful}, {use: relevant}]")
    journal = recipe.parent / "run" / "journal" / "answers-000001.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"key":"c-torn')
    told = ragdata("build", recipe, "--dry-run")
    assert "not whole" in told.err, "what was cut of the journal is said"
    found, calls = rehearsed(recipe, ragdata)
    assert calls["verdicts/faithful"] == (0, asked)
    assert calls["verdicts/relevant"] == (asked, 0)
    assert found["calls"] == asked


def test_a_dry_run_under_a_quota_says_what_is_expected_and_never_less_than_the_most(
    tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    recipe = quota_recipe(tmp_path, server)
    found, _ = rehearsed(recipe, ragdata)
    assert found["expected_calls"] == 3 * 12, "a question, an answer and a verdict for each row"
    assert ragdata("build", recipe).code == 0
    assert found["expected_calls"] == len(server.requests) <= found["calls"] == 3 * 32 * 3

    (tmp_path / "documents" / "Hysteria.md").write_text(text("Hysteria"))
    found, calls = rehearsed(recipe, ragdata)
    assert calls["verdicts/faithful"] == (0, 12)
    before = len(server.requests)
    # every answer is refused: what may be asked is asked
    server.behaviour = refusing
    ragdata("build", recipe)
    assert found["expected_calls"] <= 6
    assert len(server.requests) - before <= found["calls"]


def refusing(number: int, body: dict[str, Any]) -> Any:
    """Answer nothing that is asked of the passages."""
    if body["response_format"]["json_schema"]["name"] != "answer":
        return None
    said = json.dumps({"answerable": False, "answer": "", "citations": []})
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    return (
        200,
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage},
        {},
    )
