"""Blind pairs go out and come back; judges are compared with people; what people send is read strictly."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.errors import RecipeError, StoreError
from axolotl_ragdata.judge.judgement import Judgement
from axolotl_ragdata.judge.people.blind import export_blind, import_blind, read_key
from axolotl_ragdata.judge.people.calibration import asked, calibration, pointwise, read_ratings
from axolotl_ragdata.judge.people.tables import csv_text, safe_cell
from axolotl_ragdata.judge.people.writing import calibration_markdown, human_markdown
from axolotl_ragdata.judge.records import CandidateAnswer, JudgeScores, PairVerdict, Score
from axolotl_ragdata.judge.results import evaluate
from axolotl_ragdata.judge.results.records import Results

from .judging import block, questions, run

Known = Callable[..., tuple[str, Any]]


def results(count: int = 20, texts: dict[str, str] | None = None, pairs: tuple[PairVerdict, ...] = ()) -> Results:
    asked = questions(count)
    answers = [
        CandidateAnswer(question_id=q.id, candidate=name, text=f"{text}{q.id}")
        for q in asked
        for name, text in (texts or {"base": "old ", "tuned": "new "}).items()
    ]
    names = list(texts or ("base", "tuned"))
    judgement = Judgement(name="t", folder=Path(), candidates=names, questions=asked, answers=answers)
    return evaluate(judgement, JudgeScores(pairs=pairs), block(names, ["j"], resamples=200))


def cells(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def rate(path: Path, target: Path, choose: Callable[[dict[str, str]], dict[str, str]]) -> Path:
    """Return a copy of the CSV file with a rater's choices in it, as a spreadsheet saves it."""
    rows = [{**row, **choose(row)} for row in cells(path)]
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return target


def newer(row: dict[str, str]) -> dict[str, str]:
    return {"choice": "a" if row["answer_a"].startswith("new") else "B"}


def test_pairs_are_blind_shuffled_and_the_key_is_apart(tmp_path: Path) -> None:
    table, lines, key = export_blind(results(), tmp_path)
    rows = cells(table)
    assert len(rows) == 20
    assert {name for row in rows for name, value in row.items() if "tuned" in value or "base" in value} == set()
    assert 4 <= sum(row["answer_a"].startswith("new") for row in rows) <= 16
    order = [row["question"] for row in rows]
    assert order != sorted(order, key=lambda text: int(text.split()[-1][:-1]))
    assert key.parent != table.parent
    assert key.stat().st_mode & 0o077 == 0
    assert [json.loads(line)["id"] for line in lines.read_text(encoding="utf-8").splitlines()] == [
        row["id"] for row in rows
    ]
    assert set(read_key(tmp_path)) == {row["id"] for row in rows}
    again = table.read_bytes()
    export_blind(results(), tmp_path)
    assert table.read_bytes() == again


def test_what_raters_chose_is_joined_back_whoever_was_a(tmp_path: Path) -> None:
    found = results()
    table, lines, _ = export_blind(found, tmp_path)
    ann = rate(table, tmp_path / "ann.csv", newer)
    bob = tmp_path / "bob.jsonl"
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["choice"] = "tie" if number < 5 else "" if number < 7 else newer(row)["choice"]
    bob.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    people = import_blind(found, tmp_path, [ann, bob])
    assert people.raters == ("ann", "bob")
    assert (people.rated, people.unrated, len(people.disputed)) == (38, 2, 5)
    row = people.pairs[0]
    assert (row.first, row.second, row.wins, row.losses, row.ties) == ("base", "tuned", 0, 33, 5)
    assert row.win_rate is not None
    assert row.win_rate < 0.2
    assert {one.name for one in people.agreement} == {"Krippendorff's alpha (nominal)", "Cohen's kappa"}
    assert "Krippendorff" in human_markdown(people)


def test_people_and_judges_are_compared(tmp_path: Path) -> None:
    pairs = tuple(
        PairVerdict(question_id=f"q{n}", first=first, second=second, judge="j", rubric="r", outcome=outcome)
        for n in range(20)
        for first, second, outcome in (
            ("base", "tuned", "second" if n % 2 else "first"),
            ("tuned", "base", "first" if n % 2 else "second"),
        )
    )
    found = results(pairs=pairs)
    table, _, _ = export_blind(found, tmp_path)
    odd = lambda row: int(row["question"].split()[-1][:-1]) % 2 == 1  # noqa: E731
    older = lambda row: {"choice": "b" if newer(row)["choice"] == "a" else "a"}  # noqa: E731
    ann = rate(table, tmp_path / "ann.csv", lambda row: newer(row) if odd(row) else older(row))
    kappa = import_blind(found, tmp_path, [ann]).agreement[-1]
    assert (kappa.between, kappa.value) == ("people and j", 1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choice": "C"}, "choice 'c'"),
        ({"choice": "a", "score_a": "11"}, "'11' is no score"),
        ({"choice": "a", "score_b": "good"}, "'good' is no score"),
        ({"choice": "a", "id": "b-other"}, "'b-other' is no pair of this export"),
        ({"choice": "a", "id": ""}, "has no `id`"),
        ({"choice": ""}, "no pair was rated"),
    ],
)
def test_what_cannot_be_a_choice_is_refused_by_line(tmp_path: Path, change: dict[str, str], said: str) -> None:
    found = results(3)
    table, _, _ = export_blind(found, tmp_path)
    rated = rate(table, tmp_path / "ann.csv", lambda row: change)
    with pytest.raises(RecipeError, match=said) as raised:
        import_blind(found, tmp_path, [rated])
    assert "ann.csv" in raised.value.where
    assert raised.value.exit_code == 2


def test_scores_alone_are_a_choice_and_one_rater_rates_a_pair_once(tmp_path: Path) -> None:
    found = results(3)
    table, _, _ = export_blind(found, tmp_path)
    scored = rate(
        table,
        tmp_path / "ann.csv",
        lambda row: {"score_a": "7,5", "score_b": "2" if newer(row)["choice"] == "a" else "9"},
    )
    people = import_blind(found, tmp_path, [scored])
    assert [one.outcome for one in people.verdicts] == ["second"] * 3
    with pytest.raises(RecipeError, match="rated the pair"):
        import_blind(found, tmp_path, [scored, scored])


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no key"):
        import_blind(results(3), tmp_path, [tmp_path / "x.csv"])
    export_blind(results(3), tmp_path)
    with pytest.raises(RecipeError, match="there is no such file"):
        import_blind(results(3), tmp_path, [tmp_path / "x.csv"])
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="not UTF-8"):
        import_blind(results(3), tmp_path, [tmp_path / "x.csv"])
    with pytest.raises(RecipeError, match="no question was answered by two"):
        export_blind(results(3, {"base": "a "}), tmp_path)


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    bad = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|calc", "%0A=1"]
    table, _, _ = export_blind(results(len(bad), {"base": "=cmd|' /C calc'!A0 ", "tuned": "@x "}), tmp_path)
    for row in cells(table):
        assert all(not value or value[0] not in "=+-@\t\r|%" for value in row.values())
    for text in bad:
        assert safe_cell(text).startswith("'")


@given(st.lists(st.text(max_size=40), min_size=2, max_size=2))
@settings(max_examples=150, deadline=None)
def test_any_text_goes_through_csv(texts: list[str]) -> None:
    written = csv_text(("a", "b"), [dict(zip("ab", texts, strict=True))])
    rows = list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert len(rows) == 1
    assert list(rows[0].values()) == [safe_cell(text) for text in texts]


def ratings_file(folder: Path, rows: list[dict[str, Any]], name: str = "human.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_judge_that_is_kinder_than_people_is_found_out(known_judge: Known, tmp_path: Path) -> None:
    source = random.Random(4)
    rows = []
    for n in range(60):
        worth = source.randint(0, 10)
        people = max(0, worth - 2)
        rows.append(
            {
                "question": f"What is fact {n}?",
                "answer": f"worth {worth}",
                "score": people,
                "sources": ["It is."],
                "rater": "ann",
            }
        )
    path = ratings_file(tmp_path, [*rows, {**rows[0], "rater": "bob", "score": rows[0]["score"]}])
    ratings = read_ratings(path)
    wanted = pointwise(block(["rated by people"], resamples=200))
    url, _ = known_judge()
    to_judge, answers = asked(ratings)
    assert len(to_judge) == 60
    scores = run(wanted, to_judge, answers, {"judge-1": url}, tmp_path)
    found = calibration(wanted, ratings, scores)
    judge = found.judges[0]
    values = {one.name: one.value for one in judge.coefficients}
    assert judge.n == 60
    assert judge.bias == pytest.approx(sum(int(r["answer"].split()[1]) - r["score"] for r in rows) / 60)
    assert judge.bias_interval is not None
    assert judge.bias_interval.low > 1
    assert values["Spearman"] is not None
    assert values["Spearman"] > 0.97
    assert values["Cohen's kappa"] is not None
    assert values["Cohen's kappa"] < 0.2
    assert values["quadratic weighted kappa"] is not None
    assert 0.6 < values["quadratic weighted kappa"] < 0.95
    assert judge.partings == ()
    assert found.raters == ("ann", "bob")
    assert found.void_reasons == ()
    assert "Cohen's kappa" in calibration_markdown(found)


def test_where_a_judge_and_people_part_is_listed_widest_first(tmp_path: Path) -> None:
    path = ratings_file(
        tmp_path, [{"question": f"q{n}", "answer": "a", "score": score} for n, score in enumerate((9, 1, 5, 5))]
    )
    ratings = read_ratings(path)
    scores = tuple(
        Score(question_id=one.id, candidate="rated by people", judge="j", rubric="r", value=value, unscored=lost)
        for one, value, lost in zip(ratings, (4.0, 9.0, 5.0, None), (None, None, None, "lost"), strict=True)
    )
    found = calibration(block(["x"], ["j"]), ratings, JudgeScores(scores=scores)).judges[0]
    assert [(one.question, one.people, one.judge) for one in found.partings] == [("q1", 1, 9), ("q0", 9, 4)]
    assert (found.n, found.unscored) == (3, 1)


def test_answers_of_an_earlier_run_are_rated_by_name(tmp_path: Path) -> None:
    before = results(3)
    path = ratings_file(tmp_path, [{"question_id": "q1", "candidate": "tuned", "score": 7}])
    rating = read_ratings(path, before)[0]
    assert (rating.question, rating.answer) == ("What is fact 1?", "new q1")
    (question,), (told,) = asked([rating], before)
    assert question.passages == before.questions[1].passages
    assert told.text == "new q1"
    with pytest.raises(RecipeError, match="and there is none"):
        read_ratings(path)
    lost = ratings_file(tmp_path, [{"question_id": "q9", "candidate": "tuned", "score": 7}])
    with pytest.raises(RecipeError, match="has no answer to 'q9'"):
        read_ratings(lost, before)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "q", "answer": "a"}, "None is no score"),
        ({"question": "q", "answer": "a", "score": "nan"}, "is no score"),
        ({"question": "q", "answer": "a", "score": True}, "is no score"),
        ({"question": "q", "answer": "a", "score": -1}, "is no score"),
        ({"answer": "a", "score": 3}, "has no question or no answer"),
        ({"question": "q", "answer": 3, "score": 3}, "has no question or no answer"),
        ({"question": "q", "answer": "a", "score": 3, "sources": [1]}, "must be a text or a list"),
    ],
)
def test_a_rating_that_is_wrong_is_named_with_its_line(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    path = ratings_file(tmp_path, [{"question": "fine", "answer": "a", "score": 3}, row])
    with pytest.raises(RecipeError, match=said) as raised:
        read_ratings(path)
    assert "human.jsonl:2" in raised.value.where


def test_ratings_that_are_none_or_twice_are_refused(tmp_path: Path) -> None:
    row = {"question": "q", "answer": "a", "score": 3}
    with pytest.raises(RecipeError, match="holds no rating"):
        read_ratings(ratings_file(tmp_path, []))
    with pytest.raises(RecipeError, match="rated one answer twice"):
        read_ratings(ratings_file(tmp_path, [row, row]))
    bad = tmp_path / "bad.jsonl"
    bad.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="not a JSON object"):
        read_ratings(bad)
    bad.write_text("{\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="not JSON"):
        read_ratings(bad)
    table = tmp_path / "human.csv"
    table.write_text("question;answer;score\nq;a;7,5\n", encoding="utf-8")
    assert read_ratings(table)[0].score == 7.5
