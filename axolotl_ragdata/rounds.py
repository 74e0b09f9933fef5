"""Rounds of asking: what is missing is asked for again, until every section has its rows or nothing is left to ask."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        self._spent: Counter[Cell] = Counter()
        """By cell, the times that its passages can no longer be asked."""

    def first(self) -> Sequence[Inquiry]:
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
            cell = (section_of(inquiry.passage, self._block.section_depth), inquiry.type)
            self._times[pair] += 1
            self._spent[cell] += 1
            self._wanted[inquiry.type] += inquiry.count
            self._asked[pair] += sorted(found[pair])
            if not found[pair] or self._times[pair] >= self._block.rounds:
                self._closed.add(pair)
                self._spent[cell] += self._block.rounds - self._times[pair]

    def next(self, rows: Mapping[Cell, int]) -> list[Inquiry]:
        """Return the next round, [] when every quota is met or nothing is left to ask.

        Args:
            rows: Rows so far that passed every filter, by cell.
        """
        if not self._block.has_quota:
            return []
        wanted = quotas(self._block, self._planner.tokens, _Capacity(self, rows), self._weights)
        made: list[Inquiry] = []
        for cell in sorted(wanted):
            made += self._for_cell(cell, wanted[cell] - rows.get(cell, 0), self._yield(cell[1], rows))
        return made

    def passed_over(self) -> Iterator[Rejected]:
        """Yield a `Rejected` for each passage that nothing was asked of, by their ids: refused, or not needed."""
        asked = {passage_id for passage_id, _ in self._times}
        for passage in self._planner.passages.in_order_of_ids():
            if refusal := self._planner.refusal(passage):
                yield refusal
            elif self._block.has_quota and passage.id not in asked:
                yield _unasked(passage)

    def capacity(self, section: Section, rows: Mapping[Cell, int]) -> dict[str, int]:
        """Return what a section has and can still give, by question type."""
        each = self._block.per_passage * self._block.paraphrases
        found = {}
        for name in self._planner.eligible:
            taken = sum(self._planner.takes(name, place) for place in self._planner.askable[section])
            times = taken * self._block.rounds - self._spent[section, name]
            found[name] = rows.get((section, name), 0) + times * each
        return found

    @property
    def sections(self) -> list[Section]:
        """The sections that may be asked about, in their order."""
        return sorted(self._planner.askable)

    def _yield(self, name: str, rows: Mapping[Cell, int]) -> float:
        """Return the rows that came of each question of a type that was asked for; 1 before the first answer."""
        if not self._wanted[name]:
            return 1.0
        made = sum(count for (_, other), count in rows.items() if other == name)
        return min(1.0, max(LEAST_YIELD, made / (self._wanted[name] * self._block.paraphrases)))

    def _for_cell(self, cell: Cell, missing: int, share: float) -> list[Inquiry]:
        section, name = cell
        if missing <= 0:
            return []
        places = [place for place in self._planner.askable[section] if self._planner.takes(name, place)]
        waiting = [one for one in map(self._planner.passages.__getitem__, places) if (one.id, name) not in self._closed]
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


class _Capacity(Mapping[Section, Mapping[str, int]]):
    """What every section can give, found when it is asked for: of most sections nothing is wanted."""

    def __init__(self, rounds: Rounds, rows: Mapping[Cell, int]) -> None:
        self._rounds, self._rows, self._sections = rounds, rows, rounds.sections

    def __getitem__(self, section: Section) -> Mapping[str, int]:
        return self._rounds.capacity(section, self._rows)

    def __iter__(self) -> Iterator[Section]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


def _unasked(passage: Passage) -> Rejected:
    subject = {"passage_ids": [passage.id], "section": list(passage.section_path)}
    return Rejected(
        stage=STAGE, subject_id=passage.id, reason="not asked: its section has its rows without it", subject=subject
    )
