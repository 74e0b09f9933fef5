"""Tighter JSON schemas for the embedded model, which llama.cpp enforces token by token.

A model of 135M parameters copies no sentence without a slip and writes headings where a question is asked for. So its
quotes are chosen from the sentences of the passages, and its questions begin and end as questions do. What it says is
checked like any other model's; a large model is asked with the plain schema.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from axolotl_ragdata.records import Passage
from axolotl_ragdata.sentences import sentence_spans

EMBEDDED = "embedded"
SHORTEST, LONGEST = 30, 400
MOST_SENTENCES = 40
MOST_ITEMS = 2
MOST_CLAIMS = 6
LONGEST_REMARK = 120
FIRST_WORDS = {"en": "(What|Which|How|Why) ", "fr": "(Que|Qu'est-ce que|Quel|Quelle|Quels|Quelles|Comment|Pourquoi) "}


def guided(schema: dict[str, Any], model: str, passages: Sequence[Passage]) -> dict[str, Any]:
    """Return a schema whose `quote` and `question` the embedded model cannot get wrong; other models' stay as they are.

    Args:
        schema: A schema with an array of objects that hold a `quote`, and a `question` perhaps.
        model: The chat model's name.
        passages: What may be quoted.
    """
    sentences = quotable(passages) if model == EMBEDDED else []
    if not sentences:
        return schema
    tight = copy.deepcopy(schema)
    for part in tight["properties"].values():
        if part.get("type") == "array":
            _tighten(part, sentences, (passages[0].language or "").split("-")[0].lower())
    return tight


def _tighten(array: dict[str, Any], sentences: list[str], language: str) -> None:
    fields = array["items"]["properties"]
    if "quote" in fields:
        fields["quote"] = {"enum": sentences}
    if "quotes" in fields:
        fields["quotes"] = {**fields["quotes"], "items": {"enum": sentences}}
    for name in ("question", "standalone"):
        if name in fields:
            fields[name] = {"type": "string", "pattern": f'^{FIRST_WORDS.get(language, "")}[^?"]{{8,120}}[?]$'}
    if "turns" in fields:
        _tighten(fields["turns"], sentences, language)
        fields["turns"]["minItems"] = fields["turns"]["maxItems"] = 2
    elif "standalone" in fields:
        return
    one = {"question", "statement", "turns"} & fields.keys()
    array["minItems"], array["maxItems"] = (1, 1) if one else (1, 2)


def guided_verdict(schema: dict[str, Any], model: str, seal: str) -> dict[str, Any]:
    """Return a schema in which the embedded judge cannot ramble or miss the seal; others get the plain one.

    Args:
        schema: An object with `seal_id`.
        model: The judge's model.
        seal: What `seal_id` must be.
    """
    if model != EMBEDDED:
        return schema
    tight = copy.deepcopy(schema)
    tight["properties"]["seal_id"] = {"enum": [seal]}
    _shorten(tight)
    return tight


def _shorten(schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema:
        schema["maxLength"] = LONGEST_REMARK
    elif kind == "array":
        schema["maxItems"] = MOST_ITEMS if schema["items"].get("type") == "string" else MOST_CLAIMS
        _shorten(schema["items"])
    elif kind == "object":
        for part in schema["properties"].values():
            _shorten(part)


def brief(schema: dict[str, Any], model: str, most_characters: int = 200) -> dict[str, Any]:
    """Return a schema whose texts the embedded model cannot make longer than that; other models' stay as they are.

    Args:
        schema: A schema of an object.
        model: The chat model's name.
        most_characters: Of each text.
    """
    if model != EMBEDDED:
        return schema
    tight = copy.deepcopy(schema)
    for part in tight["properties"].values():
        if part.get("type") == "string":
            part["maxLength"] = most_characters
    return tight


def quotable(passages: Sequence[Passage]) -> list[str]:
    """Return up to 40 sentences of the passages that can be quoted: 30 to 400 characters, each once."""
    spans = ((passage, span) for passage in passages for span in sentence_spans(passage.text, passage.language))
    found = (passage.text[start:end] for passage, (start, end) in spans if SHORTEST <= end - start <= LONGEST)
    return list(dict.fromkeys(found))[:MOST_SENTENCES]
