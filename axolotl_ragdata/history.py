"""The builds that a run directory has seen: when, how long, what they cost and how they ended."""

from __future__ import annotations

import contextlib
import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axolotl_ragdata.accounting import marks, spent_since
from axolotl_ragdata.errors import BudgetReached, Interrupted, RagdataError, StoreError
from axolotl_ragdata.records import Record, Usage

NAME = "builds.jsonl"
UNFINISHED = "killed"


class BuildRecord(Record):
    """One build: `outcome` is finished, interrupted, stopped at a cap, failed, or killed where it never said how."""

    started_at: str
    outcome: str = UNFINISHED
    detail: str = ""
    seconds: float | None = None
    usage: Usage = Usage()
    rows: int | None = None


class Entry:
    """What a build adds to its line while it runs."""

    def __init__(self) -> None:
        self.rows: int | None = None


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[Entry]:
    """Record a build in the history of its run directory, however it ends.

    Raises:
        StoreError: The history cannot be written.
    """
    started, clock, before = _now(), time.monotonic(), marks(folder / "journal")
    _append(folder, {"started_at": started})
    entry = Entry()
    outcome, detail = "finished", ""
    try:
        yield entry
    except BaseException as problem:
        outcome, detail = _ending(problem)
        raise
    finally:
        # an error of the build says more than one of the history that follows from it, such as a full disk
        with contextlib.suppress(*([] if outcome == "finished" else [StoreError])):
            usage = spent_since(folder / "journal", before)
            _append(
                folder,
                {
                    "started_at": started,
                    "outcome": outcome,
                    "detail": detail,
                    "seconds": round(time.monotonic() - clock, 1),
                    "usage": usage.model_dump(),
                    "rows": entry.rows,
                },
            )


def read_history(folder: Path) -> list[BuildRecord]:
    """Return the builds of a run directory, the oldest first; [] where there was none.

    Raises:
        StoreError: The file cannot be read or holds what is no build.
    """
    path = folder / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found: dict[str, BuildRecord] = {}
        for line in lines:
            record = BuildRecord.model_validate(json.loads(line))
            found[record.started_at] = record
    except (OSError, ValueError) as problem:
        raise StoreError(str(path), f"cannot be read: {problem}", "delete it: it is for reading only") from None
    return list(found.values())


def _ending(problem: BaseException) -> tuple[str, str]:
    if isinstance(problem, (Interrupted, KeyboardInterrupt)):
        return "interrupted", ""
    if isinstance(problem, BudgetReached):
        return "stopped at a cap", problem.what
    if isinstance(problem, RagdataError):
        return "failed", problem.what.splitlines()[0]
    return "failed", type(problem).__name__


def _append(folder: Path, line: dict[str, Any]) -> None:
    try:
        with (folder / NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as problem:
        fix = "check its permissions and the free space, or choose another `output:`"
        raise StoreError(str(folder / NAME), f"cannot be written: {problem.strerror}", fix) from None


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
