"""Which rows are trained on, validated on, and held out.

`test_unseen` keeps whole sections (or documents) out: no other row asks about one of their passages or cites one, and
its own rows cite nothing else. Sections or documents that hold the same text count as one. `test_seen` asks about
passages that training asks about too. Questions that repeat each other, and phrasings of one fact, are never
in two splits.

Everything follows from hashes of ids and the seed, so that more documents move few rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from axolotl_ragdata.blocks import SplitBlock
from axolotl_ragdata.duplicates import duplicate_groups
from axolotl_ragdata.records import Example, Passage, Rejected, Split
from axolotl_ragdata.wording import normalised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STAGE = "splits"
SHARED_WORDS = 20
"""Passages of at least so many words that are the same make their sections one; shorter ones are boilerplate."""
OVERSHOOT = 2.0
"""A section is held out whole only while `test_unseen` stays below so many times its share."""

Group = tuple[str, ...]


@dataclass
class _Plan:
    """Rows by index: where each stands, what it touches, and which repeat each other."""

    examples: Sequence[Example]
    touched: list[tuple[Group, ...]]
    twin: list[int]
    seed: int
    splits: dict[int, Split] = field(default_factory=dict)
    rejected: dict[int, str] = field(default_factory=dict)

    def left(self) -> list[int]:
        """Return the rows that have no split and are not rejected."""
        return [at for at in range(len(self.examples)) if at not in self.splits and at not in self.rejected]

    def drawn(self, purpose: str, units: Mapping[int, Sequence[int]]) -> list[int]:
        """Return the keys of the units in an order that follows from the seed and the questions' ids."""
        ids = {key: min(self.examples[at].provenance.question_id for at in rows) for key, rows in units.items()}
        return sorted(units, key=lambda key: _draw(self.seed, purpose, ids[key]))

    def units(self, rows: Iterable[int]) -> dict[int, list[int]]:
        """Return rows that repeat each other together."""
        found: dict[int, list[int]] = defaultdict(list)
        for at in rows:
            found[self.twin[at]].append(at)
        return dict(found)


def assign_splits(
    examples: Sequence[Example], vectors: NDArray[np.float32], passages: Mapping[str, Passage], block: SplitBlock
) -> tuple[list[Example], list[Rejected]]:
    """Return the examples with their split, and those that no split may hold.

    A split that is asked for gets at least one row where one can be spared; training keeps at least one.

    Args:
        examples: Rows.
        vectors: A unit vector for each row's question, shape (n, dimensions), float32.
        passages: All passages by id.
        block: Shares, what `test_unseen` keeps out, and the seed.
    """
    twin = _with_groups(examples, duplicate_groups([example.question for example in examples], vectors))
    plan = _Plan(examples, _touched(examples, passages, block.unseen_by), twin, block.seed)
    _keep_out(plan, block.test_unseen)
    _hold_out(plan, "test_seen", _wanted(block.test_seen, len(examples)))
    _hold_out(plan, "validation", _wanted(block.validation, len(examples)))
    plan.splits.update(dict.fromkeys(plan.left(), "train"))
    kept = [examples[at].model_copy(update={"split": plan.splits[at]}) for at in sorted(plan.splits)]
    return kept, [_rejected(examples[at], plan.rejected[at]) for at in sorted(plan.rejected)]


def _with_groups(examples: Sequence[Example], twin: Sequence[int]) -> list[int]:
    """Return the first of the rows that each belongs with: those that repeat it, and the phrasings of its fact."""
    joined = _Joined()
    named = [(f"{at:09}",) for at in twin]
    first: dict[str, Group] = {}
    for example, name in zip(examples, named, strict=True):
        if example.group is not None:
            joined.join(name, first.setdefault(example.group, name))
    return [int(joined.root(name)[0]) for name in named]


def group_of(passage: Passage, unseen_by: str) -> Group:
    """Return what `test_unseen` keeps out as a whole: the passage's document, or its section in it."""
    return (passage.doc_id,) if unseen_by == "document" else (passage.doc_id, *passage.section_path)


def main_passages(example: Example) -> list[str]:
    """Return the passages that a row stands on: asked about, cited, or its best hit where it cites nothing."""
    origin = example.provenance
    found = [*origin.passage_ids, *(citation.passage_id for citation in origin.citations)]
    if not origin.citations:
        found += [hit.passage_id for hit in origin.hits[:1]]
    return list(dict.fromkeys(found))


def held_out_passages(examples: Sequence[Example], passages: Sequence[Passage], unseen_by: str) -> set[str]:
    """Return the ids of the passages that belong to `test_unseen`: of its groups, or with their text.

    Args:
        examples: Every row.
        passages: Every passage.
        unseen_by: What `test_unseen` keeps out as a whole: section or document.
    """
    by_id = {passage.id: passage for passage in passages}
    unseen = [row for row in examples if row.split == "test_unseen"]
    stands_on = [by_id[key] for row in unseen for key in main_passages(row) if key in by_id]
    groups = {group_of(passage, unseen_by) for passage in stands_on}
    inside = [passage for passage in passages if group_of(passage, unseen_by) in groups]
    long = {text for text in (normalised(passage.text) for passage in inside) if text.count(" ") + 1 >= SHARED_WORDS}
    return {passage.id for passage in inside} | {one.id for one in passages if normalised(one.text) in long}


def _touched(examples: Sequence[Example], passages: Mapping[str, Passage], unseen_by: str) -> list[tuple[Group, ...]]:
    """Return for each row the groups that it stands on, its own first; groups that share a long text are one."""
    joined = _Joined()
    first: dict[str, Group] = {}
    for passage in sorted(passages.values(), key=lambda passage: passage.id):
        text = normalised(passage.text)
        if text.count(" ") + 1 >= SHARED_WORDS:
            joined.join(group_of(passage, unseen_by), first.setdefault(text, group_of(passage, unseen_by)))
    return [
        tuple(dict.fromkeys(joined.root(group_of(passages[key], unseen_by)) for key in main_passages(example)))
        for example in examples
    ]


class _Joined:
    """Sets that can be joined, each with one root: the smallest of its members."""

    def __init__(self) -> None:
        self._parent: dict[Group, Group] = {}

    def root(self, group: Group) -> Group:
        while (above := self._parent.get(group, group)) != group:
            self._parent[group] = self._parent.get(above, above)
            group = above
        return group

    def join(self, one: Group, other: Group) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._parent[high] = low


def _keep_out(plan: _Plan, share: float) -> None:
    """Give whole groups to `test_unseen`, and reject the rows that stand on both sides of the line."""
    unseen = _chosen_groups(plan, _wanted(share, len(plan.examples)))
    for at, touched in enumerate(plan.touched):
        inside = unseen.intersection(touched)
        if touched and inside == set(touched):
            plan.splits[at] = "test_unseen"
        elif inside:
            home = touched[0] in unseen
            plan.rejected[at] = "cites a section that is trained on" if home else "cites a held-out section"
    _drop_repeats(plan)


def _chosen_groups(plan: _Plan, wanted: int) -> set[Group]:
    """Return groups with about `wanted` rows of their own, first those that share no row with another group."""
    rows_of: dict[Group, set[int]] = defaultdict(set)
    for at, touched in enumerate(plan.touched):
        for group in touched:
            rows_of[group].add(at)
    own = Counter(touched[0] for touched in plan.touched if len(touched) == 1)
    # the share of a group's rows that would be lost, coarsely, so that one more row seldom changes the order
    lost = {group: -(-4 * (len(rows_of[group]) - count) // count) for group, count in own.items()}
    most_gone = len(plan.examples) - max(1, len(plan.examples) // 2)
    chosen: set[Group] = set()
    gone: set[int] = set()
    held = 0
    for group in sorted(own, key=lambda group: (lost[group], _draw(plan.seed, "unseen", *group))):
        if held < wanted and held + own[group] <= OVERSHOOT * wanted and len(gone | rows_of[group]) <= most_gone:
            chosen.add(group)
            gone |= rows_of[group]
            held += own[group]
    smallest = min(own, key=lambda group: (len(rows_of[group]), group), default=None)
    if wanted and not chosen and smallest is not None and len(rows_of[smallest]) <= most_gone:
        chosen.add(smallest)
    return chosen


def _drop_repeats(plan: _Plan) -> None:
    """Reject the held-out rows whose question is asked elsewhere too."""
    asked = {plan.twin[at] for at in plan.left()}
    for at in [at for at in plan.splits if plan.twin[at] in asked]:
        del plan.splits[at]
        plan.rejected[at] = "repeats a question about a section that is trained on"


def _hold_out(plan: _Plan, split: Split, wanted: int) -> None:
    """Give questions to a split, each with those that repeat it; what `test_seen` asks about stays in training."""
    left = plan.left()
    units = plan.units(left)
    remaining = Counter(passage for at in left for passage in _asked(plan, at))
    needed = {passage for at, other in plan.splits.items() if other == "test_seen" for passage in _asked(plan, at)}
    held = 0
    for key in plan.drawn(split, units):
        rows = units[key]
        taken = Counter(passage for at in rows for passage in _asked(plan, at))
        kept_back = taken if split == "test_seen" else needed.intersection(taken)
        if held + len(rows) > min(OVERSHOOT * wanted, len(left) - 1) or held >= wanted:
            continue
        if all(remaining[passage] > taken[passage] for passage in kept_back):
            plan.splits.update(dict.fromkeys(rows, split))
            remaining.subtract(taken)
            held += len(rows)


def _asked(plan: _Plan, at: int) -> tuple[str, ...]:
    return plan.examples[at].provenance.passage_ids


def _wanted(share: float, rows: int) -> int:
    return max(1, round(share * rows)) if share and rows > 1 else 0


def _draw(seed: int, *parts: str) -> bytes:
    return hashlib.blake2b("\x1f".join([str(seed), *parts]).encode(), digest_size=8).digest()


def _rejected(example: Example, reason: str) -> Rejected:
    subject = {
        "question_id": example.provenance.question_id,
        "passage_ids": list(example.provenance.passage_ids),
        "question": example.question,
    }
    return Rejected(stage=STAGE, subject_id=example.id, reason=reason, subject=subject)
