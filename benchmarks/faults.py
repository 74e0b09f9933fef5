"""A build through an endpoint that fails in every way: which rows are lost, and which are wrong.

    python benchmarks/faults.py [--documents 20] [--json]

The endpoint answers 5% of the requests with 429, 5% with 500, cuts 2% short, breaks the JSON of 2%, hangs at 1% and
drops the connection at 1%. The bound is the same build without faults: each of its calls is answered, or named in
failures.jsonl, and nothing that is cut short or broken is kept. (A call that is made again with more room gets another
answer from the mock, so that the rows themselves may differ.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from setting import counters, mock_endpoint, ragdata, reset, show, write_documents, write_recipe

FAULTS = {
    "share_429": 0.05,
    "share_500": 0.05,
    "share_truncated": 0.02,
    "share_malformed": 0.02,
    "share_hang": 0.01,
    "share_disconnect": 0.01,
}


def measured(base_url: str, documents: int) -> dict[str, Any]:
    """Return what became of the rows of a build through the faults."""
    with tempfile.TemporaryDirectory() as name:
        calm, faulty = Path(name) / "calm", Path(name) / "faulty"
        llm = {"concurrency": 32, "timeout_s": 3.0, "seed": None, "max_attempts": 6}
        for folder in (calm, faulty):
            write_documents(folder / "documents", documents)
            write_recipe(folder, base_url, llm)
        reset(base_url, **dict.fromkeys(FAULTS, 0))
        subprocess.run(ragdata("build", calm / "recipe.yml"), check=True, capture_output=True)
        reset(base_url, **FAULTS, retry_after_s=0.2, hang_s=30)
        ended = subprocess.run(ragdata("build", faulty / "recipe.yml"), capture_output=True, text=True, check=False)
        stats = counters(base_url)
        verified = subprocess.run(ragdata("verify", faulty / "recipe.yml"), capture_output=True, check=False).returncode
        wanted, have = _asks(calm), _asks(faulty)
        unnamed = _unnamed(faulty, wanted - have)
        kept = _journal(faulty)
        broken = sum(not _is_whole(entry) for entry in kept.values())
    return {
        "exit_code": ended.returncode,
        "faults_met": sum(stats["faults"].values()),
        "first_calls_wanted": len(wanted),
        "first_calls_answered": len(wanted & have),
        "answers_kept": len(kept),
        "lost_and_not_named": unnamed,
        "broken_answers_accepted": broken,
        "repaid": stats["repaid"],
        "early_retries": stats["early_retries"],
        "verify_exit_code": verified,
    }


def _journal(folder: Path) -> dict[str, dict[str, Any]]:
    lines = [line for path in (folder / "run" / "journal").glob("answers-*") for line in path.read_bytes().splitlines()]
    return {entry["key"]: entry["entry"] for entry in map(json.loads, lines)}


def _asks(folder: Path) -> set[str]:
    """The calls that ask questions: those of a build with faults are the same; its questions may be others."""
    return {key for key, entry in _journal(folder).items() if entry["stage"].startswith("questions")}


def _unnamed(folder: Path, missing: set[str]) -> int:
    """What is neither there nor named: calls that ask, and questions without an answer, a rejection or a failure."""
    failures = _table(folder, "failures")
    asked = {row["id"] for row in _table(folder, "questions")}
    told = {row["question_id"] for row in _table(folder, "answers")} | {row["subject_id"] for row in failures}
    told |= {row["subject_id"] for row in _table(folder, "rejected")}
    told |= {row["subject"].get("question_id") for row in _table(folder, "rejected")}
    named = sum(row["stage"].startswith("questions") for row in failures)
    return len(asked - told) + max(0, len(missing) - named)


def _table(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = (folder / "run" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _is_whole(entry: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(entry["text"]) == entry["value"] and entry["value"])
    except ValueError:
        return False


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint(latency=0.02) as base_url:
        show(measured(base_url, args.documents), args.json)


if __name__ == "__main__":
    main()
