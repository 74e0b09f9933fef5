"""Full text search in memory: BM25 over the words of a small table, with the scores of LanceDB's text index.

A search there plans and runs a query on three threads, about a millisecond of CPU; here it adds a few arrays, a
seventieth of that. Both cut, stem and weigh words alike, so that a table that outgrows this ranks on as before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from axolotl_ragdata.index.exact import SCORE_DIGITS, Ranked, ranked

WORD = re.compile(r"[^\W_]+")
TOO_LONG = 40
K1, B = 1.2, 0.75
UNFOLDED = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ı": "i",
    "ŋ": "n",
    "ħ": "h",
    "Ħ": "H",
    "ŧ": "t",
    "ĸ": "k",
}
"""Letters that no decomposition takes to ASCII."""


class Words:
    """The words of passages, searchable by BM25 (Robertson and Zaragoza, 2009; Lucene's form, as LanceDB has it).

    Args:
        ids: Passages.
        texts: Their texts, in the same order.
    """

    def __init__(self, ids: Sequence[str], texts: Iterable[str]) -> None:
        import bm25s

        self._ids = ids
        self._stemmed = _stemmer()
        vocabulary: dict[str, int] = {}
        # numbers instead of words: a list of strings for each passage is ten times the index
        rows = [[vocabulary.setdefault(word, len(vocabulary)) for word in self._cut(text)] for text in texts]
        self._weights = bm25s.BM25(method="lucene", k1=K1, b=B)
        self._vocabulary = vocabulary
        if vocabulary:
            self._weights.index((rows, vocabulary), show_progress=False)

    def ranking(self, query: str, top_k: int) -> Ranked:
        """Return the best passages for a query; its words are data, never operators. Ties go by id."""
        known = [self._vocabulary[word] for word in self._cut(query) if word in self._vocabulary]
        if not known:
            return {}
        # Lucene, and LanceDB with it, weighs k1 + 1 times what the paper and bm25s do
        scores = (self._weights.get_scores_from_ids(known).astype("float64") * (K1 + 1)).round(SCORE_DIGITS)
        found = scores.nonzero()[0]
        if len(found) > top_k:
            scored = scores[found]
            scored.partition(len(found) - top_k)
            # all that tie with the last one wanted compete by id
            found = (scores >= scored[len(found) - top_k]).nonzero()[0]
        return ranked(zip((self._ids[at] for at in found.tolist()), scores[found].tolist(), strict=True), top_k)

    def _cut(self, text: str) -> Iterator[str]:
        return filter(None, map(self._stemmed, WORD.findall(text.lower())))


@lru_cache(maxsize=1)
def _stemmer() -> Callable[[str], str]:
    """Return what stems and folds a word in lower case, '' for one that is not searched for."""
    import Stemmer
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    # stems are compared with them, as LanceDB does it
    stop_words = frozenset(STOPWORDS_EN_PLUS)
    stem = Stemmer.Stemmer("english").stemWord

    @lru_cache(maxsize=1 << 16)
    def stemmed(word: str) -> str:
        if len(word.encode("utf-8", "replace")) >= TOO_LONG:
            return ""
        found: str = stem(word)
        return "" if found in stop_words else _folded(found)

    return stemmed


def _folded(word: str) -> str:
    """Return a word with each letter that is one of ASCII with marks, or a form of it, as that letter."""
    return word if word.isascii() else "".join(map(_in_ascii, word))


def _in_ascii(letter: str) -> str:
    parts = "".join(UNFOLDED.get(part, part) for part in unicodedata.normalize("NFKD", letter))
    # all else that is not ASCII is left out: marks, and the stroke of ½, which becomes 12
    return parts.encode("ascii", "ignore").decode() or letter
