"""Rounds of asking: what is missing is asked for again, until every section has its rows or nothing is left to ask."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.coverage import Cell, Section, quotas, section_of
from axolotl_ragdata.inquiries import STAGE, Planner
from axolotl_ragdata.questions import Inquiry, draw
from axolotl_ragdata.records import Passage, Question, Rejected
from axolotl_ragdata.stage import Outcome

LEAST_YIELD = 0.34
"""Rows that a question asked for is taken to become, at least: less would pay for rows that are over the quota."""

Pair = tuple[str, str]
"""A passage's id and a question type."""


class Rounds:
    """Which inquiries are made next; it follows from what was heard alone, so that a resumed build asks the same.

    Without a quota there is one round: everything is asked. With one, each round asks for as many questions as are
    missing, by what earlier rounds of the type came to, first of passages that were asked least.

    Args:
        block: Quota, weights, `per_passage` and `rounds`.
        planner: Which passages each type takes.
        weights: By question type.
    """

    def __init__(self, block: QuestionsBlock, planner: Planner, weights: Mapping[str, float]) -> None:
        self._block = block
        self._planner = planner
        self._weights = weights
        self._asked: dict[Pair, list[str]] = defaultdict(list)
        self._times: Counter[Pair] = Counter()
        self._closed: set[Pair] = set()
        self._wanted: Counter[str] = Counter()
        """By type, the questions that were asked for."""
        self._cells: dict[Cell, list[Passage]] = defaultdict(list)
        self._passages: dict[str, Passage] = {}
        for name, passages in planner.eligible.items():
            for passage in passages:
                self._cells[section_of(passage, block.section_depth), name].append(passage)
                self._passages[passage.id] = passage
        self._tokens: Counter[Section] = Counter()
        for passage in self._passages.values():
            self._tokens[section_of(passage, block.section_depth)] += passage.n_tokens

    def first(self) -> list[Inquiry]:
        """Return the first round."""
        return self.next({}) if self._block.has_quota else self._planner.everything()

    def hear(self, inquiries: Sequence[Inquiry], outcomes: Iterable[Outcome]) -> None:
        """Take in what a round came to: a passage that gave no question of a type is not asked for one again."""
        found: dict[Pair, list[str]] = defaultdict(list)
        for outcome in outcomes:
            if isinstance(outcome, Question):
                found[outcome.passage_ids[0], outcome.type].append(outcome.text)
        for inquiry in inquiries:
            pair = (inquiry.passage.id, inquiry.type)
            self._times[pair] += 1
            self._wanted[inquiry.type] += inquiry.count
            self._asked[pair] += sorted(found[pair])
            if not found[pair] or self._times[pair] >= self._block.rounds:
                self._closed.add(pair)

    def next(self, rows: Mapping[Cell, int]) -> list[Inquiry]:
        """Return the next round, [] when every quota is met or nothing is left to ask.

        Args:
            rows: Rows so far that passed every filter, by cell.
        """
        if not self._block.has_quota:
            return []
        wanted = quotas(self._block, self._tokens, self._capacity(rows), self._weights)
        made: list[Inquiry] = []
        for cell in sorted(wanted):
            made += self._for_cell(cell, wanted[cell] - rows.get(cell, 0), self._yield(cell[1], rows))
        return made

    def unasked(self) -> list[Rejected]:
        """Return a `Rejected` for each passage that no round asked about, because its section had its rows."""
        asked = {passage_id for passage_id, _ in self._times}
        left = [passage for key, passage in sorted(self._passages.items()) if key not in asked]
        return [_unasked(passage) for passage in left]

    def _capacity(self, rows: Mapping[Cell, int]) -> dict[Cell, int]:
        """Return what each cell has and can still give."""
        each = self._block.per_passage * self._block.paraphrases
        found = {}
        for cell, passages in self._cells.items():
            times = sum(self._block.rounds - self._times[one.id, cell[1]] for one in self._open(passages, cell[1]))
            found[cell] = rows.get(cell, 0) + times * each
        return found

    def _open(self, passages: Sequence[Passage], name: str) -> list[Passage]:
        return [passage for passage in passages if (passage.id, name) not in self._closed]

    def _yield(self, name: str, rows: Mapping[Cell, int]) -> float:
        """Return the rows that came of each question of a type that was asked for; 1 before the first answer."""
        if not self._wanted[name]:
            return 1.0
        made = sum(count for (_, other), count in rows.items() if other == name)
        return min(1.0, max(LEAST_YIELD, made / (self._wanted[name] * self._block.paraphrases)))

    def _for_cell(self, cell: Cell, missing: int, share: float) -> list[Inquiry]:
        name = cell[1]
        waiting = self._open(self._cells[cell], name)
        waiting.sort(key=lambda one: (self._times[one.id, name], draw("order", one.in_context, name)))
        made: list[Inquiry] = []
        each = share * self._block.paraphrases
        expected = 0.0
        for passage in waiting:
            if expected >= missing:
                break
            pair = (passage.id, name)
            count = min(self._block.per_passage, ceil((missing - expected) / each))
            inquiry = self._planner.inquiry(name, passage, self._times[pair], self._asked[pair])
            made.append(inquiry.model_copy(update={"count": count}))
            expected += count * each
        return made


def _unasked(passage: Passage) -> Rejected:
    subject = {"passage_ids": [passage.id], "section": list(passage.section_path)}
    return Rejected(
        stage=STAGE, subject_id=passage.id, reason="not asked: its section has its rows without it", subject=subject
    )
