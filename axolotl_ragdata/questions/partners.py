"""Passages that one question can need together: what a passage cites, else what retrieval finds near it."""

from __future__ import annotations

from collections.abc import Iterable

from axolotl_ragdata.questions.cards import Card
from axolotl_ragdata.questions.inquiry import Inquiry
from axolotl_ragdata.records import Passage
from axolotl_ragdata.stage import Context
from axolotl_ragdata.wording import normalised

DEPTH = 30
"""Passages among which partners are looked for."""
QUERY_CHARACTERS = 1_000


async def find_partners(card: Card, inquiry: Inquiry, ctx: Context) -> list[Passage]:
    """Return the other passages of an inquiry, as many as its card needs where there are so many; [] for most cards.

    First come passages of the papers that the passage cites, nearest first, then the nearest passages of other
    sections. None repeats the passage or stands beside it, and all are in its language.
    """
    wanted = card.head.passages - 1
    if wanted < 1:
        return []
    found = await ctx.retrieve(inquiry.passage.text[:QUERY_CHARACTERS], DEPTH)
    near = [passage for _, passage in found]
    cited = [passage for passage in near if passage.doc_id in inquiry.cited_docs]
    linked = [ctx.passage(key) for key in inquiry.partner_ids]
    return _distinct(card, inquiry.passage, [*cited, *linked, *near])[:wanted]


def _distinct(card: Card, own: Passage, candidates: Iterable[Passage]) -> list[Passage]:
    kept: list[Passage] = []
    for passage in candidates:
        if card.refusal(passage) is None and not any(_overlap(passage, other) for other in (own, *kept)):
            kept.append(passage)
    return [passage for passage in kept if passage.language == own.language]


def _overlap(one: Passage, other: Passage) -> bool:
    beside = one.doc_id == other.doc_id and one.section_path == other.section_path
    return beside or normalised(one.text) == normalised(other.text)
