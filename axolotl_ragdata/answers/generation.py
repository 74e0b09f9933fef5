"""The paper's method: the chat model answers a question from the passages that retrieval found, and quotes them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from axolotl_ragdata.answers.conversation import answered_turns
from axolotl_ragdata.answers.given import given_answer, is_given
from axolotl_ragdata.answers.retrieval import Evidence, Search, find_evidence
from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.guidance import guided
from axolotl_ragdata.languages import language_name
from axolotl_ragdata.quotes import citation_of
from axolotl_ragdata.records import Answer, Citation, Failure, Passage, Question, Rejected, content_id
from axolotl_ragdata.references import points_at_source
from axolotl_ragdata.stage import ChatRequest, Completion, Context, Outcome

STAGE = "answers/generative"
MAX_TOKENS = 1200
CARD = Path(__file__).with_name("answer.md").read_text(encoding="utf-8")
ABSTAIN = Path(__file__).with_name("abstain.md").read_text(encoding="utf-8")
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
    """Answers by retrieval: the passages that are found, one call, quotes checked character by character.

    The question's own passage is not forced in, but for questions of several passages: what retrieval does not find,
    the model that is trained on these rows would not find either. Where it was not found, a refusal to answer says
    so; rows show it in `hits`. A question that brought its answer costs no call; one that the corpus is thought not to
    answer is put to the model with the passages that come nearest, and is a row only if the model abstains.

    Args:
        top_k: Passages that an answer is given.
        model: The chat model's name, for the record.
        min_score: Cosine of question and passage below which a passage is left out; None: none is.
        neighbours: Passages of the same section that each one brings from before it, and from behind it.
        samples: Answers that each question is asked for; a conversation and an abstention are asked for once.
    """

    name = STAGE
    version = hashlib.sha256((CARD + ABSTAIN + json.dumps(SCHEMA, sort_keys=True)).encode()).hexdigest()[:12]

    def __init__(
        self, top_k: int, model: str, samples: int = 1, min_score: float | None = None, neighbours: int = 0
    ) -> None:
        self._search = Search(top_k, min_score, neighbours)
        self._model = model
        self._samples = samples

    @property
    def producer(self) -> str:
        """Name and version, as rows name it."""
        return f"{self.name}@{self.version}"

    async def process(self, record: Question, ctx: Context) -> Sequence[Outcome]:
        """Return the answers, or why there is none; a quote that stands nowhere is a `Rejected` beside the answer."""
        if is_given(record):
            return [await given_answer(record, self._search.top_k, ctx)]
        if record.turns:
            return await answered_turns(record, lambda turn: self._answered(turn, ctx, 1))
        return await self._answered(record, ctx, self._samples if record.answerable else 1)

    async def _answered(self, question: Question, ctx: Context, samples: int) -> list[Outcome]:
        evidence = await find_evidence(question, self._search, ctx)
        if not evidence.passages:
            return [self._nothing_found(question, evidence)]
        outcomes: dict[object, Outcome] = {}
        for sample in range(samples):
            completion = await ctx.complete(self.request(question, evidence, sample))
            for outcome in self._read(question, evidence, completion):
                outcomes.setdefault(_same(outcome), outcome)
        return list(outcomes.values())

    def _read(self, question: Question, evidence: Evidence, completion: Completion | Failure) -> list[Outcome]:
        if isinstance(completion, Failure):
            return [completion]
        if not question.answerable:
            return [self._abstained(question, evidence, completion)]
        return self._checked(question, evidence, completion)

    def request(self, question: Question, evidence: Evidence, sample: int = 0) -> ChatRequest:
        """Return the call that answers a question from the passages that were found, for the `sample`-th time."""
        card = CARD if question.answerable else ABSTAIN
        return ChatRequest(
            stage=self.producer,
            subject_id=question.id,
            system=Template(card).substitute(language=language_name(question.language)),
            user=prompt(question.text, evidence.texts),
            schema=guided(SCHEMA, self._model, evidence.passages),
            schema_name="answer",
            max_tokens=MAX_TOKENS,
            draw=sample,
        )

    def _checked(self, question: Question, evidence: Evidence, completion: Completion) -> list[Outcome]:
        text, cited = completion.value["answer"].strip(), completion.value["citations"]
        if not completion.value["answerable"] or not text:
            return [self._unanswered(question, evidence, text)]
        if marks := _speaks_of_prompt(text):
            return [self._rejected(question, "the answer refers to the passages", f"{marks} — {text}", text)]
        if not cited:
            return [self._rejected(question, "the answer has no quote", text, text)]
        citations, lost = _located(cited, evidence)
        if not citations:
            return [self._rejected(question, "no quote is in its source", f"{text} — {lost[0]}", text)]
        if len(question.passage_ids) > 1 and not _spans(citations, question):
            return [self._rejected(question, "the answer needs one passage only", text)]
        answer = self._answer(question, text, citations, evidence, completion)
        return [answer, *(self._dropped(question, answer, quote) for quote in lost)]

    def _abstained(self, question: Question, evidence: Evidence, completion: Completion) -> Outcome:
        """Return the abstention, with the quote that the question came with where the model gives none that stands."""
        text = completion.value["answer"].strip()
        if completion.value["answerable"]:
            return self._rejected(question, "the corpus answers it", text)
        if not text:
            return self._rejected(question, "the model does not say what is missing")
        if marks := _speaks_of_prompt(text):
            return self._rejected(question, "the answer refers to the passages", f"{marks} — {text}")
        citations, _ = _located(completion.value["citations"], evidence)
        return self._answer(question, text, citations or list(question.citations), evidence, completion)

    def _answer(
        self,
        question: Question,
        text: str,
        citations: Sequence[Citation],
        evidence: Evidence,
        completion: Completion,
    ) -> Answer:
        cited = [[citation.passage_id, citation.start, citation.end] for citation in citations]
        return Answer(
            id=content_id("a", self.producer, completion.model, self._search.top_k, question.id, text, cited),
            question_id=question.id,
            text=text,
            citations=tuple(citations),
            hits=tuple(hit for hit, _ in evidence.found),
            mode="generative",
            producer=self.producer,
            model=completion.model,
            usage=completion.usage,
        )

    def _nothing_found(self, question: Question, evidence: Evidence) -> Rejected:
        if evidence.best is None:
            return self._rejected(question, "retrieval found no passage")
        found = self._rejected(question, "no passage is near enough to the question")
        return found.model_copy(update={"score": evidence.best, "threshold": self._search.min_score})

    def _unanswered(self, question: Question, evidence: Evidence, text: str) -> Rejected:
        has_source = any(passage.id in question.passage_ids for passage in evidence.passages)
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


def prompt(question: str, texts: Sequence[str]) -> str:
    """Return the user prompt: passages as p1, p2, …, then the question, all between marks that no text can close."""
    seal = seal_for(question, *texts)
    shown = [enclosed("passage", text, seal, {"id": f"p{number}"}) for number, text in enumerate(texts, 1)]
    return "\n\n".join([*shown, enclosed("question", question, seal)])


def _speaks_of_prompt(text: str) -> str | None:
    marks = PROMPT_MARKS.search(text)
    return marks[0] if marks else points_at_source(text)


def _spans(citations: Sequence[Citation], question: Question) -> bool:
    """Return whether an answer stands on two of the passages that its question was asked of, at least."""
    return len({citation.passage_id for citation in citations} & set(question.passage_ids)) > 1


def _located(cited: Sequence[dict[str, str]], evidence: Evidence) -> tuple[list[Citation], list[str]]:
    """Return the citations of the quotes that stand somewhere, each once, and the quotes that stand nowhere."""
    located = [(item["quote"], _place(item, evidence.blocks)) for item in cited]
    found = list(dict.fromkeys(citation for _, citation in located if citation is not None))
    return found, list(dict.fromkeys(quote for quote, citation in located if citation is None))


def _place(cited: dict[str, str], blocks: Sequence[Sequence[Passage]]) -> Citation | None:
    """Return the citation of a quote: in the passage that is named, else in another that was given, else None."""
    number = re.fullmatch(r"\W*p?(\d{1,3})\W*", cited["passage_id"])
    at = int(number[1]) - 1 if number else -1
    named = blocks[at] if 0 <= at < len(blocks) else []
    everywhere = [passage for block in blocks for passage in block]
    located = (citation_of(cited["quote"], passage) for passage in [*named, *everywhere])
    return next((citation for citation in located if citation is not None), None)
