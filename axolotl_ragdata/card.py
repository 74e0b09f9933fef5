"""The dataset card: the facts of the manifest as a page with Hugging Face front matter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from axolotl_ragdata import facts
from axolotl_ragdata.records import Example

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


LICENCES = (
    (r"\bcc[\s-]?0\b|public domain dedication|creativecommons\.org/publicdomain/zero", "cc0-1.0"),
    (r"\bcc[\s-]?by[\s-]nc[\s-]nd\b|attribution[\s-]non-?commercial[\s-]no-?deriv|licenses/by-nc-nd", "cc-by-nc-nd"),
    (r"\bcc[\s-]?by[\s-]nc[\s-]sa\b|attribution[\s-]non-?commercial[\s-]share|licenses/by-nc-sa", "cc-by-nc-sa"),
    (r"\bcc[\s-]?by[\s-]nc\b|attribution[\s-]non-?commercial|licenses/by-nc", "cc-by-nc"),
    (r"\bcc[\s-]?by[\s-]sa\b|attribution[\s-]share|licenses/by-sa", "cc-by-sa"),
    (r"\bcc[\s-]?by[\s-]nd\b|attribution[\s-]no-?deriv|licenses/by-nd", "cc-by-nd"),
    (r"\bcc[\s-]?by\b|creative commons attribution|licenses/by", "cc-by"),
)


def dataset_card(manifest: Mapping[str, Any], examples: Sequence[Example]) -> str:
    """Return the card as Markdown; texts from documents are escaped.

    Args:
        manifest: The manifest, with `files`, `counts`, `documents`, `recipe`, `index` and `llm`.
        examples: Every row that was exported.
    """
    parts = [
        f"---\n{yaml.safe_dump(_front_matter(manifest, examples), sort_keys=False, allow_unicode=True)}---",
        f"# {escaped(manifest['name'])}",
        _introduction(manifest, examples),
        "## Rows\n\n" + _table(("split", "rows", "file"), facts.splits(manifest)),
        "## Question types\n\n" + _table(("type", "rows"), facts.types(examples)),
        "## Sources and licences\n\n"
        + _table(("document", "file", "licence", "rows"), facts.sources(manifest, examples)),
        "## Rows by licence\n\n" + _table(("licence", "rows", "share"), facts.licences(examples)),
        "## What was left out\n\n" + _table(("stage", "reason", "records"), facts.left_out(manifest)),
        "## How it was made\n\n" + _made(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""Return a text as one line that Markdown and HTML show as it is.

    >>> escaped("<b>a|b</b>")
    '&lt;b&gt;a\\|b&lt;/b&gt;'
    """
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]|#":
        line = line.replace(sign, f"\\{sign}")
    return line


def licence_name(text: str | None) -> str:
    """Return the Hugging Face identifier of a licence as a document states it, or `unknown`, or `other`.

    >>> [licence_name(text) for text in ("CC BY 4.0", "CC0 1.0 Universal", "All rights reserved", None)]
    ['cc-by-4.0', 'cc0-1.0', 'other', 'unknown']
    """
    if not text or not text.strip():
        return "unknown"
    low = " ".join(text.lower().split())
    name = next((name for pattern, name in LICENCES if re.search(pattern, low)), "other")
    if not name.startswith("cc-"):
        return name
    # without a version there is no such identifier; what is written is not guessed at
    version = re.search(r"(?<![\d.])([1-4]\.[05])(?![\d.])", low)
    return f"{name}-{version[1]}" if version else "other"


def _front_matter(manifest: Mapping[str, Any], examples: Sequence[Example]) -> dict[str, Any]:
    files = [{"split": split, "path": name} for split, name in manifest["files"].items()]
    languages = sorted({row.language.split("-")[0].lower() for row in examples if row.language})
    licences = sorted({licence_name(row.provenance.licence) for row in examples})
    size = next((name for limit, name in SIZES if len(examples) < limit), "n>1M")
    return {
        "pretty_name": manifest["name"],
        **({"language": languages} if languages else {}),
        **({"license": licences[0] if len(licences) == 1 else licences} if licences else {}),
        "task_categories": ["question-answering", "text-generation"],
        "size_categories": [size],
        "tags": ["axolotl", "instruction-data", "retrieval-augmented-generation", "synthetic"],
        "configs": [{"config_name": "default", "data_files": files}],
    }


def _introduction(manifest: Mapping[str, Any], examples: Sequence[Example]) -> str:
    counts, recipe = manifest["counts"], manifest["recipe"]
    asked = "rules over the structure of the documents" if recipe["questions"]["from"] == "structure" else "an LLM"
    how = (
        "sentences of the documents, picked by embedding"
        if recipe["answers"]["mode"] == "extractive"
        else ("an LLM from retrieved passages")
    )
    text = (
        f"{len(examples):,} question-answer pairs from {counts['documents']:,} documents. Questions by {asked}; "
        f"answers by {how}. Every answer carries quotes whose offsets were checked against the source, character by "
        "character."
    )
    if "demo" in " ".join(document["path"] for document in manifest["documents"]):
        text += " The documents are a demonstration, not clinical guidance."
    return text


def _made(manifest: Mapping[str, Any]) -> str:
    lines = [
        f"- axolotl-ragdata {manifest['ragdata_version']}, dataset `{manifest['dataset_id']}`",
        f"- index `{manifest['index']['tag']}`, embedder {escaped(manifest['index']['embedder'])}",
    ]
    if manifest["llm"]:
        lines.append(f"- chat model {escaped(manifest['llm']['model'])}")
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return "none"
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    lines += [f"| {' | '.join(escaped(str(value)) for value in row)} |" for row in rows]
    return "\n".join(lines)
