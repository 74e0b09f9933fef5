"""Which passages an answer is given: near enough, cited papers preferred, neighbours joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from axolotl_ragdata.records import BLOCK_JOINT, Hit, Passage, Question
from axolotl_ragdata.stage import Context

Found = Sequence[tuple[Hit, Passage]]
DEEPER = 4
"""Times `top_k` that are looked through for passages of cited papers."""
APART = ("table", "figure")


@dataclass(frozen=True)
class Search:
    """How passages are found.

    Args:
        top_k: Most passages.
        min_score: Cosine of question and passage below which a passage is left out, -1 to 1; None: none is.
        neighbours: Passages of the same section that each one brings from before it, and from behind it.
    """

    top_k: int
    min_score: float | None = None
    neighbours: int = 0


@dataclass(frozen=True)
class Evidence:
    """What was found: the hits with their passages, best first; what is shown; the best cosine where one was taken."""

    found: Found
    blocks: Sequence[Sequence[Passage]]
    best: float | None = None

    @property
    def passages(self) -> list[Passage]:
        """Every passage that is shown, in the order shown."""
        return [passage for block in self.blocks for passage in block]

    @property
    def texts(self) -> list[str]:
        """What is shown: a text a block, under its heading."""
        return [joined_text(block) for block in self.blocks]


async def find_evidence(question: Question, search: Search, ctx: Context) -> Evidence:
    """Return the passages that a question is answered from.

    A question that was asked of several passages together is given them whatever the search says; any other has to find
    its own. Passages of papers that its passage cites come right behind the best hit.
    """
    deep = search.top_k * DEEPER if question.cited_docs else search.top_k
    found = list(await ctx.retrieve(question.text, deep))
    best: float | None = None
    if search.min_score is not None and found:
        cosines = await _cosines(question.text, found, ctx)
        best = max(cosines)
        found = [pair for pair, cosine in zip(found, cosines, strict=True) if cosine >= search.min_score]
    found = preferred(found, question.cited_docs, search.top_k)
    shown = {passage.id: passage for _, passage in found}
    if len(question.passage_ids) > 1:
        shown |= {key: ctx.passage(key) for key in question.passage_ids}
    if search.neighbours:
        around = [near for key in list(shown) for near in ctx.adjacent(key, search.neighbours)]
        shown |= {passage.id: passage for passage in around if passage.id not in shown}
    return Evidence(found, join_neighbours(list(shown.values())), best)


def preferred(found: Found, cited_docs: Sequence[str], top_k: int) -> list[tuple[Hit, Passage]]:
    """Return the best `top_k`, among them the best passage of a cited paper where there is one, right behind the first.

    Args:
        found: Hits, best first, deeper than `top_k`.
        cited_docs: Ids of the documents that the question's passage cites.
        top_k: Most passages, 1 or more.
    """
    cited = [pair for pair in found if pair[1].doc_id in cited_docs]
    top = list(found[:top_k])
    if not cited or top_k < 2 or cited[0] is top[0]:
        return top
    rest = [pair for pair in top[1:] if pair is not cited[0]]
    return [top[0], cited[0], *rest][:top_k]


def join_neighbours(passages: Sequence[Passage]) -> list[list[Passage]]:
    """Return the passages in blocks: those that follow each other in a section are one, at the place of its first."""
    blocks: list[list[Passage]] = []
    for passage in passages:
        touching = [block for block in blocks if any(_adjacent(passage, other) for other in block)]
        merged = sorted([passage, *(one for block in touching for one in block)], key=lambda one: one.ordinal)
        if not touching:
            blocks.append([passage])
            continue
        at = min(blocks.index(block) for block in touching)
        blocks = [block for block in blocks if block not in touching]
        blocks.insert(at, merged)
    return blocks


def joined_text(block: Sequence[Passage]) -> str:
    """Return the text of passages that follow each other, what they share once, under the heading of the first."""
    text, end = block[0].in_context, block[0].end
    for passage in block[1:]:
        shared = end - passage.start
        text += passage.text[shared:] if shared > 0 else BLOCK_JOINT + passage.text
        end = max(end, passage.end)
    return text


def _adjacent(one: Passage, other: Passage) -> bool:
    same = one.doc_id == other.doc_id and one.section_path == other.section_path
    return same and abs(one.ordinal - other.ordinal) == 1 and one.kind not in APART and other.kind not in APART


async def _cosines(text: str, found: Found, ctx: Context) -> list[float]:
    """Return the cosine of a question and each passage; those that the search did not compute are computed."""
    missing = [passage for hit, passage in found if hit.dense_score is None]
    scores: dict[str, float] = {}
    if missing:
        vectors = await ctx.embed([text, *(passage.in_context for passage in missing)])
        scores = {one.id: round(float(score), 4) for one, score in zip(missing, vectors[1:] @ vectors[0], strict=True)}
    return [scores[passage.id] if hit.dense_score is None else hit.dense_score for hit, passage in found]
