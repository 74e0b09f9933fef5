"""Where results go: `results.json`, `results.md`, `report.html` and the answers that people should decide."""

from __future__ import annotations

import json
from pathlib import Path

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.judge.results.html import report
from axolotl_ragdata.judge.results.markdown import markdown
from axolotl_ragdata.judge.results.records import Results
from axolotl_ragdata.store import write_atomically

JSON, MARKDOWN, REPORT, DISPUTED = "results.json", "results.md", "report.html", "disputed.jsonl"


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write all files and return their paths.

    Raises:
        StoreError: They cannot be written.
    """
    files = {
        JSON: _json(results),
        MARKDOWN: markdown(results),
        REPORT: report(results),
        DISPUTED: "".join(f"{one.model_dump_json()}\n" for one in results.disputed),
    }
    for name, text in files.items():
        write_atomically(folder / name, text.encode("utf-8", "replace"))
    return [folder / name for name in files]


def _json(results: Results) -> str:
    from pydantic_core import PydanticSerializationError

    try:
        return results.model_dump_json(indent=1) + "\n"
    except PydanticSerializationError:
        # half a surrogate pair in an answer: the writer below is slower and does not mind
        return json.dumps(results.model_dump(mode="python"), ensure_ascii=False, indent=1) + "\n"


def read_results(folder: Path) -> Results:
    """Return the results that an earlier run wrote.

    Raises:
        StoreError: There are none, or the file is not theirs.
    """
    path = folder / JSON
    try:
        return Results.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(str(path), "there are no results yet", "run `ragdata judge` first") from None
    except (OSError, ValueError) as problem:
        line = " ".join(str(problem).split())[:300]
        raise StoreError(str(path), f"these are no results: {line}", "run `ragdata judge` again") from None
