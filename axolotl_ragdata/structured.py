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

from pydantic_core import PydanticSerializationError, to_json

from axolotl_ragdata.stage import ChatRequest

Mode = Literal["json_schema", "json_object", "text"]
MODES: tuple[Mode, ...] = ("json_schema", "json_object", "text")
MARKS = "think|thinking|thought|reasoning"
THINKING = re.compile(rf"^\s*(?:<({MARKS})>.*?</\1>|\[THINK\].*?\[/THINK\])\s*", re.DOTALL)
ITS_END = re.compile(rf"^(?!\s*[{{\[]).*(?:</(?:{MARKS})>|\[/THINK\])", re.DOTALL)
"""The prompt of some models opens the thinking, so that the answer holds its end alone."""
UNFINISHED_THINKING = re.compile(rf"^\s*(?:<(?:{MARKS})>|\[THINK\])")
CHANNELS = re.compile(r"^\s*(?:<\|start\|>assistant)?<\|channel\|>")
FINAL_CHANNEL = re.compile(r"^.*<\|channel\|>final[^<]*<\|message\|>(.*?)(?:<\|(?:return|end)\|>\s*)?$", re.DOTALL)
"""Of the open models that speak in channels (OpenAI's harmony format)."""
FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
TRUNCATED = "truncated"
NOT_JSON = "not JSON"
NOT_FITTING = "does not fit the schema"
MISFIT = (NOT_JSON, NOT_FITTING)
ESCAPE = "\\u"


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


def accepted(choice: Mapping[str, Any], request: ChatRequest) -> tuple[str, Any] | Unusable:
    """Return (text, value) of a whole answer, or why there is none; the value is None without a schema.

    Args:
        choice: The choice of a chat completion.
        request: What was asked.
    """
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return Unusable("the answer has no message", str(message)[:200])
    finish = choice.get("finish_reason")
    if finish != "stop":
        reasons = {"length": TRUNCATED, "content_filter": "stopped by the endpoint's content filter"}
        return Unusable(reasons.get(str(finish), "not finished"), f"finish_reason {finish!r}")
    if message.get("refusal"):
        return Unusable("refused by the model", str(message["refusal"])[:300])
    text = without_thinking(_said(message.get("content")))
    if not text:
        return Unusable("empty answer")
    if request.schema is None:
        return Unusable("half of a character", ascii(text)[:200]) if _is_torn(text) else (text, None)
    found = _valid(text, request.schema)
    if request.seal is not None and not isinstance(found, Unusable) and found[1].get("seal_id") != request.seal:
        return Unusable("does not repeat the seal of its prompt", text[:200])
    return found


def _said(content: Any) -> str:
    """Return the text of an answer, of which some endpoints give the parts; what was only thought is another kind."""
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, Mapping) and part.get("type") == "text")
        return "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def _is_torn(value: Any) -> bool:
    """Return whether a text, or one in a value, holds half of a surrogate pair: no file can hold it."""
    try:
        to_json(value)
    except PydanticSerializationError:
        return True
    return False


def without_thinking(content: str) -> str:
    """Return an answer without the reasoning before it, '' where the reasoning never ended.

    >>> without_thinking("<think>hm</think> yes"), without_thinking("hm </think> yes"), without_thinking("<think>hm")
    ('yes', 'yes', '')
    """
    if CHANNELS.match(content):
        final = FINAL_CHANNEL.match(content)
        return final[1].strip() if final else ""
    rest, before = content, None
    while rest != before:
        rest, before = THINKING.sub("", rest, count=1), rest
    if UNFINISHED_THINKING.match(rest):
        return ""
    return ITS_END.sub("", rest, count=1).strip()


def _valid(text: str, schema: dict[str, Any]) -> tuple[str, Any] | Unusable:
    fenced = FENCE.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_no_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as problem:
        return Unusable(NOT_JSON, f"{problem}: {text[:200]}")
    if ESCAPE in text and _is_torn(value):
        return Unusable("half of a character", text[:200])
    try:
        error = next(_validator(to_json(schema)).iter_errors(value), None)
    except ValueError as problem:
        return Unusable(NOT_FITTING, f"the value: {problem}")
    if error is not None:
        place = "/".join(str(part) for part in error.instance_path) or "the value"
        return Unusable(NOT_FITTING, f"{place}: {error.message[:300]}")
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
