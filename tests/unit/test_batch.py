"""The Batch API: sharded, resumed without resubmitting, errors and expired requests taken care of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.accounting import spent_since
from axolotl_ragdata.batch import BatchTransport, endpoint, room, standing
from axolotl_ragdata.errors import BudgetReached, EndpointError
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.llm import Chat, open_chat
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.records import Failure
from axolotl_ragdata.stage import ChatRequest, Completion
from axolotl_ragdata.transport import Reply

SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}},
    "required": ["question"],
    "additionalProperties": False,
}
BODY = {"model": "careful", "messages": [{"role": "user", "content": "Anxiety is common in many of the adults."}]}
SENTENCE = "Anxiety is common in adults, number {}, and it lasts for several months in most of them."


@pytest.fixture
def serve(batch_server: ModuleType) -> Iterator[Callable[..., Any]]:
    started = []

    def start(**options: Any) -> Any:
        server = batch_server.BatchServer(**options).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def recipe(url: str, **llm: Any) -> Recipe:
    batch = {"quiet_s": 0.05, "poll_s": 0.05, **llm.pop("batch", {})}
    block = {"model": "careful", "base_url": url, "mode": "batch", "batch": batch, **llm}
    return recipe_from({"ragdata": {"output": "./x", "sources": [{"path": "x"}], "llm": block}}, Path("recipe.yml"))


def requests(count: int) -> list[ChatRequest]:
    return [ChatRequest("asks@1", str(n), "You ask.", SENTENCE.format(n), SCHEMA) for n in range(count)]


def completes(
    folder: Path, of: Recipe, asked: list[ChatRequest], heard: list[str] | None = None, after_s: float = 0.0
) -> list[Completion | Failure]:
    async def work() -> list[Completion | Failure]:
        journal = Journal.open(folder)
        say = (heard if heard is not None else []).append
        try:
            async with open_chat(of, journal, say=say) as chat:
                await asyncio.sleep(after_s)
                calls = asyncio.gather(*(chat.complete(request) for request in asked))
                return list(await asyncio.wait_for(calls, 30))
        finally:
            journal.close()

    return asyncio.run(work())


def leave(folder: Path, of: Recipe, asked: list[ChatRequest], server: Any) -> None:
    """Run until the requests are submitted, and no longer."""

    async def work() -> None:
        journal = Journal.open(folder)
        try:
            async with open_chat(of, journal) as chat:
                tasks = [asyncio.create_task(chat.complete(request)) for request in asked]
                while not server.batches:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            journal.close()

    asyncio.run(work())


def all_good(found: list[Completion | Failure]) -> bool:
    return all(isinstance(each, Completion) for each in found)


def number_of(line: Any) -> int:
    """Return which of `requests` stands in a line of a batch."""
    return int(line["body"]["messages"][-1]["content"].split("number ")[1].split(",")[0])


def sizes(server: Any) -> list[int]:
    return [batch["request_counts"]["total"] for batch in server.batches.values()]


def test_requests_go_in_shards_and_come_back_to_who_asked(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    heard: list[str] = []
    found = completes(tmp_path, recipe(server.base_url, batch={"max_requests": 4}), requests(10), heard)
    assert [each.value["question"] for each in found if isinstance(each, Completion)] == [
        f"What is known about {words}?" for words in ["anxiety common adults number lasts several"] * 10
    ]
    assert sum(sizes(server)) == 10
    assert max(sizes(server)) <= 4
    assert sorted(server.paid) == sorted(set(server.paid)), "nothing is asked twice"
    keys = {json.loads(line)["key"] for line in next(tmp_path.glob("answers-*")).read_text().splitlines()}
    assert keys == set(server.paid), "the custom id is the journal's key"
    assert any("submitted batch" in line for line in heard)


def test_files_are_cut_by_bytes(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    asked = [ChatRequest("a@1", str(n), "", f"{SENTENCE.format(n)} {'x' * 4000}") for n in range(6)]
    assert all(
        isinstance(each, Completion)
        for each in completes(tmp_path, recipe(server.base_url, batch={"max_bytes": 10_000}), asked)
    )
    assert len(server.batches) == 3
    assert all(len(server.files[batch["input_file_id"]]) <= 10_000 for batch in server.batches.values())


def test_a_run_that_ends_is_taken_up_without_submitting_again(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(batch_s=0.6)
    of = recipe(server.base_url)
    leave(tmp_path, of, requests(5), server)
    assert server.paid == []
    assert all(isinstance(each, Completion) for each in completes(tmp_path, of, requests(5)))
    assert len(server.batches) == 1
    assert len(server.paid) == 5


def test_a_batch_that_was_made_before_its_name_was_written_is_found(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(batch_s=0.3)
    of = recipe(server.base_url)
    completes(tmp_path, of, requests(3))
    for path in tmp_path.glob("answers-*"):
        path.unlink()
    ledger = tmp_path / "batches.jsonl"
    ledger.write_bytes(ledger.read_bytes().splitlines(keepends=True)[0] + b'{"shard": "torn')
    assert all(isinstance(each, Completion) for each in completes(tmp_path, of, requests(3)))
    assert len(server.batches) == 1


def test_batches_of_another_endpoint_are_left_to_it(tmp_path: Path, serve: Callable[..., Any]) -> None:
    lines = [
        {"shard": "shard-0", "keys": ["c-1"], "base_url": "http://127.0.0.1:1/v1"},
        {"shard": "shard-0", "batch": "of-a-judge"},
    ]
    (tmp_path / "batches.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    server = serve()
    assert all(isinstance(each, Completion) for each in completes(tmp_path, recipe(server.base_url), requests(2)))
    assert len(server.batches) == 1


def test_expired_requests_are_queued_again(tmp_path: Path, serve: Callable[..., Any]) -> None:
    late: list[str] = []

    def outcome(number: int, line: Any) -> str | None:
        if number == 0 and len(late) < 2:
            late.append(line["custom_id"])
            return "expire"
        return None

    server = serve(outcome=outcome)
    heard: list[str] = []
    found = completes(tmp_path, recipe(server.base_url), requests(6), heard)
    assert all(isinstance(each, Completion) for each in found)
    assert len(server.paid) == 6
    assert any("2 requests expired" in line for line in heard)


def test_an_error_of_one_request_is_its_own(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(outcome=lambda number, line: 422 if "number 1," in line["body"]["messages"][-1]["content"] else None)
    asked = [ChatRequest("a@1", str(n), "", SENTENCE.format(n)) for n in range(3)]
    found = completes(tmp_path, recipe(server.base_url), asked)
    assert [type(each) for each in found] == [Completion, Failure, Completion]
    assert "422" in found[1].error  # type: ignore[union-attr]


def test_a_batch_that_fails_ends_the_run_with_its_reason(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(status=lambda number: "failed")
    with pytest.raises(EndpointError, match="the file is not right"):
        completes(tmp_path, recipe(server.base_url), requests(2))


def test_an_endpoint_without_batches_says_so(tmp_path: Path, model_server: ModuleType) -> None:
    server = model_server.ModelServer().start()
    try:
        with pytest.raises(EndpointError) as caught:
            completes(tmp_path, recipe(server.base_url), requests(1))
    finally:
        server.stop()
    assert "llm.mode: live" in caught.value.fix


def test_a_chat_of_batches_works_on_as_many_records_as_a_batch_holds(tmp_path: Path, serve: Callable[..., Any]) -> None:
    async def in_flight() -> int:
        journal = Journal.open(tmp_path)
        try:
            chat: Chat = open_chat(recipe(serve().base_url), journal)
            return chat.in_flight
        finally:
            journal.close()

    assert asyncio.run(in_flight()) == 100_000


def test_a_batch_that_failed_is_submitted_anew_by_the_next_run(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(status=lambda number: "failed" if number == 0 else "completed")
    with pytest.raises(EndpointError, match="the file is not right"):
        completes(tmp_path, recipe(server.base_url), requests(3))
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(3)))
    assert len(server.batches) == 2


def test_a_shard_that_failed_costs_the_others_nothing(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(status=lambda number: "failed" if number == 1 else "completed", batch_s=0.3)
    of = recipe(server.base_url, batch={"max_bytes": 10_000})
    asked = [ChatRequest("a@1", str(n), "", f"{SENTENCE.format(n)} {'x' * 4000}") for n in range(6)]
    with pytest.raises(EndpointError, match="batch-1 failed"):
        completes(tmp_path, of, asked)
    assert all_good(completes(tmp_path, of, asked))
    assert sizes(server) == [2, 2, 2, 2]
    assert len(server.paid) == len(set(server.paid)) == 6


def test_a_batch_that_failed_between_two_runs_is_submitted_anew_at_once(
    tmp_path: Path, serve: Callable[..., Any]
) -> None:
    server = serve(status=lambda number: "failed" if number == 0 else "completed", batch_s=0.3)
    of, heard = recipe(server.base_url), []  # type: ignore[var-annotated]
    leave(tmp_path, of, requests(3), server)
    assert all_good(completes(tmp_path, of, requests(3), heard))
    assert any("batch-0 failed: the file is not right" in line for line in heard)


@pytest.mark.parametrize("after_s", [0.0, 0.5])
def test_a_batch_that_vanished_is_submitted_anew(tmp_path: Path, serve: Callable[..., Any], after_s: float) -> None:
    server = serve(batch_s=0.3)
    of, heard = recipe(server.base_url), []  # type: ignore[var-annotated]
    leave(tmp_path, of, requests(3), server)
    server.batches.clear()
    assert all_good(completes(tmp_path, of, requests(3), heard, after_s))
    assert any("batch-0" in line and "404" in line for line in heard)
    assert list(server.batches) == ["batch-1"]


def test_a_batch_that_vanishes_while_it_is_waited_for_is_an_attempt(tmp_path: Path, serve: Callable[..., Any]) -> None:
    def forgotten(method: str, path: str) -> int | None:
        looks.append(path)
        return 404 if path.endswith("/batches/batch-0") and looks.count(path) > 2 else None

    looks: list[str] = []
    server = serve(batch_s=0.4, fault=forgotten)
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(3)))
    assert len(server.batches) == 2


def test_an_endpoint_that_shows_no_batch_is_not_sent_another(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(fault=lambda method, path: 404 if "/batches/" in path else None)
    with pytest.raises(EndpointError, match="404"):
        completes(tmp_path, recipe(server.base_url), requests(2))
    assert len(server.batches) == 1


def test_what_a_cancelled_batch_left_is_asked_again(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(batch_s=0.4)
    leave(tmp_path, recipe(server.base_url), requests(5), server)
    server.cancel("batch-0", after=2)
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(5)))
    assert sizes(server) == [5, 3]
    assert len(server.paid) == len(set(server.paid)) == 5


def test_a_batch_above_the_limit_of_tokens_waits_for_another_to_end(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(room=4, batch_s=0.5)
    asked = [ChatRequest("a@1", str(n), "", f"{SENTENCE.format(n)} {'x' * 4000}") for n in range(8)]
    heard: list[str] = []
    assert all_good(completes(tmp_path, recipe(server.base_url, batch={"max_bytes": 10_000}), asked, heard))
    assert any("token limit" in line and "wait for room" in line for line in heard)
    assert len(server.paid) == 8
    assert len(server.batches) <= 6, "what does not fit is not sent again and again"


def test_a_batch_above_the_limit_by_itself_is_halved(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(room=60, batch_s=0.1)
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(200)))
    assert sizes(server) == [200, 100, 50, 50, 50, 50]
    assert len(server.paid) == 200


def test_a_limit_that_others_fill_ends_the_run_at_last(
    tmp_path: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ROOM_WAIT_S", 0.1)
    monkeypatch.setattr(room, "LONGEST_S", 0.5)
    with pytest.raises(EndpointError, match="token limit") as caught:
        completes(tmp_path, recipe(serve(room=0).base_url), requests(3))
    assert "max_requests" in caught.value.fix


def test_errors_of_single_requests_are_tried_again_in_a_new_batch(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(outcome=lambda batch, line: 500 if batch == 0 and number_of(line) < 12 else None)
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(30)))
    assert sizes(server) == [30, 12]


@pytest.mark.parametrize("status", [500, 429])
def test_errors_that_stay_are_named_and_end_no_run(tmp_path: Path, serve: Callable[..., Any], status: int) -> None:
    server = serve(outcome=lambda batch, line: status if number_of(line) < 12 else None)
    found = completes(tmp_path, recipe(server.base_url, max_attempts=3), requests(30))
    assert [each.error for each in found if isinstance(each, Failure)] == [f"status {status}"] * 12
    assert sizes(server) == [30, 12, 12], "all of them together"


def test_rates_of_live_calls_cut_no_batch(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    assert all_good(completes(tmp_path, recipe(server.base_url, requests_per_minute=60), requests(5)))
    assert sizes(server) == [5]


def test_what_failed_is_asked_again_by_the_next_run(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(outcome=lambda batch, line: 422 if batch == 0 and number_of(line) == 1 else None)
    assert not all_good(completes(tmp_path, recipe(server.base_url), requests(3)))
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(3)))
    assert sizes(server) == [3, 1]


def test_a_bad_answer_is_heard_once_and_counted_once(
    tmp_path: Path, serve: Callable[..., Any], model_server: ModuleType
) -> None:
    def cut(number: int, body: Any) -> Any:
        is_bad = "number 1," in body["messages"][-1]["content"]
        return (200, model_server.completion('{"questi', body, "length"), {}) if is_bad else None

    server = serve(behaviour=cut)
    for run in (1, 2):
        assert not all_good(completes(tmp_path, recipe(server.base_url, max_attempts=2), requests(3)))
        assert sizes(server) == [3, 1, 1, 1][: 2 * run]
        assert spent_since(tmp_path, {}).calls == len(server.paid)


def test_a_bad_answer_that_is_asked_again_while_the_error_file_is_read(
    tmp_path: Path, serve: Callable[..., Any], model_server: ModuleType
) -> None:
    def cut(number: int, body: Any) -> Any:
        is_bad = len(server.batches) == 1 and "number 1," in body["messages"][-1]["content"]
        return (200, model_server.completion('{"questi', body, "length"), {}) if is_bad else None

    def slow(method: str, path: str) -> int | None:
        time.sleep(0.3 if path.endswith("/content") else 0)
        return None

    server = serve(behaviour=cut, loss=slow, outcome=lambda batch, line: 422 if number_of(line) == 2 else None)
    found = completes(tmp_path, recipe(server.base_url), requests(3))
    assert [type(each) for each in found] == [Completion, Completion, Failure]


def test_a_refusal_that_ended_the_run_is_not_heard_again(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(outcome=lambda batch, line: 401 if batch == 0 and number_of(line) == 1 else None)
    with pytest.raises(EndpointError, match="refuses the key"):
        completes(tmp_path, recipe(server.base_url), requests(3))
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(3)))
    assert len(server.paid) == 3


def test_answers_that_nobody_asked_for_yet_stay_in_their_batch(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(batch_s=0.3)
    of = recipe(server.base_url)
    leave(tmp_path, of, requests(4), server)
    assert all_good(completes(tmp_path, of, requests(2)))
    assert all_good(completes(tmp_path, of, requests(4)))
    assert sizes(server) == [4]
    ledger = [json.loads(line) for line in (tmp_path / "batches.jsonl").read_text().splitlines()]
    assert [len(line["keys"]) for line in ledger if "keys" in line] == [4, 2]
    assert ledger[-1]["ended"] == "taken"


@pytest.mark.parametrize("status", [502, 429, 200])
def test_an_endpoint_that_is_away_while_a_batch_runs_is_waited_for(
    tmp_path: Path, serve: Callable[..., Any], status: int
) -> None:
    server = serve(batch_s=0.3, fault=lambda method, path: status if is_away(path) else None)
    looks: list[str] = []

    def is_away(path: str) -> bool:
        looks.append(path)
        return 2 <= sum("/batches/" in look or "/content" in look for look in looks) <= 10

    heard: list[str] = []
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(2), heard))
    assert len(server.batches) == 1
    assert sum("it is waited for" in line for line in heard) == 1
    assert sum("answers again" in line for line in heard) == 1


def test_a_page_in_the_place_of_answers_is_not_taken_for_them(tmp_path: Path, serve: Callable[..., Any]) -> None:
    reads: list[str] = []

    def page(method: str, path: str) -> int | None:
        reads.extend([path] if path.endswith("/content") else [])
        return 200 if path.endswith("/content") and len(reads) < 3 else None

    server = serve(fault=page)
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(2)))
    assert len(server.paid) == 2


def test_an_endpoint_that_is_started_again_goes_on(tmp_path: Path, batch_server: ModuleType) -> None:
    server = batch_server.BatchServer(batch_s=0.5).start()
    of = recipe(server.base_url)
    leave(tmp_path, of, requests(3), server)
    server.stop()
    started: list[Any] = []
    back = threading.Timer(3.0, lambda: started.append(server.again()))
    back.start()
    try:
        assert all_good(completes(tmp_path, of, requests(3)))
    finally:
        back.join()
        started[0].stop()
    assert len(server.batches) == 1


def test_an_endpoint_that_stays_away_ends_the_run(
    tmp_path: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "AWAY_S", 0.5)
    server = serve(batch_s=60, fault=lambda method, path: 503 if "/batches/" in path else None)
    with pytest.raises(EndpointError, match="does not answer") as caught:
        completes(tmp_path, recipe(server.base_url), requests(2))
    assert "submitted batches go on" in caught.value.fix


def test_an_endpoint_that_never_answered_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="does not answer"):
        completes(tmp_path, recipe("http://127.0.0.1:1/v1"), requests(1))


@pytest.mark.parametrize("did", ["loss", "fault"])
def test_a_batch_whose_making_was_not_answered_is_made_once(
    tmp_path: Path, serve: Callable[..., Any], did: str
) -> None:
    def once(method: str, path: str) -> int | None:
        asked.append((method, path))
        return (
            504 if asked.count(("POST", "/v1/batches")) == 1 and asked[-1][0] == "POST" and "batches" in path else None
        )

    asked: list[tuple[str, str]] = []
    server = serve(**{did: once})
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(3)))
    assert len(server.batches) == 1


def test_half_a_line_of_the_ledger_takes_no_other_with_it(tmp_path: Path, serve: Callable[..., Any]) -> None:
    ledger = tmp_path / "batches.jsonl"
    ledger.write_bytes(b'{"shard": "shard-torn", "keys": ["c-')
    server = serve(batch_s=0.3)
    of, heard = recipe(server.base_url), []  # type: ignore[var-annotated]
    leave(tmp_path, of, requests(3), server)
    ledger.write_bytes(ledger.read_bytes() + b'{"shard": "sha')
    assert all_good(completes(tmp_path, of, requests(3), heard))
    assert len(server.batches) == 1
    assert any("cut 14 bytes" in line for line in heard)


def test_a_refusal_to_list_batches_is_explained(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(fault=lambda method, path: 401 if (method, path) == ("GET", "/v1/batches") else None)
    line = {"shard": "shard-0", "keys": ["c-1"], "base_url": server.base_url}
    (tmp_path / "batches.jsonl").write_text(f"{json.dumps(line)}\n", encoding="utf-8")
    with pytest.raises(EndpointError, match="refuses the key") as caught:
        completes(tmp_path, recipe(server.base_url), requests(1))
    assert "OPENAI_API_KEY" in caught.value.fix


def test_near_a_cap_batches_do_not_shrink_to_single_requests(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    of = recipe(server.base_url, max_tokens_total=30_000)
    with pytest.raises(BudgetReached, match="max_tokens_total") as caught:
        completes(tmp_path, of, requests(300))
    assert "too few for a batch" in caught.value.what
    assert sum(sizes(server)) == len(server.paid) > 50, "what fits was asked"
    assert len(server.batches) < 20
    assert min(sizes(server)) >= max(8, max(sizes(server)) // 4)
    assert spent_since(tmp_path, {}).calls == len(server.paid), "and is kept"
    assert 120 * len(server.paid) <= 30_000
    assert all_good(completes(tmp_path, recipe(server.base_url), requests(300)))
    assert len(server.paid) == len(set(server.paid)) == 300


def test_a_cap_with_room_for_a_few_calls_is_not_used_up_one_by_one(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    with pytest.raises(BudgetReached, match="room for 2 of 28 calls") as caught:
        completes(tmp_path, recipe(server.base_url, max_tokens_total=3000), requests(30))
    assert sizes(server) == [2]
    assert "llm.mode: live" in caught.value.fix


def test_a_run_that_ends_while_calls_wait_at_a_cap_ends_quietly(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve(batch_s=0.5)
    of = recipe(server.base_url, max_tokens_total=15_000)
    leave(tmp_path, of, requests(30), server)
    assert sizes(server) == [11]
    with contextlib.suppress(BudgetReached):
        completes(tmp_path, of, requests(30))
    assert sizes(server)[:2] == [11, 10]
    assert len(server.paid) == len(set(server.paid))


def test_what_fits_below_a_cap_goes_in_one_batch(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    assert all_good(completes(tmp_path, recipe(server.base_url, max_tokens_total=100_000), requests(20)))
    assert sizes(server) == [20]


def test_a_post_in_the_turn_in_which_submitting_ends_is_submitted(tmp_path: Path, serve: Callable[..., Any]) -> None:
    class Late(BatchTransport):
        late: asyncio.Task[Reply] | None = None

        async def _submit(self, lines: Any) -> None:
            await super()._submit(lines)
            if self.late is None:
                asyncio.get_running_loop().call_soon(self._post_late)
                await asyncio.sleep(0)

        def _post_late(self) -> None:
            self.late = asyncio.create_task(self.post("", BODY, "late"))

    async def work() -> Reply:
        journal = Journal.open(tmp_path)
        try:
            block = recipe(serve().base_url).ragdata.llm
            async with Late(str(block.base_url), "none", block, journal, lambda line: None) as transport:
                await transport.post("", BODY, "early")
                assert transport.late is not None
                return await asyncio.wait_for(transport.late, 5)
        finally:
            journal.close()

    assert asyncio.run(work()).status == 200


def test_counts_are_said_once_in_a_while(
    tmp_path: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "COUNTS_EVERY_S", 0.4)
    heard: list[str] = []
    server = serve(batch_s=2.0)
    completes(tmp_path, recipe(server.base_url), requests(50), heard)
    counted = [line for line in heard if "in_progress" in line]
    assert 3 <= len(counted) <= 6
    assert len(set(counted)) == len(counted), "only what changed"
    assert heard[-1] == "batch batch-0: completed, 50 of 50 done"
