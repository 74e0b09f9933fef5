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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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

    def again(self) -> ModelServer:
        """Return another server that listens where this one did, which was stopped."""
        other = type(self)(self.latency_s, self.behaviour)
        other._port = self._port
        return other.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self.add_routes(app)
        runner = web.AppRunner(app, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self._port)
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
    abstain = "thought not to answer" in body["messages"][0]["content"]
    prompt = Prompt(text, sentences, best, abstain)
    if "questions" in wanted["properties"]:
        # asked about the first passage, and not what was asked before
        end = text.index("</passage")
        own = [each for each in sentences if each.start() < end] or sentences
        before = text.partition("<asked ")[2].partition("</asked ")[0].count("?")
        prompt = Prompt(text, own, max(own, key=lambda found: len(found[0])), abstain).nth(before, "")
    return json.dumps(value(wanted, "", prompt), ensure_ascii=False)


@dataclass(frozen=True)
class Prompt:
    """What an answer is made of: the user's text, its sentences, the one in hand, and whether to abstain."""

    text: str
    sentences: Sequence[re.Match[str]]
    sentence: re.Match[str]
    abstain: bool
    number: int = 0

    def nth(self, number: int, name: str) -> Prompt:
        """Return the same with another sentence in hand: of another passage for quotes, else the next one."""
        if name == "quotes":
            ends = [0, *(found.end() for found in re.finditer("</passage", self.text))]
            inside = [each for each in SENTENCE.finditer(self.text) if ends[number] <= each.start() < ends[number + 1]]
            return replace(self, sentence=max(inside or [self.sentence], key=lambda found: len(found[0])))
        others = [self.sentence, *(each for each in self.sentences if each is not self.sentence)]
        return replace(self, sentence=others[number % len(others)], number=number)


def value(schema: Mapping[str, Any], name: str, prompt: Prompt) -> Any:
    """Return a value that satisfies the schema."""
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object" and "standalone" in schema["properties"] and prompt.number:
        made = {key: value(below, key, prompt) for key, below in schema["properties"].items()}
        return {**made, "question": "And what about that?"}
    if kind == "object":
        return {key: value(below, key, prompt) for key, below in schema["properties"].items()}
    if kind == "array":
        return [value(schema["items"], name, prompt.nth(at, name)) for at in range(max(1, schema.get("minItems", 1)))]
    if kind == "boolean":
        return not prompt.abstain
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    return string(name, prompt)


def string(name: str, prompt: Prompt) -> str:
    """Return a question, an exact quote, an id of the prompt, a case, an option, a statement, or an answer."""
    sentence = prompt.sentence[0]
    words = WORD.findall(sentence)
    if name == "question" or name == "standalone" or name == "phrasings":
        asked = {"question": "What is known about", "standalone": "What is known about", "phrasings": "What holds for"}
        return f"{asked[name]} {' '.join(words[:6]).lower()}?"
    if "question" in name:
        return f"What is known about {' '.join(words[:6]).lower()}?"
    if name == "id" or name.endswith("_id"):
        found = IDENTIFIER.findall(prompt.text[: prompt.sentence.start()])
        return found[-1] if found else "p1"
    if name == "case":
        return (
            f"A person comes to see a doctor. What is seen, day after day and at every visit, is {' '.join(words[4:])}."
        )
    if name in ("options", "labels"):
        return " ".join(sentence.split()[:3]).rstrip(",;:")
    if name == "statement":
        return f"It is so that {sentence}"
    if name == "missing":
        return "how that came about"
    if name == "answer" and prompt.abstain:
        return f"How that came about is not known. What is known: {sentence}"
    return sentence
