"""One attempt of a call: what is sent, how it ended, and what is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.records import Usage
from axolotl_ragdata.stage import ChatRequest, Completion
from axolotl_ragdata.structured import Mode, instructions, response_format
from axolotl_ragdata.transport import Reply

CHARACTERS_A_TOKEN = 3


@dataclass
class Stats:
    """What a run's calls did so far."""

    answered: int = 0
    from_journal: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Attempt:
    """How one attempt ended: a choice of a completion with its usage, or an error that may be tried again.

    `counts` says whether it is one of the call's `max_attempts`.
    """

    choice: Mapping[str, Any] | None = None
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    error: str = ""
    detail: str = ""
    wait_s: float | None = None
    retryable: bool = True
    counts: bool = True


def worst_case(request: ChatRequest) -> Usage:
    """Return the worst case of a call: what is set aside before it is made."""
    characters = len(request.system) + len(request.user) + sum(len(turn.content) for turn in request.history)
    return Usage(calls=1, input_tokens=characters // CHARACTERS_A_TOKEN, output_tokens=request.max_tokens)


def body_of(block: LlmBlock, request: ChatRequest, number: int, mode: Mode, length_key: str) -> dict[str, Any]:
    """Return the body of a chat completion; `number` counts the attempts from 0.

    `length_key` is what the endpoint calls the upper bound of the completion.
    """
    system = request.system + instructions(request, mode)
    body: dict[str, Any] = {
        "model": block.model,
        "messages": [
            *([{"role": "system", "content": system}] if system else []),
            *({"role": turn.role, "content": turn.content} for turn in request.history),
            {"role": "user", "content": request.user},
        ],
        length_key: request.max_tokens,
    }
    if block.temperature is not None:
        body["temperature"] = block.temperature
    if block.seed is not None:
        # the same seed would give the same broken answer again
        body["seed"] = block.seed + number + request.draw * block.max_attempts
    if (wanted := response_format(request, mode)) is not None:
        body["response_format"] = wanted
    return body


def usage_of(reported: Mapping[str, Any]) -> Usage:
    """Return the tokens that an endpoint reported."""
    return Usage(
        calls=1,
        input_tokens=int(reported.get("prompt_tokens") or 0),
        output_tokens=int(reported.get("completion_tokens") or 0),
    )


def what_it_said(reply: Reply) -> str:
    """Return what an endpoint said when it refused a call, with its code."""
    body = reply.payload.get("error", reply.payload) if isinstance(reply.payload, Mapping) else None
    if not isinstance(body, Mapping):
        return str(body or reply.text) or f"status {reply.status} without a word"
    message, code = body.get("message") or body.get("detail"), body.get("code")
    return f"{message or reply.text}{f' [{code}]' if code else ''}"


def about_format(said: str) -> bool:
    """Return whether a refusal is about how JSON was asked for."""
    low = said.lower()
    return any(word in low for word in ("response_format", "json_schema", "json_object", "structured", "schema"))


def journal_entry(request: ChatRequest, completion: Completion) -> dict[str, Any]:
    """Return the journal's entry of an answer."""
    return {
        "stage": request.stage,
        "subject": request.subject_id,
        "model": completion.model,
        "text": completion.text,
        "value": completion.value,
        "usage": completion.usage.model_dump(),
    }


def failed_entry(request: ChatRequest, attempt: Attempt, number: int) -> dict[str, Any]:
    """Return the journal's entry of an attempt that failed."""
    return {
        "stage": request.stage,
        "subject": request.subject_id,
        "attempt": number + 1,
        "error": attempt.error,
        "detail": attempt.detail,
        "usage": attempt.usage.model_dump(),
    }
