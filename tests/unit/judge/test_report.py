"""The files of results: complete, void where they must be, and safe whatever an answer holds."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.judge.judgement import Judgement
from axolotl_ragdata.judge.probes import fairness_probes, safety_probes
from axolotl_ragdata.judge.records import (
    CandidateAnswer,
    ClaimReading,
    ClaimVerdict,
    ExactScore,
    JudgeScores,
    PairVerdict,
    Score,
    SelfTest,
)
from axolotl_ragdata.judge.results import evaluate
from axolotl_ragdata.judge.results.records import RESULTS_VERSION, Cost, Results
from axolotl_ragdata.judge.results.writing import read_results, write_results
from axolotl_ragdata.records import Usage

from .attacks import attack_texts
from .judging import block, questions

HOSTILE = "<script>alert(1)</script>|`*_[x](javascript:alert(1))</td></table><img src=x onerror=alert(1)>\ud800"
VOID_TAGS = {"meta", "line", "circle", "rect", "br"}


def results(passed: bool = True, text: str = "An answer.", judges: tuple[str, ...] = ("j", "k")) -> Results:
    """Return results with every kind of table in them."""
    names = ["base", "tuned"]
    plain = questions(30)
    asked = [*plain, *safety_probes(), *fairness_probes()]
    attacks = list(attack_texts().values())
    answers = [
        CandidateAnswer(question_id=q.id, candidate=name, text=f"{text} {attacks[n % len(attacks)]} {name}")
        for n, q in enumerate(asked)
        for name in names
    ]
    scores = [
        Score(
            question_id=q.id,
            candidate=name,
            judge=judge,
            rubric="r",
            repeat=repeat,
            reason=text,
            value=float((n + 3 * (name == "tuned") + 4 * repeat * (judge == "k" and not q.probe)) % 11),
        )
        for n, q in enumerate(asked)
        for name in names
        for judge in judges
        for repeat in range(2)
    ]
    pairs = [
        PairVerdict(
            question_id=q.id,
            first=first,
            second=second,
            judge="j",
            rubric="r",
            reason=text,
            outcome="first" if n % 3 else "second",
        )
        for n, q in enumerate(plain)
        for first, second in (names, names[::-1])
    ]
    claim = ClaimVerdict(question_id="q0", candidate="base", judge="j", claim=text, label="supported", quote=text)
    lost = claim.model_copy(update={"label": None, "unscored": "supported, but its quote is in none of the passages"})
    claims = [
        ClaimReading(question_id=q.id, candidate=name, judge="j", rubric="r", claims=(claim, lost))
        for q in plain
        for name in names
    ]
    exact = [
        ExactScore(question_id=q.id, candidate=name, metric="token_f1", value=0.5) for q in plain for name in names
    ]
    judgement = Judgement(
        name=text,
        folder=Path(),
        candidates=names,
        questions=asked,
        answers=answers,
        exact=exact,
        usage={"base": Usage(calls=9, input_tokens=1234, output_tokens=5)},
        cost={"base": 0.5},
        facts={"ragdata_version": "0.1", "note": text},
    )
    verdicts = JudgeScores(
        scores=tuple(scores),
        pairs=tuple(pairs),
        claims=tuple(claims),
        selftests=tuple(SelfTest(judge=judge, passed=passed, shares={"wrong": float(passed)}) for judge in judges),
    )
    wanted = block(names, list(judges), resamples=200)
    return evaluate(judgement, verdicts, wanted, {"base": "j-7b"}, [Cost(name="j", role="judge", usage=Usage(calls=3))])


class Page(HTMLParser):
    """Collects tags, text and what the page would load or run."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID_TAGS or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(page: str) -> Page:
    found = Page()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def test_everything_is_written_and_can_be_read_again(tmp_path: Path) -> None:
    found = results()
    paths = write_results(found, tmp_path / "judge")
    assert sorted(path.name for path in paths) == ["disputed.jsonl", "report.html", "results.json", "results.md"]
    again = read_results(tmp_path / "judge")
    assert again == found
    data = json.loads((tmp_path / "judge" / "results.json").read_text(encoding="utf-8"))
    assert data["schema_version"] == RESULTS_VERSION
    assert len(data["verdicts"]["scores"]) == len(found.verdicts.scores)
    assert len(data["answers"]) == 2 * 110
    lines = (tmp_path / "judge" / "disputed.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(found.disputed) > 0


def test_the_markdown_holds_the_papers_line_and_every_table(tmp_path: Path) -> None:
    write_results(results(), tmp_path)
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert re.search(r"tuned [\d.,]+, base [\d.,]+ \(of 300; 30 questions\)", text)
    for title in (
        "Score by judges", "Pairs", "Bradley–Terry", "Claims against the sources", "token f1", "Probe: one thing",
        "Mean score by type", "Judges", "Position", "Length", "A judge against itself", "Agreement between", "Cost",
    ):  # fmt: skip
        assert re.search(rf"^## {title}", text, re.MULTILINE), title
    rows = [line for line in text.splitlines() if line.startswith("|")]
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(rows) > 60
    for found in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in found.splitlines()}
        assert len(widths) == 1, found


@pytest.mark.parametrize("text", ["An answer.", HOSTILE])
def test_the_page_is_whole_loads_nothing_and_runs_nothing(tmp_path: Path, text: str) -> None:
    write_results(results(text=text), tmp_path)
    page = parsed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "form", "link", "base", "input"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "action")]
    assert all(value.startswith("#") for name, value in page.attributes if name.endswith("href"))
    policy = [value for name, value in page.attributes if name == "content"]
    assert any("default-src 'none'" in value for value in policy)
    shown = " ".join(page.text)
    assert text.replace("\ud800", "\ufffd") in shown
    for title in ("Totals", "Pairs", "By type and section", "Probes", "The judges", "Most disputed answers", "Cost"):
        assert title in page.text
    assert re.search(r"Fact \d+ is known. It holds.", shown)


def test_a_void_table_says_so_everywhere(tmp_path: Path) -> None:
    found = results(passed=False)
    write_results(found, tmp_path)
    assert "**VOID" in (tmp_path / "results.md").read_text(encoding="utf-8")
    assert 'role="alert">VOID' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["void"] is True


def test_results_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there are no results yet"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StoreError, match="these are no results"):
        read_results(tmp_path)


def test_a_run_without_a_judge_has_exact_tables_alone(tmp_path: Path) -> None:
    asked = questions(6)
    exact = [ExactScore(question_id=q.id, candidate="a", metric="token_f1", value=0.5) for q in asked]
    answers = [CandidateAnswer(question_id=q.id, candidate="a", text="x") for q in asked]
    bare = Judgement(name="t", folder=tmp_path, candidates=["a"], questions=asked, answers=answers, exact=exact)
    from axolotl_ragdata.blocks import JudgeBlock

    found = evaluate(bare, JudgeScores(), JudgeBlock(resamples=200))
    write_results(found, tmp_path)
    assert not found.void
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "token f1" in text
    assert "Score by judges" not in text
    parsed((tmp_path / "report.html").read_text(encoding="utf-8"))
