"""What a run directory's journal says was paid for: by stage, since a moment, and compacted.

Only the ends of a line are looked at, never its text: a million lines take seconds. Tokens of attempts that were not
accepted count like the others: they were paid for.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.journal import ANSWERS, FAILURES, key_of
from axolotl_ragdata.records import Record, Usage

USAGE = re.compile(rb'"usage":\{"calls":(\d+),"input_tokens":(\d+),"output_tokens":(\d+)\}')
STAGE = re.compile(rb'"entry":\{"stage":"([^"\\]*)"')
JUDGING = b"judge/"
"""What the stages of judging begin with."""
SUMMARY_KEY = "summary"
"""Of the lines that stand for the failed attempts of calls that were answered later."""
WORTH_COMPACTING = 2**20
"""Bytes of failed attempts above which a finished build sums them up."""

Marks = Mapping[str, int]


class StageSpending(Record):
    """What one stage asked: `answers` were accepted; `usage` holds every attempt, accepted or not."""

    stage: str
    answers: int
    failed_attempts: int
    usage: Usage


def marks(folder: Path) -> dict[str, int]:
    """Return the size of each segment of a journal, by file name: where `spent_since` may go on later."""
    return {path.name: path.stat().st_size for path in _segments(folder)}


def spent_since(folder: Path, before: Marks) -> Usage:
    """Return what builds used after the marks were taken; {} counts everything. Judging is no part of a build.

    Raises:
        StoreError: The journal cannot be read.
    """
    calls = tokens_in = tokens_out = 0
    for _, line in _lines(folder, before):
        if _is_judging(line):
            continue
        if usage := _usage(line):
            calls, tokens_in, tokens_out = calls + usage[0], tokens_in + usage[1], tokens_out + usage[2]
    return Usage(calls=calls, input_tokens=tokens_in, output_tokens=tokens_out)


def failed_attempts(folder: Path) -> dict[str, Usage]:
    """Return what attempts that gave no answer used, by the journal's key of the call.

    Raises:
        StoreError: The journal cannot be read.
    """
    failed: dict[str, Usage] = {}
    for _, line in _lines(folder, {}, (FAILURES,)):
        if usage := _usage(line):
            key = key_of(line)
            calls, tokens_in, tokens_out = usage
            used = Usage(calls=calls, input_tokens=tokens_in, output_tokens=tokens_out)
            failed[key] = failed.get(key, Usage()) + used
    return failed


def by_stage(folder: Path) -> list[StageSpending]:
    """Return what each stage asked so far, sorted by its name without the version.

    Raises:
        StoreError: The journal cannot be read.
    """
    answers: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    spent: dict[str, list[int]] = {}
    for stem, line in _lines(folder, {}):
        found = STAGE.search(line, 0, 400)
        stage = found[1].decode("utf-8", "replace").split("@")[0] if found else "unknown"
        usage = _usage(line) or (0, 0, 0)
        (answers if stem == ANSWERS else failed)[stage] += 1 if stem == ANSWERS else max(1, usage[0])
        total = spent.setdefault(stage, [0, 0, 0])
        for at in range(3):
            total[at] += usage[at]
    return [
        StageSpending(
            stage=stage,
            answers=answers[stage],
            failed_attempts=failed[stage],
            usage=Usage(calls=total[0], input_tokens=total[1], output_tokens=total[2]),
        )
        for stage, total in sorted(spent.items())
    ]


def compact(folder: Path) -> int:
    """Sum up the failed attempts of calls that were answered later; return the number of lines that went.

    What they cost stays, a line for each stage and error. Answers are never touched: they are what was paid for. Nor
    are the attempts of judging: its caps count them call by call. No journal may be open in the folder.

    Raises:
        StoreError: A segment cannot be read or written.
    """
    segments = _segments(folder, (FAILURES,))
    if sum(path.stat().st_size for path in segments) < WORTH_COMPACTING:
        return 0
    answered = {key_of(line) for _, line in _lines(folder, {}, (ANSWERS,))} | {SUMMARY_KEY}
    kept: list[bytes] = []
    sums: dict[tuple[str, str], list[int]] = {}
    gone = 0
    for line in _whole_lines(segments):
        found = None if _is_judging(line) or key_of(line) not in answered else _failed(line)
        if found is None:
            kept.append(line)
            continue
        stage, error, used = found
        total = sums.setdefault((stage, error), [0, 0, 0])
        for at in range(3):
            total[at] += used[at]
        gone += 1
    _replace(segments, [*(_summary(*key, total) for key, total in sorted(sums.items())), *kept])
    return gone - len(sums)


def _whole_lines(segments: Iterable[Path]) -> Iterator[bytes]:
    """Yield the lines of segments, entries or not, each with its end."""
    for path in segments:
        try:
            with path.open("rb") as file:
                yield from (line if line.endswith(b"\n") else line + b"\n" for line in file)
        except OSError as problem:
            raise _error(path, problem) from None


def _failed(line: bytes) -> tuple[str, str, tuple[int, ...]] | None:
    """Return stage, error and usage of a failed attempt, None where the line is none."""
    try:
        entry = json.loads(line)["entry"]
        usage = entry.get("usage") or {}
        used = tuple(int(usage.get(name) or 0) for name in ("calls", "input_tokens", "output_tokens"))
        return entry["stage"].split("@")[0], str(entry["error"]), used
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _summary(stage: str, error: str, total: list[int]) -> bytes:
    usage = {"calls": total[0], "input_tokens": total[1], "output_tokens": total[2]}
    entry = {"stage": stage, "subject": "", "error": error, "usage": usage}
    line = {"key": SUMMARY_KEY, "entry": entry}
    return (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _replace(segments: list[Path], lines: Iterable[bytes]) -> None:
    first = segments[0]
    beside = first.with_suffix(".new")
    try:
        with beside.open("wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(first)
        for path in segments[1:]:
            path.unlink()
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise _error(first, problem) from None


def _segments(folder: Path, stems: Sequence[str] = (ANSWERS, FAILURES)) -> list[Path]:
    return sorted(path for stem in stems for path in folder.glob(f"{stem}-*.jsonl"))


def _lines(folder: Path, before: Marks, stems: Sequence[str] = (ANSWERS, FAILURES)) -> Iterator[tuple[str, bytes]]:
    for path in _segments(folder, stems):
        stem = path.name.split("-")[0]
        try:
            with path.open("rb") as file:
                start = before.get(path.name, 0)
                # a segment that is shorter than its mark was compacted since
                file.seek(start if start <= path.stat().st_size else 0)
                yield from ((stem, line) for line in file if line.startswith(b'{"key":"') and line.endswith(b"}}\n"))
        except OSError as problem:
            raise _error(path, problem) from None


def _is_judging(line: bytes) -> bool:
    stage = STAGE.search(line, 0, 400)
    return stage is not None and stage[1].startswith(JUDGING)


def _usage(line: bytes) -> tuple[int, int, int] | None:
    # the entry's last key, so that what a model wrote is not looked at
    found = USAGE.search(line, max(0, len(line) - 120))
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _error(path: Path, problem: OSError) -> StoreError:
    fix = "check its permissions and the free space, then run the same command again"
    return StoreError(str(path), f"the journal cannot be read or written: {problem.strerror or problem}", fix)
