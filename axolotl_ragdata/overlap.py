"""Texts that hold each other: shared n-grams of words, found through an index in nearly linear time.

The share is that of the shorter text's n-grams which stand in the longer one, so that a question inside a page counts
as much as a page around a question.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from axolotl_ragdata.wording import normalised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Key = TypeVar("Key", bound=Any)

NGRAM = 8
CONTAINMENT = 0.8
MOST_PAIRED = 30
"""Of an n-gram that more texts than this hold, only the first is paired with each: it joins them all the same."""
MULTIPLIER = 0x9E3779B97F4A7C15
"""Odd, so that no bit of a word's hash is lost; of words in another order the n-gram is another."""
PACKED_BITS = 31
"""Of a number that holds two texts: more texts than that many bits count would not fit into memory."""


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
    texts: Iterable[str], containment: float = CONTAINMENT, length: int = NGRAM, keep_one_in: int = 1
) -> Iterator[tuple[int, int]]:
    """Yield pairs (earlier, later) of texts of which one holds at least that share of the other's n-grams.

    The texts are read once and not kept; an n-gram is held as 64 bits, so that two are taken for one about once in
    2 million corpora of 4 million n-grams.

    Args:
        texts: Passages, or questions.
        containment: Least share of the shorter text's n-grams, 0 to 1.
        length: Words of an n-gram.
        keep_one_in: Compare a sample: the n-grams whose hash divides by this; the share is then an estimate.
    """
    import numpy as np

    grams, sizes = array("Q"), array("q")
    for text in texts:
        found = np.unique(_hashed_ngrams(normalised(text).split(), length))
        kept = found[found % np.uint64(keep_one_in) == 0]
        grams.frombytes(kept.tobytes())
        sizes.append(len(kept))
    held = np.frombuffer(sizes, np.int64)
    members = np.repeat(np.arange(len(held), dtype=np.int32), held)
    one, other, count = _shared_counts(np.frombuffer(grams, np.uint64), members)
    enough = count >= containment * np.minimum(held[one], held[other])
    yield from zip(one[enough].tolist(), other[enough].tolist(), strict=True)


def _hashed_ngrams(words: Sequence[str], length: int) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each n-gram of words, in order, [] where there are fewer words than that."""
    import numpy as np

    count = max(0, len(words) - length + 1)
    codes = np.fromiter(map(_hashed_word, words), np.uint64, len(words))
    found = np.zeros(count, np.uint64)
    for at in range(length):
        found = found * MULTIPLIER + codes[at : at + count]
    return found


@lru_cache(maxsize=1 << 16)
def _hashed_word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _shared_counts(
    grams: NDArray[np.uint64], members: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of texts, earlier and later, sorted, and how many n-grams they share.

    Args:
        grams: The n-grams of the texts, each once a text.
        members: The text of each of them, ascending.
    """
    import numpy as np

    # stable, so that the holders of an n-gram stay in the order of the texts
    order = np.argsort(grams, kind="stable")
    grams = grams[order]
    again = grams[1:] == grams[:-1]
    # most n-grams stand in one text alone, and leave before anything else is made of them
    shared = np.zeros(len(grams), bool)
    shared[1:] |= again
    shared[:-1] |= again
    owners = members[order[shared]]
    _, firsts, holders = np.unique(grams[shared], return_index=True, return_counts=True)
    first, many = np.repeat(firsts, holders), np.repeat(holders, holders)
    crowded = np.flatnonzero((many > MOST_PAIRED) & (first < np.arange(len(first))))
    found = [_packed(owners[first[crowded]], owners[crowded])]
    for distance in range(1, MOST_PAIRED):
        near = np.flatnonzero((first[distance:] == first[:-distance]) & (many[distance:] <= MOST_PAIRED))
        found.append(_packed(owners[near], owners[near + distance]))
    pairs, counts = np.unique(np.concatenate(found), return_counts=True)
    return pairs >> PACKED_BITS, pairs & ((1 << PACKED_BITS) - 1), counts


def _packed(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    import numpy as np

    return one.astype(np.int64) << PACKED_BITS | other
