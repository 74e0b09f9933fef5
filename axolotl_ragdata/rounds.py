"""Rounds of asking: what is missing is asked for again, until every section has its rows or nothing is left to ask."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.carrying import Carried, Pair, plan_of
from axolotl_ragdata.coverage import Cell, Held, Section, quotas, section_of
from axolotl_ragdata.inquiries import STAGE, Planner
from axolotl_ragdata.previous import Asked
from axolotl_ragdata.questions import Inquiry, draw
from axolotl_ragdata.records import Example, Passage, Question, Rejected
from axolotl_ragdata.stage import Outcome

LEAST_YIELD = 0.34
"""Rows that a question asked for is taken to become, at least: less would pay for rows that are over the quota."""


class Rounds:
    """Which inquiries are made next; it follows from what was heard alone, so that a resumed build asks the same.

    Without a quota there is one round: everything is asked. With one, each round asks for as many questions as are
    missing, by what earlier rounds of the type came to, first of passages that were asked least. Before that comes
    what the last build asked of passages that still stand: it is paid for.

    Args:
        block: Quota, weights, `per_passage` and `rounds`.
        planner: Which passages each type takes.
        weights: By question type.
        carried: What of the last build's plan still stands.
    """

    def __init__(
        self, block: QuestionsBlock, planner: Planner, weights: Mapping[str, float], carried: Carried | None = None
    ) -> None:
        self._block = block
        self._planner = planner
        self._weights = weights
        self.carried = carried or Carried()
        self._time = 0
        """How often the passages of the last build were asked again."""
        self._is_planned = False
        self._asked: dict[Pair, list[str]] = defaultdict(list)
        self._counts: dict[Pair, list[int]] = defaultdict(list)
        self._closed: set[Pair] = set()
        self._wanted: Counter[str] = Counter()
        """By type, the questions that were asked for."""
        self._spent: Counter[Cell] = Counter()
        """By cell, the times that its passages can no longer be asked."""

    @property
    def has_quota(self) -> bool:
        """Whether there is more than one round."""
        return self._block.has_quota

    def first(self) -> Sequence[Inquiry]:
        """Return the first round."""
        return (self.again() or self.next({})) if self._block.has_quota else self._planner.everything()

    def again(self) -> list[Inquiry]:
        """Return the next inquiries of the last build whose passages stand, [] when all of them were made again."""
        most = max(map(len, self.carried.counts.values()), default=0)
        while self._time < most:
            time, self._time = self._time, self._time + 1
            if made := [
                self._inquiry(pair, counts[time])
                for pair, counts in self.carried.counts.items()
                if len(counts) > time and pair not in self._closed
            ]:
                return made
        return []

    def hear(self, inquiries: Sequence[Inquiry], outcomes: Iterable[Outcome]) -> None:
        """Take in what a round came to: a passage that gave no question of a type is not asked for one again."""
        found: dict[Pair, list[str]] = defaultdict(list)
        for outcome in outcomes:
            if isinstance(outcome, Question):
                found[outcome.passage_ids[0], outcome.type].append(outcome.text)
        for inquiry in inquiries:
            pair = (inquiry.passage.id, inquiry.type)
            cell = self.cell(inquiry.passage, inquiry.type)
            self._counts[pair].append(inquiry.count)
            self._spent[cell] += 1
            self._wanted[inquiry.type] += inquiry.count
            self._asked[pair] += sorted(found[pair])
            if not found[pair] or len(self._counts[pair]) >= self._block.rounds:
                self._closed.add(pair)
                self._spent[cell] += self._block.rounds - len(self._counts[pair])

    def next(self, rows: Mapping[Cell, int]) -> list[Inquiry]:
        """Return the next round, [] when every quota is met or nothing is left to ask.

        Args:
            rows: Rows so far that passed every filter, by cell.
        """
        if not self._block.has_quota:
            return []
        held, self._is_planned = self._held(rows), True
        wanted = quotas(self._block, self._planner.tokens, _Capacity(self, rows), self._weights, held)
        made: list[Inquiry] = []
        for cell in sorted(wanted):
            made += self._for_cell(cell, wanted[cell] - rows.get(cell, 0), self._yield(cell[1], rows))
        return made

    def plan(self, examples: Sequence[Example]) -> list[Asked]:
        """Return what was asked under a quota, with the rows of the dataset that came of it, for the next build."""
        return list(plan_of(self._planner, self._counts, examples)) if self._block.has_quota else []

    def passed_over(self) -> Iterator[Rejected]:
        """Yield a `Rejected` for each passage that nothing was asked of, by their ids: refused, or not needed."""
        asked = {passage_id for passage_id, _ in self._counts}
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

    def left(self) -> Counter[str]:
        """Return how many inquiries of each type can still be made at most, however few rows come of them."""
        found: Counter[str] = Counter()
        for name, places in self._planner.eligible.items():
            found[name] = len(places) * self._block.rounds
        for (_, name), times in self._spent.items():
            found[name] -= times
        return found

    def cell(self, passage: Passage, name: str) -> Cell:
        """Return where a question of a type about a passage counts."""
        return section_of(passage, self._block.section_depth), name

    @property
    def sections(self) -> list[Section]:
        """The sections that may be asked about, in their order."""
        return sorted(self._planner.askable)

    def _held(self, rows: Mapping[Cell, int]) -> Held:
        """Return what the quotas keep to: what is there; at first without what a changed recipe shares otherwise."""
        if self._is_planned:
            return Held(rows)
        return Held(rows, self.carried.new) if self.carried.rows else Held()

    def _inquiry(self, pair: Pair, count: int) -> Inquiry:
        passage, name = self._planner.passages.by_id[pair[0]], pair[1]
        inquiry = self._planner.inquiry(name, passage, len(self._counts.get(pair, ())), self._asked.get(pair, ()))
        return inquiry.model_copy(update={"count": count})

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
        waiting.sort(key=lambda one: (len(self._counts.get((one.id, name), ())), draw("order", one.in_context, name)))
        made: list[Inquiry] = []
        each = share * self._block.paraphrases
        expected = 0.0
        for passage in waiting:
            if expected >= missing:
                break
            count = min(self._block.per_passage, ceil((missing - expected) / each))
            made.append(self._inquiry((passage.id, name), count))
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
