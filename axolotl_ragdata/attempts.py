"""One attempt of a call: its key, what is sent, how it ended, and what is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.forms import Form
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.records import Usage, content_id
from axolotl_ragdata.stage import ChatRequest, Completion
from axolotl_ragdata.structured import instructions, response_format
from axolotl_ragdata.transport import Reply

CHARACTERS_A_TOKEN = 3
KEPT = ("text", "value", "model", "usage")
"""What the journal's entry of an answer must have."""
TOKENS_A_MESSAGE = 8
"""For its role and the marks around it, at most."""


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

    `counts` says whether it is one of the call's `max_attempts`; `is_of_the_form`, that the next is made at once, in
    another form.
    """

    choice: Mapping[str, Any] | None = None
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    error: str = ""
    detail: str = ""
    wait_s: float | None = None
    retryable: bool = True
    counts: bool = True
    is_of_the_form: bool = False


def journal_key(block: LlmBlock, request: ChatRequest) -> str:
    """Return the journal's key of a request to a model: what the answer depends on, and nothing else."""
    sampling = {"temperature": block.temperature, "seed": block.seed, "max_tokens": request.max_tokens}
    if request.draw:
        sampling["draw"] = request.draw
    said = [[turn.role, turn.content] for turn in request.history]
    parts = (request.stage, block.model, sampling, request.system, request.user, request.schema)
    return content_id("c", *parts, *([said] if said else []))


def worst_case(request: ChatRequest) -> Usage:
    """Return the most that a call can use, which is set aside before it is made: no text has more tokens than bytes."""
    texts = [request.system, request.user, *(turn.content for turn in request.history)]
    size = sum(len(text.encode("utf-8", "replace")) for text in texts) + TOKENS_A_MESSAGE * (len(texts) + 1)
    schema = len(to_json(request.schema)) if request.schema else 0
    return Usage(calls=1, input_tokens=size + schema, output_tokens=request.max_tokens)


def likely_tokens(request: ChatRequest) -> int:
    """Return about how many tokens a call uses in and out, for rates that are kept on the way."""
    return _prompt_tokens(request) + request.max_tokens


def _prompt_tokens(request: ChatRequest) -> int:
    characters = len(request.system) + len(request.user) + sum(len(turn.content) for turn in request.history)
    return characters // CHARACTERS_A_TOKEN


def body_of(block: LlmBlock, request: ChatRequest, number: int, form: Form) -> dict[str, Any]:
    """Return the body of a chat completion; `number` counts the attempts from 0."""
    system = request.system + instructions(request, form.mode)
    body: dict[str, Any] = {
        "model": block.model,
        "messages": [
            *([{"role": "system", "content": system}] if system else []),
            *({"role": turn.role, "content": turn.content} for turn in request.history),
            {"role": "user", "content": request.user},
        ],
        form.length_key: request.max_tokens,
    }
    if block.temperature is not None:
        body["temperature"] = block.temperature
    if block.seed is not None:
        # the same seed would give the same broken answer again
        body["seed"] = block.seed + number + request.draw * block.max_attempts
    if (wanted := response_format(request, form.mode)) is not None:
        body["response_format"] = wanted
    return body


def usage_of(reported: Any, request: ChatRequest, choice: Mapping[str, Any]) -> Usage:
    """Return the tokens that an endpoint reported; where it reports none, about as many as the texts have."""
    if isinstance(reported, Mapping) and isinstance(reported.get("prompt_tokens"), int):
        tokens_in, tokens_out = reported["prompt_tokens"], int(reported.get("completion_tokens") or 0)
    else:
        tokens_in = _prompt_tokens(request)
        tokens_out = len(str(choice.get("message"))) // CHARACTERS_A_TOKEN
    return Usage(calls=1, input_tokens=tokens_in, output_tokens=tokens_out)


def what_it_said(reply: Reply) -> str:
    """Return what an endpoint said when it refused a call, with its code."""
    body = reply.payload.get("error", reply.payload) if isinstance(reply.payload, Mapping) else None
    if not isinstance(body, Mapping):
        return str(body or reply.text) or f"status {reply.status} without a word"
    message, code = body.get("message") or body.get("detail"), body.get("code")
    return f"{message or reply.text}{f' [{code}]' if code else ''}"


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


def kept_answer(journal: Journal, key: str) -> Completion | None:
    """Return the answer that a journal holds under a key, None where it holds none that is whole.

    Raises:
        StoreError: The disk fails.
    """
    entry = journal.get(key, KEPT)
    if entry is None:
        return None
    try:
        usage = Usage.model_validate(entry["usage"])
    except ValidationError:
        usage = Usage(calls=1)  # what it cost is for reading only
    return Completion(entry["text"], entry["value"], entry["model"], usage, from_journal=True)


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
