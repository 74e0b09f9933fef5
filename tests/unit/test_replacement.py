"""A finished run takes the place of the one before as a whole, however the process ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from axolotl_ragdata import store
from axolotl_ragdata.errors import RunLocked, StoreError
from axolotl_ragdata.records import Failure
from axolotl_ragdata.store import STAGED, RunDirectory, sha256_of

TABLES = ("documents", "examples", "failures")

WRITE = """
import os, signal, sys
from pathlib import Path
from axolotl_ragdata.records import Failure
from axolotl_ragdata.store import RunDirectory, sha256_of

def write(folder, said):
    run = RunDirectory(folder)
    with run.locked(), run.replaced() as beside:
        for name in ("documents", "examples", "failures"):
            beside.write_table(name, [Failure(stage=name, subject_id="1", error=said)])
        # the second run has no validation rows
        splits = ("train", "validation")[: 3 - len(said)]
        files = {split: beside.write_rows(split, [{"said": said}]) for split in splits}
        names = ["documents.jsonl", "examples.jsonl", "failures.jsonl", *files.values()]
        beside.write_card(said)
        sha256 = {name: sha256_of(beside.folder / name) for name in names}
        beside.write_manifest({"said": said, "files": files, "sha256": sha256})
"""
KILLED = """
folder, kill_at, rename, done = Path(sys.argv[1]), int(sys.argv[2]), os.replace, 0
def rename_or_die(source, target, **more):
    global done
    if done == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    done += 1
    rename(source, target, **more)
write(folder, "a")
os.replace = rename_or_die
write(folder, "bb")
"""


def said_by(folder: Path) -> str:
    """Return which run stands, which must stand as a whole."""
    manifest = RunDirectory(folder).read_manifest()
    assert manifest is not None
    for name, sha256 in manifest["sha256"].items():
        assert sha256_of(folder / name) == sha256, name
    exported = {path.name for path in folder.glob("*-*.jsonl")}
    assert exported == set(manifest["files"].values())
    assert (folder / "README.md").read_text() == manifest["said"]
    return str(manifest["said"])


def test_a_kill_at_any_rename_leaves_one_run_or_the_other(tmp_path: Path) -> None:
    found = []
    for kill_at in range(100):
        folder = tmp_path / str(kill_at)
        program = [sys.executable, "-c", WRITE + KILLED, str(folder), str(kill_at)]
        code = subprocess.run(program, check=False).returncode
        found.append(said_by(folder))
        with RunDirectory(folder).locked():
            assert not (folder / STAGED).exists(), "what a killed process left is swept"
        if code == 0:
            break
    assert sorted(set(found)) == ["a", "bb"]
    assert found == sorted(found), "once the new run is decided it stays"
    assert 8 < len(found) < 50


def written(folder: Path, said: str, failing: bool = False) -> None:
    def rows() -> Iterator[Failure]:
        yield Failure(stage="s", subject_id="1", error=said)
        if failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = RunDirectory(folder)
    with run.locked(), run.replaced() as beside:
        beside.write_card(said)
        files = {"train": beside.write_rows("train", [{"said": said}])}
        beside.write_table("documents", [])
        beside.write_table("examples", rows())
        names = ["examples.jsonl", *files.values()]
        sha256 = {name: sha256_of(beside.folder / name) for name in names}
        beside.write_manifest({"said": said, "files": files, "sha256": sha256})


def test_a_disk_that_fills_while_tables_are_written_leaves_what_stands(tmp_path: Path) -> None:
    written(tmp_path, "a")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StoreError, match="No space left") as caught:
        written(tmp_path, "b", failing=True)
    assert "examples.jsonl: cannot be written" in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert said_by(tmp_path) == "a"


HALFWAY = """
import time
write(Path(sys.argv[1]), "a")
real = os.replace
def slowly(source, target, **more):
    if Path(target).parent == Path(sys.argv[1]):
        print("renaming", flush=True)
        time.sleep(float(sys.argv[2]))
    real(source, target, **more)
os.replace = slowly
write(Path(sys.argv[1]), "bb")
"""


def test_who_reads_while_files_take_their_places_waits(tmp_path: Path) -> None:
    program = [sys.executable, "-c", WRITE + HALFWAY, str(tmp_path), "0.1"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "renaming\n"
        assert said_by(tmp_path) == "bb"
        assert child.wait(20) == 0


def test_who_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "HALFWAY_S", 0.2)
    program = [sys.executable, "-c", WRITE + HALFWAY, str(tmp_path), "60"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "renaming\n"
            with pytest.raises(RunLocked, match="another build"):
                RunDirectory(tmp_path).read_manifest()
        finally:
            child.kill()
    assert said_by(tmp_path) == "bb", "what was decided is ended by the next who looks"


def test_what_killed_processes_left_is_swept_under_the_lock(tmp_path: Path) -> None:
    (tmp_path / STAGED).mkdir()
    (tmp_path / STAGED / "documents.jsonl").write_text("half")
    (tmp_path / ".shelf-abc").write_text("x")
    assert RunDirectory(tmp_path).read_manifest() is None
    assert (tmp_path / ".shelf-abc").exists(), "only who holds the lock knows that nobody needs it"
    with RunDirectory(tmp_path).locked():
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
