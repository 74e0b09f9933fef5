from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata import journal as module
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.journal import Journal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda below: st.lists(below, max_size=3), max_leaves=6
)


def written(folder: Path, entries: dict[str, dict[str, object]]) -> None:
    async def run() -> None:
        journal = Journal.open(folder)
        await asyncio.gather(*(journal.append(key, entry) for key, entry in entries.items()))
        journal.close()

    asyncio.run(run())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text("abc-0123", min_size=1, max_size=8), st.dictionaries(st.text(max_size=4), VALUES), max_size=5
    )
)
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, dict[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    written(folder, entries)
    journal = Journal.open(folder)
    assert {key: journal.get(key) for key in entries} == entries
    assert dict(journal.entries()) == entries
    assert journal.get("never") is None
    assert journal.notes == []
    journal.close()


def test_a_torn_last_line_is_cut_and_said(tmp_path: Path) -> None:
    written(tmp_path, {"c-1": {"text": "one"}, "c-2": {"text": "two"}})
    path = tmp_path / "answers-000001.jsonl"
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1]) + 1):
        path.write_bytes(whole[:-cut])
        journal = Journal.open(tmp_path)
        assert journal.get("c-1") == {"text": "one"}
        assert journal.get("c-2") is None
        assert len(journal.notes) == 1
        assert "was not whole" in journal.notes[0]
        journal.close()
        assert path.read_bytes() == whole.splitlines(keepends=True)[0]


def test_a_line_that_is_none_is_said_and_the_others_stay(tmp_path: Path) -> None:
    written(tmp_path, {"c-1": {"n": 1}, "c-2": {"n": 2}})
    path = tmp_path / "answers-000001.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"\x00\x00 rubbish\n" + second)
    journal = Journal.open(tmp_path)
    assert (journal.get("c-1"), journal.get("c-2")) == ({"n": 1}, {"n": 2})
    assert "1 lines are not journal entries" in journal.notes[0]
    journal.close()


def test_failures_are_kept_apart_and_answer_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        journal = Journal.open(tmp_path)
        await journal.append_failure("c-1", {"error": "truncated"})
        assert journal.get("c-1") is None
        await journal.append("c-1", {"text": "good"})
        journal.close()

    asyncio.run(run())
    journal = Journal.open(tmp_path)
    assert journal.get("c-1") == {"text": "good"}
    assert len(journal) == 1
    journal.close()
    assert json.loads((tmp_path / "failures-000001.jsonl").read_text())["entry"] == {"error": "truncated"}


def test_segments_are_started_and_all_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 200)

    async def run() -> None:
        journal = Journal.open(tmp_path)
        for number in range(40):
            await journal.append(f"c-{number}", {"n": number})
            assert journal.get(f"c-{number}") == {"n": number}
        journal.close()

    asyncio.run(run())
    assert len(list(tmp_path.glob("answers-*.jsonl"))) > 3
    journal = Journal.open(tmp_path)
    assert [journal.get(f"c-{number}") for number in range(40)] == [{"n": number} for number in range(40)]
    journal.close()


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="journal cannot be written") as caught:
        Journal.open(tmp_path / "file" / "journal")
    assert "fix: " in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b'{"key":"c-2","entry":{"te{"key":"c-3","entry":{"n":3}}',
        b'{"key":"c-2","entry":[]}}',
        b'{"key":"c-2","other":{"n":{}}}',
        b'{"key":"c-2","key":"c-3","entry":{"n":{}}}',
        b'{"key":"c-2","entry":{"text":"\xff\xff"}}',
    ],
)
def test_an_answer_that_cannot_be_read_is_none_and_is_said(tmp_path: Path, line: bytes) -> None:
    written(tmp_path, {"c-1": {"n": 1}})
    path = tmp_path / "answers-000001.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    journal = Journal.open(tmp_path)
    assert journal.notes == []
    assert (journal.get("c-1"), journal.get("c-2")) == ({"n": 1}, None)
    assert "c-2" not in journal
    assert len(journal.notes) == 1
    assert f"{path}: the answer c-2 at byte " in journal.notes[0]
    assert "its call is made again" in journal.notes[0]
    journal.close()


def test_a_line_without_a_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "answers-000001.jsonl").write_bytes(b'{"key":"}}\n')
    journal = Journal.open(tmp_path)
    assert len(journal) == 0
    assert "1 lines are not journal entries" in journal.notes[0]
    journal.close()


def test_a_torn_failure_is_cut_and_said(tmp_path: Path) -> None:
    async def fail(number: int) -> list[str]:
        journal = Journal.open(tmp_path)
        await journal.append_failure(f"c-{number}", {"error": "x" * 100_000})
        journal.close()
        return journal.notes

    assert asyncio.run(fail(1)) == []
    path = tmp_path / "failures-000001.jsonl"
    whole = path.read_bytes()
    for torn in (whole[:-1], whole + whole[:70_000], whole + b"{", b"{"):
        path.write_bytes(torn)
        (note,) = asyncio.run(fail(2))
        assert f"{path}: cut " in note
        kept = [json.loads(line)["key"] for line in path.read_text().splitlines()]
        assert kept == (["c-1", "c-2"] if torn.startswith(whole) else ["c-2"])


def test_whatever_goes_wrong_while_writing_reaches_everybody_who_waits(tmp_path: Path) -> None:
    async def run() -> None:
        journal = Journal.open(tmp_path)
        journal._sizes.clear()  # a bug: the thread that writes meets what nobody foresaw
        waiting = [journal.append(f"c-{number}", {"n": number}) for number in range(3)]
        found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        assert [type(problem) for problem in found] == [StoreError] * 3
        assert "KeyError" in str(found[0])
        with pytest.raises(StoreError):
            journal.check()
        journal.close()

    asyncio.run(run())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_what_was_there_stays(tmp_path: Path) -> None:
    async def run() -> None:
        journal = Journal.open(tmp_path)
        await journal.append("c-1", {"n": 1})
        full = os.open("/dev/full", os.O_WRONLY)
        kept = journal._writers["answers"]
        journal._writers["answers"] = full
        journal.check()
        with pytest.raises(StoreError, match="No space left") as caught:
            await journal.append("c-2", {"n": 2})
        assert "what was in flight is asked again" in str(caught.value)
        with pytest.raises(StoreError, match="No space left"):
            journal.check()
        with pytest.raises(StoreError):
            await journal.append("c-3", {"n": 3})
        assert journal.get("c-1") == {"n": 1}
        assert journal.get("c-2") is None
        os.close(kept)
        journal.close()

    asyncio.run(run())
    journal = Journal.open(tmp_path)
    assert (journal.get("c-1"), len(journal)) == ({"n": 1}, 1)
    journal.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from axolotl_ragdata.journal import Journal
async def one(journal, number):
    await journal.append(f"c-{number}", {"text": "x" * 200})
    print(number, flush=True)
async def main():
    journal = Journal.open(Path(sys.argv[1]))
    for start in range(0, 100000, 50):
        await asyncio.gather(*(one(journal, start + n) for n in range(50)))
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(500)]
        child.send_signal(signal.SIGKILL)
    journal = Journal.open(tmp_path)
    assert all(journal.get(f"c-{number}") == {"text": "x" * 200} for number in acknowledged)
    journal.close()
