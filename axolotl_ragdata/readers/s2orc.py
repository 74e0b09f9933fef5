"""JSON of the S2ORC family → Document: our own, S2ORC (doc2json), CORD-19 and grobid-client-python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import readers, source_of
from axolotl_ragdata.readers._foreign import client_fields, s2orc_fields
from axolotl_ragdata.readers._language import settle_language
from axolotl_ragdata.readers.structured import from_json
from axolotl_ragdata.records import Document, content_id

NAME = "s2orc"
MAX_VALUES = 3_000_000
"""More objects and lists than this are refused: they do not fit into a gigabyte."""
DIALECTS = "our own, S2ORC, CORD-19 or grobid-client-python"


class S2orcReader:
    """Reads one JSON object a file."""

    suffixes: tuple[str, ...] = (".json",)
    version = "1"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return whether a file is named `.json`, or begins like one of the dialects."""
        if path.name.lower().endswith(self.suffixes):
            return True
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return start.startswith(b"{") and (b'"paper_id"' in start or b'"biblio"' in start)

    def read(self, path: Path, raw: bytes) -> Document:
        """Return the document of a JSON file.

        Raises:
            DocumentRefused: It is not JSON, of no known dialect, or has other shapes where the dialect has text.
        """
        where = str(path)
        data = _loaded(raw, where)
        try:
            if "schema_version" in data and "source" in data:
                return Document.model_validate(from_json(data))
            return self._foreign(path, raw, data)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise _refusal(where, f"{place}: {first['msg']}") from None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
            raise _refusal(where, f"{type(problem).__name__}: {problem}") from None

    def _foreign(self, path: Path, raw: bytes, data: Mapping[str, Any]) -> Document:
        fields = client_fields(data) if "biblio" in data else s2orc_fields(data)
        source = source_of(path, raw, NAME, self.version)
        texts = [block["text"] for section in fields["sections"] for block in section["blocks"]]
        language, doubt = settle_language(fields.pop("language", None), " ".join(texts))
        warnings = [*fields.pop("warnings", ()), *([doubt] if doubt else [])]
        if not texts:
            warnings.append("body is empty")
        about = {"id": content_id("doc", NAME, self.version, source.sha256), "language": language, "warnings": warnings}
        return Document.model_validate(fields | about | {"source": source})


def _loaded(raw: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object of a file that holds one of a known dialect."""
    if len(raw) > MAX_VALUES and raw.count(b"{") + raw.count(b"[") > MAX_VALUES:
        raise DocumentRefused(where, f"it has more than {MAX_VALUES:,} objects and lists", "split the file")
    try:
        data = json.loads(raw)
    except (ValueError, UnicodeError) as problem:
        what = f"it is not JSON: {problem}"
        if raw.count(b"\n") and b"Extra data" in str(problem).encode():
            what = "it holds several JSON values, not one document"
        raise DocumentRefused(where, what, "give one JSON object a file") from None
    if not isinstance(data, dict):
        raise DocumentRefused(where, f"it holds a JSON {type(data).__name__}, not an object", "give one object a file")
    if not (data.keys() & {"body_text", "pdf_parse", "latex_parse", "biblio"}):
        keys = ", ".join(sorted(map(str, data))[:8])
        raise DocumentRefused(where, f"JSON of no known dialect (keys: {keys})", f"give JSON of {DIALECTS}")
    return data


def _refusal(where: str, fact: str) -> DocumentRefused:
    what = f"the JSON has not the shape of its dialect ({fact[:200]})"
    return DocumentRefused(where, what, f"give JSON of {DIALECTS}")


readers.register(NAME)(S2orcReader())
