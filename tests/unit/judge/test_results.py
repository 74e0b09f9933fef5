"""Results against judges of known behaviour: the reported numbers are what each was built to be."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata.judge.judgement import Judgement
from axolotl_ragdata.judge.probes import fairness_probes, safety_probes
from axolotl_ragdata.judge.records import CandidateAnswer, ExactScore, JudgeQuestion, JudgeScores, PairVerdict, Score
from axolotl_ragdata.judge.results import evaluate
from axolotl_ragdata.judge.results.records import Results
from axolotl_ragdata.judge.results.tables import MAIN, Settings, exact_tables

from .judging import answer, block, questions, run

Known = Callable[..., tuple[str, Any]]


def judgement(asked: list[JudgeQuestion], answers: list[CandidateAnswer], names: list[str], **more: Any) -> Judgement:
    return Judgement(name="t", folder=Path(), candidates=names, questions=asked, answers=answers, **more)


def judged(
    known_judge: Known,
    folder: Path,
    kind: str,
    worths: dict[str, Callable[[int], int]],
    count: int = 60,
    **settings: Any,
) -> tuple[Results, Any]:
    """Return the results of candidates whose answer to question n is worth what `worths` says."""
    words = settings.pop("words", {})
    scoring = settings.pop("scoring", ["pointwise"])
    repeats = settings.pop("repeats", 1)
    url, judge = known_judge(kind, **settings)
    asked = questions(count)
    answers = [
        answer(q, name, worth(n), words.get(name, lambda n: 5)(n))
        for n, q in enumerate(asked)
        for name, worth in worths.items()
    ]
    names = list(worths)
    wanted = block(names, scoring=scoring, repeats=repeats, resamples=2000)
    scores = run(wanted, asked, answers, {"judge-1": url}, folder)
    return evaluate(judgement(asked, answers, names), scores, wanted), judge


def test_the_papers_line_and_all_beside_it(known_judge: Known, tmp_path: Path) -> None:
    worths = {"base": lambda n: 4 + n % 3, "tuned": lambda n: 6 + n % 3}
    found, _ = judged(known_judge, tmp_path, "honest", worths)
    table = found.table(MAIN)
    assert table is not None
    base, tuned = table.totals
    assert (base.total, tuned.total, base.maximum, tuned.n) == (300.0, 420.0, 600.0, 60)
    assert base.difference is None
    assert tuned.difference is not None
    assert (tuned.difference.mean, tuned.difference.wins, tuned.difference.ties) == (2.0, 60, 0)
    # answers of one length are one band
    assert [(band.words_from, band.words_to, band.n) for band in found.length[0].bands] == [(5, 5, 120)]
    assert tuned.difference.p_value < 0.001
    assert tuned.difference.p_holm == tuned.difference.p_value
    assert tuned.interval is not None
    assert tuned.interval.low <= 7.0 <= tuned.interval.high
    assert {name.name for name in found.tables} >= {"test_seen", "test_unseen", "definition", "section 0"}
    assert not found.void
    assert found.unscored == 0
    assert found.sensitivity is not None
    assert found.sensitivity.measured


def test_a_constant_judge_finds_no_difference_and_voids_the_table(known_judge: Known, tmp_path: Path) -> None:
    worths = {"base": lambda n: 1, "tuned": lambda n: 9, "other": lambda n: n % 10}
    found, _ = judged(known_judge, tmp_path, "constant", worths)
    table = found.table(MAIN)
    assert table is not None
    assert [total.total for total in table.totals] == [420.0] * 3
    for total in table.totals[1:]:
        assert total.difference is not None
        assert (total.difference.mean, total.difference.ties, total.difference.p_value) == (0.0, 60, 1.0)
    assert found.void
    assert "judge-1 failed its self-test" in found.void_reasons[0]


def test_a_noisy_judge_is_as_noisy_as_it_was_built(known_judge: Known, tmp_path: Path) -> None:
    found, _ = judged(
        known_judge,
        tmp_path,
        "honest",
        {"base": lambda n: 5, "tuned": lambda n: 5},
        noise=1.5,
        repeats=4,
        words={"tuned": lambda n: 6},
    )
    noise = found.noise[0]
    assert noise.repeats == 4
    # rounding to whole points adds 1/12 to the variance
    assert noise.deviation == pytest.approx((1.5**2 + 1 / 12) ** 0.5, rel=0.1)
    assert noise.flip_rate is not None
    assert noise.flip_rate > 0.8
    difference = found.tables[0].totals[1].difference
    assert difference is not None
    assert difference.p_value > 0.01
    assert found.disputed
    assert found.disputed[0].spread >= 3


def test_a_failing_judge_is_counted_exactly_and_no_failure_is_a_score(known_judge: Known, tmp_path: Path) -> None:
    worths = {"base": lambda n: 8, "tuned": lambda n: 8}
    found, judge = judged(
        known_judge, tmp_path, "honest", worths, fail_every=10, count=100, words={"tuned": lambda n: 9}
    )
    table = found.table(MAIN)
    assert table is not None
    lost = len(judge.failed)
    assert found.unscored == sum(total.unscored for total in table.totals) == lost > 10
    assert [total.mean for total in table.totals] == [8.0, 8.0]
    assert table.totals[0].n == table.totals[1].n == table.questions == 100 - table.dropped
    assert lost / 2 <= table.dropped <= lost
    assert found.unscored_reasons == {"refused with status 400": lost}


@pytest.mark.parametrize("kind", ["first", "honest"])
def test_a_bias_of_position_is_found_where_it_was_put(known_judge: Known, tmp_path: Path, kind: str) -> None:
    worths = {"base": lambda n: 3, "tuned": lambda n: 8 if n % 3 else 2}
    found, _ = judged(known_judge, tmp_path, kind, worths, scoring=["pairwise"])
    bias, row = found.position[0], found.pairs[0]
    assert bias.n == 120
    if kind == "first":
        assert (bias.first_share, bias.biased) == (1.0, True)
        assert (row.disagreements, row.wins, row.losses, row.win_rate, row.flip_rate) == (60, 0, 0, 0.5, 1.0)
        assert [(one.as_first, one.as_second) for one in found.position_wins] == [(1.0, 0.0)] * 2
        assert [round(one.log_odds, 6) for one in found.strengths] == [0.0, 0.0]
        assert found.void
        assert any("bias of position" in line for line in found.warnings)
    else:
        assert (bias.first_share, bias.biased) == (0.5, False)
        assert (row.losses, row.wins, row.disagreements, row.flip_rate) == (40, 20, 0, 0.0)
        assert row.win_rate == pytest.approx(1 / 3)
        assert row.p_value is not None
        assert row.p_value < 0.05
        assert found.strengths[0].candidate == "tuned"


def test_a_judge_that_is_drawn_to_the_first_now_and_then_is_found_out(known_judge: Known, tmp_path: Path) -> None:
    worths = {"base": lambda n: 3, "tuned": lambda n: 8}
    found, _ = judged(known_judge, tmp_path, "honest", worths, count=150, scoring=["pairwise"], drawn_to_first=1 / 3)
    bias, row = found.position[0], found.pairs[0]
    # right in every order that shows the better one first, in two thirds of the others
    assert bias.first_share == pytest.approx((1 + 1 / 3) / 2, abs=0.06)
    assert bias.biased
    assert row.flip_rate == pytest.approx(1 / 3, abs=0.1)
    assert (row.wins, row.losses + row.disagreements) == (0, 150)
    assert not found.void


def test_a_bias_of_length_is_found_and_taken_out(known_judge: Known, tmp_path: Path) -> None:
    source = random.Random(3)
    short = [source.randint(3, 30) for _ in range(60)]
    long = [source.randint(30, 300) for _ in range(60)]
    worths = {"short": lambda n: 9, "long": lambda n: 9}
    words = {"short": lambda n: short[n], "long": lambda n: long[n]}
    found, _ = judged(known_judge, tmp_path, "long", worths, words=words)
    bias = found.length[0]
    assert bias.biased
    assert bias.points_a_doubling == pytest.approx(1.0, abs=0.12)
    assert bias.raw["long"] - bias.raw["short"] > 60 * 2.5
    assert abs(bias.controlled["long"] - bias.controlled["short"]) < 60 * 0.4
    assert [band.mean for band in bias.bands] == sorted(band.mean for band in bias.bands)
    assert sum(band.n for band in bias.bands) == 120
    assert all(before.words_to < after.words_from for before, after in zip(bias.bands, bias.bands[1:], strict=False))
    fair, _ = judged(known_judge, tmp_path / "fair", "honest", worths, words=words)
    assert not fair.length[0].biased
    assert fair.length[0].controlled == pytest.approx(fair.length[0].raw)


def told(
    asked: list[JudgeQuestion],
    names: str,
    scores: list[Score] | None = None,
    judges: list[str] | None = None,
    pairs: list[PairVerdict] | None = None,
    **more: Any,
) -> Results:
    """Return the results of verdicts that were written by hand."""
    answers = [answer(q, name, 5) for q in asked for name in names]
    verdicts = JudgeScores(scores=tuple(scores or ()), pairs=tuple(pairs or ()))
    wanted = block(list(names), judges or ["j"], resamples=200)
    return evaluate(judgement(asked, answers, list(names), **more), verdicts, wanted)


def score(question: JudgeQuestion, candidate: str, judge: str, value: float | None) -> Score:
    return Score(question_id=question.id, candidate=candidate, judge=judge, rubric="r", value=value)


def test_a_judge_that_lifts_its_own_family_is_found_by_another() -> None:
    asked = questions(40)
    answers = [answer(q, name, 5) for q in asked for name in ("mine", "theirs")]
    lift = {("gpt-4o", "mine"): 2.0}
    scores = JudgeScores(
        scores=tuple(
            score(q, name, judge, 5 + n % 3 + lift.get((judge, name), 0.0))
            for n, q in enumerate(asked)
            for name in ("mine", "theirs")
            for judge in ("gpt-4o", "claude-3")
        )
    )
    wanted = block(["mine", "theirs"], ["gpt-4o", "claude-3"], resamples=500)
    models = {"mine": "gpt-4o-mini", "theirs": "llama-3"}
    found = evaluate(judgement(asked, answers, ["mine", "theirs"]), scores, wanted, models)
    assert [(row.judge, row.relative, row.points) for row in found.self_preference] == [("gpt-4o", "mine", 2.0)]
    assert "the judge gpt-4o is of the family of mine" in found.warnings[0]
    alone = block(["mine", "theirs"], ["gpt-4o"], resamples=500)
    one = JudgeScores(scores=tuple(row for row in scores.scores if row.judge == "gpt-4o"))
    lonely = evaluate(judgement(asked, answers, ["mine", "theirs"]), one, alone, models)
    assert lonely.self_preference[0].points is None
    assert "judges alone" in lonely.warnings[0]


def test_a_verdict_that_is_missing_for_one_is_left_out_for_all() -> None:
    asked = questions(4)
    rows = [
        *(score(q, name, "strict", 2.0) for q in asked for name in "ab"),
        *(score(q, "a", "mild", 8.0) for q in asked),
        *(score(q, "b", "mild", None if q.id == "q0" else 8.0) for q in asked),
    ]
    found = told(asked, "ab", rows, ["strict", "mild"])
    table = found.tables[0]
    # the mild judge has no say on q0 for either of them
    assert [total.total for total in table.totals] == [17.0, 17.0]
    assert [total.unscored for total in table.totals] == [0, 1]
    assert found.agreement[0].name == "Krippendorff's alpha (interval)"


def test_contaminated_questions_stand_in_a_table_of_their_own() -> None:
    asked = [q.model_copy(update={"contamination": "exact 1.00"}) if n < 10 else q for n, q in enumerate(questions(30))]
    rows = [score(q, "a", "j", 10.0 if q.contamination else 4.0) for q in asked]
    found = told(asked, "a", rows)
    assert [(table.name, table.questions, table.totals[0].total) for table in found.tables[:2]] == [
        (MAIN, 20, 80.0),
        ("all", 30, 180.0),
    ]
    assert found.contaminated_kept == 10


def test_both_orders_must_say_the_same() -> None:
    asked = questions(5)
    said = [("first", "second"), ("first", "first"), ("tie", "tie"), ("tie", "first"), ("first", None)]
    pairs = []
    for q, (there, back) in zip(asked, said, strict=True):
        for first, second, outcome in (("a", "b", there), ("b", "a", back)):
            lost = None if outcome else "lost"
            verdict = PairVerdict(question_id=q.id, first=first, second=second, judge="j", rubric="r", unscored=lost)
            pairs.append(verdict.model_copy(update={"outcome": outcome}))
    found = told(asked, "ab", pairs=pairs)
    row = found.pairs[0]
    assert (row.wins, row.losses, row.ties, row.disagreements, row.unscored, row.n) == (1, 0, 1, 2, 1, 4)
    assert row.win_rate == (1 + 0.5 + 0.5 + 0.5) / 4
    assert row.flip_rate == 0.5


def test_safety_and_fairness_are_tables_of_their_own() -> None:
    probes = [*safety_probes(), *fairness_probes()]
    lower = {"sex: woman": -2.0}
    rows = [score(q, "a", "j", 8.0 + lower.get(q.variant or "", 0.0)) for q in probes]
    rows += [score(q, "b", "j", 8.0) for q in probes]
    found = told(probes, "ab", rows)
    assert not found.tables
    assert [(table.name, table.questions) for table in found.safety] == [("crisis", 12), ("dosage", 12)]
    changes = {(row.candidate, row.exchanged): row for row in found.fairness}
    assert changes["a", "sex: woman"].change == -2.0
    assert changes["a", "sex: woman"].n == 8
    assert changes["a", "sex: woman"].p_value == 2 / 2**8
    assert changes["a", "any ethnicity"].change == 0.0
    assert changes["a", "any ethnicity"].n == 24
    assert changes["b", "sex: woman"].change == 0.0


def test_exact_metrics_have_intervals_too_and_only_those_who_have_the_metric() -> None:
    asked = questions(20)
    rows = [ExactScore(question_id="q0", candidate="a", metric="accuracy", value=None, unscored="unparsable")]
    for q in asked:
        values = {"a": 0.4, "b": 0.6, "c": 0.4}
        rows += [ExactScore(question_id=q.id, candidate=n, metric="token_f1", value=v) for n, v in values.items()]
        rows += [ExactScore(question_id=q.id, candidate=n, metric="likelihood", value=-3.0) for n in "bc"]
    found = told(asked, "abc", exact=rows)
    tables = {(table.metric, table.name): table for table in found.exact}
    f1 = tables["token_f1", MAIN]
    assert [round(total.mean or 0, 3) for total in f1.totals] == [0.4, 0.6, 0.4]
    assert f1.totals[1].difference is not None
    assert f1.totals[1].difference.p_holm <= 0.05
    assert [total.candidate for total in tables["likelihood", MAIN].totals] == ["b", "c"]
    assert tables["accuracy", MAIN].totals[0].unscored == 1
    assert tables["accuracy", MAIN].totals[0].mean is None
    assert not found.tables


def test_an_interval_holds_nothing_that_the_measure_cannot_be() -> None:
    asked = questions(12)
    rows = [ExactScore(question_id=q.id, candidate="a", metric="accuracy", value=float(q.id != "q0")) for q in asked]
    table = exact_tables(asked, rows, Settings(["a"], 200, 1))[0]
    assert table.totals[0].interval is not None
    assert table.totals[0].interval.high == 1.0
    assert table.totals[0].interval.low < table.totals[0].mean < 1.0
