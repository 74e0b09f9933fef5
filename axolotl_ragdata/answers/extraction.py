"""Answers of the passages' own sentences: what a rule pointed at, or what is nearest to the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from axolotl_ragdata.answers.conversation import answered_turns
from axolotl_ragdata.answers.given import given_answer, is_given
from axolotl_ragdata.answers.retrieval import Search, find_evidence
from axolotl_ragdata.quotes import as_read
from axolotl_ragdata.records import Answer, Citation, Hit, Passage, Question, Rejected, content_id
from axolotl_ragdata.sentences import sentence_spans
from axolotl_ragdata.stage import Context, Outcome

STAGE = "answers/extractive"
VERSION = "extractive@2"
FLOOR = 0.45
"""Cosine between question and sentence below which a sentence answers nothing."""
NEIGHBOUR_FLOOR = 0.60
"""Cosine from which on the sentence after the best one carries the answer on."""
SHORTEST_WORDS = 4
MOST_SENTENCES = 3
# a sentence that begins so leans on the one before it
LEANING = re.compile(
    r"(?:it|its|this|that|these|those|they|their|he|she|his|her|such|both|however|therefore|thus|moreover|but|and|so|here|"
    r"the (?:former|latter|same|other)|il|elle|ils|elles|ce|cette|ces|cela|celui|celle|leur|leurs|toutefois|cependant|"
    r"ainsi|donc|mais)\b",
    re.IGNORECASE,
)
SPEAKS_OF_FLOATS = re.compile(r"\b(?:table|tableau|figure|fig\.) \d", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """A sentence of a passage, by its offsets in the passage."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        """The sentence, as it is read."""
        return as_read(self.passage.text[self.start : self.end])

    @property
    def citation(self) -> Citation:
        """The sentence as an exact quote."""
        start, end = self.passage.start + self.start, self.passage.start + self.end
        quote = self.passage.text[self.start : self.end]
        return Citation(passage_id=self.passage.id, doc_id=self.passage.doc_id, quote=quote, start=start, end=end)


class ExtractStage:
    """Answers with sentences. A question of a rule brings its own; for others the embedder picks.

    A rule's evidence is the answer, up to three sentences of it by nearness where the rule brings a section. For a
    question of a chat model the nearest sentence of the passages found answers, with the sentence before it where it
    leans on it, or the one after where that is nearly as near.

    Args:
        top_k: Passages whose sentences are compared with a question that brings no evidence.
        min_score: Cosine of question and passage below which a passage is left out; None: none is.
    """

    name = STAGE
    version = VERSION

    def __init__(self, top_k: int, min_score: float | None = None) -> None:
        self._search = Search(top_k, min_score)

    async def process(self, record: Question, ctx: Context) -> Sequence[Outcome]:
        """Return the answer, or why there is none."""
        if record.generator == "structure" and record.evidence:
            return [await self._evidence(record, ctx)]
        if is_given(record):
            return [await given_answer(record, self._search.top_k, ctx)]
        if not record.answerable:
            return [_rejected(record, "only a chat model can tell that the corpus does not answer it")]
        if len(record.passage_ids) > 1:
            return [await self._of_quotes(record, ctx)]
        if record.turns:
            return await answered_turns(record, lambda turn: self._answered(turn, ctx))
        return await self._answered(record, ctx)

    async def _evidence(self, question: Question, ctx: Context) -> Answer | Rejected:
        found = await ctx.retrieve(question.text, self._search.top_k)
        passage = ctx.passage(question.passage_ids[0])
        evidence = [Candidate(passage, start - passage.start, end - passage.start) for start, end in question.evidence]
        return await _of_evidence(question, evidence, tuple(hit for hit, _ in found), ctx)

    async def _of_quotes(self, question: Question, ctx: Context) -> Answer | Rejected:
        """Return the sentences of several passages that the question came with, in their order."""
        found = await ctx.retrieve(question.text, self._search.top_k)
        places = [(ctx.passage(citation.passage_id), citation) for citation in question.citations]
        chosen = [Candidate(one, quote.start - one.start, quote.end - one.start) for one, quote in places]
        text = " ".join(each.text for each in chosen)
        return _answer(question, chosen, text, tuple(hit for hit, _ in found))

    async def _answered(self, question: Question, ctx: Context) -> list[Outcome]:
        evidence = await find_evidence(question, self._search, ctx)
        hits = tuple(hit for hit, _ in evidence.found)
        candidates = [candidate for _, passage in evidence.found for candidate in _candidates(passage)]
        if not candidates and evidence.best is not None:
            found = _rejected(question, "no passage is near enough to the question", evidence.best)
            return [found.model_copy(update={"threshold": self._search.min_score})]
        return [await _picked(question, candidates, hits, ctx)]


async def _of_evidence(
    question: Question, evidence: Sequence[Candidate], hits: tuple[Hit, ...], ctx: Context
) -> Answer | Rejected:
    if question.answer_text is not None:
        return _answer(question, evidence, question.answer_text, hits)
    chosen = list(evidence)
    if len(evidence) > MOST_SENTENCES:
        scores = await _scores(question, evidence, ctx)
        best = sorted(range(len(evidence)), key=lambda at: -scores[at])[:MOST_SENTENCES]
        chosen = [evidence[at] for at in sorted(best)]
    return _answer(question, chosen, " ".join(each.text for each in chosen), hits)


async def _picked(
    question: Question, candidates: Sequence[Candidate], hits: tuple[Hit, ...], ctx: Context
) -> Answer | Rejected:
    if not candidates:
        return _rejected(question, "retrieval found no sentence")
    scores = await _scores(question, candidates, ctx)
    best = max(range(len(candidates)), key=lambda at: scores[at])
    if scores[best] < FLOOR:
        return _rejected(question, "no sentence is near enough to the question", scores[best])
    chosen = _with_support(candidates, best, scores)
    if chosen is None:
        return _rejected(question, "the nearest sentence leans on one that is not in its passage", scores[best])
    return _answer(question, chosen, " ".join(each.text for each in chosen), hits)


async def _scores(question: Question, candidates: Sequence[Candidate], ctx: Context) -> list[float]:
    vectors = await ctx.embed([question.text, *(candidate.text for candidate in candidates)])
    return [round(float(score), 4) for score in vectors[1:] @ vectors[0]]


def _candidates(passage: Passage) -> list[Candidate]:
    if passage.kind in ("table", "figure", "formula") or passage.part == "back":
        return []
    spans = sentence_spans(passage.text, passage.language)
    made = [Candidate(passage, start, end) for start, end in spans if passage.text[end - 1] in '.!…)"”»']
    return [
        each for each in made if len(each.text.split()) >= SHORTEST_WORDS and not SPEAKS_OF_FLOATS.search(each.text)
    ]


def _with_support(candidates: Sequence[Candidate], best: int, scores: Sequence[float]) -> list[Candidate] | None:
    """Return the best sentence in reading order with those that it leans on, or the one that carries it on."""
    first = best
    while LEANING.match(candidates[first].text):
        # what it leans on must be the sentence right before, in the same passage
        if first == 0 or best - first + 2 > MOST_SENTENCES or not _follow(candidates[first - 1], candidates[first]):
            return None
        first -= 1
    last = best
    if first == best and best + 1 < len(candidates) and scores[best + 1] >= NEIGHBOUR_FLOOR:
        last += _follow(candidates[best], candidates[best + 1])
    return list(candidates[first : last + 1])


def _follow(one: Candidate, other: Candidate) -> bool:
    return one.passage is other.passage and not one.passage.text[one.end : other.start].strip()


def _answer(question: Question, chosen: Sequence[Candidate], text: str, hits: tuple[Hit, ...]) -> Answer:
    citations = tuple(each.citation for each in chosen)
    places = [[citation.passage_id, citation.start, citation.end] for citation in citations]
    return Answer(
        id=content_id("a", VERSION, question.id, text, places),
        question_id=question.id,
        text=text,
        citations=citations,
        hits=hits,
        mode="extractive",
        producer=VERSION,
    )


def _rejected(question: Question, reason: str, score: float | None = None) -> Rejected:
    subject = {"question_id": question.id, "passage_ids": list(question.passage_ids), "question": question.text}
    threshold = None if score is None else FLOOR
    return Rejected(
        stage=STAGE, subject_id=question.id, reason=reason, score=score, threshold=threshold, subject=subject
    )
