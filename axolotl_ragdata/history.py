"""The builds that a run directory has seen: when, how long, what they cost and how they ended."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axolotl_ragdata.accounting import compact, marks, spent_since
from axolotl_ragdata.errors import BudgetReached, Interrupted, RagdataError, StoreError
from axolotl_ragdata.records import Record, Usage

NAME = "builds.jsonl"
UNFINISHED = "killed"
RUNNING = "running"
LOCK = ".building"
"""Held while a build runs: other commands hold the run directory's own lock too."""


class BuildRecord(Record):
    """One build; its `outcome` is finished, interrupted, stopped at a cap, failed, running, or killed: untold."""

    started_at: str
    outcome: str = UNFINISHED
    detail: str = ""
    seconds: float | None = None
    usage: Usage = Usage()
    rows: int | None = None


class Entry:
    """What a build adds to its line while it runs.

    Args:
        journal: The folder of its journal.
    """

    def __init__(self, journal: Path) -> None:
        self.rows: int | None = None
        self._journal, self._before = journal, marks(journal)
        self._usage: Usage | None = None

    def compact(self) -> None:
        """Compact the journal, in which it cannot be told afterwards what this build spent; nothing may be spent later.

        Raises:
            StoreError: The journal cannot be read or written.
        """
        self._usage = self.usage
        compact(self._journal)

    @property
    def usage(self) -> Usage:
        """What the build spent.

        Raises:
            StoreError: The journal cannot be read.
        """
        return spent_since(self._journal, self._before) if self._usage is None else self._usage


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[Entry]:
    """Record a build in the history of its run directory, however it ends.

    Raises:
        StoreError: The history cannot be written.
    """
    started, clock = _now(), time.monotonic()
    with _running(folder):
        _append(folder, {"started_at": started})
        entry = Entry(folder / "journal")
        outcome, detail = "finished", ""
        try:
            yield entry
        except BaseException as problem:
            outcome, detail = _ending(problem)
            raise
        finally:
            # an error of the build says more than one of the history that follows from it, such as a full disk
            with contextlib.suppress(*([] if outcome == "finished" else [StoreError])):
                _append(
                    folder,
                    {
                        "started_at": started,
                        "outcome": outcome,
                        "detail": detail,
                        "seconds": round(time.monotonic() - clock, 1),
                        "usage": entry.usage.model_dump(),
                        "rows": entry.rows,
                    },
                )


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[None]:
    from filelock import FileLock

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire()  # whoever holds it looks whether a build runs, and lets it go
    except OSError as problem:
        raise _unwritable(folder / LOCK, problem) from None
    try:
        yield
    finally:
        lock.release()


def _is_running(folder: Path) -> bool:
    from filelock import FileLock, Timeout

    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False  # a folder that cannot be written has no build


def read_history(folder: Path) -> list[BuildRecord]:
    """Return the builds of a run directory, the oldest first; [] where there was none. What is no build is passed over.

    Raises:
        StoreError: The file cannot be read.
    """
    path = folder / NAME
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as problem:
        raise StoreError(str(path), f"cannot be read: {problem}", "check its permissions") from None
    found: dict[str, BuildRecord] = {}
    for line in lines:
        with contextlib.suppress(ValueError):  # torn by a kill or a full disk
            record = BuildRecord.model_validate_json(line)
            found[record.started_at] = record
    builds = list(found.values())
    if builds and builds[-1].outcome == UNFINISHED and _is_running(folder):
        builds[-1] = builds[-1].model_copy(update={"outcome": RUNNING})
    return builds


def _ending(problem: BaseException) -> tuple[str, str]:
    if isinstance(problem, (Interrupted, KeyboardInterrupt)):
        return "interrupted", ""
    if isinstance(problem, BudgetReached):
        return "stopped at a cap", problem.what
    if isinstance(problem, RagdataError):
        return "failed", problem.what.splitlines()[0]
    return "failed", type(problem).__name__


def _append(folder: Path, line: dict[str, Any]) -> None:
    path = folder / NAME
    try:
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            # behind a line that a kill or a full disk tore
            start = "" if file.read(1) in (b"\n", b"") else "\n"
            file.write(f"{start}{json.dumps(line, ensure_ascii=False)}\n".encode())
    except OSError as problem:
        raise _unwritable(path, problem) from None


def _unwritable(path: Path, problem: OSError) -> StoreError:
    fix = "check its permissions and the free space, or choose another `output:`"
    return StoreError(str(path), f"cannot be written: {problem.strerror}", fix)


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
