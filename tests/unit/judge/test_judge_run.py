"""A whole judgement: real tiny models, a real loopback endpoint, a real index, a real journal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.errors import BudgetReached, MissingKey, RecipeError
from axolotl_ragdata.judge import local
from axolotl_ragdata.judge.run import judge, refuse_untrustworthy
from axolotl_ragdata.progress import Silent
from axolotl_ragdata.recipe import Recipe

Finished = Callable[..., Recipe]


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def server(model_server: ModuleType) -> Iterator[Any]:
    started = model_server.ModelServer().start()
    yield started
    started.stop()


def endpoint(server: Any, **changes: Any) -> dict[str, Any]:
    return {"kind": "endpoint", "model": "careful", "base_url": server.base_url, **changes}


def everybody(tiny: dict[str, Path], server: Any) -> list[dict[str, Any]]:
    short = {"max_tokens": 4, "dtype": "float32"}
    return [
        {"kind": "base", **short},
        {"kind": "adapter", "name": "tuned", "path": str(tiny["adapter"]), **short},
        {"kind": "base+retrieval", "top_k": 2, **short},
        endpoint(server),
        {"kind": "answers", "name": "elsewhere", "path": "answers.jsonl"},
    ]


def test_everybody_answers_once(
    finished: Finished,
    tiny: dict[str, Path],
    server: Any,
    write_lines: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_lines(
        "answers.jsonl",
        {"question_id": "ex-mania", "answer": "One week."},
        {"question": "how is insomnia treated FIRST", "answer": "By therapy."},
    )
    recipe = finished({"candidates": everybody(tiny, server)}, base_model=str(tiny["base"]))
    heard = Heard()
    done = judge(recipe, heard).judgement
    names = ["base", "tuned", "base+retrieval", "careful", "elsewhere"]
    assert [answer.candidate for answer in done.answers] == [name for name in names for _ in range(4)]
    found = {(answer.candidate, answer.question_id): answer for answer in done.answers}
    assert found["elsewhere", "ex-sleep"].text == "By therapy."
    assert found["elsewhere", "ex-fear"].failure == "no answer in the file"
    assert "p-mania" in found["base+retrieval", "ex-mania"].passage_ids
    assert found["base", "ex-mania"].reference_log_likelihood != found["tuned", "ex-mania"].reference_log_likelihood
    assert found["base", "ex-mania"].truncated
    assert len(server.requests) == 4
    asked = [line for line in heard.lines if line.startswith(("base:", "careful:"))]
    assert asked[0].startswith("base: 4 answers to compute here, about ")
    assert asked[1].startswith("careful: 4 calls, about ")
    assert (done.folder / "answers.jsonl").exists()

    def refuse(*arguments: Any) -> None:
        raise AssertionError("a rerun loads no model")

    monkeypatch.setattr(local.LocalModel, "__init__", refuse)
    again = judge(recipe).judgement
    assert again.answers == done.answers
    assert len(server.requests) == 4, "a rerun asks nothing"


def test_a_changed_adapter_answers_anew(finished: Finished, tiny: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    own = shutil.copytree(tiny["adapter"], tmp_path / "adapter")
    candidates = [{"kind": "adapter", "path": str(own), "max_tokens": 4}]
    recipe = finished({"candidates": candidates, "distractors": 0}, base_model=str(tiny["base"]))
    first = judge(recipe).judgement
    import torch
    from safetensors.torch import load_file, save_file

    weights = {name: torch.ones_like(each) for name, each in load_file(own / "adapter_model.safetensors").items()}
    save_file(weights, own / "adapter_model.safetensors")
    second = judge(recipe).judgement
    assert second.facts["answers_from_journal"] == 0
    assert [each.reference_log_likelihood for each in first.answers] != [
        each.reference_log_likelihood for each in second.answers
    ]


def test_contaminated_questions_are_excluded_named_and_counted(
    finished: Finished, server: Any, write_lines: Callable[..., Path]
) -> None:
    write_lines(
        "more.jsonl",
        {"id": "seen", "question": "when does a panic attack reach its peak"},
        {"id": "new", "question": "Which drug is given for mania?"},
    )
    judged = {"candidates": [endpoint(server)], "questions": ["more.jsonl"], "splits": []}
    heard = Heard()
    done = judge(finished(judged), heard).judgement
    assert [question.id for question in done.questions] == ["new"]
    assert [question.id for question in done.excluded] == ["seen"]
    assert done.overlaps[0].training_question == "When does a panic attack reach its peak?"
    assert "contamination: 1 of 2 questions stand in training rows (1 exact), excluded" in heard.lines
    kept = judge(finished({**judged, "contaminated": "keep"})).judgement
    assert [bool(question.contamination) for question in kept.questions] == [False, True]


def test_a_failed_answer_is_unscored_and_asked_again(finished: Finished, model_server: ModuleType) -> None:
    broken = True

    def behaviour(number: int, body: Any) -> Any:
        if broken and "manic" in body["messages"][-1]["content"]:
            return 400, {"error": {"message": "no"}}, {}
        return None

    server = model_server.ModelServer(behaviour=behaviour).start()
    try:
        recipe = finished({"candidates": [endpoint(server)]})
        first = {answer.question_id: answer for answer in judge(recipe).judgement.answers}
        assert first["ex-mania"].text is None
        assert "refused with status 400" in str(first["ex-mania"].failure)
        asked = len(server.requests)
        broken = False
        second = judge(recipe).judgement
        assert all(answer.text for answer in second.answers)
        assert len(server.requests) == asked + 1, "only what failed is asked again"
    finally:
        server.stop()


def test_a_cap_ends_the_run_before_it_is_crossed(finished: Finished, server: Any) -> None:
    with pytest.raises(BudgetReached) as reached:
        judge(finished({"candidates": [endpoint(server, max_tokens_total=100)]}))
    assert reached.value.exit_code == 3
    assert "ragdata.judge.candidates[0].max_tokens_total" in str(reached.value)


def test_caps_hold_over_all_runs_of_a_judgement(
    finished: Finished, server: Any, known_judge: Callable[..., Any]
) -> None:
    url, known = known_judge()
    expert = {"model": "expert", "base_url": url, "concurrency": 1, "max_tokens": 64}
    settings = {"candidates": [endpoint(server)], "scoring": ["pointwise"]}
    with pytest.raises(BudgetReached):
        judge(finished({**settings, "judges": [{**expert, "max_tokens_total": 6_000}]}))
    assert 5 < known.calls < 29
    with pytest.raises(BudgetReached) as again:
        judge(finished({**settings, "judges": [{**expert, "max_tokens_total": 6_000}]}))
    assert "spent so far: 1" in str(again.value)
    assert 120 * known.calls <= 6_000, "the cap of the first run is the cap of the second"
    done = judge(finished({**settings, "judges": [expert]})).results
    assert known.calls == 29
    assert done.unscored == 0


def test_caps_count_what_failed_in_earlier_runs_of_a_judgement(
    finished: Finished, server: Any, known_judge: Callable[..., Any]
) -> None:
    url, known = known_judge()
    whole = known.completion
    known.completion = lambda content, body: whole("", body)  # paid for, and nothing to keep
    expert = {"model": "expert", "base_url": url, "concurrency": 1, "max_tokens": 64, "max_tokens_total": 6_000}
    settings = {"candidates": [endpoint(server)], "scoring": ["pointwise"], "judges": [expert]}
    with pytest.raises(BudgetReached):
        judge(finished(settings))
    calls = known.calls
    assert calls > 2
    with pytest.raises(BudgetReached):
        judge(finished(settings))
    assert known.calls == calls


def test_caps_of_a_candidate_count_what_failed_in_earlier_runs(finished: Finished, model_server: ModuleType) -> None:
    mute = model_server.ModelServer(behaviour=lambda number, body: (200, model_server.completion("", body), {}))
    mute.start()
    settings = {"candidates": [endpoint(mute, concurrency=1, max_tokens=64, max_tokens_total=2_000)]}
    with pytest.raises(BudgetReached):
        judge(finished(settings))
    calls = len(mute.requests)
    assert calls > 2
    with pytest.raises(BudgetReached):
        judge(finished(settings))
    assert len(mute.requests) == calls
    mute.stop()


def test_everything_fits_into_one_batch_each(
    finished: Finished, batch_server: ModuleType, judge_server: ModuleType, model_server: ModuleType
) -> None:
    known = judge_server.KnownJudge(model_server.completion, truth=lambda question, answer: 7.0)

    def behaviour(number: int, body: Any) -> Any:
        return known(number, body) if "response_format" in body else None

    server = batch_server.BatchServer(behaviour=behaviour).start()
    batched = {
        "base_url": server.base_url,
        "mode": "batch",
        "concurrency": 1,
        "batch": {"quiet_s": 0.3, "poll_s": 0.05},
    }
    heard = Heard()
    try:
        candidates = [{"kind": "endpoint", "model": name, "name": name, **batched} for name in ("one", "other")]
        judges = [{"model": "expert", **batched}]
        recipe = finished({"candidates": candidates, "judges": judges, "scoring": ["pointwise"]})
        done = judge(recipe, heard)
        sizes = sorted(batch["request_counts"]["total"] for batch in server.batches.values())
        assert sizes == [4, 4, 29], (
            "equal answers share a verdict; a self-test that is waited for would take a day of its own"
        )
        assert done.results.unscored == 0
        assert sum(line.startswith("submitted batch") for line in heard.lines) == 3
        judge(recipe)
        assert len(server.batches) == 3
    finally:
        server.stop()


def test_what_cannot_be_judged_is_said_and_is_no_missing_verdict(
    finished: Finished, write_lines: Callable[..., Path], known_judge: Callable[..., Any]
) -> None:
    url, _ = known_judge()
    write_lines("questions.jsonl", *({"id": f"q{n}", "question": f"Q{n}?", "reference": "R."} for n in range(6)))
    write_lines("some.jsonl", *({"question_id": f"q{n}", "answer": f"worth {n}"} for n in range(4)))
    write_lines("all.jsonl", *({"question_id": f"q{n}", "answer": f"worth {n + 1}"} for n in range(6)))
    settings = {
        "splits": [],
        "questions": ["questions.jsonl"],
        "candidates": [{"kind": "answers", "name": name, "path": f"{name}.jsonl"} for name in ("some", "all")],
        "judges": [{"model": "expert", "base_url": url}],
    }
    heard = Heard()
    recipe = finished(settings)
    done = judge(recipe, heard)
    assert "claims: 6 questions come without source passages; no claim is checked there" in heard.lines
    assert done.results.verdicts.claims == ()
    assert done.results.unscored == 2 + 4, "what the file leaves open is counted"
    refuse_untrustworthy(recipe, done)
    with pytest.raises(RecipeError, match="answers none of the 24 probes"):
        judge(finished({**settings, "scoring": ["pointwise", "safety"]}))


def test_a_second_run_of_judges_that_answer_first_says_that_nothing_is_left(
    finished: Finished, server: Any, known_judge: Callable[..., Any]
) -> None:
    url, known = known_judge()
    expert = {"model": "expert", "base_url": url}
    recipe = finished({"candidates": [endpoint(server)], "judges": [expert], "commit_first": True})
    judge(recipe)
    paid, heard = known.calls, Heard()
    judge(recipe, heard)
    assert known.calls == paid
    assert "calls of judges that the journal does not hold: expert 0" in heard.lines


def test_weights_of_another_dataset_are_named_before_any_number(
    finished: Finished, tiny: dict[str, Path], tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(tiny["adapter"], adapter)
    (adapter / "ragdata.json").unlink(missing_ok=True)
    tuned = {"kind": "adapter", "name": "tuned", "path": str(adapter), "max_tokens": 4, "dtype": "float32"}
    recipe = finished({"candidates": [tuned], "limit": 1}, base_model=str(tiny["base"]))
    manifest = recipe.output / "manifest.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**facts, "files": {"train": "train-1.jsonl"}}), encoding="utf-8")
    unknown = "is not known"
    assert "does not say what it was trained on (ragdata.json is not" in judge(recipe).results.warnings[0]
    (adapter / "ragdata.json").write_text(json.dumps({"files": {"train": "train-2.jsonl"}}), encoding="utf-8")
    heard = Heard()
    done = judge(recipe, heard).results.warnings
    assert done[0].startswith("tuned was trained on train-2.jsonl, the dataset here is train-1.jsonl: ")
    assert done[0].endswith(unknown)
    assert f"note: {done[0]}" in heard.lines
    (adapter / "ragdata.json").write_text(json.dumps({"files": {"train": "train-1.jsonl"}}), encoding="utf-8")
    assert not any(unknown in line for line in judge(recipe).results.warnings)


def test_two_endpoints_of_one_model_name_do_not_share_answers(finished: Finished, model_server: ModuleType) -> None:
    servers = [model_server.ModelServer().start() for _ in range(2)]
    try:
        candidates = [endpoint(each, name=f"number {at}") for at, each in enumerate(servers)]
        judge(finished({"candidates": candidates}))
        assert [len(each.requests) for each in servers] == [4, 4]
    finally:
        for each in servers:
            each.stop()


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        ({"candidates": [{"kind": "adapter", "path": "./none"}]}, "there is no trained model in"),
        ({"candidates": [{"kind": "answers", "path": "empty.jsonl"}]}, "holds no line"),
        ({"candidates": [{"kind": "answers", "path": "others.jsonl"}]}, "none of the answers in"),
        ({"candidates": [{"kind": "answers", "path": "twice.jsonl"}]}, "a second time"),
        ({"candidates": [{"kind": "answers", "path": "no-answer.jsonl"}]}, "answer: is missing or no text"),
        ({"candidates": [{"kind": "answers", "path": "absent.jsonl"}]}, "cannot be read: No such file"),
    ],
)
def test_bad_input_ends_before_anything_is_spent(
    judged: dict[str, Any], said: str, finished: Finished, write_lines: Callable[..., Path], server: Any
) -> None:
    write_lines("empty.jsonl")
    write_lines("others.jsonl", {"question_id": "nobody", "answer": "x"})
    write_lines("twice.jsonl", *[{"question_id": "ex-mania", "answer": "x"}] * 2)
    write_lines("no-answer.jsonl", {"question_id": "ex-mania"})
    candidates = [endpoint(server), *judged["candidates"]]
    with pytest.raises(RecipeError) as refused:
        judge(finished({"candidates": candidates}, base_model="embedded"))
    assert said in str(refused.value)
    assert refused.value.exit_code == 2
    assert server.requests == []


def test_an_adapter_of_another_base_is_refused(finished: Finished, tiny: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    other = shutil.copytree(tiny["adapter"], tmp_path / "other")
    settings = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps({**settings, "base_model_name_or_path": "meta/Other-7B"}))
    with pytest.raises(RecipeError, match="is for the base model meta/Other-7B, the recipe's is"):
        judge(finished({"candidates": [{"kind": "adapter", "path": str(other)}]}, base_model=str(tiny["base"])))


def test_a_judge_without_a_key_is_refused_before_a_candidate_is_asked(finished: Finished, server: Any) -> None:
    judged = {
        "candidates": [endpoint(server)],
        "judges": [{"model": "gpt", "base_url": "https://judge.example/v1", "api_key_env": "NO_SUCH_KEY"}],
    }
    with pytest.raises(MissingKey) as refused:
        judge(finished(judged))
    assert "NO_SUCH_KEY is not set" in str(refused.value)
    assert server.requests == []


def test_judges_score_pairs_and_claims_and_nothing_is_paid_twice(
    finished: Finished, server: Any, known_judge: Callable[..., tuple[str, Any]], write_lines: Callable[..., Path]
) -> None:
    questions = ("ex-mania", "ex-sleep", "ex-fear", "ex-voice")
    write_lines("answers.jsonl", *[{"question_id": name, "answer": "Nobody knows it."} for name in questions])
    base_url, honest = known_judge()
    judged = {
        "candidates": [{"kind": "answers", "name": "elsewhere", "path": "answers.jsonl"}, endpoint(server)],
        "judges": [{"model": "expert", "base_url": base_url}],
    }
    heard = Heard()
    done = judge(finished(judged), heard)
    scores = done.judgement.verdicts.scores
    assert len(scores.scores) == 8
    assert len(scores.pairs) == 8, "both orders"
    assert any(line.startswith("judge expert: at most ") for line in heard.lines)
    assert json.loads((done.judgement.folder / "results.json").read_text())["asked"] == scores.asked
    paid = len(honest.requests) if hasattr(honest, "requests") else done.judgement.verdicts.usage["expert"].calls
    assert paid > 16
    again = judge(finished(judged))
    assert again.judgement.verdicts.usage["expert"].calls == 0
    assert again.judgement.verdicts.scores == scores


def test_a_judge_of_the_candidates_family_is_refused_unless_asked_for(finished: Finished, server: Any) -> None:
    judged = {"candidates": [endpoint(server)], "judges": [{"model": "careful", "base_url": server.base_url}]}
    with pytest.raises(RecipeError, match="is of the family 'careful'"):
        judge(finished(judged))
    assert server.requests == []
    done = judge(finished({**judged, "allow_self_judging": ["careful"], "scoring": ["pointwise"]}))
    assert any("family" in warning for warning in done.results.warnings)
