"""JSON Lines as sources: each line is a document of its own, and `papers.jsonl:12` is the address of the twelfth."""

from __future__ import annotations

import contextlib
import functools
import re
from array import array
from itertools import pairwise
from pathlib import Path

SUFFIXES = (".jsonl", ".ndjson")
ADDRESS = re.compile(r"(.+\.(?:jsonl|ndjson)):([1-9]\d{0,11})", re.I | re.S)
MOST_LINES = 250_000
BLOCK_BYTES = 1 << 20
BLANK_BYTES = 2
"""The longest line that says nothing: a line end of Windows."""


def holds_lines(path: Path) -> bool:
    """Return whether a file is named as JSON Lines."""
    return path.name.lower().endswith(SUFFIXES)


def lines_of(path: Path) -> list[Path]:
    """Return the address of each line that is not empty; none where there are more lines than `MOST_LINES`.

    Raises:
        OSError: The file cannot be read.
    """
    offsets = _offsets_of(path)
    if len(offsets) > MOST_LINES:
        return []
    return [
        path.with_name(f"{path.name}:{number}")
        for number, (start, end) in enumerate(pairwise(offsets), 1)
        if end - start > BLANK_BYTES
    ]


def line_bytes(path: Path) -> int | None:
    """Return how long the line of an address is, in bytes; None where the path is no address, or there is no line."""
    found = _place(path)
    return None if found is None else found[2] - found[1]


def read_line(path: Path) -> bytes | None:
    """Return the line of an address with its line end; None where the path is no address, or there is no line."""
    found = _place(path)
    if found is None:
        return None
    file, start, end = found
    with file.open("rb") as opened:
        opened.seek(start)
        return opened.read(end - start)


def _place(path: Path) -> tuple[Path, int, int] | None:
    """Return the file of an address, and where its line begins and ends."""
    named = ADDRESS.fullmatch(path.name)
    if named is None or path.exists():
        return None
    file, number = path.with_name(named[1]), int(named[2])
    with contextlib.suppress(OSError):
        offsets = _offsets_of(file)
        if number < len(offsets):
            return file, offsets[number - 1], offsets[number]
    return None


def _offsets_of(path: Path) -> array[int]:
    about = path.stat()
    return _offsets(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=8)
def _offsets(path: Path, _changed: int, size: int) -> array[int]:
    """Return where each line of a file begins, and where the last one ends; kept until the file changes."""
    offsets = array("Q", [0])
    at = 0
    with path.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            offsets.extend(at + found.end() for found in re.finditer(b"\n", block))
            at += len(block)
    if offsets[-1] < at:
        offsets.append(at)
    return offsets
