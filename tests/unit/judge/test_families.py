"""A judge does not mark its own family alone, unless it was asked for by name."""

from __future__ import annotations

import pytest

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.judge.families import check_judges, family_of

CANDIDATES = {"tuned": "mistralai/Mistral-7B-Instruct-v0.2", "baseline": "gpt-3.5-turbo-0125"}


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("openai/gpt-4o", "gpt"),
        ("o1-preview", "gpt"),
        ("ft:gpt-4o-mini:acme", "gpt"),
        ("TheBloke/Mixtral-8x7B", "mistral"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama"),
        ("Qwen/Qwen2.5-7B", "qwen"),
        ("embedded", "smollm"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm"),
        ("claude-3-5-sonnet", "claude"),
        ("gemma-2-9b", "gemini"),
        ("somebody/Unheard-1B", "unheard"),
        ("7b", "7b"),
        ("./outputs/merged/", "merged"),
    ],
)
def test_families_are_known_by_name(model: str, family: str) -> None:
    assert family_of(model) == family


def test_a_relative_as_sole_judge_is_refused_unless_asked_for_by_name() -> None:
    with pytest.raises(RecipeError, match="family 'gpt', as the candidate 'baseline' is") as raised:
        check_judges({"j": "gpt-4o"}, CANDIDATES, [], "recipe.yml:9: ragdata.judge.judges")
    assert raised.value.exit_code == 2
    assert check_judges({"j": "gpt-4o"}, CANDIDATES, ["j"], "here") == {"j": ["baseline"]}
    assert check_judges({"j": "gpt-4o"}, CANDIDATES, ["gpt-4o"], "here") == {"j": ["baseline"]}


def test_a_panel_with_a_stranger_may_hold_relatives_and_flags_them() -> None:
    assert check_judges({"j": "gpt-4o", "k": "claude-3"}, CANDIDATES, [], "here") == {"j": ["baseline"]}
    assert check_judges({"k": "claude-3"}, CANDIDATES, [], "here") == {}
    assert check_judges({}, CANDIDATES, [], "here") == {}
    with pytest.raises(RecipeError):
        check_judges({"j": "gpt-4o", "k": "Mistral-Large"}, CANDIDATES, ["j"], "here")
