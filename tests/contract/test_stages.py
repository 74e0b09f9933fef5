"""Every stage can be sent to another process and does there what it does here."""

from __future__ import annotations

import ast
import asyncio
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from axolotl_ragdata.answers import AnswerStage, ExtractStage
from axolotl_ragdata.engines.local import LocalEngine
from axolotl_ragdata.questions import AskStage, load_cards
from axolotl_ragdata.questions.inquiry import Inquiry
from axolotl_ragdata.records import Example, Failure, Hit, Message, Passage, Provenance, Question, Rejected
from axolotl_ragdata.stage import ChatRequest, Completion, Outcome, Stage
from axolotl_ragdata.verdicts import VerifyStage

SENTENCE = "A panic attack is a sudden wave of strong fear that builds to its peak within minutes."
TEXT = f"{SENTENCE} It is common among adults, and most of them recover from it without any treatment at all."
PASSAGE = Passage(id="p-1", doc_id="d-1", ordinal=0, text=TEXT, start=0, end=len(TEXT), n_tokens=40, language="en")
ORIGIN = {"type": "definition", "language": "en"}
QUESTION = Question(
    id="q-1",
    text="What is a panic attack?",
    passage_ids=("p-1",),
    generator="llm",
    producer="questions/definition@1",
    model="m",
    **ORIGIN,
)
EXAMPLE = Example(
    id="ex-1",
    question=QUESTION.text,
    answer=SENTENCE,
    messages=(Message(role="user", content=QUESTION.text), Message(role="assistant", content=SENTENCE)),
    provenance=Provenance(
        doc_id="d-1",
        doc_title="Panic",
        source_path="panic.md",
        source_sha256="0" * 64,
        licence=None,
        section_path=(),
        passage_ids=("p-1",),
        question_id="q-1",
        answer_id="a-1",
        citations=(),
        generator="llm",
        question_producer="questions/definition@1",
        answer_producer="answers/generative@1",
    ),
    **ORIGIN,
)
ASKED = {"question": "What is a panic attack?", "evidence": SENTENCE, "quote": SENTENCE, "answer": SENTENCE}
SAID = {
    "questions": [ASKED],
    "answerable": True,
    "answer": "A panic attack is a wave of strong fear that peaks within minutes.",
    "citations": [{"passage_id": "p1", "quote": SENTENCE}],
    "score": "5",
    "reason": "it says so",
}
"""What every stage finds its answer in."""
STAGES: list[tuple[Stage[Any], Any]] = [
    (AskStage(load_cards(["definition"], "here"), "m"), Inquiry(type="definition", passage=PASSAGE, count=1)),
    (AnswerStage(3, "m"), QUESTION),
    (AnswerStage(3, "m", samples=2, min_score=0.1, neighbours=1), QUESTION),
    (ExtractStage(3, 0.1), QUESTION),
    (VerifyStage(["relevant", "faithful", "round_trip"], "m"), EXAMPLE),
]
PACKAGE = Path(__file__).parent.parent.parent / "axolotl_ragdata"


class OneMind:
    """A context with one passage, whose chat model says the same to everything."""

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        return Completion("", SAID, "m")

    async def retrieve(self, query: str, top_k: int) -> Sequence[tuple[Hit, Passage]]:
        return [(Hit(passage_id="p-1", rank=1, score=1.0, dense_score=1.0), PASSAGE)]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), dtype=np.float32)

    def passage(self, passage_id: str) -> Passage:
        return PASSAGE

    def adjacent(self, passage_id: str, reach: int) -> Sequence[Passage]:
        return []


def outcomes(stage: Stage[Any], record: Any) -> list[tuple[str, Outcome]]:
    async def run() -> list[tuple[str, Outcome]]:
        return [outcome async for outcome in LocalEngine().run([stage], [record], OneMind(), 1)]

    return asyncio.run(run())


@pytest.mark.parametrize(("stage", "record"), STAGES, ids=lambda one: type(one).__name__)
def test_a_stage_that_was_sent_elsewhere_does_the_same(stage: Stage[Any], record: Any) -> None:
    sent = pickle.loads(pickle.dumps(stage))
    assert (sent.name, sent.version) == (stage.name, stage.version)
    made = outcomes(stage, record)
    assert outcomes(sent, record) == made
    assert made
    assert not any(isinstance(outcome, (Failure, Rejected)) for _, outcome in made), made


def test_every_stage_is_tested_here() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            methods = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.AsyncFunctionDef)]
            if isinstance(node, ast.ClassDef) and any(one.name == "process" for one in methods):
                found.add(node.name)
    assert found - {"Stage"} == {type(stage).__name__ for stage, _ in STAGES}
