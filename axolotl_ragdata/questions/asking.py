"""The stage that asks a chat model for questions of a passage, one call a card and round."""

from __future__ import annotations

from collections.abc import Sequence

from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.guidance import guided
from axolotl_ragdata.questions.acceptance import problem_of
from axolotl_ragdata.questions.cards import REMINDER, STAGE, Card
from axolotl_ragdata.questions.inquiry import Inquiry
from axolotl_ragdata.questions.outputs import Asked, Wanted, questions_schema
from axolotl_ragdata.questions.partners import find_partners
from axolotl_ragdata.quotes import citation_of
from axolotl_ragdata.records import Citation, Failure, Passage, Question, Rejected, content_id
from axolotl_ragdata.stage import ChatRequest, Completion, Context, Outcome

SHOWN_ASKED = 20
"""Questions of earlier rounds that a prompt lists."""


class AskStage:
    """Asks a chat model for questions of a passage.

    Args:
        cards: Question types.
        model: The chat model's name, for the record.
        paraphrases: Phrasings of each question, 1 or more.
    """

    name = STAGE

    def __init__(self, cards: Sequence[Card], model: str, paraphrases: int = 1) -> None:
        self._cards = {card.name: card for card in cards}
        self._model = model
        self._paraphrases = paraphrases
        self.version = content_id("ask", [card.version for card in cards], paraphrases)

    async def process(self, record: Inquiry, ctx: Context) -> Sequence[Outcome]:
        """Return the questions of an inquiry; one that yields none yields a `Rejected` or a `Failure`."""
        card = self._cards[record.type]
        if reason := card.refusal(record.passage):
            return [_rejected(card, record, reason)]
        passages = [record.passage, *await find_partners(card, record, ctx)]
        if len(passages) < card.head.passages:
            return [_rejected(card, record, "there is no other passage to ask together with it")]
        neighbours = [ctx.passage(key) for key in record.neighbour_ids[: card.head.neighbours]]
        completion = await ctx.complete(self.request(card, record, passages, neighbours))
        if isinstance(completion, Failure):
            return [completion]
        items = completion.value["questions"]
        if not items:
            return [_rejected(card, record, "no question of this type in the passage")]
        outcomes = [one for item in items for one in self._read(card, record, passages, neighbours, item, completion)]
        # a small model may say the same thing twice in one answer
        keys = (outcome.id if isinstance(outcome, Question) else outcome.subject_id for outcome in outcomes)
        return list(dict(zip(keys, outcomes, strict=True)).values())

    def request(
        self, card: Card, inquiry: Inquiry, passages: Sequence[Passage], neighbours: Sequence[Passage] = ()
    ) -> ChatRequest:
        """Return the call of an inquiry.

        Args:
            card: The question type.
            inquiry: What is asked for.
            passages: What is asked about, the inquiry's own passage first.
            neighbours: What wrong options may be taken from.
        """
        system = card.system_prompt(
            inquiry.count,
            inquiry.passage.language,
            persona=inquiry.persona or "",
            difficulty=inquiry.difficulty or "",
            truth=str(inquiry.truth).lower(),
            paraphrases=str(self._paraphrases),
        )
        schema = questions_schema(inquiry.count, card.output, self._paraphrases)
        return ChatRequest(
            stage=card.producer,
            subject_id=inquiry.passage.id,
            system=system,
            user=_shown(inquiry, passages, neighbours),
            schema=guided(schema, self._model, passages),
            schema_name="questions",
            max_tokens=card.head.max_tokens,
        )

    def _read(
        self,
        card: Card,
        inquiry: Inquiry,
        passages: Sequence[Passage],
        neighbours: Sequence[Passage],
        item: dict[str, object],
        completion: Completion,
    ) -> list[Question | Rejected]:
        asked = card.output.read(item, Wanted(inquiry.passage.language, inquiry.truth))
        if isinstance(asked, str):
            return [_rejected(card, inquiry, asked, _shortly(item))]
        cited = _cited(card, asked, passages)
        if isinstance(cited, str):
            return [_rejected(card, inquiry, cited, f"{asked.text} — {' | '.join(asked.quotes)}")]
        if problem := problem_of(card, asked, cited, passages, neighbours, inquiry.truth):
            return [_rejected(card, inquiry, problem, f"{asked.text} — {' | '.join(asked.quotes)}")]
        first = self._question(card, inquiry, passages, asked, asked.text, cited, completion)
        if not asked.phrasings:
            return [first]
        group = content_id("g", first.id)
        others: list[Question | Rejected] = []
        for text in asked.phrasings:
            again = Asked(text, asked.quotes, (), asked.listing, asked.options, asked.label, asked.answer)
            if problem := problem_of(card, again, cited, passages, neighbours, inquiry.truth):
                others.append(_rejected(card, inquiry, problem, text))
            else:
                others.append(self._question(card, inquiry, passages, again, text, cited, completion, group))
        return [first.model_copy(update={"group": group}), *others]

    def _question(
        self,
        card: Card,
        inquiry: Inquiry,
        passages: Sequence[Passage],
        asked: Asked,
        text: str,
        cited: Sequence[Citation],
        completion: Completion,
        group: str | None = None,
    ) -> Question:
        used = [passage.id for passage in passages]
        said = [asked.listing, asked.answer, [turn.text for turn in asked.turns]]
        wanted = [inquiry.id, inquiry.count, inquiry.persona, inquiry.difficulty, self._paraphrases]
        own = sorted({(one.start, one.end) for one in cited if one.passage_id == inquiry.passage.id})
        return Question(
            id=content_id("q", card.producer, completion.model, wanted, used, text, said),
            type=card.name,
            text=text,
            passage_ids=tuple(used),
            answerable=card.head.answerable,
            language=inquiry.passage.language,
            generator="llm",
            producer=card.producer,
            model=completion.model,
            evidence=tuple(own),
            answer_text=asked.answer,
            citations=tuple(dict.fromkeys(cited)),
            options=asked.options,
            label=asked.label,
            group=group,
            persona=inquiry.persona,
            difficulty=inquiry.difficulty,
            prompt=f"{text}\n\n{asked.listing}" if asked.listing else None,
            turns=asked.turns,
            cited_docs=inquiry.cited_docs,
        )


def _shown(inquiry: Inquiry, passages: Sequence[Passage], neighbours: Sequence[Passage]) -> str:
    """Return the user prompt: passages, neighbours and what was asked before, all between marks, then the reminder."""
    asked = "\n".join(inquiry.asked[-SHOWN_ASKED:])
    texts = [passage.in_context for passage in passages]
    around = [passage.in_context for passage in neighbours]
    seal = seal_for(*texts, *around, *([asked] if asked else []))
    if len(texts) == 1:
        parts = [enclosed("passage", texts[0], seal)]
    else:
        parts = [enclosed("passage", text, seal, {"id": f"p{at}"}) for at, text in enumerate(texts, 1)]
    parts += [enclosed("neighbour", text, seal) for text in around]
    if asked:
        parts.append(enclosed("asked", asked, seal))
    again = "What stands under `asked` was asked before: ask something else. " if asked else ""
    return "\n".join([*parts, f"{again}{REMINDER}"])


def _cited(card: Card, asked: Asked, passages: Sequence[Passage]) -> list[Citation] | str:
    """Return the citations of an item's quotes, one a quote, or what is wrong with them."""
    found: list[Citation] = []
    for quote in asked.quotes:
        places = [citation for passage in passages if (citation := citation_of(quote, passage)) is not None]
        if not places:
            return "the quote is not in the passage"
        # what stands in two passages is taken for the one that no other quote speaks for
        taken = {citation.passage_id for citation in found}
        found.append(next((place for place in places if place.passage_id not in taken), places[0]))
    if card.head.passages > 1 and len({one.passage_id for one in found}) < len(passages):
        return "not every passage is needed"
    return found


def _shortly(item: dict[str, object]) -> str:
    return " | ".join(str(value) for value in item.values())


def _rejected(card: Card, inquiry: Inquiry, reason: str, detail: str = "") -> Rejected:
    subject = {"passage_ids": [inquiry.passage.id], "type": card.name}
    subject_id = content_id("qx", card.producer, inquiry.passage.id, inquiry.round, detail)
    return Rejected(stage=card.producer, subject_id=subject_id, reason=reason, detail=detail[:500], subject=subject)
