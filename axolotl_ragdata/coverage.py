"""How many rows of which type each section of the documents is to give, which of them are taken, and where gaps are.

A section is a document and the first titles of a section's path. What it is to give follows from the recipe
(`per_section` or `target`), from its tokens, and from what its passages can yield; types share it by their weights.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from axolotl_ragdata.blocks import QuestionsBlock
from axolotl_ragdata.questions import draw
from axolotl_ragdata.records import Example, Passage

Key = TypeVar("Key", bound=Hashable)
Section = tuple[str, ...]
"""A document's id, then section titles from the top down."""
Cell = tuple[Section, str]
"""A section and a question type."""


def section_of(passage: Passage, depth: int | None = None) -> Section:
    """Return the section that a passage counts for; `depth` titles of its path, None: all."""
    return (passage.doc_id, *passage.section_path[:depth])


def quotas(
    block: QuestionsBlock,
    tokens: Mapping[Section, int],
    capacity: Mapping[Section, Mapping[str, int]],
    weights: Mapping[str, float],
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
    """
    if not block.has_quota:
        return {}
    room = {section: sum(types.values()) for section, types in capacity.items()}
    if block.target is not None:
        wanted = allocate(block.target, {key: float(tokens.get(key, 0)) for key in room}, room, "target")
    else:
        wanted = {section: min(block.per_section or 0, count) for section, count in room.items()}
    return {
        (section, name): count
        for section, total in wanted.items()
        if total
        for name, count in _by_type(total, section, capacity[section], weights).items()
        if count
    }


def by_section(capacity: Mapping[Cell, int]) -> dict[Section, dict[str, int]]:
    """Return what each cell can give, by section and type, the sections in their order."""
    found: dict[Section, dict[str, int]] = {}
    for (section, name), count in sorted(capacity.items()):
        found.setdefault(section, {})[name] = count
    return found


def _by_type(total: int, section: Section, room: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, int]:
    return allocate(total, {name: weights.get(name, 1.0) for name in room}, room, *section)


def allocate(total: int, weights: Mapping[Key, float], caps: Mapping[Key, int], *salt: str) -> dict[Key, int]:
    """Return whole numbers in proportion to the weights, none above its cap, whose sum is `total` or that of the caps.

    What a cap holds back goes to the others. Fractions are rounded systematically, from a start that is drawn from the
    salt: over many calls every key gets its share exactly, and no key is always the one that is rounded up.

    >>> allocate(10, {"a": 3.0, "b": 1.0, "c": 1.0}, {"a": 4, "b": 9, "c": 9})
    {'a': 4, 'b': 3, 'c': 3}
    """
    shares = _filled(float(min(total, sum(caps.get(key, 0) for key in weights))), weights, caps)
    # 53 bits of the draw, as a fraction below 1
    start = (draw("allocate", *salt) >> 11) / 2.0**53
    made: dict[Key, int] = {}
    reached, below = 0.0, 0
    for key in weights:
        reached += shares[key]
        # a sum of floats may miss a whole number by a few units in the last place
        up_to = int(round(reached, 9) + start)
        made[key] = min(up_to - below, caps.get(key, 0))
        below = up_to
    return made


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


def _filled(total: float, weights: Mapping[Key, float], caps: Mapping[Key, int]) -> dict[Key, float]:
    """Return shares in proportion to the weights, with what does not fit under a cap poured over the others."""
    shares: dict[Key, float] = {}
    # without any weight all are alike
    open_keys = {key: weight if any(weights.values()) else 1.0 for key, weight in weights.items()}
    left = total
    while open_keys:
        unit = left / sum(open_keys.values()) if any(open_keys.values()) else 0.0
        full = [key for key, weight in open_keys.items() if weight * unit >= caps.get(key, 0)]
        if not full:
            shares |= {key: weight * unit for key, weight in open_keys.items()}
            break
        for key in full:
            shares[key] = float(caps.get(key, 0))
            left -= shares[key]
            del open_keys[key]
    return {key: shares[key] for key in weights}
