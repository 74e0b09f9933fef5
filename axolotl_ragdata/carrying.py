"""What a build with a quota takes over from the one before: whom it asked, how often, and the rows that came of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.coverage import Cell, Held, Section, section_of
from axolotl_ragdata.inquiries import Planner
from axolotl_ragdata.previous import Asked, Previous, text_key
from axolotl_ragdata.records import Example, Passage, content_id

Pair = tuple[str, str]
"""A passage's id and a question type."""


@dataclass(frozen=True)
class Carried:
    """What of the last build's plan still stands in a corpus; nothing for a first build."""

    counts: Mapping[Pair, Sequence[int]] = field(default_factory=dict)
    """Questions that a passage was asked for, each time, where its text and the card are as they were."""
    rows: Mapping[Cell, int] = field(default_factory=dict)
    """Rows of the last dataset whose passages stand, {} where the recipe shares a quota otherwise now."""
    new: frozenset[Section] = frozenset()
    """Sections of which no passage stood in the last corpus."""


def carried_over(block: QuestionsBlock, planner: Planner, previous: Previous) -> Carried:
    """Return what of the last build's plan still stands among the passages of a planner."""
    if not block.has_quota or not previous.asked:
        return Carried()
    counts: dict[Pair, Sequence[int]] = {}
    rows: Counter[Cell] = Counter()
    known, others = set[Section](), set[Section]()
    match, knew = _Matching(planner, previous), _Knowing(planner, previous)
    for passage in planner.passages:
        section = section_of(passage, block.section_depth)
        if not knew.document(passage):
            (known if knew.text(passage) else others).add(section)
        for asked in match(passage):
            if all(count <= block.per_passage for count in asked.counts):
                counts[passage.id, asked.type] = asked.counts[: block.rounds]
                rows[section, asked.type] += asked.rows
    return Carried(counts, rows if previous.same_plan else {}, frozenset(others - known))


def plan_of(planner: Planner, counts: Mapping[Pair, Sequence[int]], examples: Sequence[Example]) -> Iterator[Asked]:
    """Yield what was asked of each passage and type, with the rows that came of it, for the next build."""
    rows = Counter((example.provenance.passage_ids[0], example.type) for example in examples)
    by_id = planner.passages.by_id
    for passage_id, name in sorted(counts):
        text = text_key(by_id[passage_id])
        yield Asked(
            id=content_id("i", passage_id, name),
            passage_id=passage_id,
            text=text,
            type=name,
            producer=planner.producer(name),
            counts=tuple(counts[passage_id, name]),
            rows=rows[passage_id, name],
        )


def rows_of(asked: Sequence[Asked], passages: Mapping[str, Passage], depth: int | None) -> Held:
    """Return the rows of a finished run by cell, as a quota is to leave them where they are.

    Args:
        asked: The run's plan.
        passages: Its passages by id.
        depth: Titles of a section's path that count.
    """
    rows: Counter[Cell] = Counter()
    for one in asked:
        rows[section_of(passages[one.passage_id], depth), one.type] += one.rows
    return Held(rows)


class _Matching:
    """Finds what was asked of a passage: under its own id, else of one with the same text that is gone."""

    def __init__(self, planner: Planner, previous: Previous) -> None:
        by_id = planner.passages.by_id
        standing = {one.passage_id for one in previous.asked if one.passage_id in by_id}
        self._own: dict[str, list[Asked]] = defaultdict(list)
        self._gone: dict[Pair, list[Asked]] = defaultdict(list)
        self._names = list(planner.eligible)
        for one in previous.asked:
            if one.type in planner.eligible and one.producer == planner.producer(one.type):
                if one.passage_id in standing:
                    self._own[one.passage_id].append(one)
                else:
                    self._gone[one.text, one.type].append(one)

    def __call__(self, passage: Passage) -> Iterator[Asked]:
        own = self._own.get(passage.id, [])
        yield from own
        if not self._gone:
            return
        text, taken = text_key(passage), {one.type for one in own}
        for name in self._names:
            if name not in taken and (found := self._gone.get((text, name))):
                yield found.pop(0)


class _Knowing:
    """Says whether a passage stood in the last corpus, in the same document or with the same text in another."""

    def __init__(self, planner: Planner, previous: Previous) -> None:
        # a look into the table itself would read it
        self._documents = frozenset(previous.passages)
        now = {section[0] for section in planner.askable}
        gone = (passage for name in self._documents - now for passage in previous.passages[name])
        self._texts = {text_key(passage) for passage in gone}

    def document(self, passage: Passage) -> bool:
        """Return whether its document was there, byte by byte."""
        return passage.doc_id in self._documents

    def text(self, passage: Passage) -> bool:
        """Return whether its text stood in a document that is gone."""
        return bool(self._texts) and text_key(passage) in self._texts
