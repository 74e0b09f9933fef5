"""JSON of the S2ORC family → Document: our own, S2ORC (doc2json), CORD-19, Semantic Scholar, grobid-client-python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.lines import MOST_LINES, holds_lines
from axolotl_ragdata.readers import readers, source_of
from axolotl_ragdata.readers._client import client_fields
from axolotl_ragdata.readers._language import settle_language
from axolotl_ragdata.readers._s2orc import PARSES, s2orc_fields
from axolotl_ragdata.readers._scholar import scholar_fields
from axolotl_ragdata.readers.structured import from_json
from axolotl_ragdata.records import SCHEMA_VERSION, Document, content_id

NAME = "s2orc"
MAX_VALUES = 650_000
"""More objects and lists than this are refused: what they become does not fit into a gigabyte."""
MAX_FOREIGN = 400_000
"""The same of other dialects than ours, of which more has to be made."""
MAX_TAGS = 500_000
"""The same of tables that are HTML."""
OPENINGS = (b"<", b"\\u003c", b"\\u003C")
SURROGATES = (b"\\ud", b"\\uD", b"\xed")
"""How halves of surrogate pairs begin, escaped or not."""
DIALECTS = "our own, S2ORC, CORD-19, Semantic Scholar (s2orc, s2orc_v2) or grobid-client-python"
TEXT_KEYS = {"body_text", "biblio", *PARSES}
READ_AGAIN = "read its source again with this version: ragdata read FILE --json"
BEGINNINGS = (b'"paper_id"', b'"biblio"', b'"corpusid"')


class S2orcReader:
    """Reads one JSON object a file."""

    suffixes: tuple[str, ...] = (".json",)
    version = "2"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return whether a file is named `.json`, or begins like one of the dialects."""
        if path.name.lower().endswith(self.suffixes):
            return True
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return start.startswith(b"{") and any(key in start for key in BEGINNINGS)

    def read(self, path: Path, raw: bytes) -> Document:
        """Return the document of a JSON file.

        Raises:
            DocumentRefused: It is not JSON, of no known dialect or of another version of ours, or has other shapes
                where the dialect has text.
        """
        where = str(path)
        try:
            document = self._document(path, raw, where)
            if any(sign in raw for sign in SURROGATES):
                document.model_dump_json()  # half of a pair that stands in an id, say, could not be written
            return document
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise _refusal(where, f"{place}: {first['msg']}") from None
        except RecursionError:
            raise DocumentRefused(where, "its values are nested too deeply", f"give JSON of {DIALECTS}") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
            raise _refusal(where, f"{type(problem).__name__}: {problem}") from None

    def _document(self, path: Path, raw: bytes, where: str) -> Document:
        n_values = raw.count(b"{") + raw.count(b"[")
        _check_size(n_values, MAX_VALUES, where)
        data = _loaded(raw, where)
        if "schema_version" in data and "source" in data:
            return _ours(data, where)
        _check_size(n_values, MAX_FOREIGN, where)
        _check_size(sum(map(raw.count, OPENINGS)), MAX_TAGS, where, "tags")
        return self._foreign(path, raw, data)

    def _foreign(self, path: Path, raw: bytes, data: Mapping[str, Any]) -> Document:
        fields = _fields(data)
        source = source_of(path, raw, NAME, self.version)
        texts = [block["text"] for section in fields["sections"] for block in section["blocks"]]
        language, doubt = settle_language(fields.pop("language", None), " ".join(texts))
        warnings = [*fields.pop("warnings", ()), *([doubt] if doubt else [])]
        if not texts:
            warnings.append("body is empty")
        about = {"id": content_id("doc", NAME, self.version, source.sha256), "language": language, "warnings": warnings}
        return Document.model_validate(fields | about | {"source": source})


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a document of another dialect than ours."""
    if "biblio" in data:
        return client_fields(data)
    return s2orc_fields(data) if data.keys() & TEXT_KEYS else scholar_fields(data)


def _loaded(raw: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object of a file that holds one of a known dialect."""
    try:
        data = json.loads(raw)
    except (ValueError, UnicodeError) as problem:
        if raw.count(b"\n") and b"Extra data" in str(problem).encode():
            what = "it holds several JSON values, not one document"
            named = "give JSON Lines the name FILE.jsonl, and name that file: each line is a document then"
            fix = f"split it: no more than {MOST_LINES:,} lines a file" if holds_lines(Path(where)) else named
            raise DocumentRefused(where, what, fix) from None
        raise DocumentRefused(where, f"it is not JSON: {problem}", "give one JSON object a file") from None
    if not isinstance(data, dict):
        raise DocumentRefused(where, f"it holds a JSON {type(data).__name__}, not an object", "give one object a file")
    if "has_pdf_parse" in data and not data.keys() & TEXT_KEYS:
        raise DocumentRefused(where, "metadata of S2ORC, without the text", "give the file of pdf_parses/")
    if not (data.keys() & TEXT_KEYS or _is_scholar(data)):
        keys = ", ".join(sorted(map(str, data))[:8])
        raise DocumentRefused(where, f"JSON of no known dialect (keys: {keys})", f"give JSON of {DIALECTS}")
    return data


def _is_scholar(data: Mapping[str, Any]) -> bool:
    """Return whether an object is a paper of Semantic Scholar with its text."""
    return "corpusid" in data and bool(data.get("content") or data.get("body"))


def _check_size(count: int, most: int, where: str, what: str = "objects and lists") -> None:
    if count > most:
        raise DocumentRefused(where, f"it has more than {most:,} {what}", "split the file")


def _ours(data: Mapping[str, Any], where: str) -> Document:
    """Return the document of our own JSON; of another version it is refused, and where an edit left offsets behind."""
    version = data["schema_version"]
    if version != SCHEMA_VERSION:
        what = f"it is a document of schema_version {version!r:.40}, not {SCHEMA_VERSION!r}"
        raise DocumentRefused(where, what, READ_AGAIN)
    try:
        fields = from_json(data)
    except ValueError as problem:
        raise DocumentRefused(where, str(problem)[:200], f"correct what was edited, or {READ_AGAIN}") from None
    return Document.model_validate(fields)


def _refusal(where: str, fact: str) -> DocumentRefused:
    what = f"the JSON has not the shape of its dialect ({fact[:200]})"
    return DocumentRefused(where, what, f"give JSON of {DIALECTS}")


readers.register(NAME)(S2orcReader())
