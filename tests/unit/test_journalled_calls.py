"""Calls whose journal is damaged, or breaks while they are made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.llm import open_chat
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.records import Failure
from axolotl_ragdata.stage import ChatRequest, Completion

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
CONCURRENCY = 4


@pytest.fixture
def server(model_server: ModuleType) -> Iterator[Any]:
    started = model_server.ModelServer(latency_s=0.05).start()
    yield started
    started.stop()


def recipe(server: Any) -> Recipe:
    block = {"model": "careful", "base_url": server.base_url, "concurrency": CONCURRENCY}
    return recipe_from({"ragdata": {"output": "./x", "sources": [{"path": "y"}], "llm": block}}, Path("/r/recipe.yml"))


def requests(count: int) -> list[ChatRequest]:
    return [
        ChatRequest("answers/test@1", f"q-{number}", "You answer.", f"Sleep of the kind {number} is short.", SCHEMA)
        for number in range(count)
    ]


def completes(folder: Path, server: Any, count: int) -> tuple[list[Completion | Failure], list[str]]:
    """Return the outcomes of so many calls, and what the journal found wrong on the way."""

    async def work() -> tuple[list[Completion | Failure], list[str]]:
        journal = Journal.open(folder)
        try:
            known = len(journal.notes)
            async with open_chat(recipe(server), journal) as chat:
                return list(await asyncio.gather(*map(chat.complete, requests(count)))), journal.notes[known:]
        finally:
            journal.close()

    return asyncio.run(work())


@pytest.mark.parametrize("damaged", [b'"value":', b'"text":', b'"model":', b'{"calls"', b'"entry":{', b'"key":"c-'])
def test_an_answer_that_cannot_be_read_is_asked_for_again(tmp_path: Path, server: Any, damaged: bytes) -> None:
    before, _ = completes(tmp_path, server, 4)
    path = tmp_path / "answers-000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0].replace(damaged, b'"x' + damaged[1:].replace(b"c-", b"d-")), *lines[1:]]))
    asked = len(server.requests)
    after, notes = completes(tmp_path, server, 4)
    assert len(server.requests) == asked + 1
    assert [one.value for one in after if isinstance(one, Completion)] == [
        one.value for one in before if isinstance(one, Completion)
    ]
    assert len(notes) <= 1
    assert completes(tmp_path, server, 4)[1] == [], "the answer that came later counts"
    assert len(server.requests) == asked + 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_nothing_is_asked_once_the_journal_cannot_be_written(tmp_path: Path, server: Any) -> None:
    async def work() -> int:
        journal = Journal.open(tmp_path)
        try:
            async with open_chat(recipe(server), journal) as chat:
                await chat.complete(requests(1)[0])
                kept = journal._writers["answers"]
                journal._writers["answers"] = os.open("/dev/full", os.O_WRONLY)
                os.close(kept)
                asked = len(server.requests)
                try:
                    await asyncio.gather(*map(chat.complete, requests(60)))
                finally:
                    await asyncio.sleep(0.3)
        except StoreError as problem:
            assert "what was in flight is asked again" in problem.fix
            return len(server.requests) - asked
        finally:
            journal.close()
        pytest.fail("a full disk ends the run")

    assert asyncio.run(work()) <= CONCURRENCY
