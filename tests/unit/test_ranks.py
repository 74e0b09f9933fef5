"""Several processes of one launch: one at a time, and one failure for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from axolotl_ragdata.errors import FailedElsewhere, MissingKey
from axolotl_ragdata.ranks import NOTE, one_at_a_time

PROCESS = """
import os, sys, time
from pathlib import Path
from axolotl_ragdata.errors import MissingKey, RagdataError
from axolotl_ragdata.ranks import one_at_a_time
folder, fails = Path(sys.argv[1]), sys.argv[2] == "fails"
try:
    with one_at_a_time(folder, lambda: print("waits")):
        if not (folder / "built").exists():
            print("builds")
            (folder / "inside").touch()
            time.sleep(1.0)
            if fails:
                raise MissingKey("OPENAI_API_KEY", "is not set", "export it")
            (folder / "built").touch()
        print("reads")
except RagdataError as error:
    print(f"{type(error).__name__}: {error.what}")
    sys.exit(error.exit_code)
"""


def launched(folder: Path, what: str) -> list[tuple[int, str]]:
    """Start two ranks from this process, as a launcher does; return how each ended."""
    children = []
    for rank in (0, 1):
        env = {**os.environ, "WORLD_SIZE": "2", "RANK": str(rank)}
        command = [sys.executable, "-c", PROCESS, str(folder), what]
        children.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True))
    ended = [(child.communicate(timeout=60)[0], child.returncode) for child in children]
    return [(code, shown) for shown, code in ended]


def test_one_builds_and_the_other_waits_and_reads(tmp_path: Path) -> None:
    ended = launched(tmp_path, "works")
    assert [code for code, _ in ended] == [0, 0]
    shown = "".join(text for _, text in ended)
    assert (shown.count("builds"), shown.count("waits"), shown.count("reads")) == (1, 1, 2)
    assert not (tmp_path / NOTE).exists()


def test_a_failure_ends_both_with_its_code_and_is_tried_once(tmp_path: Path) -> None:
    ended = launched(tmp_path, "fails")
    assert [code for code, _ in ended] == [2, 2]
    shown = "".join(text for _, text in ended)
    assert shown.count("builds") == 1
    assert shown.count("MissingKey: is not set") == 1
    assert shown.count("FailedElsewhere: is not set (rank") == 1


def test_the_failure_of_another_launch_is_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(MissingKey), one_at_a_time(tmp_path, lambda: None):
        raise MissingKey("OPENAI_API_KEY", "is not set", "export it")
    with pytest.raises(FailedElsewhere), one_at_a_time(tmp_path, lambda: None):
        pass
    note = json.loads((tmp_path / NOTE).read_text(encoding="utf-8"))
    for change in ({"launch": ["elsewhere", 1, None]}, {"time": note["time"] - 7200}):
        (tmp_path / NOTE).write_text(json.dumps({**note, **change}), encoding="utf-8")
        with one_at_a_time(tmp_path, lambda: None):
            pass
        assert not (tmp_path / NOTE).exists()


def test_a_single_process_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with one_at_a_time(tmp_path / "run", lambda: None):
        pass
    assert not (tmp_path / "run").exists()
