"""Rows that come with passages: those that answer, and others that do not, after RAFT (arXiv 2403.10131).

A stated share of the rows lacks the passages that answer: there a model learns to know, in the others to read and to
tell evidence from distraction. What `test_unseen` holds out never stands in the passages of another split's row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from axolotl_ragdata.blocks import ExportBlock
from axolotl_ragdata.boilerplate import skipped_as
from axolotl_ragdata.examples import open_book
from axolotl_ragdata.questions import draw
from axolotl_ragdata.records import Example, Passage
from axolotl_ragdata.shelf import by_id as records_by_id
from axolotl_ragdata.shelf import in_order_of_ids
from axolotl_ragdata.splits import held_out_passages, main_passages
from axolotl_ragdata.wording import normalised


def add_contexts(
    examples: Sequence[Example], passages: Sequence[Passage], block: ExportBlock, unseen_by: str
) -> list[Example]:
    """Return the rows with the passages that the recipe asks for in front of the question; as they are for `none`.

    Args:
        examples: Rows with their splits.
        passages: All passages.
        block: `context`, `distractors` and `without_gold`.
        unseen_by: What `test_unseen` keeps out as a whole: section or document.
    """
    if block.context == "none":
        return list(examples)
    by_id = records_by_id(passages)
    unseen = held_out_passages(examples, passages, unseen_by)
    askable = [passage.id for passage in in_order_of_ids(passages) if skipped_as(passage) is None]
    made = []
    for example in examples:
        barred = () if example.split == "test_unseen" else unseen
        shown = _context(example, by_id, askable, barred, block)
        messages = open_book(example.messages, [by_id[key] for key in shown])
        made.append(example.model_copy(update={"context": tuple(shown), "messages": messages}))
    return made


def lacks_gold(example: Example, share: float) -> bool:
    """Return whether a row is of the share that lacks the passages that answer; it follows from its question."""
    return draw("without_gold", example.provenance.question_id) < share * 2.0**64


def _context(
    example: Example,
    passages: Mapping[str, Passage],
    askable: Sequence[str],
    barred: Collection[str],
    block: ExportBlock,
) -> list[str]:
    gold = main_passages(example)
    if block.context == "gold":
        return gold
    hidden = lacks_gold(example, block.without_gold)
    # as many passages either way, so that their number gives nothing away
    wanted = block.distractors + (len(gold) if hidden else 0)
    others = _distractors(example, [passages[key] for key in gold], passages, askable, barred, wanted)
    shown = others if hidden else [*gold, *others]
    return sorted(shown, key=lambda key: draw("shown", example.id, key))


def _distractors(
    example: Example,
    gold: Sequence[Passage],
    passages: Mapping[str, Passage],
    askable: Sequence[str],
    barred: Collection[str],
    wanted: int,
) -> list[str]:
    """Return passages that do not answer: what retrieval found beside the gold ones, then any, in a drawn order."""
    quotes = [normalised(citation.quote) for citation in example.provenance.citations]
    chosen: list[str] = []
    for key in _in_order(example, askable):
        if len(chosen) == wanted:
            break
        other = passages[key]
        if key in barred or key in chosen or any(_is_near(other, own) for own in gold):
            continue
        if other.language == gold[0].language and not any(quote in normalised(other.text) for quote in quotes):
            chosen.append(key)
    return chosen


def _in_order(example: Example, askable: Sequence[str]) -> Iterable[str]:
    yield from (hit.passage_id for hit in example.provenance.hits)
    # from a drawn place on, every passage in turn
    start = draw("filler", example.id) % max(1, len(askable))
    yield from (*askable[start:], *askable[:start])


def _is_near(one: Passage, other: Passage) -> bool:
    """Return whether two passages are one, or stand beside each other and may share sentences."""
    same = one.doc_id == other.doc_id and one.section_path == other.section_path
    return one.id == other.id or (same and abs(one.ordinal - other.ordinal) == 1)
