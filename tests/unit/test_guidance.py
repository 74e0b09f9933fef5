from __future__ import annotations

import re

import pytest

from axolotl_ragdata.answers.generation import SCHEMA
from axolotl_ragdata.guidance import guided, quotable
from axolotl_ragdata.questions import questions_schema
from axolotl_ragdata.records import Passage

TEXT = "Short one. Panic disorder is an anxiety disorder with recurrent attacks. Panic disorder often begins in youth."


def passage(text: str = TEXT, language: str | None = "en") -> Passage:
    return Passage(
        id="p-1", doc_id="doc-1", language=language, ordinal=0, text=text, start=0, end=len(text), n_tokens=9
    )


def test_a_large_model_is_asked_with_the_plain_schema() -> None:
    schema = questions_schema(2)
    assert guided(schema, "gpt-4o-mini", [passage()]) is schema
    assert guided(schema, "embedded", [passage("Too short.")]) is schema


def test_the_embedded_model_can_only_quote_what_stands_there() -> None:
    schema = questions_schema(2)
    tight = guided(schema, "embedded", [passage(), passage()])
    item = tight["properties"]["questions"]["items"]["properties"]
    assert item["quote"]["enum"] == quotable([passage()]) == TEXT.split(". ", 1)[1].replace(". ", ".|").split("|")
    assert all(sentence in TEXT for sentence in item["quote"]["enum"])
    assert schema == questions_schema(2), "the plain schema is not changed"
    cited = guided(SCHEMA, "embedded", [passage()])["properties"]["citations"]["items"]["properties"]
    assert cited["quote"]["enum"] == item["quote"]["enum"]
    assert "enum" not in SCHEMA["properties"]["citations"]["items"]["properties"]["quote"]


@pytest.mark.parametrize(
    ("language", "good", "bad"),
    [
        ("en", "What is panic disorder?", "Panic disorder is common."),
        ("fr-CA", "Comment définit-on le trouble panique ?", "Le trouble panique"),
        (None, "Was ist eine Panikstörung?", "Panikstörung"),
    ],
)
def test_its_questions_look_like_questions(language: str | None, good: str, bad: str) -> None:
    tight = guided(questions_schema(1), "embedded", [passage(language=language)])
    pattern = tight["properties"]["questions"]["items"]["properties"]["question"]["pattern"]
    assert re.search(pattern, good)
    assert not re.search(pattern, bad)
