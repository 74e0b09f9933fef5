"""Which answers a reader should look at: the worst and the most disputed, beside the others, reference and sources."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion, Score
from axolotl_ragdata.judge.results.records import Results

WORST_EACH = 5
MOST = 20


@dataclass(frozen=True)
class Case:
    """A question with every candidate's answer and what was said about it; `why` it is shown."""

    question: JudgeQuestion
    why: str
    answers: tuple[CandidateAnswer, ...]
    scores: dict[str, tuple[Score, ...]]


def worst(results: Results) -> list[Case]:
    """Return the questions on which some candidate was given least, at most 5 a candidate, lowest first."""
    chosen: dict[str, tuple[float, str]] = {}
    by_answer = _by_answer(results)
    for name in results.candidates:
        own = sorted((_mean(scores), qid) for (qid, candidate), scores in by_answer.items() if candidate == name)
        for value, qid in own[:WORST_EACH]:
            if qid not in chosen or value < chosen[qid][0]:
                chosen[qid] = (value, f"{name}: {value:.1f} of 10")
    ordered = sorted(chosen.items(), key=lambda item: (item[1][0], item[0]))
    return [_case(results, qid, why, by_answer) for qid, (_, why) in ordered[:MOST]]


def disputed(results: Results) -> list[Case]:
    """Return the questions whose verdicts lie farthest apart: between judges or repeats, then between orders."""
    by_answer = _by_answer(results)
    chosen: dict[str, str] = {}
    for one in results.disputed:
        shown = "; ".join(
            f"{judge} {', '.join(f'{value:g}' for value in values)}" for judge, values in one.values.items()
        )
        chosen.setdefault(one.question_id, f"{one.candidate}: {shown}")
    for qid, line in _turned(results).items():
        chosen.setdefault(qid, line)
    return [_case(results, qid, why, by_answer) for qid, why in list(chosen.items())[:MOST]]


def _turned(results: Results) -> dict[str, str]:
    """Return the questions whose pair is decided by the order."""
    cells: dict[tuple[str, str, frozenset[str]], set[str]] = defaultdict(set)
    for verdict in results.verdicts.pairs:
        if verdict.outcome is not None:
            chosen = {"first": verdict.first, "second": verdict.second}.get(verdict.outcome, "a tie")
            cells[verdict.question_id, verdict.judge, frozenset((verdict.first, verdict.second))].add(chosen)
    return {
        qid: f"{judge}: {' and '.join(sorted(said))}, by the order"
        for (qid, judge, _), said in cells.items()
        if len(said) > 1
    }


def _case(results: Results, qid: str, why: str, by_answer: dict[tuple[str, str], list[Score]]) -> Case:
    question = next(one for one in results.questions if one.id == qid)
    answers = {answer.candidate: answer for answer in results.answers if answer.question_id == qid}
    return Case(
        question,
        why,
        tuple(answers[name] for name in results.candidates if name in answers),
        {name: tuple(by_answer.get((qid, name), ())) for name in results.candidates},
    )


def _by_answer(results: Results) -> dict[tuple[str, str], list[Score]]:
    found: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in results.verdicts.scores:
        if score.value is not None:
            found[score.question_id, score.candidate].append(score)
    return found


def _mean(scores: list[Score]) -> float:
    values = [score.value for score in scores if score.value is not None]
    return sum(values) / len(values)
