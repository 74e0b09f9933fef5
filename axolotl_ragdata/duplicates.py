"""Near-duplicate questions: exact after normalising, then by embedding, with a guard for numbers and names.

Short templated questions differ in one word that matters ("… of panic disorder" and "… of bipolar disorder"), where both
MinHash and a bare cosine go wrong: so two questions are one only when their numbers and the words that carry their subject
agree; the words that questions are built with ("needed", "required") do not count.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|[^\W\d_]*\d[\w.-]*")
CLUSTERED_FROM = 20_000
BLOCK_ROWS = 2_048
PROBES = 2
ITERATIONS = 5
STEM = 5
FUNCTION_WORDS = frozenset(
    """a an and any are as at be been by can could do does for from had has have how in into is it its may might of on or
    other should that the their them there these they this those to was were what when where which who whom whose why will
    with would according given one people person someone often usually commonly typically generally mean means meant term
    define defined definition describe explain tell state name list called refer refers
    need needed needs require required requires necessary must indicate indicates indicated suggest suggests point points
    differ differs different difference differences distinguish distinguishes compare compares compared contrast
    include includes included involve involves consist consists constitute make makes up count counts characterise
    characterised characterize characterized long duration many number much main key give gives given apply applies
    au aux avec ce ces cette comment dans de des du elle en est et il la le les leur lors lorsque ou où par pour quand que quel
    quelle quelles quels qui quoi sa se ses son sont sur un une être signifie définit terme désigne""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Repeat:
    """A text that repeats an earlier one: `of` is its index, `similarity` the cosine, 1.0 for the same words."""

    of: int
    similarity: float


def find_duplicates(texts: Sequence[str], vectors: NDArray[np.float32], threshold: float = 0.92) -> list[Repeat | None]:
    """Return for each text the earlier, kept text that it repeats, or None; the first of a group is kept.

    Args:
        texts: Questions, in the order of preference.
        vectors: A unit vector for each, shape (n, dimensions), float32.
        threshold: Cosine from which two texts count as one, 0 to 1.
    """
    found: list[Repeat | None] = [None] * len(texts)
    first: dict[str, int] = {}
    for at, text in enumerate(texts):
        earlier = first.setdefault(normalised(text), at)
        if earlier != at:
            found[at] = Repeat(earlier, 1.0)
    if len(first) < 2:
        return found
    candidates = sorted(first.values())
    keys = [identity(texts[at]) for at in candidates]
    for earlier, later, similarity in sorted(_close_pairs(vectors[candidates], threshold)):
        low, high = candidates[earlier], candidates[later]
        if found[low] is None and found[high] is None and keys[earlier] == keys[later]:
            found[high] = Repeat(low, round(similarity, 4))
    return found


def normalised(text: str) -> str:
    """Return the words and numbers of a text in lower case, without accents' variants and punctuation.

    >>> normalised("What is  Panic-Disorder?") == normalised("what is panic disorder")
    True
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))


def identity(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return what two texts must share to be one: their numbers, and the stems of the words that carry their subject.

    >>> identity("How many symptoms are needed for mania?") == identity("How many symptoms are required for mania?")
    True
    >>> identity("What is mania?") == identity("What is hypomania?")
    False
    """
    return tuple(sorted(NUMBER.findall(text))), _stems(text)


def _stems(text: str) -> frozenset[str]:
    words = (word.casefold() for word in WORD.findall(text))
    return frozenset(word[:STEM] for word in words if word not in FUNCTION_WORDS and not word.isdigit())


def _close_pairs(vectors: NDArray[np.float32], threshold: float) -> Iterator[tuple[int, int, float]]:
    if len(vectors) <= CLUSTERED_FROM:
        yield from _pairs_within(vectors, list(range(len(vectors))), threshold)
        return
    seen: set[tuple[int, int]] = set()
    for members in _clusters(vectors):
        for earlier, later, similarity in _pairs_within(vectors[members], members, threshold):
            if (earlier, later) not in seen:
                seen.add((earlier, later))
                yield earlier, later, similarity


def _pairs_within(
    vectors: NDArray[np.float32], names: Sequence[int], threshold: float
) -> Iterator[tuple[int, int, float]]:
    import numpy as np

    for start in range(0, len(vectors), BLOCK_ROWS):
        rows = vectors[start : start + BLOCK_ROWS] @ vectors[start:].T
        for row, column in zip(*np.nonzero(rows >= threshold), strict=True):
            if column > row:
                yield names[start + row], names[start + column], float(rows[row, column])


def _clusters(vectors: NDArray[np.float32]) -> list[list[int]]:
    """Return about √n groups of like vectors, each vector in the two nearest: k-means with a fixed start."""
    import numpy as np

    count = int(math.sqrt(len(vectors)))
    random = np.random.default_rng(0)
    sample = vectors[random.choice(len(vectors), min(len(vectors), 64 * count), replace=False)]
    centres = sample[:count].copy()
    for _ in range(ITERATIONS):
        nearest = np.argmax(sample @ centres.T, axis=1)
        for number in range(count):
            members = sample[nearest == number]
            if len(members):
                mean = members.mean(axis=0)
                centres[number] = mean / (np.linalg.norm(mean) or 1.0)
    groups: dict[int, list[int]] = defaultdict(list)
    for start in range(0, len(vectors), BLOCK_ROWS):
        near = np.argpartition(-(vectors[start : start + BLOCK_ROWS] @ centres.T), PROBES, axis=1)[:, :PROBES]
        for row, probes in enumerate(near):
            for number in probes:
                groups[int(number)].append(start + row)
    return list(groups.values())
