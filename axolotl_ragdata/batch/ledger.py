"""Which batches were submitted, and what of them is still to be taken: on the disk before anything is waited for.

A line holds what became known of a shard, the requests of one batch: `{"shard", "keys", "base_url"}` before its batch
is made, `{"shard", "batch"}` after, `{"shard", "keys"}` once less is to be taken from it, `{"shard", "ended"}` once
nothing is.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import StoreError

LEDGER = "batches.jsonl"


@dataclass(eq=False)
class Shard:
    """The requests of one batch; `keys` are those whose answers are still to be taken from it.

    `is_new` says that this run submitted it; `is_seen`, that the endpoint has shown its batch to this run.
    """

    name: str
    keys: set[str] = field(default_factory=set)
    batch: str = ""
    base_url: str = ""
    is_new: bool = False
    is_seen: bool = False
    recorded: int = 0
    """Keys in its last line in the ledger."""


class Ledger:
    """The shards of a folder, in a file of lines that is only appended to."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER

    def mend(self) -> str:
        """Return a line that says what was cut off, empty where every line is whole.

        A record that were appended to half a line would be lost with it, and its requests paid for again.

        Raises:
            StoreError: The file cannot be read or written.
        """
        content = self._read()
        whole, newline, rest = content.rpartition(b"\n")
        if not rest:
            return ""
        try:
            if _line(rest):
                with self._path.open("ab") as file:
                    file.write(b"\n")
                return ""
            os.truncate(self._path, len(whole) + len(newline))
        except OSError as problem:
            raise self._unwritable(problem) from None
        return f"{self._path}: cut {len(rest)} bytes of a last line that was not whole; a batch is found by its name"

    def shards(self) -> list[Shard]:
        """Return the shards from which something may still be taken.

        Raises:
            StoreError: The file cannot be read.
        """
        known: dict[str, dict[str, Any]] = {}
        for line in filter(None, map(_line, self._read().splitlines())):
            known.setdefault(line["shard"], {}).update(line)
        return [
            Shard(name, set(line["keys"]), line.get("batch", ""), line.get("base_url", ""), recorded=len(line["keys"]))
            for name, line in known.items()
            if "ended" not in line and line.get("keys")
        ]

    def record(self, shard: str, **facts: Any) -> None:
        """Append what became known of a shard; it is on the disk on return.

        Raises:
            StoreError: It cannot be written.
        """
        line = json.dumps({"shard": shard, **facts}).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                size = file.tell()
                try:
                    written = file.write(line)
                    if written != len(line):
                        raise OSError(0, "no room for a whole line")
                    os.fsync(file.fileno())
                except OSError:
                    # what comes next must not be appended to half a line
                    with contextlib.suppress(OSError):
                        file.truncate(size)
                    raise
        except OSError as problem:
            raise self._unwritable(problem) from None

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes() if self._path.exists() else b""
        except OSError as problem:
            raise self._unwritable(problem) from None

    def _unwritable(self, problem: OSError) -> StoreError:
        fix = "free some space or correct the permissions, then run the same command again"
        return StoreError(str(self._path), f"cannot be read or written: {problem.strerror}", fix)


def _line(text: bytes) -> dict[str, Any]:
    """Return what a line holds, nothing where it is none."""
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and isinstance(found.get("shard"), str):
            return found
    return {}
