"""Whether training rows hold the questions: word for word, in most of their n-grams, or in other words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.duplicates import duplicate_pairs
from axolotl_ragdata.judge.candidates import Candidate
from axolotl_ragdata.judge.records import JudgeQuestion, Overlap
from axolotl_ragdata.lineage import RECORD, trained_rows
from axolotl_ragdata.store import RunDirectory
from axolotl_ragdata.wording import normalised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_WORDS = 8
"""A reference of fewer words stands in many answers by chance."""
Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]


def find_overlaps(
    questions: Sequence[JudgeQuestion], training: Mapping[str, str], block: JudgeBlock, embed: Embed
) -> list[Overlap]:
    """Return the strongest overlap of each question that a training row holds.

    Three rules, the first that applies: the same words after normalising; `contamination_share` of the question's word
    n-grams in one training question (a question shorter than one n-gram is left to the other two); vectors at least
    `contamination_cosine` apart of two questions that name the same things, as near-duplicates are found in a build.

    Args:
        questions: What will be asked.
        training: Questions of the training rows by the row's id.
        block: The thresholds.
        embed: Texts → unit vectors.
    """
    names, texts = list(training), list(training.values())
    found = _by_words(questions, names, texts, block)
    rest = [question for question in questions if question.id not in found]
    found.update(_by_vectors(rest, names, texts, block, embed))
    return [found[question.id] for question in questions if question.id in found]


def references_seen(questions: Sequence[JudgeQuestion], answers: Sequence[str]) -> list[str]:
    """Return the ids of the questions whose whole reference stands word for word in an answer that is trained on.

    It is how `test_seen` is meant: the words were seen, the question was not. So it is reported and excludes nothing.
    """
    seen = "\n".join(f" {normalised(answer)} " for answer in answers)
    return [
        question.id
        for question in questions
        if question.reference
        and len(normalised(question.reference).split()) >= LEAST_WORDS
        and f" {normalised(question.reference)} " in seen
    ]


def _by_words(
    questions: Sequence[JudgeQuestion], names: Sequence[str], texts: Sequence[str], block: JudgeBlock
) -> dict[str, Overlap]:
    exact: dict[str, int] = {}
    holders: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for at, text in enumerate(texts):
        exact.setdefault(normalised(text), at)
        for gram in ngrams(text, block.contamination_ngram):
            holders[gram].add(at)
    found = {}
    for question in questions:
        same = exact.get(normalised(question.question))
        if same is not None:
            found[question.id] = _overlap(question, "exact", names[same], texts[same], 1.0)
        elif best := _held(ngrams(question.question, block.contamination_ngram), holders):
            holder, share = best
            if share >= block.contamination_share:
                found[question.id] = _overlap(question, "n-gram", names[holder], texts[holder], share)
    return found


def _held(grams: set[tuple[str, ...]], holders: Mapping[tuple[str, ...], set[int]]) -> tuple[int, float] | None:
    counts: dict[int, int] = defaultdict(int)
    for gram in grams:
        for at in holders.get(gram, ()):
            counts[at] += 1
    if not counts:
        return None
    best = max(counts, key=lambda at: (counts[at], -at))
    return best, counts[best] / len(grams)


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    """Return the runs of `n` words of a text.

    >>> sorted(ngrams("What is panic?", 2))
    [('is', 'panic'), ('what', 'is')]
    """
    words = normalised(text).split()
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}


def _by_vectors(
    questions: Sequence[JudgeQuestion],
    names: Sequence[str],
    texts: Sequence[str],
    block: JudgeBlock,
    embed: Embed,
) -> dict[str, Overlap]:
    if not questions or not texts:
        return {}
    together = [*texts, *(question.question for question in questions)]
    vectors = embed(together)
    found: dict[str, Overlap] = {}
    for earlier, later in duplicate_pairs(together, vectors, block.contamination_cosine):
        if earlier < len(texts) <= later:
            question = questions[later - len(texts)]
            cosine = min(1.0, float(vectors[earlier] @ vectors[later]))
            overlap = _overlap(question, "embedding", names[earlier], texts[earlier], cosine)
            if question.id not in found or found[question.id].score < overlap.score:
                found[question.id] = overlap
    return found


def _overlap(question: JudgeQuestion, kind: str, name: str, text: str, score: float) -> Overlap:
    return Overlap.model_validate(
        {
            "question_id": question.id,
            "kind": kind,
            "training_id": name,
            "training_question": text,
            "score": round(score, 4),
        }
    )


def untraced(candidates: Sequence[Candidate], run: RunDirectory) -> list[str]:
    """Return a line for each trained candidate whose training rows are not those of the run directory."""
    rows = str((run.read_manifest() or {}).get("files", {}).get("train"))
    found = []
    for candidate in candidates:
        if candidate.trained is None or (trained := trained_rows(candidate.trained)) == rows:
            continue
        where = f"{candidate.name} was trained on {trained}, the dataset here is {rows}"
        if trained is None:
            where = f"{candidate.name} does not say what it was trained on ({RECORD} is not beside its weights)"
        found.append(f"{where}: whether its training rows held these questions is not known")
    return found
