"""Answers of the passages' own sentences: what a rule pointed at, or what the embedder finds nearest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from axolotl_ragdata.records import Answer, Citation, Hit, Passage, Question, Rejected, content_id
from axolotl_ragdata.sentences import sentence_spans
from axolotl_ragdata.stage import Context, Outcome

STAGE = "answers/extractive"
VERSION = "extractive@1"
FLOOR = 0.45
"""Cosine between question and sentence below which a sentence answers nothing."""
SHORTEST_WORDS = 4
MOST_SENTENCES = 2
# a sentence that begins so leans on the one before it
LEANING = re.compile(
    r"(?:it|its|this|that|these|those|they|their|he|she|such|both|however|therefore|thus|moreover|but|and|so|here|the "
    r"(?:former|latter|same)|il|elle|ils|elles|ce|cette|ces|cela|celui|celle|leur|toutefois|cependant|ainsi|donc|mais)\b",
    re.IGNORECASE,
)
CITATION_MARK = re.compile(r"\s*(?:\[\d+(?:\s*[,–-]\s*\d+)*\]|\((?:[^()]*?\b(?:19|20)\d\d[a-z]?[^()]*?)\))")


@dataclass(frozen=True)
class Candidate:
    """A sentence of a passage, by its offsets in the passage."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        """The sentence."""
        return self.passage.text[self.start : self.end]


class ExtractStage:
    """Answers with sentences. A question of a rule brings its own; for others the embedder picks.

    Args:
        top_k: Passages whose sentences are compared with a question that brings no evidence.
    """

    name = STAGE
    version = VERSION

    def __init__(self, top_k: int) -> None:
        self._top_k = top_k

    async def process(self, record: Question, ctx: Context) -> Sequence[Outcome]:
        """Return the answer, or why there is none."""
        found = await ctx.retrieve(record.text, self._top_k)
        hits = tuple(hit for hit, _ in found)
        passage = ctx.passage(record.passage_ids[0])
        if record.evidence and record.generator == "structure":
            return [_answer(record, [_cited(passage, span) for span in record.evidence], hits)]
        return [await self._picked(record, [passage for _, passage in found], hits, ctx)]

    async def _picked(
        self, question: Question, passages: Sequence[Passage], hits: tuple[Hit, ...], ctx: Context
    ) -> Answer | Rejected:
        candidates = [candidate for passage in passages for candidate in _candidates(passage)]
        if not candidates:
            return _rejected(question, "retrieval found no sentence")
        vectors = await ctx.embed([question.text, *(candidate.text for candidate in candidates)])
        scores = vectors[1:] @ vectors[0]
        best = int(scores.argmax())
        score = round(float(scores[best]), 4)
        if score < FLOOR:
            return _rejected(question, "no sentence is near enough to the question", score)
        chosen = _with_support(candidates, best, scores.tolist())
        spans = [(one.passage, (one.passage.start + one.start, one.passage.start + one.end)) for one in chosen]
        return _answer(question, [_cited(passage, span) for passage, span in spans], hits)


def _candidates(passage: Passage) -> list[Candidate]:
    if passage.kind in ("table", "figure", "formula"):
        return []
    spans = sentence_spans(passage.text, passage.language)
    return [
        Candidate(passage, start, end)
        for start, end in spans
        if len(passage.text[start:end].split()) >= SHORTEST_WORDS and passage.text[end - 1] in '.!…)"”»'
    ]


def _with_support(candidates: Sequence[Candidate], best: int, scores: Sequence[float]) -> list[Candidate]:
    """Return the best sentence in reading order with the one that it leans on, or that carries it on."""
    chosen = [candidates[best]]
    before = candidates[best - 1] if best else None
    after = candidates[best + 1] if best + 1 < len(candidates) else None
    if LEANING.match(chosen[0].text):
        if before is not None and before.passage is chosen[0].passage:
            chosen.insert(0, before)
    elif after is not None and after.passage is chosen[0].passage and scores[best + 1] >= FLOOR + 0.15:
        chosen.append(after)
    return chosen[:MOST_SENTENCES]


def _cited(passage: Passage, span: tuple[int, int]) -> Citation:
    start, end = span
    quote = passage.text[start - passage.start : end - passage.start]
    return Citation(passage_id=passage.id, doc_id=passage.doc_id, quote=quote, start=start, end=end)


def _answer(question: Question, citations: Sequence[Citation], hits: tuple[Hit, ...]) -> Answer:
    text = question.answer_text or shown([citation.quote for citation in citations])
    return Answer(
        id=content_id("a", VERSION, question.id, text),
        question_id=question.id,
        text=text,
        citations=tuple(citations),
        hits=hits,
        mode="extractive",
        producer=VERSION,
    )


def shown(quotes: Sequence[str]) -> str:
    """Return quotes as an answer: citation marks left out, items of a list on lines of their own.

    >>> shown(["Panic attacks peak within minutes [3].", "They recur (Smith et al., 2019)."])
    'Panic attacks peak within minutes. They recur.'
    """
    parts = []
    for quote in quotes:
        lines = [" ".join(CITATION_MARK.sub("", line).split()) for line in quote.split("\n") if line.strip()]
        listed = len(lines) > 1
        parts.append("\n".join(lines[:1] + [f"- {line}" for line in lines[1:]]) if listed else " ".join(lines))
    return "\n".join(parts) if any("\n" in part for part in parts) else " ".join(parts)


def _rejected(question: Question, reason: str, score: float | None = None) -> Rejected:
    subject = {"question_id": question.id, "passage_ids": list(question.passage_ids), "question": question.text}
    threshold = None if score is None else FLOOR
    return Rejected(
        stage=STAGE, subject_id=question.id, reason=reason, score=score, threshold=threshold, subject=subject
    )
