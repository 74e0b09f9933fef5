"""How many rows of which type each section of the documents is to give, which of them are taken, and where gaps are.

A section is a document and the first titles of a section's path. What it is to give follows from the recipe
(`per_section` or `target`), from its tokens, and from what its passages can yield; types share it by their weights.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from axolotl_ragdata.allocation import nearest, rounded, settled, shares_of
from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.questions import draw
from axolotl_ragdata.records import Example, Passage

Section = tuple[str, ...]
"""A document's id, then section titles from the top down."""
Cell = tuple[Section, str]
"""A section and a question type."""


@dataclass(frozen=True)
class Held:
    """What quotas keep to as far as shares allow: rows that are there, by cell.

    `new` sections are those that could not be asked about when the rows were made: they get what a first build would
    give them, and not what is left over.
    """

    rows: Mapping[Cell, int] = field(default_factory=dict)
    new: Container[Section] = ()

    def of_sections(self) -> Counter[Section]:
        """Return the rows by section."""
        found: Counter[Section] = Counter()
        for (section, _), count in self.rows.items():
            found[section] += count
        return found


def section_of(passage: Passage, depth: int | None = None) -> Section:
    """Return the section that a passage counts for; `depth` titles of its path, None: all."""
    return (passage.doc_id, *passage.section_path[:depth])


def quotas(
    block: QuestionsBlock,
    tokens: Mapping[Section, int],
    capacity: Mapping[Section, Mapping[str, int]],
    weights: Mapping[str, float],
    held: Held | None = None,
) -> dict[Cell, int]:
    """Return the rows that each cell is to give, never more than it can, without those that are to give none.

    {} where the recipe sets no quota.

    A section that cannot give its share of a `target` leaves it to the others; a type that cannot leaves it to the
    other types of the section.

    Args:
        block: `per_section` or `target`.
        tokens: Of the passages that may be asked about, by section.
        capacity: Rows that a section can give at most, by question type.
        weights: By question type, above 0; 1 where a type is not named.
        held: Rows that are there already: of the ways to round shares, the one that moves the fewest is taken.
    """
    if not block.has_quota:
        return {}
    room = {section: sum(types.values()) for section, types in capacity.items()}
    if block.target is not None:
        wanted = _by_section(block.target, {key: float(tokens.get(key, 0)) for key in room}, room, held)
    else:
        wanted = {section: min(block.per_section or 0, count) for section, count in room.items()}
    return {
        (section, name): count
        for section, total in wanted.items()
        if total
        for name, count in _by_type(total, section, capacity[section], weights, held).items()
        if count
    }


def by_section(capacity: Mapping[Cell, int]) -> dict[Section, dict[str, int]]:
    """Return what each cell can give, by section and type, the sections in their order."""
    found: dict[Section, dict[str, int]] = {}
    for (section, name), count in sorted(capacity.items()):
        found.setdefault(section, {})[name] = count
    return found


def _by_section(
    total: int, tokens: Mapping[Section, float], room: Mapping[Section, int], held: Held | None
) -> dict[Section, int]:
    shares = shares_of(total, tokens, room)
    drawn = rounded(shares, room, "target")
    if held is None or not held.rows:
        return drawn
    rows = held.of_sections()
    # documents first: among sections alone, those that were there would keep all that a document is to give
    totals = settled(sum(drawn.values()), *_of_groups(shares, drawn, rows, held))
    made: dict[Section, int] = {}
    for number, (own, is_new) in enumerate(_groups(shares, held)):
        kept = drawn if is_new else rows
        found = settled(totals[number], {section: shares[section] for section in own}, drawn, kept)
        made |= {section: count for section, count in found.items() if count}
    return made


def _groups(shares: Iterable[Section], held: Held) -> Iterator[tuple[list[Section], bool]]:
    """Yield the sections of each document that were there, then those that are new."""
    for _, of_document in groupby(shares, key=lambda section: section[0]):
        own = list(of_document)
        for is_new in (False, True):
            if some := [section for section in own if (section in held.new) == is_new]:
                yield some, is_new


def _of_groups(
    shares: Mapping[Section, float], drawn: Mapping[Section, int], rows: Mapping[Section, int], held: Held
) -> tuple[dict[int, float], dict[int, int], dict[int, int]]:
    """Return the share of each group, what was drawn for it, and the rows that it keeps."""
    share_of: dict[int, float] = {}
    drawn_of: dict[int, int] = {}
    kept_of: dict[int, int] = {}
    for number, (own, is_new) in enumerate(_groups(shares, held)):
        some = {section: shares[section] for section in own}
        share_of[number], drawn_of[number] = sum(some.values()), sum(drawn[section] for section in own)
        kept_of[number] = drawn_of[number] if is_new else sum(nearest(some, rows).values())
    return share_of, drawn_of, kept_of


def _by_type(
    total: int, section: Section, room: Mapping[str, int], weights: Mapping[str, float], held: Held | None
) -> dict[str, int]:
    shares = shares_of(total, {name: weights.get(name, 1.0) for name in room}, room)
    drawn = rounded(shares, room, *section)
    if held is None or not held.rows or section in held.new:
        return drawn
    return settled(sum(drawn.values()), shares, drawn, {name: held.rows.get((section, name), 0) for name in room})


def choose(
    examples: Sequence[Example], quota: Mapping[Cell, int], cell_of: Callable[[Example], Cell]
) -> tuple[list[int], list[int]]:
    """Return which rows are taken, by index, and which are over the quota of their cell; both in order.

    Within a cell, passages take turns: first one row of each, then a second. Phrasings of one fact stay together.

    Args:
        examples: Rows that passed every filter.
        quota: Rows wanted of each cell.
        cell_of: Where a row counts.
    """
    by_cell: dict[Cell, list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        by_cell[cell_of(example)].append(at)
    taken = {at for cell, rows in by_cell.items() for at in _in_turns(examples, rows)[: quota.get(cell, 0)]}
    order = range(len(examples))
    return [at for at in order if at in taken], [at for at in order if at not in taken]


def _in_turns(examples: Sequence[Example], rows: Sequence[int]) -> list[int]:
    """Return rows in the order in which they are taken."""
    units: dict[str, list[int]] = defaultdict(list)
    for at in rows:
        units[examples[at].group or examples[at].provenance.question_id].append(at)
    turn: Counter[str] = Counter()
    placed = []
    for name in sorted(units, key=lambda name: draw("turn", name)):
        passage = examples[units[name][0]].provenance.passage_ids[0]
        placed.append((turn[passage], draw("turn", name), name))
        turn[passage] += 1
    return [at for *_, name in sorted(placed) for at in sorted(units[name], key=lambda at: examples[at].id)]
