"""Texts that hold each other: shared n-grams of words, found through an index in nearly linear time.

The share is that of the shorter text's n-grams which stand in the longer one, so that a question inside a page counts
as much as a page around a question.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from axolotl_ragdata.wording import normalised

Key = TypeVar("Key", bound=Any)

NGRAM = 8
CONTAINMENT = 0.8
MOST_PAIRED = 30
"""Of an n-gram that more texts than this hold, only the first is paired with each: it joins them all the same."""


class Joined(Generic[Key]):
    """Sets that can be joined, each with one root: the smallest of its members."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def root(self, member: Key) -> Key:
        """Return the root of the set that a member is in, the member itself where it was never joined."""
        while (above := self._parent.get(member, member)) != member:
            self._parent[member] = self._parent.get(above, above)
            member = above
        return member

    def join(self, one: Key, other: Key) -> None:
        """Make the sets of two members one."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._parent[high] = low


def ngrams(text: str, length: int = NGRAM) -> list[str]:
    """Return the n-grams of a text's words, [] where it has fewer words than that.

    >>> ngrams("One two, THREE four", 3)
    ['one two three', 'two three four']
    """
    spoken = normalised(text).split()
    return [" ".join(spoken[at : at + length]) for at in range(len(spoken) - length + 1)]


class OverlapIndex:
    """Texts by their n-grams.

    Args:
        texts: What is looked for; a text of fewer words than an n-gram is found as a whole only.
        length: Words of an n-gram.
    """

    def __init__(self, texts: Sequence[str], length: int = NGRAM) -> None:
        self._length = length
        self._sizes: list[int] = []
        self._whole: dict[str, int] = {}
        self._holders: dict[str, list[int]] = defaultdict(list)
        for at, text in enumerate(texts):
            found = set(ngrams(text, length))
            self._sizes.append(len(found))
            self._whole.setdefault(normalised(text), at)
            for gram in found:
                self._holders[gram].append(at)

    def nearest(self, text: str) -> tuple[int, float] | None:
        """Return the index of the text that shares most with a text, and the share; None where nothing is shared.

        >>> OverlapIndex(["a b c d", "x y z"], 3).nearest("so a b c d it is")
        (0, 1.0)
        """
        if (at := self._whole.get(normalised(text))) is not None:
            return at, 1.0
        own = set(ngrams(text, self._length))
        shared = Counter(at for gram in own for at in self._holders.get(gram, ()))
        scores = ((count / min(len(own), self._sizes[at]), -at) for at, count in shared.items())
        best = max(scores, default=None)
        return None if best is None else (-best[1], round(best[0], 4))


def overlapping_pairs(
    texts: Sequence[str], containment: float = CONTAINMENT, length: int = NGRAM, keep_one_in: int = 1
) -> Iterator[tuple[int, int]]:
    """Yield pairs (earlier, later) of texts of which one holds at least that share of the other's n-grams.

    Args:
        texts: Passages, or questions.
        containment: Least share of the shorter text's n-grams, 0 to 1.
        length: Words of an n-gram.
        keep_one_in: Compare a sample: the n-grams whose hash divides by this; the share is then an estimate.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    sizes = []
    for at, text in enumerate(texts):
        found = set(_sampled(ngrams(text, length), keep_one_in))
        sizes.append(len(found))
        for gram in found:
            holders[gram].append(at)
    shared: Counter[tuple[int, int]] = Counter()
    for members in holders.values():
        first = members if len(members) <= MOST_PAIRED else members[:1]
        shared.update((one, other) for n, one in enumerate(first) for other in members[n + 1 :])
    for (one, other), count in sorted(shared.items()):
        if count >= containment * min(sizes[one], sizes[other]):
            yield one, other


def _sampled(grams: Iterable[str], keep_one_in: int) -> Iterator[str]:
    return (gram for gram in grams if keep_one_in == 1 or zlib.crc32(gram.encode()) % keep_one_in == 0)
