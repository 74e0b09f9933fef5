"""A question and its answer → a row that leads back to its sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.records import Answer, Document, Example, Message, Passage, Provenance, Question, content_id


def make_example(
    question: Question, answer: Answer, document: Document, passages: Mapping[str, Passage], system: str | None = None
) -> Example:
    """Return the row of a question and its answer, not yet in a split (`train`).

    Args:
        question: What was asked.
        answer: What was answered.
        document: Where the question's first passage comes from.
        passages: All passages by id.
        system: A system prompt in front of the row.
    """
    return Example(
        id=content_id("ex", question.id, answer.id),
        type=question.type,
        question=question.text,
        answer=answer.text,
        messages=conversation(question, answer, system),
        language=question.language or document.language,
        answerable=question.answerable,
        options=question.options,
        label=question.label,
        group=question.group,
        provenance=_provenance(question, answer, document, passages[question.passage_ids[0]]),
    )


def conversation(question: Question, answer: Answer, system: str | None = None) -> tuple[Message, ...]:
    """Return the messages of a row, closed-book: one turn of each side, or as many as the conversation has."""
    asked = [turn.text for turn in question.turns] or [question.prompt or question.text]
    said = [*answer.earlier, answer.text]
    turns = [Message(role="system", content=system)] if system else []
    for text, reply in zip(asked, said, strict=True):
        turns += [Message(role="user", content=text), Message(role="assistant", content=reply)]
    return tuple(turns)


def asked_of(example: Example) -> str:
    """Return all that a row's user says and the question in words that stand alone, without passages it carries."""
    spoken = [] if example.context else [turn.content for turn in example.messages if turn.role == "user"]
    return "\n".join(dict.fromkeys([*spoken, example.question]))


def answer_of(example: Example) -> str:
    """Return all that a row's assistant says: the answer, or the answers of a conversation."""
    spoken = [turn.content for turn in example.messages if turn.role == "assistant"]
    return "\n".join(spoken) if spoken else example.answer


def open_book(messages: Sequence[Message], passages: Sequence[Passage]) -> tuple[Message, ...]:
    """Return messages whose first question comes with passages, each between marks that no text can close."""
    if not passages:
        return tuple(messages)
    at = next(number for number, message in enumerate(messages) if message.role == "user")
    texts = [passage.in_context for passage in passages]
    seal = seal_for(messages[at].content, *texts)
    shown = [enclosed("passage", text, seal, {"id": f"p{number}"}) for number, text in enumerate(texts, 1)]
    asked = Message(role="user", content="\n\n".join([*shown, f"Question: {messages[at].content}"]))
    return (*messages[:at], asked, *messages[at + 1 :])


def _provenance(question: Question, answer: Answer, document: Document, passage: Passage) -> Provenance:
    return Provenance(
        doc_id=document.id,
        doc_title=document.title,
        source_path=document.source.path,
        source_sha256=document.source.sha256,
        source_pdf=document.source.pdf,
        licence=document.licence,
        section_path=passage.section_path,
        passage_ids=question.passage_ids,
        question_id=question.id,
        answer_id=answer.id,
        citations=answer.citations,
        hits=answer.hits,
        generator=question.generator,
        question_producer=question.producer,
        answer_producer=answer.producer,
        question_model=question.model,
        answer_model=answer.model,
    )
