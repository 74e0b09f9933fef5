"""How far a judge agrees with people: kappa, correlations, and where they part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.judge.people.records import Calibration, HumanRating, JudgeCalibration, Parting
from axolotl_ragdata.judge.people.tables import read_rows
from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion, JudgeScores, SourcePassage
from axolotl_ragdata.judge.results.records import Coefficient, Results
from axolotl_ragdata.judge.results.tables import interval_of
from axolotl_ragdata.judge.results.trust import DISPUTED_FROM, coefficient
from axolotl_ragdata.judge.statistics.agreement import cohen_kappa, krippendorff_alpha, pearson, spearman
from axolotl_ragdata.judge.statistics.clusters import estimate_mean
from axolotl_ragdata.records import content_id

RIGHT_FROM = 6
"""Score from which an answer counts as right, for the kappa of right and wrong."""
CANDIDATE = "rated by people"
KEYS = "question, answer and score (0 to 10), or question_id, candidate and score of an earlier run"


def read_ratings(path: Path, results: Results | None = None) -> list[HumanRating]:
    """Return people's scores from a JSONL or CSV file.

    A row holds `question`, `answer`, `score` from 0 to 10, and if there are any `reference`, `sources` (or `passages`:
    a text or a list), `doc_id` and `rater`; or `question_id`, `candidate` and `score` of an answer of an earlier run.

    Args:
        path: The file.
        results: Of an earlier run, for rows that name its answers.

    Raises:
        RecipeError: The file is missing or empty, or a row is wrong; the line is named.
    """
    found = [_rating(row, where, results) for where, row in read_rows(path)]
    if not found:
        raise RecipeError(str(path), "holds no rating", f"write rows of {KEYS}")
    twice: dict[tuple[str, str], int] = defaultdict(int)
    for rating in found:
        twice[rating.id, rating.rater] += 1
        if twice[rating.id, rating.rater] > 1:
            what = f"{rating.rater} rated one answer twice: {rating.answer[:60]!r}"
            raise RecipeError(str(path), what, "keep one of the rows, or name the second rater in `rater`")
    return found


def _rating(row: Mapping[str, Any], where: str, results: Results | None) -> HumanRating:
    value = row.get("score")
    try:
        number = float(str(value).replace(",", ".")) if not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= 10:
        raise RecipeError(f"{where}: score", f"{value!r} is no score", "write a number from 0 to 10")
    rater = str(row.get("rater") or "person").strip()
    if row.get("question_id") and row.get("candidate"):
        return _known(str(row["question_id"]), str(row["candidate"]), number, rater, where, results)
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str) or not question.strip():
        raise RecipeError(where, "has no question or no answer", f"write {KEYS}")
    sources = row.get("sources") or row.get("passages") or ()
    sources = (sources,) if isinstance(sources, str) else sources
    if not isinstance(sources, (list, tuple)) or not all(isinstance(source, str) for source in sources):
        raise RecipeError(f"{where}: sources", "must be a text or a list of texts", "write the passages themselves")
    reference = row.get("reference")
    return HumanRating(
        id=content_id("h", question, answer, reference, list(sources)),
        question=question,
        answer=answer,
        score=number,
        rater=rater,
        reference=str(reference) if reference else None,
        sources=tuple(sources),
        doc_id=str(row["doc_id"]) if row.get("doc_id") else None,
    )


def _known(
    question_id: str, candidate: str, number: float, rater: str, where: str, results: Results | None
) -> HumanRating:
    if results is None:
        fix = "run `ragdata judge` first, or give question and answer in the row"
        raise RecipeError(where, f"names the question {question_id!r} of an earlier run, and there is none", fix)
    question = next((one for one in results.questions if one.id == question_id), None)
    text = next(
        (one.text for one in results.answers if (one.question_id, one.candidate) == (question_id, candidate)), None
    )
    if question is None or text is None:
        what = f"{candidate!r} has no answer to {question_id!r} in the earlier run"
        raise RecipeError(where, what, f"candidates there: {', '.join(results.candidates)}")
    return HumanRating(
        id=content_id("h", question_id, candidate),
        question=question.question,
        answer=text,
        score=number,
        rater=rater,
        reference=question.reference,
        sources=tuple(passage.text for passage in question.passages),
        doc_id=question.doc_id,
        judged_before=(question_id, candidate),
    )


def pointwise(block: JudgeBlock) -> JudgeBlock:
    """Return the judges of a block, asked for scores alone."""
    return block.model_copy(update={"scoring": ["pointwise"], "repeats": 1})


def asked(
    ratings: Sequence[HumanRating], results: Results | None = None
) -> tuple[list[JudgeQuestion], list[CandidateAnswer]]:
    """Return the rated answers as questions with one answer each; its id is the rating's."""
    known = {question.id: question for question in results.questions} if results is not None else {}
    questions, answers = {}, {}
    for rating in ratings:
        before = known.get(rating.judged_before[0]) if rating.judged_before else None
        questions[rating.id] = before.model_copy(update={"id": rating.id}) if before is not None else _question(rating)
        answers[rating.id] = CandidateAnswer(question_id=rating.id, candidate=CANDIDATE, text=rating.answer)
    return list(questions.values()), list(answers.values())


def _question(rating: HumanRating) -> JudgeQuestion:
    passages = tuple(
        SourcePassage(passage_id=f"{rating.id}-{number}", text=text) for number, text in enumerate(rating.sources, 1)
    )
    return JudgeQuestion(
        id=rating.id,
        origin="file",
        question=rating.question,
        reference=rating.reference,
        passages=passages,
        doc_id=rating.doc_id,
    )


def calibration(block: JudgeBlock, ratings: Sequence[HumanRating], scores: JudgeScores) -> Calibration:
    """Return the agreement of each judge with people; an item's score by people is the mean of its raters."""
    items: dict[str, list[HumanRating]] = defaultdict(list)
    for rating in ratings:
        items[rating.id].append(rating)
    people = {key: sum(one.score for one in rows) / len(rows) for key, rows in items.items()}
    failed = [test.judge for test in scores.selftests if not test.passed]
    return Calibration(
        items=len(items),
        raters=tuple(dict.fromkeys(rating.rater for rating in ratings)),
        people=tuple(_people(items)),
        judges=tuple(_calibrated(judge.label, items, people, scores) for judge in block.judges),
        void_reasons=tuple(f"the judge {judge} failed its self-test" for judge in failed),
    )


def _people(items: Mapping[str, Sequence[HumanRating]]) -> list[Coefficient]:
    raters = list(dict.fromkeys(one.rater for rows in items.values() for one in rows))
    if len(raters) < 2:
        return []
    ratings = np.full((len(raters), len(items)), np.nan)
    for column, rows in enumerate(items.values()):
        for one in rows:
            ratings[raters.index(one.rater), column] = one.score
    documents = [rows[0].doc_id or key for key, rows in items.items()]
    return [
        coefficient("Krippendorff's alpha (interval)", "all raters", krippendorff_alpha(ratings, "interval", documents))
    ]


def _calibrated(
    judge: str, items: Mapping[str, Sequence[HumanRating]], people: Mapping[str, float], scores: JudgeScores
) -> JudgeCalibration:
    own = {one.question_id: one for one in scores.scores if one.judge == judge}
    both = [key for key in items if key in own and own[key].value is not None]
    theirs = [people[key] for key in both]
    judged = [own[key].value or 0.0 for key in both]
    clusters = [items[key][0].doc_id or key for key in both]
    coefficients = _coefficients(judge, theirs, judged, clusters)
    differences = [b - a for a, b in zip(theirs, judged, strict=True)]
    estimate = estimate_mean(differences, clusters) if both else None
    apart = sorted(zip(both, differences, strict=True), key=lambda item: -abs(item[1]))
    partings = [
        Parting(
            id=key,
            question=items[key][0].question,
            answer=items[key][0].answer,
            people=people[key],
            judge=people[key] + difference,
            reason=own[key].reason,
        )
        for key, difference in apart
        if abs(difference) >= DISPUTED_FROM
    ]
    return JudgeCalibration(
        judge=judge,
        n=len(both),
        unscored=len(items) - len(both),
        coefficients=tuple(coefficients),
        bias=estimate.mean if estimate else None,
        bias_interval=interval_of(estimate.bootstrap) if estimate else None,
        partings=tuple(partings),
    )


def _coefficients(
    judge: str, people: Sequence[float], judged: Sequence[float], clusters: Sequence[str]
) -> list[Coefficient]:
    between = f"people and {judge}"
    # a mean of raters is no category: halves go up, as a rater would round
    whole = [[int(value + 0.5) for value in side] for side in (people, judged)]
    right = [[value >= RIGHT_FROM for value in side] for side in (people, judged)]
    return [
        coefficient("Cohen's kappa", between, cohen_kappa(whole[0], whole[1], clusters=clusters)),
        coefficient(
            "quadratic weighted kappa", between, cohen_kappa(whole[0], whole[1], "quadratic", clusters=clusters)
        ),
        coefficient(
            f"Cohen's kappa of right ({RIGHT_FROM} or more) and wrong",
            between,
            cohen_kappa(right[0], right[1], clusters=clusters),
        ),
        coefficient("Spearman", between, spearman(people, judged)),
        coefficient("Pearson", between, pearson(people, judged)),
    ]
