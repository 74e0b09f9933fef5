"""The Batch API: sharded, resumed without resubmitting, errors and expired requests taken care of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.errors import EndpointError
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.llm import Chat, open_chat
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.records import Failure
from axolotl_ragdata.stage import ChatRequest, Completion

SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}},
    "required": ["question"],
    "additionalProperties": False,
}
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
    folder: Path, of: Recipe, asked: list[ChatRequest], heard: list[str] | None = None
) -> list[Completion | Failure]:
    async def work() -> list[Completion | Failure]:
        journal = Journal.open(folder)
        say = (heard if heard is not None else []).append
        try:
            async with open_chat(of, journal, say=say) as chat:
                return list(await asyncio.gather(*(chat.complete(request) for request in asked)))
        finally:
            journal.close()

    return asyncio.run(work())


def test_requests_go_in_shards_and_come_back_to_who_asked(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    heard: list[str] = []
    found = completes(tmp_path, recipe(server.base_url, batch={"max_requests": 4}), requests(10), heard)
    assert [each.value["question"] for each in found if isinstance(each, Completion)] == [
        f"What is known about {words}?" for words in ["anxiety common adults number lasts several"] * 10
    ]
    sizes = [batch["request_counts"]["total"] for batch in server.batches.values()]
    assert sum(sizes) == 10
    assert max(sizes) <= 4
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

    async def leave() -> None:
        journal = Journal.open(tmp_path)
        try:
            async with open_chat(of, journal) as chat:
                tasks = [asyncio.create_task(chat.complete(request)) for request in requests(5)]
                while not server.batches:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            journal.close()

    asyncio.run(leave())
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
