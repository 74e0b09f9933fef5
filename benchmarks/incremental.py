"""One document of many changed: which share of the calls a rebuild makes again, against the document's share.

    python benchmarks/incremental.py [--documents 50] [--json]

A fifth of the document's sections say something else. The bound is the document's share of the first build's calls: a
tool that asks about a document again whole reads 1.0 at best, and one that starts again reads the number of documents.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from setting import counters, mock_endpoint, ragdata, reset, show, write_documents, write_recipe

SECTIONS = 10


def measured(base_url: str, documents: int) -> dict[str, Any]:
    """Return the calls of a first build and of the one after the change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder / "documents", documents, SECTIONS)
        # words find what belongs together; the mock's vectors do not
        recipe = write_recipe(folder, base_url, answers={"mode": "generative", "top_k": 5, "search": "text"})
        first = _build(base_url, recipe)
        path = folder / "documents" / "000007.md"
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace("Cohort 3 of", "Group 3 of").replace("Cohort 8 of", "Group 8 of"), encoding="utf-8"
        )
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
