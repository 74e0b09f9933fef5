"""The paper's method: the chat model answers a question from the passages that retrieval found, and quotes them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.guidance import guided
from axolotl_ragdata.languages import language_name
from axolotl_ragdata.quotes import locate
from axolotl_ragdata.records import Answer, Citation, Failure, Hit, Passage, Question, Rejected, content_id
from axolotl_ragdata.references import points_at_source
from axolotl_ragdata.stage import ChatRequest, Completion, Context, Outcome

STAGE = "answers/generative"
MAX_TOKENS = 1200
CARD = Path(__file__).with_name("answer.md").read_text(encoding="utf-8")
# a seal or an id of the prompt in an answer: nobody who reads the row knows what it stands for
PROMPT_MARKS = re.compile(r"</?passage\b|\bseal\b ?=|[\[(]p\d+(?:, ?p\d+)*[\])]|\bpassages? \[?p\d+", re.IGNORECASE)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answerable": {"type": "boolean"},
        "answer": {"type": "string"},
        "citations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"passage_id": {"type": "string"}, "quote": {"type": "string"}},
                "required": ["passage_id", "quote"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["answerable", "answer", "citations"],
    "additionalProperties": False,
}


class AnswerStage:
    """Answers by retrieval: the best `top_k` passages, one call, quotes checked character by character.

    The question's own passage is not forced in: what retrieval does not find, the model that is trained on these rows
    would not find either. Where it was not found, a refusal to answer says so; rows show it in `hits`.

    Args:
        top_k: Passages that an answer is given.
        model: The chat model's name, for the record.
        samples: Answers that each question is asked for.
    """

    name = STAGE
    version = hashlib.sha256((CARD + json.dumps(SCHEMA, sort_keys=True)).encode()).hexdigest()[:12]

    def __init__(self, top_k: int, model: str, samples: int = 1) -> None:
        self._top_k = top_k
        self._model = model
        self._samples = samples

    @property
    def producer(self) -> str:
        """Name and version, as rows name it."""
        return f"{self.name}@{self.version}"

    async def process(self, record: Question, ctx: Context) -> Sequence[Outcome]:
        """Return the answers, or why there is none; a quote that stands nowhere is a `Rejected` beside the answer."""
        found = await ctx.retrieve(record.text, self._top_k)
        if not found:
            return [self._rejected(record, "retrieval found no passage")]
        outcomes: dict[object, Outcome] = {}
        for sample in range(self._samples):
            completion = await ctx.complete(self.request(record, found, sample))
            checked = [completion] if isinstance(completion, Failure) else self._checked(record, found, completion)
            for outcome in checked:
                outcomes.setdefault(_same(outcome), outcome)
        return list(outcomes.values())

    def request(self, question: Question, found: Sequence[tuple[Hit, Passage]], sample: int = 0) -> ChatRequest:
        """Return the call that answers a question from the passages that were found, for the `sample`-th time."""
        return ChatRequest(
            stage=self.producer,
            subject_id=question.id,
            system=Template(CARD).substitute(language=language_name(question.language)),
            user=prompt(question.text, [passage for _, passage in found]),
            schema=guided(SCHEMA, self._model, [passage for _, passage in found]),
            schema_name="answer",
            max_tokens=MAX_TOKENS,
            draw=sample,
        )

    def _checked(
        self, question: Question, found: Sequence[tuple[Hit, Passage]], completion: Completion
    ) -> list[Outcome]:
        text, cited = completion.value["answer"].strip(), completion.value["citations"]
        if not completion.value["answerable"] or not text:
            return [self._unanswered(question, found, text)]
        if marks := PROMPT_MARKS.search(text) or points_at_source(text):
            shown = marks if isinstance(marks, str) else marks[0]
            return [self._rejected(question, "the answer refers to the passages", f"{shown} — {text}", text)]
        if not cited:
            return [self._rejected(question, "the answer has no quote", text, text)]
        located = [(item["quote"], _located(item, [passage for _, passage in found])) for item in cited]
        citations = list(dict.fromkeys(citation for _, citation in located if citation is not None))
        lost = [quote for quote, citation in located if citation is None]
        if not citations:
            return [self._rejected(question, "no quote is in its source", f"{text} — {lost[0]}", text)]
        answer = self._answer(question, text, citations, found, completion)
        return [answer, *(self._dropped(question, answer, quote) for quote in dict.fromkeys(lost))]

    def _answer(
        self,
        question: Question,
        text: str,
        citations: Sequence[Citation],
        found: Sequence[tuple[Hit, Passage]],
        completion: Completion,
    ) -> Answer:
        cited = [[citation.passage_id, citation.start, citation.end] for citation in citations]
        return Answer(
            id=content_id("a", self.producer, completion.model, self._top_k, question.id, text, cited),
            question_id=question.id,
            text=text,
            citations=tuple(citations),
            hits=tuple(hit for hit, _ in found),
            mode="generative",
            producer=self.producer,
            model=completion.model,
            usage=completion.usage,
        )

    def _unanswered(self, question: Question, found: Sequence[tuple[Hit, Passage]], text: str) -> Rejected:
        has_source = any(passage.id in question.passage_ids for _, passage in found)
        detail = text if has_source else "the question's own passage was not among those found"
        return self._rejected(question, "the model says that the passages do not answer it", detail)

    def _rejected(self, question: Question, reason: str, detail: str = "", answer: str | None = None) -> Rejected:
        subject = {"question_id": question.id, "passage_ids": list(question.passage_ids), "question": question.text}
        if answer is not None:
            subject["answer"] = answer  # the rejected half of a preference pair
        return Rejected(stage=self.name, subject_id=question.id, reason=reason, detail=detail[:500], subject=subject)

    def _dropped(self, question: Question, answer: Answer, quote: str) -> Rejected:
        subject = {"question_id": question.id, "answer_id": answer.id, "question": question.text}
        return Rejected(
            stage=f"{self.name}/citations",
            subject_id=content_id("c", answer.id, quote),
            reason="a citation was dropped: its quote is in no passage",
            detail=quote[:500],
            subject=subject,
        )


def _same(outcome: Outcome) -> object:
    """Return what two samples that came to the same share."""
    if isinstance(outcome, Answer):
        return outcome.id
    return (type(outcome), outcome.model_dump_json())


def prompt(question: str, passages: Sequence[Passage]) -> str:
    """Return the user prompt: passages as p1, p2, …, then the question, all between marks that no text can close."""
    texts = [passage.in_context for passage in passages]
    seal = seal_for(question, *texts)
    shown = [enclosed("passage", text, seal, {"id": f"p{number}"}) for number, text in enumerate(texts, 1)]
    return "\n\n".join([*shown, enclosed("question", question, seal)])


def _located(cited: dict[str, str], passages: Sequence[Passage]) -> Citation | None:
    """Return the citation of a quote: in the passage that is named, else in another that was given, else None."""
    number = re.fullmatch(r"\W*p?(\d{1,3})\W*", cited["passage_id"])
    at = int(number[1]) - 1 if number else -1
    named = [passages[at]] if 0 <= at < len(passages) else []
    located = (citation_of(cited["quote"], passage) for passage in [*named, *passages])
    return next((citation for citation in located if citation is not None), None)


def citation_of(quote: str, passage: Passage) -> Citation | None:
    """Return the citation of a quote in a passage, None where it does not stand there."""
    span = locate(quote, passage.text)
    if span is None:
        return None
    return Citation(
        passage_id=passage.id,
        doc_id=passage.doc_id,
        quote=passage.text[slice(*span)],
        start=passage.start + span[0],
        end=passage.start + span[1],
    )
