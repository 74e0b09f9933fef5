from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from axolotl_ragdata.errors import RunLocked, StoreError
from axolotl_ragdata.records import Failure, Message, Passage
from axolotl_ragdata.replacement import remove_stale_exports
from axolotl_ragdata.store import RunDirectory, sha256_of, write_atomically


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    rows = [Message(role="user", content='größe\u2028\n"x"'), Message(role="assistant", content="")]
    assert run.write_table("questions", rows) == 2
    assert run.read_table("questions", Message) == rows
    assert run.read_table("answers", Message) == []


def test_a_row_that_was_changed_by_hand_is_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_table("failures", [Failure(stage="s", subject_id="1", error="e")] * 2)
    path = tmp_path / "failures.jsonl"
    path.write_text(path.read_text().replace('"error":"e"', '"error":7', 1))
    with pytest.raises(StoreError, match=r"failures\.jsonl:1: error: "):
        run.read_table("failures", Failure)


def test_an_export_is_named_by_its_content(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    first = run.write_rows("train", [{"a": "é"}])
    assert first == run.write_rows("train", [{"a": "é"}])
    assert first != run.write_rows("train", [{"a": "e"}])
    assert sha256_of(tmp_path / first).startswith(first.removeprefix("train-").removesuffix(".jsonl"))
    assert (tmp_path / first).read_text(encoding="utf-8") == '{"a": "é"}\n'
    remove_stale_exports(tmp_path, [first])
    assert [path.name for path in tmp_path.glob("train-*")] == [first]


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_a_manifest_that_is_not_json(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.read_manifest() is None
    run.write_manifest({"b": 1, "a": "é"})
    assert run.read_manifest() == {"a": "é", "b": 1}
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="is not a JSON object"):
        run.read_manifest()


def test_a_folder_that_cannot_be_made_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="cannot be written") as caught,
        RunDirectory(tmp_path / "file" / "run").locked(),
    ):
        pass
    assert "fix: " in str(caught.value)


HOLD = """
import sys, time
from pathlib import Path
from axolotl_ragdata.replacement import remove_stale_exports
from axolotl_ragdata.store import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_writer_at_a_time_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        said: list[float] = []

        def kill() -> None:
            said.append(time.monotonic())
            other.kill()

        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(RunLocked, match="another build"), RunDirectory(tmp_path).locked():
                pass
            with RunDirectory(tmp_path).locked(kill):
                assert len(said) == 1
        finally:
            other.kill()


def passage(name: str, doc: str) -> Passage:
    return Passage(id=name, doc_id=doc, ordinal=0, text="größe\r\n", start=0, end=7, n_tokens=2)


def test_rows_are_found_by_id_and_by_document(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    rows = [passage("p1", "d1"), passage("p2", "d1"), passage("p3", "d2")]
    run.write_table("passages", rows)
    by_id = run.open_parts("passages", "id", Passage)
    by_document = run.open_parts("passages", "doc_id", Passage)
    run.write_table("passages", rows[2:])
    assert dict(by_document) == {"d1": rows[:2], "d2": rows[2:]}, "what was opened is what is read"
    assert [by_id[key] for key in by_id] == [[row] for row in rows]
    assert by_id.get("p9") is None
    assert dict(run.open_parts("documents", "id", Passage)) == {}


def test_a_row_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_table("passages", [passage("p1", "d1"), passage("p2", "d2")])
    path = tmp_path / "passages.jsonl"
    path.write_text(path.read_text().replace('"ordinal":0', '"ordinal":"x"'))
    found = run.open_parts("passages", "doc_id", Passage)
    with pytest.raises(StoreError, match=r"passages\.jsonl:2: ordinal"):
        found["d2"]


def test_a_pipe_has_no_hash_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    with pytest.raises(StoreError, match="no regular file"):
        sha256_of(tmp_path / "pipe.pdf")
