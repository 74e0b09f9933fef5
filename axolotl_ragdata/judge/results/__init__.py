"""From verdicts to `results.json`, `results.md` and `report.html`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.families import related
from axolotl_ragdata.judge.judgement import Judgement
from axolotl_ragdata.judge.records import JudgeQuestion, JudgeScores, SelfTest
from axolotl_ragdata.judge.results.content import claim_rows, fairness_rows
from axolotl_ragdata.judge.results.duels import combine, pair_rows, position_biases, position_wins, strength_rows
from axolotl_ragdata.judge.results.records import Cost, JudgeInfo, PositionBias, Results
from axolotl_ragdata.judge.results.sensitivity import measured_sensitivity
from axolotl_ragdata.judge.results.tables import (
    Settings,
    exact_tables,
    judged_tables,
    judged_values,
    safety_tables,
)
from axolotl_ragdata.judge.results.trust import (
    disputed_answers,
    length_biases,
    noises,
    panel_agreement,
    plain_scores,
    self_preferences,
)
from axolotl_ragdata.records import Usage

__all__ = ["evaluate"]


def evaluate(
    judgement: Judgement,
    scores: JudgeScores,
    block: JudgeBlock,
    models: Mapping[str, str] | None = None,
    judge_costs: Sequence[Cost] = (),
) -> Results:
    """Return all results of a run; nothing is asked or written.

    Args:
        judgement: Questions, answers and exact scores; its first candidate is the baseline.
        scores: What the judges said; empty without judges.
        block: Judges, resamples and seed.
        models: Model of each candidate by its name, to know the judges' relatives; left out, that of its answers.
        judge_costs: What the judges' calls used.
    """
    settings = Settings(tuple(judgement.candidates), block.resamples, block.seed)
    questions = judgement.questions
    known = dict(models) if models is not None else _models(judgement)
    relatives = {judge.label: related(judge.model, known) for judge in block.judges}
    position = position_biases(questions, scores.pairs, settings)
    void = tuple(_void_reason(test) for test in scores.selftests if not test.passed)
    return Results(
        name=judgement.name,
        ragdata_version=str(judgement.facts.get("ragdata_version", "")),
        void=bool(void),
        void_reasons=void,
        warnings=(*judgement.warnings, *_warnings(block, relatives, position, questions)),
        baseline=settings.baseline,
        candidates=tuple(settings.candidates),
        judges=tuple(_judge_info(block, relatives, scores)),
        origins=dict(Counter(question.origin for question in questions)),
        contaminated_excluded=len(judgement.excluded),
        contaminated_kept=sum(question.contamination is not None for question in questions),
        asked=scores.asked,
        unscored=scores.unscored,
        unscored_reasons=_unscored_reasons(scores),
        **_numbers(judgement, scores, relatives, settings),
        position=tuple(position),
        position_wins=tuple(position_wins(scores.pairs, settings.candidates)),
        costs=(*_candidate_costs(judgement), *judge_costs),
        facts=dict(judgement.facts),
        questions=tuple(questions),
        excluded=tuple(judgement.excluded),
        overlaps=tuple(judgement.overlaps),
        answers=tuple(judgement.answers),
        exact_scores=tuple(judgement.exact),
        exact_summaries=tuple(judgement.summaries),
        verdicts=scores,
    )


def _numbers(
    judgement: Judgement, scores: JudgeScores, relatives: Mapping[str, Sequence[str]], settings: Settings
) -> dict[str, Any]:
    questions = judgement.questions
    plain = plain_scores(questions, scores.scores)
    combined = combine(scores.pairs, settings.candidates)
    values = judged_values(plain, settings.candidates)
    return {
        "tables": tuple(judged_tables(questions, scores.scores, settings)),
        "exact": tuple(exact_tables(questions, judgement.exact, settings)),
        "pairs": tuple(pair_rows(questions, combined, settings)),
        "strengths": tuple(strength_rows(questions, combined, settings)),
        "claims": tuple(claim_rows(questions, scores.claims, settings)),
        "safety": tuple(safety_tables(questions, scores.scores, settings)),
        "fairness": tuple(fairness_rows(questions, scores.scores, settings)),
        "length": tuple(length_biases(questions, judgement.answers, plain, settings)),
        "self_preference": tuple(self_preferences(questions, plain, relatives, settings)),
        "noise": tuple(noises(plain, settings)),
        "agreement": tuple(panel_agreement(questions, plain, settings)),
        "disputed": tuple(disputed_answers(scores.scores)),
        "sensitivity": measured_sensitivity(questions, values, settings.candidates),
    }


def _models(judgement: Judgement) -> dict[str, str]:
    return {answer.candidate: answer.model for answer in judgement.answers if answer.model}


def _void_reason(test: SelfTest) -> str:
    failed = ", ".join(f"{plant} {share:.0%}" for plant, share in test.shares.items() if share < 1)
    return f"the judge {test.judge} failed its self-test ({failed or 'no verdict at all'} judged as they must be)"


def _warnings(
    block: JudgeBlock,
    relatives: Mapping[str, Sequence[str]],
    position: Sequence[PositionBias],
    questions: Sequence[JudgeQuestion],
) -> list[str]:
    found = []
    for judge, names in relatives.items():
        if names:
            alone = " and judges alone" if all(relatives.values()) else ""
            found.append(f"the judge {judge} is of the family of {', '.join(names)}{alone}")
    for bias in position:
        if bias.biased:
            share = f"{bias.first_share:.0%} of its choices are the first answer shown"
            found.append(f"the judge {bias.judge} has a bias of position: {share}")
    documents = len({question.doc_id or question.id for question in questions if question.probe is None})
    if documents < 10:
        found.append(f"the questions come from {documents} documents: intervals over so few are wide and rough")
    return found


def _judge_info(block: JudgeBlock, relatives: Mapping[str, Sequence[str]], scores: JudgeScores) -> list[JudgeInfo]:
    tests = {test.judge: test for test in scores.selftests}
    return [
        JudgeInfo(
            name=judge.label,
            model=judge.model,
            relatives=tuple(relatives.get(judge.label, ())),
            selftest=tests.get(judge.label),
        )
        for judge in block.judges
    ]


def _unscored_reasons(scores: JudgeScores) -> dict[str, int]:
    # what differs from answer to answer stands after the colon
    return dict(Counter(reason.split(":")[0].strip() for reason in scores.reasons).most_common())


def _candidate_costs(judgement: Judgement) -> list[Cost]:
    return [
        Cost(name=name, role="candidate", usage=judgement.usage.get(name, Usage()), cost=judgement.cost.get(name))
        for name in judgement.candidates
    ]
