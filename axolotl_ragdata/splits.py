"""Which rows are trained on, validated on, and held out.

`test_unseen` keeps whole sections (or documents) out: no other row asks about one of their passages or cites one, and
its own rows cite nothing else. Sections or documents that hold the same text, or most of a passage of each other, count
as one. `test_seen` asks about passages that training asks about too. Questions that repeat or hold each other, and
phrasings of one fact, are never in two splits. `split_problems` proves it of what came out.

Everything follows from hashes of ids and the seed, so that more documents move few rows.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from axolotl_ragdata.blocks import SplitBlock
from axolotl_ragdata.duplicates import duplicate_groups
from axolotl_ragdata.overlap import Joined, overlapping_pairs
from axolotl_ragdata.records import Example, Passage, Rejected, Split
from axolotl_ragdata.shelf import Shelf, in_order_of_ids, records_of
from axolotl_ragdata.shelf import by_id as records_by_id
from axolotl_ragdata.wording import normalised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STAGE = "splits"
SHARED_WORDS = 20
"""Passages of at least so many words that are the same make their sections one; shorter ones are boilerplate."""
SHARED_SHARE = 0.5
"""Share of the shorter passage's n-grams in another one from which on their sections are one."""
MOST_NGRAMS = 4_000_000
"""Of a larger corpus a sample of its n-grams is compared, the same each time."""
OVERSHOOT = 2.0
"""A section is held out whole only while `test_unseen` stays below so many times its share."""

Group = tuple[str, ...]
JOINED: WeakKeyDictionary[Sequence[Passage], dict[str, Joined[Group]]] = WeakKeyDictionary()
"""What `joined_groups` found of passages on a shelf, which nobody changes: a build asks several times."""


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
    twin = _twins(examples, vectors)
    plan = _Plan(examples, _touched(examples, passages, block.unseen_by), twin, block.seed)
    _keep_out(plan, block.test_unseen)
    _hold_out(plan, "test_seen", _wanted(block.test_seen, len(examples)))
    _hold_out(plan, "validation", _wanted(block.validation, len(examples)))
    plan.splits.update(dict.fromkeys(plan.left(), "train"))
    kept = [examples[at].model_copy(update={"split": plan.splits[at]}) for at in sorted(plan.splits)]
    return kept, [_rejected(examples[at], plan.rejected[at]) for at in sorted(plan.rejected)]


def _twins(examples: Sequence[Example], vectors: NDArray[np.float32] | None) -> list[int]:
    """Return the first of the rows that each belongs with.

    They repeat each other, one's question holds the other's, or they are phrasings of one fact. Without vectors only
    the same words repeat each other.
    """
    asked = [example.question for example in examples]
    joined: Joined[int] = Joined()
    first: dict[str, int] = {}
    for at, text in enumerate(asked):
        joined.join(at, first.setdefault(normalised(text), at))
    for at, of in enumerate(duplicate_groups(asked, vectors) if vectors is not None else ()):
        joined.join(at, of)
    for one, other in overlapping_pairs(asked):
        joined.join(one, other)
    group: dict[str, int] = {}
    for at, example in enumerate(examples):
        if example.group is not None:
            joined.join(at, group.setdefault(example.group, at))
    return [joined.root(at) for at in range(len(examples))]


def split_problems(
    examples: Sequence[Example],
    vectors: NDArray[np.float32] | None,
    passages: Sequence[Passage],
    unseen_by: str,
) -> Iterator[str]:
    """Yield what the splits of finished rows hold and must not; nothing where they mean what they say.

    Args:
        examples: Rows with their splits.
        vectors: A unit vector for each row's question, shape (n, dimensions); None: repeats are told by their words.
        passages: Every passage.
        unseen_by: What `test_unseen` keeps out as a whole: section or document.
    """
    homes: dict[int, list[int]] = defaultdict(list)
    for at, twin in enumerate(_twins(examples, vectors)):
        homes[twin].append(at)
    for rows in homes.values():
        if len(found := sorted({examples[at].split for at in rows})) > 1:
            other = next(at for at in rows if examples[at].split != examples[rows[0]].split)
            yield f"{examples[rows[0]].id} and {examples[other].id} are one question, in {' and '.join(found)}"
    unseen = held_out_passages(examples, passages, unseen_by)
    trained = {key for row in examples if row.split == "train" for key in row.provenance.passage_ids}
    for row in examples:
        if row.split != "test_unseen" and (shared := unseen.intersection([*main_passages(row), *row.context])):
            yield f"{row.id} ({row.split}) uses {min(shared)}, which test_unseen keeps out"
        if row.split == "test_seen" and (missing := set(row.provenance.passage_ids) - trained):
            yield f"{row.id} asks about {min(missing)}, which no training row asks about"


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
    by_id = records_by_id(passages)
    joined = joined_groups(passages, unseen_by)
    unseen = [row for row in examples if row.split == "test_unseen"]
    stands_on = [by_id[key] for row in unseen for key in main_passages(row) if key in by_id]
    roots = {joined.root(group_of(passage, unseen_by)) for passage in stands_on}
    if not roots:
        return set()
    return {passage.id for passage in passages if joined.root(group_of(passage, unseen_by)) in roots}


def joined_groups(passages: Sequence[Passage], unseen_by: str) -> Joined[Group]:
    """Return sections (or documents) joined where a long passage of one is, or is mostly in, a passage of another.

    Of passages on a shelf it is found once.

    Args:
        passages: Every passage.
        unseen_by: section or document.
    """
    if not isinstance(passages, Shelf):
        return _joined(passages, unseen_by)
    found = JOINED.setdefault(passages, {})
    if unseen_by not in found:
        found[unseen_by] = _joined(passages, unseen_by)
    return found[unseen_by]


def _joined(passages: Sequence[Passage], unseen_by: str) -> Joined[Group]:
    import numpy as np

    names: list[str] = []
    texts = array("Q")

    def long() -> Iterator[str]:
        for passage in in_order_of_ids(passages):
            plain = normalised(passage.text)
            if len(plain.split()) >= SHARED_WORDS:
                names.append(passage.id)
                texts.append(_hashed(plain))
                yield plain

    keep_one_in = 1 + sum(passage.n_tokens for passage in passages) // MOST_NGRAMS
    pairs = list(overlapping_pairs(long(), SHARED_SHARE, keep_one_in=keep_one_in))
    _, first, same = np.unique(np.frombuffer(texts, np.uint64), return_index=True, return_inverse=True)
    pairs += [(int(first[same[at]]), at) for at in np.flatnonzero(first[same] != np.arange(len(same))).tolist()]
    by_id = records_by_id(passages)
    joined: Joined[Group] = Joined()
    for one, other in pairs:
        joined.join(group_of(by_id[names[one]], unseen_by), group_of(by_id[names[other]], unseen_by))
    return joined


def _hashed(text: str) -> int:
    return int.from_bytes(_draw(0, text), "big")


def _touched(examples: Sequence[Example], passages: Mapping[str, Passage], unseen_by: str) -> list[tuple[Group, ...]]:
    """Return for each row the groups that it stands on, its own first; groups that share text are one."""
    joined = joined_groups(records_of(passages), unseen_by)
    return [
        tuple(dict.fromkeys(joined.root(group_of(passages[key], unseen_by)) for key in main_passages(example)))
        for example in examples
    ]


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
