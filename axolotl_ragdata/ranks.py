"""Several processes of one launch before they know each other: one builds, the others wait and read, or fail with it.

Axolotl asks for the dataset before torch.distributed exists, so the processes meet in the run directory: a file lock,
and a note of the failure that ends them all.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import FailedElsewhere, RagdataError
from axolotl_ragdata.store import RunDirectory, write_atomically

LOCK = ".ranks.lock"
NOTE = ".failed.json"
NOTE_LASTS_S = 3600.0
POLL_S = 0.5


def world_size() -> int:
    """Return the number of processes of this launch."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def rank() -> int:
    """Return which of them this is, from 0."""
    return int(os.environ.get("RANK") or 0)


@contextlib.contextmanager
def one_at_a_time(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let the processes of a launch in one after the other; once one has failed here, the others fail with it.

    A launch of one process is let through.

    Args:
        folder: The run directory.
        waiting: Called once where another process is inside.

    Raises:
        FailedElsewhere: Another process of this launch failed.
        StoreError: The folder cannot be written.
    """
    if world_size() == 1:
        yield
        return
    from filelock import FileLock, Timeout

    RunDirectory(folder).create()
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire(poll_interval=POLL_S)
    try:
        _raise_what_failed(folder)
        yield
        (folder / NOTE).unlink(missing_ok=True)
    except FailedElsewhere:
        raise
    except RagdataError as error:
        _leave_note(folder, error)
        raise
    finally:
        lock.release()


def _launch() -> list[Any]:
    # every launcher starts its processes on one machine from one parent, and another launch has another
    return [socket.gethostname(), os.getppid(), os.environ.get("TORCHELASTIC_RESTART_COUNT")]


def _leave_note(folder: Path, error: RagdataError) -> None:
    told = {"where": error.where, "what": error.what, "fix": error.fix, "exit_code": error.exit_code}
    note = {**told, "launch": _launch(), "rank": rank(), "time": time.time()}
    with contextlib.suppress(RagdataError):  # the error itself matters more
        write_atomically(folder / NOTE, json.dumps(note).encode())


def _raise_what_failed(folder: Path) -> None:
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if note["launch"] == _launch() and abs(time.time() - note["time"]) < NOTE_LASTS_S:
        what = f"{note['what']} (rank {note['rank']} failed)"
        raise FailedElsewhere(note["where"], what, note["fix"], int(note["exit_code"]))
