"""What tests of judging share: questions, answers whose worth is written in them, and a run against a known judge."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from axolotl_ragdata.blocks import CandidateBlock, JudgeBlock, JudgeModelBlock
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion, JudgeScores, SourcePassage
from axolotl_ragdata.judge.scoring import plan, score
from axolotl_ragdata.judge.scoring.selftest import RIGHT, planted
from axolotl_ragdata.llm import open_chat_of
from axolotl_ragdata.progress import Silent

WORTH = re.compile(r"worth (\d+)")
RIGHT_TEXTS = {answer.text for answer in planted()[1] if answer.candidate == RIGHT}
PLANTED_TEXTS = {answer.text for answer in planted()[1]}


def truth(question: str, answer: str) -> float:
    """Return what an answer says that it is worth; of planted answers what they are."""
    if answer in PLANTED_TEXTS:
        return 10.0 if answer in RIGHT_TEXTS else 0.0
    found = WORTH.match(answer)
    return float(found[1]) if found else 0.0


def questions(count: int, a_document: int = 3) -> list[JudgeQuestion]:
    return [
        JudgeQuestion(
            id=f"q{number}",
            origin="test_seen" if number % 2 else "test_unseen",
            question=f"What is fact {number}?",
            reference=f"Fact {number} is known.",
            passages=(
                SourcePassage(passage_id=f"pa-{number}", heading="Facts", text=f"Fact {number} is known. It holds."),
            ),
            doc_id=f"d{number // a_document}",
            section=f"section {number % 4}",
            type=("definition", "criteria")[number % 2],
        )
        for number in range(count)
    ]


def answer(question: JudgeQuestion, candidate: str, worth: int, words: int = 5) -> CandidateAnswer:
    text = " ".join([f"worth {worth}", *(f"w{number}" for number in range(max(0, words - 2)))])
    return CandidateAnswer(question_id=question.id, candidate=candidate, text=text, model=f"{candidate}-model")


def block(candidates: list[str], judges: list[str] | None = None, **changes: Any) -> JudgeBlock:
    return JudgeBlock(
        candidates=[CandidateBlock(kind="answers", name=name, path="a.jsonl") for name in candidates],
        judges=[JudgeModelBlock(model=name, max_attempts=2) for name in judges or ["judge-1"]],
        **changes,
    )


def run(
    judge_block: JudgeBlock,
    asked: list[JudgeQuestion],
    answers: list[CandidateAnswer],
    urls: dict[str, str],
    folder: Path,
) -> JudgeScores:
    """Return the scores of judges at `urls`; equal folders share a journal."""

    async def judged() -> JudgeScores:
        journal = Journal.open(folder / "journal")
        chats = {judge.label: open_chat_of(judge, "judge", journal, urls[judge.label]) for judge in judge_block.judges}
        try:
            for chat in chats.values():
                await chat.__aenter__()
            return await score(plan(judge_block, asked, answers), chats, Silent())
        finally:
            for chat in chats.values():
                await chat.__aexit__(None, None, None)
            journal.close()

    return asyncio.run(judged())


def failures(folder: Path) -> list[dict[str, Any]]:
    """Return the failed attempts in the journal."""
    lines = [line for path in (folder / "journal").glob("failures-*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line)["entry"] for line in lines]
