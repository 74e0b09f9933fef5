"""Near-duplicates among questions: the same words after normalising, or nearly the same vector and content.

A high cosine alone is not enough: "symptoms of panic disorder" and "symptoms of bipolar disorder", or the same
question about 5 mg and 10 mg, are as close as paraphrases are. So two questions count as one only when, besides, they
name the same things: what they are about (up to inflection and the synonyms below), their numbers, codes and
negations.

That guard is what gives the precision (1.000 on the planted pairs of `benchmarks/duplicates.py`, where cosine alone
has 0.50), so the threshold can be lower than it would have to be alone: recall is 0.89 at 0.90 and 0.81 at 0.92.

Naming the same things is an equivalence. Questions are therefore put into buckets by what they name, and vectors are
compared inside a bucket only: the result is that of comparing every pair, in nearly linear time, and needs no
clustering.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from axolotl_ragdata.wording import CODE, STOP_WORDS, codes, normalised, quantities, stem, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THRESHOLD = 0.9
BLOCK_ROWS = 1024
Content = tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]

# words for one aspect of a thing; asking for another aspect is another question
_ASPECTS = """
    symptom sign feature manifestation characteristic presentation characterise characterize | symptôme signe
    treatment treat therapy therapeutic manage management intervention | traitement traiter thérapie prise
    cause aetiology etiology why reason responsible due | pourquoi raison étiologie
    diagnosis diagnose diagnostic | diagnostiquer
    criterion criteria | critère
    drug medicine medication medicament pharmaceutical | médicament
    prevalence common prevalent frequency frequent frequently often proportion percentage share | prévalence fréquence
    difference differ different differential distinguish distinction compare comparison versus vs | différence différer
    effect affect impact influence | effet impact influence
    consequence outcome result | conséquence résultat
    complication | complication
    type kind form category subtype | type forme catégorie
    component element part | composant élément partie
    duration long last | durée durer longtemps
    onset begin start develop arise emerge appear | début commencer
    prevention prevent | prévention prévenir
    area region zone | région zone
    test laboratory lab investigation | examen
    exclude exclusion rule | exclure
    hospital hospitalise hospitalize admit admission | hôpital hospitaliser
    cure curable | guérir
    child children paediatric pediatric | enfant
    adult adults | adulte
    evidence support | preuve
    amount quantity level | quantité niveau
    step stage phase | étape stade phase
    aim purpose goal objective | but objectif
    method approach technique procedure | méthode approche technique procédure
    risk | risque
    rate | taux
    number many much count | combien nombre
    benefit advantage | avantage bénéfice
    limitation drawback disadvantage limit | limite inconvénient
"""
# words that say nothing about what is asked for
_FILLER = """
    define definition meaning mean describe description explain explanation list name state identify give tell
    call term known refer main key major primary principal important essential core basic general generally
    typical typically usual usually various several certain specific particular follow following case person
    people individual patient someone sufferer include involve consist comprise exactly overall please according
    see seen occur happen find found observe show suffer experience report exhibit display present associate
    association relate relation relationship link connect use used useful look like need necessary require
    requirement must point count make made role play implicate contribute underlie help clinician doctor physician
    practitioner professional indicate indication recommend suggest advise consider appropriate suitable possible
    available exist currently today nowadays take put come work perform carry establish estimate estimated
    approximately roughly about study research author article paper text respect regard concern context way thing
    information example
    définir définit définition signifier signifie désigner désigne terme présente présentent décrire description
    expliquer citer nommer donner appeler principal important essentiel général généralement habituel
    habituellement différents certain personne patient individu cas comprendre inclure selon observer présenter
    trouver utiliser touche toucher recommandé indiqué lequel laquelle lesquels
"""
_ASYMMETRIC = (
    "cause caused causes lead leads precede predict predicts increase reduce affect influence before after above below "
    "than higher lower more less provoquer cause précéder prédire augmenter réduire avant après plus moins"
)


def _families() -> dict[str, str]:
    known = {stem(word): "" for word in _FILLER.split()}
    for line in _ASPECTS.strip().splitlines():
        members = line.replace("|", " ").split()
        known.update({stem(word): f"={members[0]}" for word in members})
    return known


FAMILY = _families()
ASYMMETRIC = frozenset(stem(word) for word in _ASYMMETRIC.split())
ROMAN = re.compile(r"(?<=[^\W\d_] )(?:I{1,3}|IV|VI{0,3}|IX)\b|(?<=[^\W\d_] )[A-H]\b")
QUESTION_WORDS = {"when": "=when", "quand": "=when", "who": "=who", "where": "=where"}


def find_duplicates(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    threshold: float = THRESHOLD,
    groups: Sequence[str | None] = (),
) -> list[int | None]:
    """Return, for each text, the index of the earlier text that it repeats, None where it repeats none.

    No text repeats one that is itself a repeat: what is left holds no two that repeat each other.

    Args:
        texts: Questions.
        vectors: Their unit vectors, shape (n, dimensions), in the same order.
        threshold: Least cosine, from 0 to 1.
        groups: One a text: texts of one group are phrasings of one fact, and repeat each other word for word only.
    """
    repeats: list[int | None] = [None] * len(texts)
    first = _first_of_same_words(texts)
    for earlier, later in _pairs(texts, first, vectors, threshold):
        if groups and groups[later] is not None and groups[earlier] == groups[later] and first[later] != earlier:
            continue
        if repeats[earlier] is None and repeats[later] is None:
            repeats[later] = earlier
        elif first[later] == earlier:
            repeats[later] = repeats[earlier]
    return repeats


def find_repeats_of(
    originals: Sequence[str],
    original_vectors: NDArray[np.float32],
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    threshold: float = THRESHOLD,
) -> list[tuple[int, float] | None]:
    """Return, for each text, the index of the original that it repeats and the cosine, None where it repeats none.

    The same rule as between texts: the same words, or close vectors of two texts that name the same things.

    Args:
        originals: What may be repeated, such as evaluation questions.
        original_vectors: Their unit vectors, shape (m, dimensions).
        texts: What is looked at.
        vectors: Their unit vectors, shape (n, dimensions).
        threshold: Least cosine, from 0 to 1.
    """
    same: dict[str, int] = {}
    named: dict[Content, list[int]] = defaultdict(list)
    for at, text in enumerate(originals):
        same.setdefault(normalised(text), at)
        if any(content := content_of(text)):
            named[content].append(at)
    found: list[tuple[int, float] | None] = []
    for text, vector in zip(texts, vectors, strict=True):
        if (exact := same.get(normalised(text))) is not None:
            found.append((exact, 1.0))
            continue
        near = [(round(float(original_vectors[at] @ vector), 5), -at) for at in named.get(content_of(text), ())]
        cosine, at = max(near, default=(-1.0, 0))
        found.append((-at, cosine) if cosine >= threshold else None)
    return found


def duplicate_groups(texts: Sequence[str], vectors: NDArray[np.float32], threshold: float = THRESHOLD) -> list[int]:
    """Return, for each text, the smallest index of its group: those that repeat each other, directly or not.

    Args:
        texts: Questions.
        vectors: Their unit vectors, shape (n, dimensions), in the same order.
        threshold: Least cosine, from 0 to 1.
    """
    parent = list(range(len(texts)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for first, second in duplicate_pairs(texts, vectors, threshold):
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    return [root(at) for at in range(len(texts))]


def duplicate_pairs(
    texts: Sequence[str], vectors: NDArray[np.float32], threshold: float = THRESHOLD
) -> Iterator[tuple[int, int]]:
    """Yield the pairs (earlier, later) of texts that repeat each other, by the later one.

    Args:
        texts: Questions.
        vectors: Their unit vectors, shape (n, dimensions), in the same order.
        threshold: Least cosine, from 0 to 1.
    """
    yield from _pairs(texts, _first_of_same_words(texts), vectors, threshold)


@lru_cache(maxsize=1 << 17)
def content_of(text: str) -> Content:
    """Return what a question names: content words with synonyms made one, numbers, codes, order where it matters.

    >>> content_of("What are the signs of panic disorder?") == content_of("Which symptoms does panic disorder have?")
    True
    >>> content_of("What are the signs of panic disorder?") == content_of("What are the signs of bipolar disorder?")
    False
    """
    plain = CODE.sub(" ", text)
    named = [_family(word) for word in words(plain) if word not in STOP_WORDS or word in FAMILY]
    named = [word for word in named if len(word) > 1]
    asked = [QUESTION_WORDS[word] for word in words(plain) if word in QUESTION_WORDS]
    counted = sorted(f"{found.value}{found.unit}" for found in quantities(text)) + sorted(codes(text))
    ordered = tuple(named) if not ASYMMETRIC.isdisjoint(map(stem, words(plain))) else ()
    return frozenset((*named, *asked)), (*counted, *ROMAN.findall(plain)), ordered


def _family(word: str) -> str:
    low = stem(word)
    return FAMILY.get(low, low)


def _first_of_same_words(texts: Sequence[str]) -> list[int]:
    first: dict[str, int] = {}
    return [first.setdefault(normalised(text), at) for at, text in enumerate(texts)]


def _pairs(
    texts: Sequence[str], first: Sequence[int], vectors: NDArray[np.float32], threshold: float
) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    buckets: dict[Content, list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        if first[at] != at:
            pairs.append((first[at], at))
        elif any(content := content_of(text)):
            buckets[content].append(at)
    for members in buckets.values():
        if len(members) > 1:
            pairs.extend(_near(members, vectors, threshold))
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def _near(members: Sequence[int], vectors: NDArray[np.float32], threshold: float) -> Iterator[tuple[int, int]]:
    import numpy as np

    own = vectors[np.asarray(members)]
    for start in range(0, len(members), BLOCK_ROWS):
        # a product of one row and of many differ in the last bits: rounded, equal inputs give equal results
        close = np.round(own[start : start + BLOCK_ROWS] @ own.T, 5) >= threshold
        for row, column in np.argwhere(close).tolist():
            if column < start + row:
                yield members[column], members[start + row]
