"""Which rows are trained on, validated on, and held out.

`test_unseen` keeps whole sections or documents out: nothing of them is asked, cited or quoted in training.
`test_seen` holds new questions about passages that training has other questions about; no near-duplicate of them.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from axolotl_ragdata.duplicates import normalised
from axolotl_ragdata.recipe import SplitBlock
from axolotl_ragdata.records import Example, Passage, Rejected, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STAGE = "splits"
ALIKE = 0.92
"""Cosine from which a question counts as asked in training already; here without the guard for names: rather too strict."""

Group = tuple[str, ...]


def assign_splits(
    examples: Sequence[Example], vectors: NDArray[np.float32], passages: Mapping[str, Passage], block: SplitBlock
) -> tuple[list[Example], list[Rejected]]:
    """Return the examples with their split, and those that no split may hold.

    The choice follows from ids and the seed alone, so that more documents move few rows. A split that is asked for gets
    at least one row where there is one to give.

    Args:
        examples: Rows, sorted.
        vectors: A unit vector for each row's question, shape (n, dimensions), float32.
        passages: All passages by id.
        block: Shares and seed.
    """
    home = _groups(examples, passages, block.unseen_by)
    unseen = _unseen_groups(examples, home, block)
    splits: dict[str, Split] = {}
    rejected = []
    for example in examples:
        if home[example.id][0] in unseen:
            splits[example.id] = "test_unseen"
        elif unseen.intersection(home[example.id]):
            rejected.append(_rejected(example, "cites what test_unseen keeps out"))
    out = {*splits, *(record.subject_id for record in rejected)}
    left = [at for at, example in enumerate(examples) if example.id not in out]
    _hold_out(examples, vectors, left, block, splits)
    kept = [example.model_copy(update={"split": splits[example.id]}) for example in examples if example.id in splits]
    return kept, rejected


def _groups(examples: Iterable[Example], passages: Mapping[str, Passage], unseen_by: str) -> dict[str, list[Group]]:
    """Return for each example the groups that it touches, its own first; groups with the same text are one."""
    joined = _Joined()
    seen: dict[str, Group] = {}
    for passage in passages.values():
        group = _group(passage, unseen_by)
        twin = seen.setdefault(normalised(passage.text), group)
        joined.join(group, twin)
    home = {}
    for example in examples:
        cited = [citation.passage_id for citation in example.provenance.citations]
        ids = [*example.provenance.passage_ids, *cited]
        home[example.id] = list(dict.fromkeys(joined.root(_group(passages[key], unseen_by)) for key in ids))
    return home


def _group(passage: Passage, unseen_by: str) -> Group:
    return (passage.doc_id,) if unseen_by == "document" else (passage.doc_id, *passage.section_path)


class _Joined:
    """Sets that can be joined, each with one root."""

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


def _unseen_groups(examples: Sequence[Example], home: Mapping[str, list[Group]], block: SplitBlock) -> set[Group]:
    if not block.test_unseen or not examples:
        return set()
    sizes = Counter(home[example.id][0] for example in examples)
    wanted = max(1, round(block.test_unseen * len(examples)))
    chosen: set[Group] = set()
    held = 0
    for group in sorted(sizes, key=lambda group: _draw(block.seed, "unseen", *group)):
        # one group always stays to train on, and a group larger than twice the share is not given away whole
        if len(chosen) + 1 < len(sizes) and held + sizes[group] <= max(wanted, 1) * 2:
            chosen.add(group)
            held += sizes[group]
        if held >= wanted:
            break
    return chosen


def _hold_out(
    examples: Sequence[Example],
    vectors: NDArray[np.float32],
    left: Sequence[int],
    block: SplitBlock,
    splits: dict[str, Split],
) -> None:
    order = sorted(left, key=lambda at: _draw(block.seed, "held out", examples[at].id))
    seen_wanted = _count(block.test_seen, len(left))
    validation_wanted = _count(block.validation, len(left))
    of_passage: dict[str, int] = defaultdict(int)
    for at in left:
        of_passage[examples[at].provenance.passage_ids[0]] += 1
    alike = _alike(vectors, left)
    test_seen: set[int] = set()
    for at in order:
        passage = examples[at].provenance.passage_ids[0]
        # another question about the passage must stay, and none may ask the same
        if len(test_seen) < seen_wanted and of_passage[passage] > 1 and not alike[at]:
            test_seen.add(at)
            of_passage[passage] -= 1
            splits[examples[at].id] = "test_seen"
    rest = [at for at in order if at not in test_seen]
    for number, at in enumerate(rest):
        in_validation = number < min(validation_wanted, len(rest) - 1)
        splits[examples[at].id] = "validation" if in_validation else "train"


def _alike(vectors: NDArray[np.float32], left: Sequence[int]) -> dict[int, bool]:
    import numpy as np

    rows = vectors[list(left)]
    found: dict[int, bool] = {}
    for start in range(0, len(rows), 2_048):
        near = (rows[start : start + 2_048] @ rows.T >= ALIKE).sum(axis=1)
        found.update({left[start + offset]: bool(count > 1) for offset, count in enumerate(np.asarray(near))})
    return found


def _count(share: float, rows: int) -> int:
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
