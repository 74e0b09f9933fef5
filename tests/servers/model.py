"""A chat endpoint on loopback that answers by schema from the text it is given, as a careful model would.

    server = ModelServer(); server.start(); server.base_url; server.requests; server.stop()

Questions are made of a sentence of the passage, quotes are exact sentences, ids are those of the prompt. `behaviour`
may replace an answer: it gets the request's number from 0 and its body and returns None, or (status, body, headers).
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

Reply = tuple[int, Mapping[str, Any], Mapping[str, str]]
Behaviour = Callable[[int, Mapping[str, Any]], "Reply | None"]
SENTENCE = re.compile(r"[A-ZÀ-Þ][^.!?\n|]{30,300}[.!?](?=\s|$)")
IDENTIFIER = re.compile(r"\bid=[\"']?([\w.:-]+)")
WORD = re.compile(r"[^\W\d_]{4,}")


class ModelServer:
    """An OpenAI-compatible server in a thread; `latency_s` is how long an answer takes."""

    def __init__(self, latency_s: float = 0.0, behaviour: Behaviour | None = None) -> None:
        self.latency_s = latency_s
        self.behaviour = behaviour
        self.requests: list[dict[str, Any]] = []
        self.answered = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> ModelServer:
        """Listen on a free port."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self.add_routes(app)
        runner = web.AppRunner(app, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self._port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def add_routes(self, app: web.Application) -> None:
        """Add what a server of another kind serves beside."""

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "careful", "object": "model"}]})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = len(self.requests)
        self.requests.append(body)
        if self.behaviour is not None and (reply := self.behaviour(number, body)) is not None:
            status, payload, headers = reply
            return web.json_response(dict(payload), status=status, headers=dict(headers))
        await asyncio.sleep(self.latency_s)
        self.answered += 1
        return web.json_response(completion(answer(body), body))


def completion(content: str, body: Mapping[str, Any], finish: str = "stop") -> dict[str, Any]:
    """Return a chat completion in OpenAI's shape."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", "careful"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def answer(body: Mapping[str, Any]) -> str:
    """Return what a careful model says: a value of the schema, or a sentence."""
    text = body["messages"][-1]["content"]
    wanted = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    sentences = list(SENTENCE.finditer(text)) or list(re.finditer(r".+", text))
    # the longest sentence stands in a passage, not in the instructions around it
    best = max(sentences, key=lambda found: len(found[0]))
    if wanted is None:
        return best[0]
    return json.dumps(value(wanted, "", text, best), ensure_ascii=False)


def value(schema: Mapping[str, Any], name: str, text: str, sentence: re.Match[str]) -> Any:
    """Return a value that satisfies the schema."""
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {key: value(below, key, text, sentence) for key, below in schema["properties"].items()}
    if kind == "array":
        return [value(schema["items"], name, text, sentence)]
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    return string(name, text, sentence)


def string(name: str, text: str, sentence: re.Match[str]) -> str:
    """Return a question, an exact quote, an id of the prompt, or an answer."""
    words = WORD.findall(sentence[0])
    if "question" in name:
        return f"What is known about {' '.join(words[:6]).lower()}?"
    if name == "id" or name.endswith("_id"):
        found = IDENTIFIER.findall(text[: sentence.start()])
        return found[-1] if found else "p1"
    return sentence[0]
