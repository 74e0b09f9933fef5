"""A verdict is what the schema says, or it is "unscored" with a reason: never 0, never read out of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from axolotl_ragdata.judge.records import (
    ClaimLabel,
    ClaimReading,
    ClaimVerdict,
    JudgeQuestion,
    OwnAnswer,
    PairVerdict,
    Score,
    SourcePassage,
)
from axolotl_ragdata.quotes import locate
from axolotl_ragdata.records import Failure
from axolotl_ragdata.stage import Completion

NO_ANSWER = "no answer to judge"
QUOTE_LOST = "its quote is in none of the passages"
NO_QUOTE = "no quote"


def unscored(outcome: Failure) -> str:
    """Return why there is no verdict."""
    return f"{outcome.error}: {outcome.detail}" if outcome.detail else outcome.error


def score_of(blank: Score, outcome: Completion | Failure) -> Score:
    """Return a score with its value, or with the reason why it has none."""
    if isinstance(outcome, Failure):
        return blank.model_copy(update={"unscored": unscored(outcome)})
    value = outcome.value
    said = {
        "value": float(value["score"]),
        "criteria": tuple(value["criteria"]),
        "reason": value["reason"],
        "usage": outcome.usage,
    }
    return blank.model_copy(update=said)


def pair_of(blank: PairVerdict, outcome: Completion | Failure) -> PairVerdict:
    """Return a verdict on two answers in one order, or with the reason why there is none."""
    if isinstance(outcome, Failure):
        return blank.model_copy(update={"unscored": unscored(outcome)})
    said = {"outcome": outcome.value["better"], "reason": outcome.value["reason"], "usage": outcome.usage}
    return blank.model_copy(update=said)


def own_answer_of(blank: OwnAnswer, outcome: Completion | Failure) -> OwnAnswer:
    """Return what the judge answered itself, or why it did not."""
    if isinstance(outcome, Failure):
        return blank.model_copy(update={"unscored": unscored(outcome)})
    text = outcome.value["answer"].strip()
    if not text:
        return blank.model_copy(update={"unscored": "the judge's own answer is empty", "usage": outcome.usage})
    return blank.model_copy(update={"text": text, "usage": outcome.usage})


def claims_of(blank: ClaimReading, question: JudgeQuestion, outcome: Completion | Failure) -> ClaimReading:
    """Return a reading whose quotes were looked up, character by character, or why there is none."""
    if isinstance(outcome, Failure):
        return blank.model_copy(update={"unscored": unscored(outcome)})
    claims = tuple(_claim(blank, question, item) for item in outcome.value["claims"] if item["claim"].strip())
    return blank.model_copy(update={"claims": claims, "usage": outcome.usage})


def _claim(blank: ClaimReading, question: JudgeQuestion, item: Mapping[str, Any]) -> ClaimVerdict:
    label: ClaimLabel = item["label"]
    verdict = ClaimVerdict(
        question_id=blank.question_id,
        candidate=blank.candidate,
        judge=blank.judge,
        claim=item["claim"].strip(),
        reason=item["reason"],
    )
    if label == "not_in_sources":
        return verdict.model_copy(update={"label": label})
    quote = item["quote"].strip()
    if not quote:
        return verdict.model_copy(update={"unscored": f"{label}, with {NO_QUOTE}"})
    found = _found(quote, item["passage_id"], question.passages)
    if found is None:
        return verdict.model_copy(update={"quote": quote, "unscored": f"{label}, but {QUOTE_LOST}"})
    passage, exact = found
    return verdict.model_copy(update={"label": label, "passage_id": passage.passage_id, "quote": exact})


def _found(quote: str, name: str, passages: tuple[SourcePassage, ...]) -> tuple[SourcePassage, str] | None:
    """Return the passage that holds a quote, the named one first, and the quote as it stands there."""
    number = re.fullmatch(r"\W*p?(\d{1,3})\W*", name)
    at = int(number[1]) - 1 if number else -1
    named = [passages[at]] if 0 <= at < len(passages) else []
    for passage in (*named, *passages):
        # the judge is shown both
        for text in (passage.text, passage.heading):
            if text and (span := locate(quote, text)):
                return passage, text[slice(*span)]
    return None
