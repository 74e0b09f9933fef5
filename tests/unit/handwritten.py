"""A context whose chat model is a person: completions written by hand, accepted as the chat seam accepts a model's.

Nothing here is model output. A completion goes through the same acceptance (whole JSON, the schema, no extra keys) as
one of an endpoint; `strong` and `sloppy` in the tests are two people's work, one careful and one not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from axolotl_ragdata.blocks import PassagesBlock
from axolotl_ragdata.passages import cut
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Document, Failure, Hit, Passage
from axolotl_ragdata.stage import ChatRequest, Completion
from axolotl_ragdata.structured import Unusable, accepted

DEMO = Path(__file__).parents[2] / "recipes" / "demo-documents"


class Words:
    """A tokenizer whose tokens are words."""

    name = "words"

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer(r"\S+", text)]

    def count(self, text: str) -> int:
        return len(text.split())


def demo(name: str) -> tuple[Document, list[Passage]]:
    """Return a demonstration article and its passages."""
    document = read_document(DEMO / f"{name}.tei.xml", "grobid")
    return document, cut(document, PassagesBlock(max_tokens=384, overlap=48), Words())


class Person:
    """What a stage may reach: completions in order, given passages as the result of every search, words as vectors."""

    def __init__(self, *replies: Any, found: Sequence[Passage] = (), passages: Sequence[Passage] = ()) -> None:
        self.replies = list(replies)
        self.found = list(found)
        self.passages = {passage.id: passage for passage in [*passages, *found]}
        self.requests: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        self.requests.append(request)
        reply = self.replies.pop(0)
        content = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
        choice = {"finish_reason": "stop", "message": {"content": content}}
        result = accepted(choice, request)
        if isinstance(result, Unusable):
            return Failure(
                stage=request.stage, subject_id=request.subject_id, error=result.reason, detail=result.detail
            )
        return Completion(text=result[0], value=result[1], model="a person")

    async def retrieve(self, query: str, top_k: int) -> list[tuple[Hit, Passage]]:
        hits = [Hit(passage_id=passage.id, rank=at, score=1.0 / at) for at, passage in enumerate(self.found, 1)]
        return list(zip(hits, self.found, strict=True))[:top_k]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One dimension a word of all the texts."""
        split = [{word.strip(".,;:?()").lower() for word in text.split()} for text in texts]
        known = {word: at for at, word in enumerate(sorted(set().union(*split)))}
        vectors = np.zeros((len(texts), len(known)), dtype=np.float32)
        for row, words in enumerate(split):
            vectors[row, [known[word] for word in words]] = 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def passage(self, passage_id: str) -> Passage:
        return self.passages[passage_id]

    def adjacent(self, passage_id: str, reach: int) -> list[Passage]:
        own = self.passages[passage_id]
        near = [one for one in self.passages.values() if 0 < abs(one.ordinal - own.ordinal) <= reach]
        return sorted((one for one in near if one.section_path == own.section_path), key=lambda one: one.ordinal)
