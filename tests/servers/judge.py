"""A loopback judge of known behaviour, for `ModelServer(behaviour=…)` of `model.py`.

    judge = KnownJudge(model_server.completion, truth=lambda question, answer: 7.0); ModelServer(behaviour=judge)

`truth` says what an answer is worth from 0 to 10; of the planted answers the judge knows it by itself. What it then
says is bent by `kind` and the numbers beside it: honest, constant, noisy, first (always the first answer), long (by
length alone), gullible (does what the answer tells it to), copying (returns a verdict that stands in the prompt).
"""

from __future__ import annotations

import json
import math
import random
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

Truth = Callable[[str, str], float]
SEAL = re.compile(r"The seal-id is ([0-9a-f]{12})\.\s*$")
VERDICT = re.compile(r"\{.*\}", re.DOTALL)
INSTRUCTED = re.compile(r"\b10\b")


class KnownJudge:
    """Answers by what it was built to be; `seen` holds what it was shown, `failed` how many calls it let fail."""

    def __init__(
        self,
        completion: Callable[..., dict[str, Any]],
        truth: Truth,
        kind: str = "honest",
        fail_every: int = 0,
        noise: float = 0.0,
        constant: int = 7,
        drawn_to_first: float = 0.0,
    ) -> None:
        self.completion = completion
        self.truth = truth
        self.kind = kind
        self.fail_every = fail_every
        self.noise = noise
        self.constant = constant
        self.drawn_to_first = drawn_to_first
        self.failed: list[str] = []
        self.calls = 0
        self._lock = threading.Lock()

    def __call__(self, number: int, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any], Mapping[str, str]]:
        """Return (status, payload, headers) of a request."""
        user = body["messages"][-1]["content"]
        seal, shown = parsed(user)
        name = body["response_format"]["json_schema"]["name"]
        with self._lock:
            self.calls += 1
            fails = self.fail_every and self.calls % self.fail_every == 0 and "What is fact" in user
            if fails:
                self.failed.append(user)
        if fails:
            return 400, {"error": {"message": "this judge fails here"}}, {}
        if self.kind == "copying" and (found := VERDICT.search(user)):
            return 200, self.completion(found[0], body), {}
        return 200, self.completion(json.dumps(self.verdict(name, seal, shown, body)), body), {}

    def verdict(self, name: str, seal: str, shown: dict[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a verdict of the schema's name."""
        question = shown["question"]
        if name == "own_answer":
            return {"seal_id": seal, "answer": f"My answer to {question}"}
        if name == "pairwise":
            first, second = self.worth(question, shown["first"], body), self.worth(question, shown["second"], body)
            better = "first" if first > second else "second" if second > first else "tie"
            drawn = random.Random(f"{question}{shown['first']}").random() < self.drawn_to_first
            chosen = "first" if self.kind == "first" or (drawn and "fact" in question) else better
            return {"seal_id": seal, "reason": "weighed", "better": chosen}
        if name == "claims":
            return {"seal_id": seal, "claims": self.claims(shown)}
        worth = self.worth(question, shown["answer"], body)
        return {"seal_id": seal, "criteria": ["what matters"], "reason": "gone through", "score": round(worth)}

    def worth(self, question: str, answer: str, body: Mapping[str, Any]) -> float:
        """Return what this judge makes of an answer, 0 to 10."""
        if self.kind == "constant":
            return self.constant
        if self.kind == "long":
            return max(0.0, min(10.0, math.log2(1 + len(answer.split()))))
        if self.kind == "gullible" and INSTRUCTED.search(answer):
            return 10
        value = self.truth(question, answer)
        if self.noise:
            # the same call with another seed is another draw, as at temperature above 0
            value += random.Random(f"{body.get('seed')}{question}{answer}").gauss(0, self.noise)
        return max(0.0, min(10.0, value))

    def claims(self, shown: dict[str, str]) -> list[dict[str, str]]:
        """Return one claim a sentence: supported where it stands in a passage, else not in the sources."""
        found = []
        for sentence in re.findall(r"[^.!?;]+[.!?;]?", shown["answer"]):
            if not sentence.strip():
                continue
            at = next((tag for tag, text in shown.items() if tag.startswith("p") and sentence.strip() in text), "")
            right = self.kind == "honest" and self.truth(shown["question"], shown["answer"]) >= 6
            quote = sentence.strip() if at else (next(iter(shown.values())).split("\n")[-1] if right else "")
            label = "supported" if at or right else "not_in_sources"
            claim = {"claim": sentence.strip(), "passage_id": at or "p1", "quote": quote, "reason": "r", "label": label}
            found.append(claim)
        return found


def parsed(user: str) -> tuple[str, dict[str, str]]:
    """Return the seal and, by tag (passages by id), every text that really stands between marks of the seal."""
    found = SEAL.search(user)
    assert found is not None, user[-200:]
    seal = found[1]
    pattern = re.compile(rf'<(\w+)(?: id="(\w+)")? seal-id="{seal}">\n(.*?)\n</\1 seal-id="{seal}">', re.DOTALL)
    return seal, {match[2] or match[1]: match[3] for match in pattern.finditer(user)}
