"""One document of many changed: which share of the calls a rebuild makes again, against the document's share.

    python benchmarks/incremental.py [--documents 50] [--json]

A fifth of the document's sections say something else. The bound is the document's share of the first build's calls: a
tool that asks about a document again whole reads 1.0 at best, and one that starts again reads the number of documents.
The same is done under a quota (`target`: five rows a document), where besides one document is added: its share of the
calls, and how many of the rows that were there stay.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from setting import counters, document_text, mock_endpoint, ragdata, reset, show, write_documents, write_recipe

SECTIONS = 10
ROWS_A_DOCUMENT = 5
# words find what belongs together; the mock's vectors do not
ANSWERS = {"mode": "generative", "top_k": 5, "search": "text"}


def measured(base_url: str, documents: int) -> dict[str, Any]:
    """Return the calls of first builds and of those after a change."""
    return {**without_quota(base_url, documents), **under_quota(base_url, documents)}


def without_quota(base_url: str, documents: int) -> dict[str, Any]:
    """Return the calls of a first build and of the one after the change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", documents, SECTIONS)
        recipe = write_recipe(folder, base_url, answers=ANSWERS)
        first = _build(base_url, recipe)
        _change(folder)
        told = json.loads(subprocess.run(ragdata("diff", recipe, "--json"), check=True, capture_output=True).stdout)
        second = _build(base_url, recipe)
        third = _build(base_url, recipe)
    share = 1 / documents
    return {
        "documents": documents,
        "first_build_calls": first,
        "calls_after_the_change": second,
        "share_of_calls": round(second / first, 4),
        "share_of_the_document": round(share, 4),
        "ratio": round(second / first / share, 3),
        "passages_changed": told["passages"]["new"],
        "calls_when_nothing_changed": third,
    }


def under_quota(base_url: str, documents: int) -> dict[str, Any]:
    """Return the same where rows are asked for by number, then of a document that is added."""
    reset(base_url)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", documents, SECTIONS)
        questions = {"from": "llm", "types": ["definition", "criteria", "comparison"], "per_passage": 2}
        target = ROWS_A_DOCUMENT * documents
        recipe = write_recipe(folder, base_url, answers=ANSWERS, questions={**questions, "target": target})
        first = _build(base_url, recipe)
        _change(folder)
        changed, before = _build(base_url, recipe), _rows(folder)
        new = folder / "documents" / f"{documents:06d}.md"
        new.write_text(document_text(documents, SECTIONS), encoding="utf-8")
        added, after = _build(base_url, recipe), _rows(folder)
        again = _build(base_url, recipe)
    assert len(before) == len(after) == target, "the quota is met, and not overshot"
    return {
        "quota_rows": target,
        "quota_first_build_calls": first,
        "quota_calls_after_change": changed,
        "quota_ratio": round(changed / first * documents, 3),
        "quota_calls_after_addition": added,
        "quota_ratio_of_addition": round(added / first * (documents + 1), 3),
        "quota_share_of_rows_kept": round(len(before & after) / len(before), 3),
        "quota_calls_no_change": again,
    }


def _change(folder: Path) -> None:
    path = folder / "documents" / "000007.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Cohort 3 of", "Group 3 of").replace("Cohort 8 of", "Group 8 of"), encoding="utf-8")


def _rows(folder: Path) -> set[str]:
    lines = (folder / "run" / "examples.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return {json.loads(line)["id"] for line in lines}


def _build(base_url: str, recipe: Path) -> int:
    reset(base_url, keep_seen=1)
    done = subprocess.run(ragdata("build", recipe, "--json"), check=True, capture_output=True, text=True)
    manifest = json.loads(done.stdout)
    assert counters(base_url)["repaid"] == 0, "something was paid for twice"
    return 0 if manifest["unchanged"] else int(manifest["llm"]["usage_of_this_run"]["calls"])


def main() -> None:
    """Run it; skipped where the mock server is not here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with mock_endpoint(latency=0.02) as base_url:
        show(measured(base_url, args.documents), args.json)


if __name__ == "__main__":
    main()
