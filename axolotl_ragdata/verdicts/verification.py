"""The stage that has a chat model judge rows, one call a criterion; a round trip takes two."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.examples import answer_of, asked_of
from axolotl_ragdata.guidance import brief
from axolotl_ragdata.languages import language_name
from axolotl_ragdata.records import Example, Failure, Passage, Score, Usage, Verdict, content_id
from axolotl_ragdata.stage import ChatRequest, Completion, Context, Outcome
from axolotl_ragdata.verdicts.cards import AGAIN_SCHEMA, CANNOT_TELL, REMINDER, SCHEMA, WORST, VerdictCard, read_card

STAGE = "verdicts"
MAX_TOKENS = 400
ROUND_TRIP = "round_trip"
Parts = Mapping[str, str]


class VerifyStage:
    """Judges rows by criteria; every criterion is asked of every row, so that any threshold can be applied later.

    Args:
        criteria: Names of cards.
        model: The chat model's name, for the record.
    """

    name = STAGE

    def __init__(self, criteria: Sequence[str], model: str) -> None:
        self._criteria = list(dict.fromkeys(criteria))
        self._model = model
        self.version = content_id("verify", sorted(producers_of(self._criteria)))

    async def process(self, record: Example, ctx: Context) -> Sequence[Outcome]:
        """Return the verdict on a row, then a `Failure` for each call that did not come to an end."""
        passages = evidence_of(record, ctx)
        found = await asyncio.gather(*(self._scored(name, record, passages, ctx) for name in self._criteria))
        scores = tuple(score for score, _, _ in found)
        usage = sum((used for _, used, _ in found), Usage())
        key = content_id("v", self.version, record.id, [score.model for score in scores])
        verdict = Verdict(id=key, subject_id=record.id, scores=scores, usage=usage)
        return [verdict, *(failure for _, _, failure in found if failure is not None)]

    async def _scored(
        self, name: str, row: Example, passages: Sequence[Passage], ctx: Context
    ) -> tuple[Score, Usage, Failure | None]:
        used, second = Usage(), ""
        if name == ROUND_TRIP:
            again = await ctx.complete(second_answer(row, passages, self._model))
            if isinstance(again, Failure):
                return _failed(name, again)
            used, second = again.usage, again.value["answer"].strip()
            if not again.value["answerable"] or not second:
                reason = "asked again, the model finds no answer in the passages"
                return _score(name, again, WORST, reason), used, None
        completion = await ctx.complete(request(read_card(name), row, passages, second, self._model))
        if isinstance(completion, Failure):
            return _failed(name, completion)
        said = completion.value["score"]
        value = None if said == CANNOT_TELL else int(said)
        return _score(name, completion, value, completion.value["reason"]), used + completion.usage, None


def producers_of(criteria: Sequence[str]) -> list[str]:
    """Return the name and version of every card that is sent for some criteria."""
    cards = [*dict.fromkeys(criteria), *(["answer_again"] if ROUND_TRIP in criteria else [])]
    return [read_card(name).producer for name in cards]


def evidence_of(row: Example, ctx: Context) -> list[Passage]:
    """Return the passages that a row rests on: those that it cites, or what was found where it cites none."""
    origin = row.provenance
    cited = [citation.passage_id for citation in origin.citations] or [hit.passage_id for hit in origin.hits]
    return [ctx.passage(key) for key in dict.fromkeys(cited or origin.passage_ids)]


def request(
    card: VerdictCard, row: Example, passages: Sequence[Passage], second: str = "", model: str = ""
) -> ChatRequest:
    """Return the call that judges a row by a card.

    Args:
        card: The criterion.
        row: What is judged.
        passages: Its evidence.
        second: Of a round trip: what the model answered without knowing the first answer.
        model: The chat model's name.
    """
    parts = {"question": asked_of(row), "answer": answer_of(row), "second answer": second}
    return ChatRequest(
        stage=card.producer,
        subject_id=row.id,
        system=card.system_prompt(),
        user=f"{_shown(card, parts, passages)}\n{REMINDER}",
        schema=brief(SCHEMA, model),
        schema_name="verdict",
        max_tokens=MAX_TOKENS,
    )


def second_answer(row: Example, passages: Sequence[Passage], model: str = "") -> ChatRequest:
    """Return the call that answers a row's question again, from its evidence and without its answer."""
    card = read_card("answer_again")
    return ChatRequest(
        stage=card.producer,
        subject_id=row.id,
        system=card.system_prompt(language_name(row.language)),
        user=f"{_shown(card, {'question': asked_of(row)}, passages)}\nAnswer the question now.",
        schema=brief(AGAIN_SCHEMA, model),
        schema_name="answer",
        max_tokens=2 * MAX_TOKENS,
    )


def _shown(card: VerdictCard, parts: Parts, passages: Sequence[Passage]) -> str:
    texts = [passage.in_context for passage in passages]
    seal = seal_for(*texts, *parts.values())
    shown = []
    for part in card.head.shows:
        if part == "passages":
            shown += [enclosed("passage", text, seal, {"id": f"p{at}"}) for at, text in enumerate(texts, 1)]
        else:
            shown.append(enclosed(part.replace(" ", "_"), parts[part], seal))
    return "\n\n".join(shown)


def _score(name: str, completion: Completion, value: int | None, reason: str) -> Score:
    producer = read_card(name).producer
    return Score(criterion=name, value=value, reason=reason.strip()[:500], producer=producer, model=completion.model)


def _failed(name: str, failure: Failure) -> tuple[Score, Usage, Failure]:
    reason = f"the call failed: {failure.error}"
    return Score(criterion=name, value=None, reason=reason, producer=read_card(name).producer), Usage(), failure
