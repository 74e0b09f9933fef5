"""Tables that go to people and come back: CSV that no spreadsheet runs, and JSONL."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import RecipeError

FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠|%\t\r]")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LARGEST_FIELD = 2**31 - 1
CSV_KINDS = (".csv", ".tsv")


def safe_cell(text: str) -> str:
    """Return a text that a spreadsheet shows and does not run: what could begin a formula gets an apostrophe.

    As OWASP advises (https://owasp.org/www-community/attacks/CSV_Injection); control characters are replaced.

    >>> safe_cell("=HYPERLINK(1)"), safe_cell(" +1"), safe_cell("a = b"), safe_cell("−5")
    ("'=HYPERLINK(1)", "' +1", 'a = b', '−5')
    """
    shown = UNPRINTABLE.sub("�", text)
    return f"'{shown}" if FORMULA.match(shown) else shown


def csv_text(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as CSV with a mark that tells Excel that it is UTF-8; every cell is quoted and safe."""
    target = io.StringIO()
    writer = csv.DictWriter(target, header, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in rows)
    return "\ufeff" + target.getvalue()


def jsonl_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as JSONL."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, row) of a CSV or JSONL file; empty lines are passed over.

    Raises:
        RecipeError: It cannot be read, or a line is not a row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(str(path), "there is no such file", "check the path") from None
    except UnicodeDecodeError as problem:
        raise RecipeError(str(path), f"not UTF-8 at byte {problem.start}", "save the file as UTF-8") from None
    except OSError as problem:
        raise RecipeError(str(path), f"cannot be read: {problem.strerror}", "check its permissions") from None
    yield from _csv_rows(path, text) if path.suffix.lower() in CSV_KINDS else _json_rows(path, text)


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    before = csv.field_size_limit(LARGEST_FIELD)
    try:
        head = text.split("\n", 1)[0]
        # what a spreadsheet of another country writes
        delimiter = max((",", ";", "\t"), key=head.count)
        reader = csv.DictReader(io.StringIO(UNPRINTABLE.sub("�", text), newline=""), delimiter=delimiter)
        for row in reader:
            cells = {key.strip(): value for key, value in row.items() if isinstance(key, str)}
            if any(value and value.strip() for value in cells.values()):
                yield f"{path}:{reader.line_num}", cells
    except csv.Error as problem:
        raise RecipeError(str(path), f"not CSV: {problem}", "save it as CSV again") from None
    finally:
        csv.field_size_limit(before)


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError as problem:
            raise RecipeError(where, f"not JSON: {problem}", "write one JSON object a line") from None
        if not isinstance(row, dict):
            raise RecipeError(where, "not a JSON object", "write one JSON object a line")
        yield where, row
