"""`ragdata judge` as a user runs it: a judge of known behaviour, exit codes, streams and files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from axolotl_ragdata.recipe import Recipe

from .judging import truth

Known = Callable[..., tuple[str, Any]]
Finished = Callable[..., Recipe]
WORTHS = {"old": (2, 3, 4, 5), "new": (8, 9, 9, 7)}
IDS = ("ex-mania", "ex-sleep", "ex-fear", "ex-voice")


def ragdata(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "axolotl_ragdata.cli", "judge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def recipe_of(finished: Finished, write_lines: Callable[..., Path], url: str, **changes: Any) -> Recipe:
    for name, worths in WORTHS.items():
        rows = [{"question_id": at, "answer": f"worth {worth} {name}"} for at, worth in zip(IDS, worths, strict=True)]
        write_lines(f"{name}.jsonl", *rows)
    candidates = [{"kind": "answers", "name": name, "path": f"{name}.jsonl"} for name in WORTHS]
    judges = [{"model": "judge-1", "base_url": url}]
    scoring = ["pointwise", "pairwise"]
    return finished({"candidates": candidates, "judges": judges, "scoring": scoring, "resamples": 200, **changes})


def test_a_judged_run_prints_the_table_and_goes_on_to_people(
    known_judge: Known, finished: Finished, write_lines: Callable[..., Path], tmp_path: Path
) -> None:
    url, judge = known_judge(truth=truth)
    recipe = recipe_of(finished, write_lines, url)
    done = ragdata(recipe.path)
    assert done.returncode == 0, done.stderr
    assert "new 33, old 14 (of 40; 4 questions)" in done.stdout
    assert "self-test passed" in done.stderr
    folder = recipe.output / "judge"
    assert {"results.json", "results.md", "report.html", "disputed.jsonl"} <= {path.name for path in folder.iterdir()}
    paid = judge.calls
    assert json.loads(ragdata(recipe.path, "--json").stdout)["tables"][0]["totals"][1]["total"] == 33.0
    assert judge.calls == paid

    sent = json.loads(ragdata(recipe.path, "--export-blind", "--pairs", "3", "--json").stdout)
    with Path(sent["csv"]).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        row["choice"] = "a" if row["answer_a"].endswith("new") else "b"
    rated = tmp_path / "ann.jsonl"
    rated.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    people = ragdata(recipe.path, "--import-blind", rated)
    assert people.returncode == 0, people.stderr
    assert "old against new | 3 | 0 | 0 | 0 | 3" in people.stdout
    assert (folder / "human.json").exists()

    scores = [{"question_id": at, "candidate": "new", "score": 8} for at in IDS]
    human = write_lines("human.jsonl", *scores)
    calibrated = ragdata(recipe.path, "--calibrate", human)
    assert calibrated.returncode == 0, calibrated.stderr
    assert "4 answers judged, 0 unscored" in calibrated.stdout
    assert judge.calls == paid, "the verdicts of the run are in the journal"


def test_a_judge_that_fails_its_self_test_ends_with_4_and_writes_all(
    known_judge: Known, finished: Finished, write_lines: Callable[..., Path]
) -> None:
    url, _ = known_judge("constant")
    recipe = recipe_of(finished, write_lines, url)
    done = ragdata(recipe.path)
    assert done.returncode == 4
    assert "SELF-TEST FAILED" in done.stderr
    assert "void" in done.stderr
    assert done.stdout.startswith("VOID: the judge judge-1 failed its self-test")
    assert json.loads((recipe.output / "judge" / "results.json").read_text(encoding="utf-8"))["void"] is True


def test_options_that_exclude_each_other_and_files_that_are_missing(
    known_judge: Known, finished: Finished, write_lines: Callable[..., Path]
) -> None:
    url, _ = known_judge()
    recipe = recipe_of(finished, write_lines, url)
    both = ragdata(recipe.path, "--export-blind", "--calibrate", "x.jsonl")
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)
    early = ragdata(recipe.path, "--export-blind")
    assert (early.returncode, "there are no results yet" in early.stderr) == (1, True)
    missing = ragdata(recipe.path, "--calibrate", recipe.folder / "none.jsonl")
    assert (missing.returncode, "there is no such file" in missing.stderr) == (2, True)
