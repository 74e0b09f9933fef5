"""What a candidate is asked, word for word; with retrieval, what was found before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.judge.candidates import Candidate
from axolotl_ragdata.judge.questions import asked_turns, with_options
from axolotl_ragdata.judge.records import JudgeQuestion
from axolotl_ragdata.records import Message, Passage
from axolotl_ragdata.stage import ChatRequest

if TYPE_CHECKING:
    from axolotl_ragdata.index import Retriever

CARD = " ".join(Path(__file__).with_name("retrieval.md").read_text(encoding="utf-8").split())
Turns = tuple[Message, ...]


@dataclass(frozen=True)
class Asked:
    """A question as one candidate is asked it. `plain` is without lettered options, for log-likelihoods."""

    candidate: Candidate
    question: JudgeQuestion
    turns: Turns
    plain: Turns
    passage_ids: tuple[str, ...] = ()

    def request(self, stage: str) -> ChatRequest:
        """Return the call of a chat model."""
        turns = list(self.turns)
        system = turns.pop(0).content if turns[0].role == "system" else ""
        return ChatRequest(
            stage=stage,
            subject_id=self.question.id,
            system=system,
            user=turns[-1].content,
            max_tokens=self.candidate.block.max_tokens,
            history=tuple(turns[:-1]),
        )


async def ask(candidate: Candidate, question: JudgeQuestion, system: str | None, retriever: Retriever | None) -> Asked:
    """Return what a candidate is asked; a question that comes with its passages is given no others."""
    passages: Sequence[Passage] = ()
    if candidate.block.retrieves and retriever is not None and not question.turns:
        passages = [passage for _, passage in await retriever.search(question.question, candidate.block.top_k)]
    start = (Message(role="system", content=system),) if system else ()
    return Asked(
        candidate=candidate,
        question=question,
        turns=(*start, *asked_turns(question, _with_passages(with_options(question), passages))),
        plain=(*start, *asked_turns(question, _with_passages(question.question, passages))),
        passage_ids=tuple(passage.id for passage in passages),
    )


def _with_passages(text: str, passages: Sequence[Passage]) -> str:
    if not passages:
        return text
    shown = [passage.in_context for passage in passages]
    seal = seal_for(text, *shown)
    marked = [enclosed("passage", each, seal, {"id": f"p{at}"}) for at, each in enumerate(shown, 1)]
    return "\n\n".join([CARD, *marked, f"Question: {text}"])
