"""What a chat model said → a whole value, or the reason why it is none. Nothing is ever repaired.

Three ways of asking for JSON, from the strictest: `json_schema` (the endpoint enforces the schema), `json_object` (it
enforces JSON) and `text` (it enforces nothing). The value is validated here in every case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic_core import to_json

from axolotl_ragdata.stage import ChatRequest

Mode = Literal["json_schema", "json_object", "text"]
MODES: tuple[Mode, ...] = ("json_schema", "json_object", "text")
THINKING = re.compile(r"^\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)
UNFINISHED_THINKING = re.compile(r"^\s*<(?:think|thinking|reasoning)>")
FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
TRUNCATED = "truncated"


@dataclass(frozen=True)
class Unusable:
    """An answer that is not accepted, and why."""

    reason: str
    detail: str = ""


def response_format(request: ChatRequest, mode: Mode) -> dict[str, Any] | None:
    """Return the `response_format` of a request in a mode, None where none is sent."""
    if request.schema is None or mode == "text":
        return None
    if mode == "json_object":
        return {"type": "json_object"}
    schema = {"name": request.schema_name, "schema": request.schema, "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def instructions(request: ChatRequest, mode: Mode) -> str:
    """Return what the system prompt must add so that a model without a schema knows it."""
    if request.schema is None or mode == "json_schema":
        return ""
    shown = json.dumps(request.schema, ensure_ascii=False)
    return f"\n\nAnswer with one JSON value and nothing else. It must satisfy this JSON schema:\n{shown}"


def accepted(choice: Mapping[str, Any], request: ChatRequest, mode: Mode) -> tuple[str, Any] | Unusable:
    """Return (text, value) of a whole answer, or why there is none; the value is None without a schema.

    Args:
        choice: The choice of a chat completion.
        request: What was asked.
        mode: How JSON was asked for.
    """
    message = choice.get("message") or {}
    finish = choice.get("finish_reason")
    if finish != "stop":
        reasons = {"length": TRUNCATED, "content_filter": "stopped by the endpoint's content filter"}
        return Unusable(reasons.get(str(finish), "not finished"), f"finish_reason {finish!r}")
    if message.get("refusal"):
        return Unusable("refused by the model", str(message["refusal"])[:300])
    text = without_thinking(message.get("content") or "")
    if not text:
        return Unusable("empty answer")
    if request.schema is None:
        return text, None
    found = _valid(text, request.schema, mode)
    if request.seal is not None and not isinstance(found, Unusable) and found[1].get("seal_id") != request.seal:
        return Unusable("does not repeat the seal of its prompt", text[:200])
    return found


def without_thinking(content: str) -> str:
    """Return an answer without a leading block of reasoning, '' where the reasoning never ended.

    >>> without_thinking("<think>hm</think> yes")
    'yes'
    """
    rest = THINKING.sub("", content, count=1)
    return "" if UNFINISHED_THINKING.match(rest) else rest.strip()


def _valid(text: str, schema: dict[str, Any], mode: Mode) -> tuple[str, Any] | Unusable:
    fenced = FENCE.match(text) if mode == "text" else None
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_no_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as problem:
        return Unusable("not JSON", f"{problem}: {text[:200]}")
    try:
        error = next(_validator(to_json(schema)).iter_errors(value), None)
    except ValueError as problem:
        return Unusable("does not fit the schema", f"the value: {problem}")
    if error is not None:
        place = "/".join(str(part) for part in error.instance_path) or "the value"
        return Unusable("does not fit the schema", f"{place}: {error.message[:300]}")
    return text, value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        # which of two equal keys was meant, nobody can tell
        raise ValueError("a key stands twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(json.loads(schema))
