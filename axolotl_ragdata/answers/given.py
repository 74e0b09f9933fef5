"""Answers that came with their question: a right option, a label, a verdict with its correction."""

from __future__ import annotations

from axolotl_ragdata.records import Answer, Question, content_id
from axolotl_ragdata.stage import Context

PRODUCER = "answers/given@1"


def is_given(question: Question) -> bool:
    """Return whether a chat model's question brought its answer, with quotes that were found in the passage."""
    return bool(question.answerable and question.answer_text and question.citations)


async def given_answer(question: Question, top_k: int, ctx: Context) -> Answer:
    """Return the answer that a question brought; what retrieval finds is kept beside it, as with any answer."""
    found = await ctx.retrieve(question.text, top_k)
    text = question.answer_text or ""
    cited = [[citation.passage_id, citation.start, citation.end] for citation in question.citations]
    return Answer(
        id=content_id("a", PRODUCER, question.id, text, cited),
        question_id=question.id,
        text=text,
        citations=question.citations,
        hits=tuple(hit for hit, _ in found),
        mode="generative",
        producer=PRODUCER,
        model=question.model,
    )
