"""The chat seam against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.errors import BudgetReached, EndpointError, MissingKey, RagdataError
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.llm import Chat, open_chat
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.records import Failure
from axolotl_ragdata.stage import ChatRequest, Completion

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
SECRET = "sk-very-secret-0123456789"
Serve = Callable[..., Any]


@pytest.fixture
def serve(model_server: ModuleType) -> Iterator[Serve]:
    """Starts servers that are stopped at the end."""
    started = []

    def start(behaviour: Any = None, latency_s: float = 0.0) -> Any:
        server = model_server.ModelServer(latency_s=latency_s, behaviour=behaviour).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def recipe(base_url: str, **llm: Any) -> Recipe:
    block = {"model": "careful", "base_url": base_url, "concurrency": 8, "timeout_s": 5.0, **llm}
    return recipe_from({"ragdata": {"output": "./x", "sources": [{"path": "y"}], "llm": block}}, Path("/r/recipe.yml"))


def request(text: str = "Panic attacks peak within minutes of their start.", schema: Any = SCHEMA) -> ChatRequest:
    return ChatRequest("answers/test@1", "q-1", "You answer.", text, schema)


def run(folder: Path, made: Recipe, work: Callable[[Chat], Any], say: Callable[[str], None] | None = None) -> Any:
    async def inside() -> Any:
        journal = Journal.open(folder / "journal")
        try:
            async with open_chat(made, journal, say=say) as chat:
                return await work(chat)
        finally:
            journal.close()

    return asyncio.run(inside())


def completes(folder: Path, made: Recipe, *requests: ChatRequest) -> list[Completion | Failure]:
    async def work(chat: Chat) -> list[Completion | Failure]:
        return await asyncio.gather(*(chat.complete(each) for each in requests))

    return list(run(folder, made, work))


def failures(folder: Path) -> list[dict[str, Any]]:
    path = folder / "journal" / "failures-000001.jsonl"
    return [json.loads(line)["entry"] for line in path.read_text(encoding="utf-8").splitlines()]


def first(times: int, reply: Callable[[Mapping[str, Any]], Any]) -> Any:
    """A behaviour that answers the first requests with `reply`, and the rest well."""
    return lambda number, body: reply(body) if number < times else None


def status(code: int, message: str = "no", headers: Mapping[str, str] | None = None, kind: str = "x") -> Any:
    return lambda body: (code, {"error": {"message": message, "code": kind}}, headers or {})


def content(server: ModuleType, text: str, finish: str = "stop") -> Any:
    return lambda body: (200, server.completion(text, body, finish), {})


def test_an_answer_is_whole_and_journalled_and_is_not_asked_twice(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert answer.value == {"answer": "Panic attacks peak within minutes of their start."}
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.from_journal) == (100, 20, False)
    (again,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(again, Completion)
    assert (again.value, again.from_journal) == (answer.value, True)
    assert len(server.requests) == 1


def test_what_decides_the_answer_is_in_the_key_and_nothing_else(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    base = recipe(server.base_url)
    completes(tmp_path, base, request())
    completes(tmp_path, recipe(server.base_url, concurrency=2, timeout_s=9.0, max_attempts=2), request())
    assert len(server.requests) == 1
    completes(tmp_path, recipe(server.base_url, temperature=0.1), request())
    completes(tmp_path, recipe(server.base_url, model="other"), request())
    completes(tmp_path, base, request("Another text that is long enough to be a sentence."))
    completes(tmp_path, base, ChatRequest("answers/test@2", "q-1", "You answer.", request().user, SCHEMA))
    assert len(server.requests) == 5


def test_equal_requests_at_once_share_one_call(tmp_path: Path, serve: Serve) -> None:
    server = serve(latency_s=0.05)
    answers = completes(tmp_path, recipe(server.base_url), *[request()] * 10)
    assert len(server.requests) == 1
    assert len({id(answer) for answer in answers if isinstance(answer, Completion)}) == 1


def test_concurrency_is_bounded(tmp_path: Path, serve: Serve) -> None:
    server = serve(latency_s=0.1)
    started = time.monotonic()
    answers = completes(
        tmp_path, recipe(server.base_url, concurrency=4), *[request(f"Sentence {n}.") for n in range(12)]
    )
    assert all(isinstance(answer, Completion) for answer in answers)
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503])
def test_a_passing_refusal_is_tried_again(tmp_path: Path, serve: Serve, code: int) -> None:
    server = serve(first(2, status(code, headers={"retry-after-ms": "10"})))
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert len(server.requests) == 3
    assert [entry["error"] for entry in failures(tmp_path)] == [f"status {code}"] * 2


@pytest.mark.parametrize("header", [{"retry-after": "1"}, {"retry-after-ms": "1000"}])
def test_a_wait_that_the_endpoint_names_is_kept(tmp_path: Path, serve: Serve, header: dict[str, str]) -> None:
    server = serve(first(1, status(429, headers=header)))
    started = time.monotonic()
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert time.monotonic() - started >= 0.95


def test_a_hang_is_ended_and_tried_again(tmp_path: Path, model_server: ModuleType) -> None:
    server = model_server.ModelServer(latency_s=0.6).start()
    made = recipe(server.base_url, timeout_s=0.2, max_attempts=2)
    (outcome,) = completes(tmp_path, made, request())
    server.stop()
    assert isinstance(outcome, Failure)
    assert outcome.error == "no answer in 0.2 s"
    assert outcome.retryable
    assert len(server.requests) == 2


@pytest.mark.parametrize("header", [{}, {"retry-after": "0.2"}])
def test_an_allowance_costs_time_and_no_row(tmp_path: Path, serve: Serve, header: dict[str, str]) -> None:
    taken: list[float] = []

    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        now = time.monotonic()
        if len([each for each in taken if now - each < 0.25]) >= 10:
            return status(429, headers=header)(body)
        taken.append(now)
        return None

    server = serve(behaviour, latency_s=0.1)
    made = recipe(server.base_url, concurrency=32, patience_s=60.0)
    outcomes = completes(tmp_path, made, *[request(f"Sentence {n}.") for n in range(100)])
    assert [type(outcome) for outcome in outcomes] == [Completion] * 100
    assert len(server.requests) < 250, "no storm"


@pytest.mark.parametrize(
    "header", [{"retry-after": "86400"}, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "24h"}]
)
def test_a_wait_of_hours_ends_the_run_and_says_how_long(tmp_path: Path, serve: Serve, header: dict[str, str]) -> None:
    server = serve(lambda number, body: status(429, "daily limit", header)(body) if number >= 3 else None)
    with pytest.raises(EndpointError, match=r"asks to wait (1 day, )?(24|0):00:00 .*daily limit.*answers are kept"):
        completes(tmp_path, recipe(server.base_url), *[request(f"Sentence {n}.") for n in range(40)])


def test_what_is_not_whole_is_never_accepted(tmp_path: Path, serve: Serve, model_server: ModuleType) -> None:
    bad = {
        "truncated": content(model_server, '{"answer": "Panic', "length"),
        "stopped by the endpoint's content filter": content(model_server, "", "content_filter"),
        "empty answer": content(model_server, "  "),
        "not JSON": content(model_server, '{"answer": "Panic'),
        "does not fit the schema": content(model_server, '{"reply": "x"}'),
        "not finished": content(model_server, '{"answer": "x"}', "tool_calls"),
    }
    for number, (reason, reply) in enumerate(bad.items()):
        folder = tmp_path / str(number)
        server = serve(first(99, reply))
        (outcome,) = completes(folder, recipe(server.base_url, max_attempts=2), request(reason))
        assert isinstance(outcome, Failure)
        assert (outcome.error, outcome.subject_id, outcome.retryable) == (reason, "q-1", True)
        assert [entry["error"] for entry in failures(folder)] == [reason] * 2
        assert failures(folder)[0]["usage"]["output_tokens"] == 20
        answered = completes(folder, recipe(serve().base_url), request(reason))
        assert isinstance(answered[0], Completion), "a failure is tried again on the next run"


def test_a_truncated_answer_gets_more_room_and_another_seed(
    tmp_path: Path, serve: Serve, model_server: ModuleType
) -> None:
    server = serve(first(2, content(model_server, '{"answer": "Pan', "length")))
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert [body["max_tokens"] for body in server.requests] == [1024, 2048, 4096]
    assert [body["seed"] for body in server.requests] == [42, 43, 44]


def test_thinking_is_not_part_of_the_answer(tmp_path: Path, serve: Serve, model_server: ModuleType) -> None:
    server = serve(first(1, content(model_server, '<think>{"answer": "no"}</think>\n{"answer": "yes"}')))
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert answer.value == {"answer": "yes"}


@pytest.mark.parametrize("known", ["json_object", "text"])
def test_an_endpoint_without_schemas_is_found_out(
    tmp_path: Path, serve: Serve, model_server: ModuleType, known: str
) -> None:
    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        kind = body.get("response_format", {}).get("type", "text")
        if kind != known:
            return 400, {"error": {"message": f"response_format {kind} is not supported"}}, {}
        text = '{"answer": "Attacks peak in minutes."}'
        return 200, model_server.completion(text if known == "json_object" else f"```json\n{text}\n```", body), {}

    server = serve(behaviour)
    answers = completes(tmp_path, recipe(server.base_url, concurrency=1), request("One."), request("Two."))
    assert [answer.value for answer in answers if isinstance(answer, Completion)] == [
        {"answer": "Attacks peak in minutes."}
    ] * 2
    assert '"additionalProperties"' in server.requests[-1]["messages"][0]["content"]
    tried = [body.get("response_format", {}).get("type", "text") for body in server.requests]
    assert tried[-2:] == [known, known]


def test_finding_out_how_to_ask_costs_no_attempt_of_a_row(
    tmp_path: Path, serve: Serve, model_server: ModuleType
) -> None:
    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        if "max_tokens" in body:
            return status(400, "Unsupported parameter: use 'max_completion_tokens' instead.")(body)
        if "response_format" in body:
            return status(400, "Failed to parse grammar")(body)
        return content(model_server, '{"answer": "Attacks peak in minutes."}')(body)

    server = serve(behaviour, latency_s=0.1)
    made = recipe(server.base_url, concurrency=16, max_attempts=1)
    outcomes = completes(tmp_path, made, *[request(f"Sentence {n}.") for n in range(40)])
    assert [type(outcome) for outcome in outcomes] == [Completion] * 40
    assert len(server.requests) == 40 + 3, "the first call finds it out for all"


@pytest.mark.parametrize("fence", [True, False])
def test_an_endpoint_that_passes_over_the_schema_is_found_out(
    tmp_path: Path, serve: Serve, model_server: ModuleType, fence: bool
) -> None:
    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        knows = "JSON schema" in body["messages"][0]["content"]
        said = '{"answer": "Attacks peak in minutes."}' if knows else "Attacks peak in minutes."
        return content(model_server, f"```json\n{said}\n```" if fence else said)(body)

    server = serve(behaviour)
    outcomes = completes(tmp_path, recipe(server.base_url), *[request(f"Sentence {n}.") for n in range(30)])
    assert [type(outcome) for outcome in outcomes] == [Completion] * 30
    assert len(server.requests) == 30 + 3


def test_a_model_that_never_answers_in_json_ends_the_run(
    tmp_path: Path, serve: Serve, model_server: ModuleType
) -> None:
    server = serve(lambda number, body: content(model_server, "Certainly! It is so.")(body))
    with pytest.raises(EndpointError, match="no answer is the JSON that was asked for; the last: not JSON"):
        completes(tmp_path, recipe(server.base_url), *[request(f"Sentence {n}.") for n in range(200)])
    assert len(server.requests) < 100, "the others are not paid for"


def test_a_model_that_fits_once_is_asked_on(tmp_path: Path, serve: Serve, model_server: ModuleType) -> None:
    server = serve(lambda number, body: None if number == 0 else content(model_server, "Certainly!")(body))
    outcomes = completes(tmp_path, recipe(server.base_url), *[request(f"Sentence {n}.") for n in range(20)])
    assert [type(outcome) for outcome in outcomes].count(Completion) == 1
    assert {body["response_format"]["type"] for body in server.requests} == {"json_schema"}


@pytest.mark.parametrize(
    "said",
    [
        'hm, {"answer": "no"}\n</think>\n{"answer": "yes"}',
        '<think>a</think><think>b</think>{"answer": "yes"}',
        '[THINK]a[/THINK]{"answer": "yes"}',
        "<|channel|>analysis<|message|>hm<|end|>"
        '<|start|>assistant<|channel|>final<|message|>{"answer": "yes"}<|return|>',
        [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": '{"answer": "yes"}'}],
    ],
)
def test_thinking_in_every_dress_is_kept_out(tmp_path: Path, serve: Serve, model_server: ModuleType, said: Any) -> None:
    server = serve(lambda number, body: content(model_server, said)(body))
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert answer.value == {"answer": "yes"}
    (plain,) = completes(tmp_path, recipe(server.base_url), request("Without a schema.", None))
    assert isinstance(plain, Completion)
    assert plain.text == '{"answer": "yes"}'


@pytest.mark.parametrize("message", ["a text", None, ["x"], {"content": {"a": 1}}, {"content": 3}])
def test_a_message_of_another_shape_is_no_answer(
    tmp_path: Path, serve: Serve, model_server: ModuleType, message: Any
) -> None:
    def odd(body: Mapping[str, Any]) -> Any:
        made = model_server.completion("", body)
        made["choices"][0]["message"] = message
        return 200, made, {}

    server = serve(first(1, odd))
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert failures(tmp_path)[0]["usage"]["output_tokens"] == 20, "it was paid for"


@pytest.mark.parametrize("schema", [SCHEMA, None])
def test_half_of_a_character_is_not_accepted(
    tmp_path: Path, serve: Serve, model_server: ModuleType, schema: Any
) -> None:
    said = '{"answer": "a smile \\ud83d"}' if schema else "a smile \ud83d"
    server = serve(first(1, content(model_server, said)))
    (answer,) = completes(tmp_path, recipe(server.base_url), request(schema=schema))
    assert isinstance(answer, Completion)
    assert failures(tmp_path)[0]["error"] == "half of a character"


def test_room_that_the_endpoint_does_not_have_leaves_the_reason(
    tmp_path: Path, serve: Serve, model_server: ModuleType
) -> None:
    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        if body["max_tokens"] > 1500:
            return status(400, "max_tokens is too large")(body)
        return content(model_server, '{"answer": "Pan', "length")(body)

    (outcome,) = completes(tmp_path, recipe(serve(behaviour).base_url), request())
    assert isinstance(outcome, Failure)
    assert (outcome.error, outcome.detail) == ("truncated", "max_tokens is too large [x]")


def test_newer_models_get_the_key_that_they_want(tmp_path: Path, serve: Serve) -> None:
    def behaviour(number: int, body: Mapping[str, Any]) -> Any:
        if "max_tokens" in body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return 400, {"error": {"message": message}}, {}
        return None

    server = serve(behaviour)
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)
    assert "max_completion_tokens" in server.requests[-1]


def test_a_bad_request_fails_at_once_and_alone(tmp_path: Path, serve: Serve) -> None:
    server = serve(lambda number, body: status(400, "context too long")(body) if "long" in str(body) else None)
    outcomes = completes(tmp_path, recipe(server.base_url), request("A long text."), request("A brief text."))
    assert isinstance(outcomes[0], Failure)
    assert (outcomes[0].error, outcomes[0].detail) == ("refused with status 400", "context too long [x]")
    assert isinstance(outcomes[1], Completion)
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_ends_the_run_and_is_never_shown(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    server = serve(first(99, status(code, f"Incorrect API key provided: {SECRET}")))
    with caplog.at_level(logging.DEBUG), pytest.raises(EndpointError, match="MY_KEY") as caught:
        completes(tmp_path, recipe(server.base_url, api_key_env="MY_KEY"), request())
    assert SECRET not in str(caught.value) + caplog.text
    assert len(server.requests) == 1
    for path in (tmp_path / "journal").iterdir():
        assert SECRET not in path.read_text(encoding="utf-8")


def test_a_model_that_is_not_there_is_named_with_the_nearest(tmp_path: Path, serve: Serve) -> None:
    server = serve(first(99, status(404, "no such model")))
    with pytest.raises(EndpointError) as caught:
        completes(tmp_path, recipe(server.base_url, model="carefull"), request())
    assert "'carefull'" in str(caught.value)
    assert "did you mean 'careful'?" in str(caught.value)


def test_an_endpoint_that_is_down_ends_the_run(tmp_path: Path) -> None:
    made = recipe("http://127.0.0.1:9/v1", concurrency=16)
    with pytest.raises(EndpointError, match="got no answer") as caught:
        completes(tmp_path, made, *[request(f"Sentence {n}.") for n in range(40)])
    assert "run the same command again" in str(caught.value)


def test_an_endpoint_that_is_away_for_a_while_costs_no_row(tmp_path: Path, model_server: ModuleType) -> None:
    server = model_server.ModelServer(latency_s=0.02).start()
    said: list[str] = []
    made = recipe(server.base_url, concurrency=32, max_attempts=2, patience_s=60.0)

    async def work(chat: Chat) -> list[Completion | Failure]:
        asked = asyncio.gather(*(chat.complete(request(f"Sentence {n}.")) for n in range(300)))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(3.0)
        again = await asyncio.to_thread(server.again)
        outcomes = await asked
        await asyncio.to_thread(again.stop)
        return outcomes

    outcomes = run(tmp_path, made, work, said.append)
    assert [type(outcome) for outcome in outcomes] == [Completion] * 300
    assert "waiting for it up to 60 s" in said[0]
    assert said[-1].endswith("answers again")
    assert len(failures(tmp_path)) < 100, "while it is away one call at a time tries"


def test_errors_of_a_proxy_do_not_end_a_run_whose_calls_are_still_answered(tmp_path: Path, serve: Serve) -> None:
    # more than the endpoint can take at once: the others are refused sooner than the first are answered
    server = serve(lambda number, body: status(502)(body) if 8 <= number < 24 else None, latency_s=0.5)
    outcomes = completes(
        tmp_path, recipe(server.base_url, concurrency=24), *[request(f"Sentence {n}.") for n in range(30)]
    )
    assert [type(outcome) for outcome in outcomes] == [Completion] * 30


def test_an_endpoint_that_stays_away_ends_the_run_after_the_patience(tmp_path: Path, serve: Serve) -> None:
    server = serve(lambda number, body: status(500)(body) if number >= 8 else None)
    started = time.monotonic()
    with pytest.raises(EndpointError, match="attempts in a row got no answer; the last: status 500"):
        completes(tmp_path, recipe(server.base_url, patience_s=2.0), *[request(f"Sentence {n}.") for n in range(200)])
    assert 2.0 <= time.monotonic() - started < 20
    assert len(server.requests) < 40, "it does not burn through every row"


@pytest.mark.parametrize("code", [501, 507, 521, 530])
def test_every_status_of_a_server_that_failed_is_tried_again(tmp_path: Path, serve: Serve, code: int) -> None:
    server = serve(first(1, status(code)))
    (answer,) = completes(tmp_path, recipe(server.base_url), request())
    assert isinstance(answer, Completion)


def test_a_redirect_ends_the_run(tmp_path: Path, serve: Serve) -> None:
    server = serve(first(99, status(301, headers={"location": "https://example.org/v1?token=abc"})))
    with pytest.raises(EndpointError, match=r"redirects \(301\) to https://example.org/v1;") as caught:
        completes(tmp_path, recipe(server.base_url), *[request(f"Sentence {n}.") for n in range(40)])
    assert "abc" not in str(caught.value)


def test_an_endpoint_that_refuses_every_call_ends_the_run(tmp_path: Path, serve: Serve) -> None:
    server = serve(lambda number, body: status(400, "seed is not supported")(body))
    with pytest.raises(EndpointError, match=r"refuses every call so far \(20\); .*seed is not supported"):
        completes(tmp_path, recipe(server.base_url, concurrency=2), *[request(f"Sentence {n}.") for n in range(40)])


def test_moderation_costs_its_row_only(tmp_path: Path, serve: Serve) -> None:
    server = serve(lambda number, body: status(403, "flagged by moderation")(body) if number == 1 else None)
    made = recipe(server.base_url, concurrency=1)
    outcomes = completes(tmp_path, made, *[request(f"Sentence {n}.") for n in range(3)])
    assert [type(outcome) for outcome in outcomes] == [Completion, Failure, Completion]


@pytest.mark.parametrize(
    "reply", [status(429, "You exceeded your current quota", kind="insufficient_quota"), status(402, "Top up")]
)
def test_no_credit_ends_the_run(tmp_path: Path, serve: Serve, reply: Any) -> None:
    server = serve(first(99, reply))
    with pytest.raises(EndpointError, match="no credit"):
        completes(tmp_path, recipe(server.base_url), request())


def test_a_key_with_a_line_break_is_sent_without_it(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", f"{SECRET}\n")
    (answer,) = completes(tmp_path, recipe(serve().base_url, api_key_env="MY_KEY"), request())
    assert isinstance(answer, Completion)


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": 5}])
def test_caps_hold_where_an_endpoint_reports_no_usage(
    tmp_path: Path, serve: Serve, model_server: ModuleType, usage: Any
) -> None:
    def silent(number: int, body: Mapping[str, Any]) -> Any:
        return 200, {**model_server.completion('{"answer": "Panic peaks."}', body), "usage": usage}, {}

    server = serve(silent)
    made = recipe(server.base_url, concurrency=1, max_tokens_total=4000)
    with pytest.raises(BudgetReached):
        completes(tmp_path, made, *[request(f"Sentence number {number}.") for number in range(400)])
    assert len(server.requests) < 400


def test_a_cap_holds_for_texts_with_a_token_for_each_character(
    tmp_path: Path, serve: Serve, model_server: ModuleType
) -> None:
    used: list[int] = []

    def dense(number: int, body: Mapping[str, Any]) -> Any:
        tokens = sum(len(turn["content"]) for turn in body["messages"])
        used.append(tokens + 20)
        made = model_server.completion('{"answer": "Panic peaks."}', body)
        return 200, {**made, "usage": {"prompt_tokens": tokens, "completion_tokens": 20}}, {}

    made = recipe(serve(dense).base_url, concurrency=1, max_tokens_total=30_000)
    with pytest.raises(BudgetReached):
        completes(
            tmp_path, made, *[request(f"第{number}句。" + "惊恐发作会在几分钟内达到高峰" * 60) for number in range(90)]
        )
    assert 15_000 < sum(used) <= 30_000


def test_a_remote_endpoint_without_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKey, match="OPENAI_API_KEY is not set") as caught:
        completes(tmp_path, recipe("https://example.org/v1"), request())
    assert caught.value.exit_code == 2


def test_something_that_is_no_chat_endpoint(tmp_path: Path, serve: Serve) -> None:
    server = serve(lambda number, body: (200, {"hello": "world"}, {}))
    with pytest.raises(EndpointError, match="not a chat completion"):
        completes(tmp_path, recipe(server.base_url, max_attempts=20), *[request(f"{n}") for n in range(12)])


@pytest.mark.parametrize(
    ("caps", "key"),
    [
        ({"max_tokens_total": 4000}, "max_tokens_total"),
        ({"max_cost": 0.004, "price": {"input": 1.0, "output": 1.0}}, "max_cost"),
    ],
)
def test_a_cap_stops_before_it_is_crossed(tmp_path: Path, serve: Serve, caps: dict[str, Any], key: str) -> None:
    server = serve()
    made = recipe(server.base_url, concurrency=1, **caps)
    requests = [request(f"Sentence number {number}.") for number in range(200)]

    async def work(chat: Chat) -> None:
        try:
            await asyncio.gather(*(chat.complete(each) for each in requests))
        finally:
            spent = chat.usage.input_tokens + chat.usage.output_tokens
            assert 0 < spent <= 4000

    with pytest.raises(BudgetReached, match=f"ragdata.llm.{key}") as caught:
        run(tmp_path, made, work)
    assert caught.value.exit_code == 3
    before = len(server.requests)
    assert 1 < before < 200
    completes(tmp_path, recipe(server.base_url), *requests)
    assert len(server.requests) == 200, "what was paid for before the cap is not paid again"


def test_rates_are_kept(tmp_path: Path, serve: Serve) -> None:
    server = serve()
    started = time.monotonic()
    completes(tmp_path, recipe(server.base_url, requests_per_minute=600.0), *[request(f"{n}") for n in range(8)])
    assert time.monotonic() - started >= 0.65


def test_cancelling_leaves_the_journal_whole(tmp_path: Path, serve: Serve) -> None:
    server = serve(latency_s=0.05)

    async def work(chat: Chat) -> None:
        tasks = [asyncio.create_task(chat.complete(request(f"Sentence {n}."))) for n in range(40)]
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(tmp_path, recipe(server.base_url), work)
    paid = len(server.requests)
    completes(tmp_path, recipe(server.base_url), *[request(f"Sentence {n}.") for n in range(40)])
    assert len(server.requests) == 40, f"all {paid} calls that were sent are kept"


def test_every_error_is_ours_and_has_a_fix(tmp_path: Path, serve: Serve) -> None:
    for number, code in enumerate((401, 403, 404)):
        with pytest.raises(RagdataError) as caught:
            completes(tmp_path / str(number), recipe(serve(first(9, status(code))).base_url), request())
        assert str(caught.value).count("\nfix: ") == 1
