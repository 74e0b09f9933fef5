"""What the journal says was paid for, and the history of builds."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata import accounting
from axolotl_ragdata.accounting import by_stage, compact, failed_attempts, marks, spent_since
from axolotl_ragdata.errors import BudgetReached, Interrupted
from axolotl_ragdata.history import read_history, recorded
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.records import Usage


def entry(stage: str, tokens_in: int, tokens_out: int, **more: Any) -> dict[str, Any]:
    usage = {"calls": 1, "input_tokens": tokens_in, "output_tokens": tokens_out}
    return {"stage": stage, "subject": "s", **more, "usage": usage}


def write(folder: Path, answers: list[tuple[str, dict[str, Any]]], failures: list[tuple[str, dict[str, Any]]]) -> None:
    async def work() -> None:
        journal = Journal.open(folder)
        for key, each in answers:
            await journal.append(key, each)
        for key, each in failures:
            await journal.append_failure(key, each)
        journal.close()

    asyncio.run(work())


def test_every_attempt_counts_and_a_mark_divides_before_from_after(tmp_path: Path) -> None:
    write(
        tmp_path, [("c-1", entry("questions/a@1", 10, 2, text="x"))], [("c-2", entry("questions/a@1", 7, 1, error="e"))]
    )
    assert spent_since(tmp_path, {}) == Usage(calls=2, input_tokens=17, output_tokens=3)
    before = marks(tmp_path)
    assert spent_since(tmp_path, before) == Usage()
    write(tmp_path, [("c-2", entry("answers/b@2", 100, 20, text="y"))], [])
    assert spent_since(tmp_path, before) == Usage(calls=1, input_tokens=100, output_tokens=20)
    stages = {stage.stage: stage for stage in by_stage(tmp_path)}
    assert (stages["questions/a"].answers, stages["questions/a"].failed_attempts) == (1, 1)
    assert stages["answers/b"].usage.input_tokens == 100


def test_what_a_model_wrote_is_not_taken_for_its_usage(tmp_path: Path) -> None:
    text = '"usage":{"calls":9,"input_tokens":999,"output_tokens":999}'
    write(tmp_path, [("c-1", entry("a@1", 1, 1, text=text, value={"usage": {"calls": 9}}))], [])
    assert spent_since(tmp_path, {}) == Usage(calls=1, input_tokens=1, output_tokens=1)


def test_what_judging_used_is_no_part_of_a_build(tmp_path: Path) -> None:
    answers = [("c-1", entry("judge/answer@1 http://127.0.0.1/v1", 9, 9)), ("c-2", entry("questions/a@1", 1, 1))]
    write(tmp_path, answers, [("c-3", entry("judge/pointwise@1-0a", 5, 5, error="e"))])
    assert spent_since(tmp_path, {}) == Usage(calls=1, input_tokens=1, output_tokens=1)
    assert "judge/pointwise" in {stage.stage for stage in by_stage(tmp_path)}


def test_nothing_there_is_nothing_spent(tmp_path: Path) -> None:
    assert spent_since(tmp_path / "none", {}) == Usage()
    assert by_stage(tmp_path / "none") == []


def test_compaction_keeps_what_was_spent_and_what_still_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "WORTH_COMPACTING", 1)
    failures = [("c-1", entry("a@1", 5, 5, error="truncated")) for _ in range(20)]
    write(tmp_path, [("c-1", entry("a@1", 10, 1, text="x"))], [*failures, ("c-9", entry("a@1", 3, 0, error="empty"))])
    spent = spent_since(tmp_path, {})
    assert compact(tmp_path) == 19
    assert spent_since(tmp_path, {}) == spent
    lines = [json.loads(line) for line in next(tmp_path.glob("failures-*")).read_text().splitlines()]
    assert [line["key"] for line in lines] == ["summary", "c-9"]
    assert compact(tmp_path) == 0, "the second time there is nothing to sum up"
    assert by_stage(tmp_path)[0].failed_attempts == 21


def test_attempts_that_failed_are_counted_by_call_and_those_of_judging_stay_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting, "WORTH_COMPACTING", 1)
    judging = entry("judge/pointwise@1-0a", 5, 2, error="empty")
    failures = [("c-1", judging), ("c-1", judging), ("c-2", entry("a@1", 3, 0, error="truncated"))]
    write(tmp_path, [("c-1", entry("judge/pointwise@1-0a", 9, 9)), ("c-2", entry("a@1", 9, 9))], failures)
    twice = Usage(calls=2, input_tokens=10, output_tokens=4)
    assert failed_attempts(tmp_path) == {"c-1": twice, "c-2": Usage(calls=1, input_tokens=3, output_tokens=0)}
    compact(tmp_path)
    assert failed_attempts(tmp_path)["c-1"] == twice
    assert failed_attempts(tmp_path / "none") == {}


def test_compaction_keeps_what_it_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "WORTH_COMPACTING", 1)
    failures = [("c-1", entry("a@1", 5, 5, error="truncated"))] * 4
    write(tmp_path, [("c-1", entry("a@1", 10, 1, text="x"))], failures)
    path = tmp_path / "failures-000001.jsonl"
    line = path.read_bytes().splitlines()[0]
    odd = [
        line[:40] + line,
        b'{"key":"c-1","entry":{"stage":7}}',
        b'{"key":"c-1","entry":{}}',
        b'{"key":"}}',
        b"rubbish",
    ]
    path.write_bytes(path.read_bytes() + b"\n".join(odd))
    assert compact(tmp_path) == 3
    assert path.read_bytes().splitlines()[1:] == odd
    assert compact(tmp_path) == 0
    assert failed_attempts(tmp_path)["summary"].calls == 4


def test_a_build_that_compacts_says_what_it_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "WORTH_COMPACTING", 1)
    journal = tmp_path / "journal"
    before = [(f"c-{number}", entry("a@1", 10, 1, error="truncated")) for number in range(50)]
    write(journal, [(key, entry("a@1", 10, 1)) for key, _ in before], before)
    with recorded(tmp_path) as made:
        write(journal, [], [("c-1", entry("a@1", 7, 1, error="truncated"))])
        made.compact()
        assert by_stage(journal)[0].failed_attempts == 51
        assert len((journal / "failures-000001.jsonl").read_text().splitlines()) == 1
    (record,) = read_history(tmp_path)
    assert record.usage == Usage(calls=1, input_tokens=7, output_tokens=1)


@pytest.mark.parametrize(
    ("problem", "outcome"),
    [
        (None, "finished"),
        (Interrupted("x", 15), "interrupted"),
        (BudgetReached("x", "cap", "raise it"), "stopped at a cap"),
        (ValueError("x"), "failed"),
    ],
)
def test_the_history_says_how_a_build_ended(tmp_path: Path, problem: Exception | None, outcome: str) -> None:
    try:
        with recorded(tmp_path) as made:
            write(tmp_path / "journal", [("c-1", entry("a@1", 10, 1))], [])
            made.rows = 3
            if problem:
                raise problem
    except Exception as raised:
        assert raised is problem
    (record,) = read_history(tmp_path)
    assert record.outcome == outcome
    assert record.usage == Usage(calls=1, input_tokens=10, output_tokens=1)
    assert record.rows == 3


def test_a_build_that_never_said_how_it_ended_was_killed(tmp_path: Path) -> None:
    (tmp_path / "builds.jsonl").write_text('{"started_at": "2026-01-01T00:00:00"}\n')
    assert [record.outcome for record in read_history(tmp_path)] == ["killed"]


def test_a_torn_line_of_the_history_is_passed_over(tmp_path: Path) -> None:
    with recorded(tmp_path):
        pass
    path = tmp_path / "builds.jsonl"
    with path.open("ab") as file:
        file.write(b'{"started_at": "2026-01-01T00:00:00", "outc')
    assert [record.outcome for record in read_history(tmp_path)] == ["finished"]
    with recorded(tmp_path):
        pass
    assert [record.outcome for record in read_history(tmp_path)] == ["finished", "finished"]
    path.write_bytes(path.read_bytes() + b"\xff\n[]\n{}\n")
    assert len(read_history(tmp_path)) == 2


def test_a_build_that_runs_is_said_to_run_until_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from axolotl_ragdata.history import recorded\n"
        "with recorded(Path(sys.argv[1])): print('running', flush=True); time.sleep(60)"
    )
    (tmp_path / "builds.jsonl").write_text('{"started_at": "2026-01-01T00:00:00"}\n')
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        assert [record.outcome for record in read_history(tmp_path)] == ["killed", "running"]
        child.kill()
    assert [record.outcome for record in read_history(tmp_path)] == ["killed", "killed"]
