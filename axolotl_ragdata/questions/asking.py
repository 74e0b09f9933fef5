"""The stage that asks a chat model for questions of a passage, one call a card."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.guidance import guided
from axolotl_ragdata.questions.cards import REMINDER, STAGE, Card, questions_schema
from axolotl_ragdata.quotes import locate
from axolotl_ragdata.records import Failure, Passage, Question, Rejected, content_id
from axolotl_ragdata.references import points_at_source
from axolotl_ragdata.stage import ChatRequest, Completion, Context, Outcome
from axolotl_ragdata.wording import content_stems

SHORTEST, LONGEST = 12, 400
"""Characters of a question."""
ANSWER_IN_QUESTION = 0.9
"""Share of the quote's content words that stand in the question, from which on it answers itself."""


class AskStage:
    """Asks a chat model for questions of a passage, one call a card.

    Args:
        cards: Question types.
        per_passage: Most questions of one type about one passage.
        model: The chat model's name, for the record.
    """

    name = STAGE

    def __init__(self, cards: Sequence[Card], per_passage: int, model: str) -> None:
        self._cards = list(cards)
        self._per_passage = per_passage
        self._model = model
        self.version = content_id("ask", [card.version for card in cards], per_passage)

    async def process(self, record: Passage, ctx: Context) -> Sequence[Outcome]:
        """Return the questions of a passage; a card that yields none yields a `Rejected` or a `Failure`."""
        found = await asyncio.gather(*(self._asked(card, record, ctx) for card in self._cards))
        return [outcome for outcomes in found for outcome in outcomes]

    async def _asked(self, card: Card, passage: Passage, ctx: Context) -> list[Outcome]:
        if reason := card.refusal(passage):
            return [_rejected(card, passage, reason)]
        completion = await ctx.complete(self.request(card, passage))
        if isinstance(completion, Failure):
            return [completion]
        asked = completion.value["questions"]
        if not asked:
            return [_rejected(card, passage, "no question of this type in the passage")]
        outcomes = [self._checked(card, passage, item, completion) for item in asked]
        # a small model may say the same thing twice in one answer
        keys = (outcome.id if isinstance(outcome, Question) else outcome.subject_id for outcome in outcomes)
        return list(dict(zip(keys, outcomes, strict=True)).values())

    def request(self, card: Card, passage: Passage) -> ChatRequest:
        """Return the call that a card makes about a passage."""
        return ChatRequest(
            stage=card.producer,
            subject_id=passage.id,
            system=card.system_prompt(self._per_passage, passage.language),
            user=f"{enclosed('passage', passage.in_context, seal_for(passage.in_context))}\n{REMINDER}",
            schema=guided(questions_schema(self._per_passage), self._model, [passage]),
            schema_name="questions",
            max_tokens=card.head.max_tokens,
        )

    def _checked(
        self, card: Card, passage: Passage, item: dict[str, str], completion: Completion
    ) -> Question | Rejected:
        text, quote = " ".join(item["question"].split()), item["quote"]
        span = locate(quote, passage.text)
        if problem := malformed(text) or _dependent(text, passage) or _foreign(text, card, passage):
            return _rejected(card, passage, problem, text)
        if span is None:
            return _rejected(card, passage, "the quote is not in the passage", f"{text} — {quote}")
        if _answers_itself(text, passage.text[slice(*span)]):
            return _rejected(card, passage, "the question contains its answer", f"{text} — {quote}")
        return Question(
            id=content_id("q", card.producer, completion.model, self._per_passage, passage.id, text),
            type=card.name,
            text=text,
            passage_ids=(passage.id,),
            language=passage.language,
            generator="llm",
            producer=card.producer,
            model=completion.model,
            evidence=((passage.start + span[0], passage.start + span[1]),),
        )


def malformed(question: str) -> str | None:
    """Return why a text is no question to ask, None where it is one.

    >>> malformed("Explain mania."), malformed("Why?"), malformed("What is mania?")
    ('not a question', 'too short for a question', None)
    """
    if not question.rstrip(" \"'”’»)").endswith(("?", "？", "؟")):
        return "not a question"
    if len(question) < SHORTEST:
        return "too short for a question"
    return "too long for a question" if len(question) > LONGEST else None


def _dependent(question: str, passage: Passage) -> str | None:
    if points_at_source(question):
        return "refers to the passage"
    titles = {_bare(title) for title in (passage.doc_title, *passage.section_path) if not title.rstrip().endswith("?")}
    return "repeats the heading only" if _bare(question) in titles else None


def _foreign(question: str, card: Card, passage: Passage) -> str | None:
    """Return why a question cannot have come of the passage; small models copy what the prompt shows them."""
    if _bare(question) in {_bare(example) for example in card.examples}:
        return "repeats an example of the card"
    asked = content_stems(question)
    return "shares no word with the passage" if asked and not asked & content_stems(passage.in_context) else None


def _bare(text: str) -> str:
    return " ".join(text.casefold().rstrip(" ?.:").split())


def _answers_itself(question: str, quote: str) -> bool:
    said, asked = content_stems(quote), content_stems(question)
    # a quote of one or two words of content is a list's name or a number, not an answer that was given away
    return len(said) > 2 and len(said & asked) >= ANSWER_IN_QUESTION * len(said)


def _rejected(card: Card, passage: Passage, reason: str, detail: str = "") -> Rejected:
    subject = {"passage_ids": [passage.id], "type": card.name}
    subject_id = content_id("qx", card.producer, passage.id, detail)
    return Rejected(stage=card.producer, subject_id=subject_id, reason=reason, detail=detail[:500], subject=subject)
