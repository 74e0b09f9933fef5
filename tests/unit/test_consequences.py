"""What a diff says that follows from a changed key, card or stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata.consequences import (
    ANSWERED,
    ASKED,
    COUNTED,
    FREE,
    JUDGED,
    MADE,
    PLANNED,
    SAMPLED,
    SEARCHED,
    consequences,
)
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.rows import stage_versions

RULES = {"from": "structure", "types": ["definition"]}
PICKED = {"mode": "extractive"}


def recipe(**blocks: Any) -> Recipe:
    block = {"output": "./x", "sources": [{"path": "x"}], "llm": {"model": "m"}, **blocks}
    return recipe_from({"ragdata": block}, Path("recipe.yml"))


def fingerprint(made: Recipe) -> dict[str, Any]:
    return {
        "ragdata": "1",
        "recipe": made.ragdata.model_dump(mode="json", by_alias=True),
        "stages": stage_versions(made),
    }


def follows(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    made = recipe(**after)
    return dict(consequences(made, fingerprint(recipe(**before)), fingerprint(made)))


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ({}, {"questions": {"personas": ["a nurse"]}}, ASKED),
        ({}, {"questions": {"per_passage": 1}}, ASKED),
        ({"questions": {"target": 9}}, {"questions": {"target": 9, "per_passage": 1}}, PLANNED),
        ({"questions": {"target": 9}}, {"questions": {"target": 12}}, PLANNED),
        ({}, {"questions": {"target": 12}}, COUNTED),
        ({}, {"llm": {"model": "other"}}, ASKED),
        ({"questions": RULES}, {"questions": RULES, "llm": {"model": "other"}}, ANSWERED),
        (
            {"questions": RULES, "answers": PICKED, "filters": [{"use": "faithful"}]},
            {"questions": RULES, "answers": PICKED, "filters": [{"use": "faithful"}], "llm": {"model": "other"}},
            f"{JUDGED}: faithful",
        ),
        ({}, {"answers": {"top_k": 2}}, ANSWERED),
        ({}, {"answers": {"samples": 2}}, SAMPLED),
        ({}, {"answers": {"search": "text"}}, SEARCHED),
        ({}, {"answers": {"refresh": "retrieved"}}, SEARCHED),
        ({"answers": {"refresh": "retrieved"}}, {}, "without a call"),
        ({}, {"embed": {"model": "other"}}, SEARCHED),
        ({}, {"filters": [{"use": "grounded"}, {"use": "relevant"}]}, f"{JUDGED}: relevant"),
        ({"filters": [{"use": "relevant"}]}, {"filters": []}, FREE),
        ({}, {"split": {"validation": 0.2}}, FREE),
        ({"questions": RULES}, {"questions": {**RULES, "per_passage": 1}}, MADE),
        ({}, {"questions": RULES}, MADE),
    ],
)
def test_what_follows_is_what_a_build_does(before: dict[str, Any], after: dict[str, Any], what: str) -> None:
    found = follows(before, after)
    assert found
    assert all(what in consequence or consequence == FREE for consequence in found.values()), found
    assert any(what in consequence for consequence in found.values())


def test_types_and_cards_are_named() -> None:
    found = follows(
        {"questions": {"types": ["definition", "numeric"]}}, {"questions": {"types": ["definition", "criteria"]}}
    )
    assert {key.split(":")[0]: consequence for key, consequence in found.items()} == {
        "questions.types": PLANNED,
        "questions/criteria": "questions of the type criteria are asked",
        "questions/numeric": "rows of the type numeric are left out",
    }
    made = recipe(filters=[{"use": "faithful"}])
    old = fingerprint(made)
    old["stages"] = {**old["stages"], "questions/criteria": "0", "answers/generative": "0", "verdicts/faithful": "0"}
    named = {key.split(":")[0]: consequence for key, consequence in consequences(made, old, fingerprint(made))}
    assert named == {
        "questions/criteria": f"{ASKED} where criteria is its type",
        "answers/generative": ANSWERED,
        "verdicts/faithful": f"{JUDGED}: faithful",
    }


def test_nothing_follows_of_a_first_build() -> None:
    made = recipe()
    assert not list(consequences(made, {}, fingerprint(made)))
