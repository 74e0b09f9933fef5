"""The `judge:` block: defaults that work, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.freshness import NOT_CONTENT
from axolotl_ragdata.recipe import recipe_from


def judge_block(judge: dict[str, Any]) -> JudgeBlock:
    data = {"ragdata": {"output": "./run", "sources": [{"path": "x"}], "judge": judge}}
    block = recipe_from(data, Path("recipe.yml")).ragdata.judge
    assert block is not None
    return block


def test_an_empty_block_compares_base_tuned_and_retrieval() -> None:
    block = judge_block({})
    assert [each.label for each in block.candidates] == ["base", "adapter", "base+retrieval"]
    assert [(each.source, each.retrieves) for each in block.candidates] == [
        ("base", False),
        ("adapter", False),
        ("base", True),
    ]
    assert block.judges == []


def test_judging_does_not_make_a_dataset_stale() -> None:
    assert NOT_CONTENT["judge"] is True


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ({"candidates": [{"kind": "endpoint"}]}, "an endpoint without `model:`"),
        ({"candidates": [{"kind": "answers"}]}, "answers without `path:`"),
        ({"candidates": [{"kind": "base", "path": "./x"}]}, "`path` means nothing to 'base'"),
        ({"candidates": []}, "candidates"),
        ({"candidates": [{"kind": "base"}, {"kind": "base"}]}, "two candidates are called 'base'"),
        ({"judges": [{"model": "m"}, {"model": "m"}]}, "two judges are called 'm'"),
        (
            {"judges": [{"model": "m", "name": "x"}, {"model": "m", "name": "y"}]},
            "'x' and 'y' are the same judge\nfix: set `repeats:`",
        ),
        ({"judges": [{"base_url": "http://localhost/v1"}]}, "judges[0].model: is missing"),
        ({"baseline": "gpt"}, "baseline 'gpt' is no candidate\nfix: name one of: base, adapter, base+retrieval"),
        ({"allow_self_judging": ["gpt"]}, "'gpt', which is no judge\nfix: add `judges:`"),
        (
            {"candidates": [{"kind": "base"}], "judges": [{"model": "m"}], "scoring": ["pairwise"]},
            "pairwise scoring of one candidate\nfix: add a candidate",
        ),
        ({"candidate": []}, "did you mean 'candidates'"),
    ],
)
def test_what_is_wrong_is_named(judge: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        judge_block(judge)
    assert said in str(refused.value)
    assert refused.value.exit_code == 2
