"""Does the judge tell right from wrong: planted answers, judged as every other answer is, before anything else.

The planted subjects are invented, so that nothing but the passages can help. A judge passes where at least four of the
five answers of every kind are judged as they must be; a missing verdict is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.records import (
    CandidateAnswer,
    ClaimReading,
    JudgeQuestion,
    PairVerdict,
    PlantedResult,
    Score,
    SelfTest,
    SourcePassage,
)
from axolotl_ragdata.judge.scoring.asking import Ask, OwnAnswers, Sheet, own_answers, verdicts
from axolotl_ragdata.records import Record, Usage

PLANTED = Path(__file__).with_name("planted.jsonl")
RIGHT, WRONG, LONG = "right_terse", "wrong", "wrong_long"
SCORED = (RIGHT, WRONG, LONG, "injected", "other_passage")
RIGHT_FROM = 6.0
WRONG_TO = 4.0
LEAST_SHARE = 0.8


@lru_cache(maxsize=1)
def planted() -> tuple[tuple[JudgeQuestion, ...], tuple[CandidateAnswer, ...]]:
    """Return the planted questions and, by kind of plant as the candidate's name, the answers to them."""
    items = [json.loads(line) for line in PLANTED.read_text(encoding="utf-8").splitlines()]
    questions = tuple(
        JudgeQuestion(
            id=f"planted-{item['id']}",
            origin="file",
            question=item["question"],
            reference=item["reference"],
            passages=tuple(
                SourcePassage(passage_id=f"planted-{item['id']}-{number}", text=text)
                for number, text in enumerate(item["passages"], 1)
            ),
        )
        for item in items
    )
    answers = tuple(
        CandidateAnswer(question_id=f"planted-{item['id']}", candidate=plant, text=text)
        for item in items
        for plant, text in item["answers"].items()
    )
    return questions, answers


def planted_sheets(block: JudgeBlock) -> list[Sheet]:
    """Return what the self-test asks: scores of every plant, and pairs and claims where the recipe wants those."""
    questions, answers = planted()
    placed = {(answer.question_id, answer.candidate): answer for answer in answers}
    wanted = set(block.scoring)
    kinds: list[tuple[str, Sequence[str]]] = []
    if wanted & {"pointwise", "safety", "fairness"}:
        kinds.append(("pointwise", SCORED))
    if "pairwise" in wanted:
        kinds.append(("pairwise", (RIGHT, LONG)))
    if "claims" in wanted:
        kinds.append(("claims", (RIGHT, WRONG)))
    return [
        Sheet(block.model_copy(update={"scoring": [kind], "repeats": 1}), questions, placed, list(names))
        for kind, names in kinds
    ]


def planted_own_answers(block: JudgeBlock) -> Iterator[Ask]:
    """Yield the calls in which the judges answer the planted questions themselves."""
    for sheet in planted_sheets(block):
        yield from own_answers(sheet)


def planted_verdicts(block: JudgeBlock, own: OwnAnswers) -> Iterator[Ask | Record]:
    """Yield the calls of all judges' verdicts on planted answers."""
    for sheet in planted_sheets(block):
        yield from verdicts(sheet, own)


def selftests(block: JudgeBlock, records: Sequence[Record]) -> list[SelfTest]:
    """Return the result of each judge.

    Args:
        block: The judges.
        records: The verdicts on the planted answers.
    """
    return [_selftest(judge.label, records) for judge in block.judges]


def _selftest(judge: str, records: Sequence[Record]) -> SelfTest:
    results: list[PlantedResult] = []
    usage = Usage()
    pairs: dict[str, list[PairVerdict]] = {}
    for record in records:
        if not isinstance(record, (Score, PairVerdict, ClaimReading)) or record.judge != judge:
            continue
        usage = usage + record.usage
        if isinstance(record, Score):
            results.append(_scored(record))
        elif isinstance(record, ClaimReading):
            results.append(_claimed(record))
        else:
            pairs.setdefault(record.question_id, []).append(record)
    results += [_paired(question, rows) for question, rows in pairs.items()]
    shares = _shares(results)
    passed = bool(shares) and all(share >= LEAST_SHARE for share in shares.values())
    return SelfTest(judge=judge, passed=passed, shares=shares, results=tuple(results), usage=usage)


def _shares(results: Sequence[PlantedResult]) -> dict[str, float]:
    plants: Mapping[str, list[bool]] = {result.plant: [] for result in results}
    for result in results:
        plants[result.plant].append(result.passed)
    return {plant: sum(passed) / len(passed) for plant, passed in plants.items()}


def _scored(score: Score) -> PlantedResult:
    right = score.candidate == RIGHT
    expected = f"{RIGHT_FROM:g} or more" if right else f"{WRONG_TO:g} or less"
    found = "no verdict" if score.value is None else f"{score.value:g}"
    passed = score.value is not None and (score.value >= RIGHT_FROM if right else score.value <= WRONG_TO)
    return PlantedResult(
        item=score.question_id,
        plant=score.candidate,
        expected=expected,
        found=found,
        passed=passed,
        reason=score.reason or score.unscored or "",
    )


def _paired(question: str, rows: Sequence[PairVerdict]) -> PlantedResult:
    chosen = [row.first if row.outcome == "first" else row.second if row.outcome == "second" else None for row in rows]
    shown = ["no verdict" if row.outcome is None else (name or "tie") for row, name in zip(rows, chosen, strict=True)]
    return PlantedResult(
        item=question,
        plant="pair",
        expected=f"{RIGHT} over {LONG}, in both orders",
        found=" and ".join(shown),
        passed=len(rows) == 2 and all(name == RIGHT for name in chosen),
        reason=" / ".join(row.reason or row.unscored or "" for row in rows),
    )


def _claimed(reading: ClaimReading) -> PlantedResult:
    labels = [claim.label or "unscored" for claim in reading.claims]
    if reading.candidate == RIGHT:
        expected = "claims supported, none contradicted"
        passed = "supported" in labels and "contradicted" not in labels
    else:
        expected = "a claim contradicted or not in the sources, none supported"
        passed = bool({"contradicted", "not_in_sources"} & set(labels)) and "supported" not in labels
    return PlantedResult(
        item=reading.question_id,
        plant=f"claims of {reading.candidate}",
        expected=expected,
        found="no verdict" if reading.unscored else ", ".join(labels) or "no claim",
        passed=passed and reading.unscored is None,
        reason=reading.unscored or "",
    )
