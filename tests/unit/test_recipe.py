from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.blocks import FILTERS
from axolotl_ragdata.errors import RagdataError, RecipeError
from axolotl_ragdata.recipe import key_lines, load_recipe, recipe_from

GOOD = """\
base_model: some/model
adapter: lora
ragdata:
  output: ./data
  sources:
    - {path: ./tei, reader: grobid}
"""


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "recipe.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_good_recipe_keeps_axolotls_keys_apart(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yml"
    path.write_text(GOOD, encoding="utf-8")
    recipe = load_recipe(path)
    assert recipe.axolotl == {"base_model": "some/model", "adapter": "lora"}
    assert recipe.output == tmp_path / "data"
    assert recipe.ragdata.sources[0].reader == "grobid"
    assert [use.use for use in recipe.ragdata.filters] == list(FILTERS)


@pytest.mark.parametrize(
    ("change", "where", "what", "fix"),
    [
        ("  llm: {modell: x}\n", ":7: ragdata.llm.modell", "unknown key 'modell'", "did you mean 'model'?"),
        ("  llm: {concurrency: '4'}\n", ":7: ragdata.llm.concurrency", "not '4'", "most calls in flight"),
        ("  llm: {temperature: 3}\n", ":7: ragdata.llm.temperature", "not 3", "fix:"),
        ("  questions: {from: magic}\n", ":7: ragdata.questions.from", "not 'magic'", "structure: rules ask"),
        ("  passages: {max_tokens: 64, overlap: 64}\n", ":7: ragdata.passages", "overlap 64", "fix:"),
        ("  split: {validation: 0.9, test_seen: 0.2}\n", ":7: ragdata.split", "1.15", "fix:"),
        ("  llm: {max_cost: 3.0}\n", ":7: ragdata.llm", "max_cost needs price", "fix:"),
        ("  sauces: []\n", ":7: ragdata.sauces", "unknown key 'sauces'", "did you mean 'sources'?"),
        ("  filters: [{limit: 3}]\n", ":7: ragdata.filters[0].use", "is missing", "the filter's name"),
    ],
)
def test_a_mistake_is_named_with_its_line_value_and_fix(
    tmp_path: Path, change: str, where: str, what: str, fix: str
) -> None:
    message = refused(tmp_path, GOOD + change)
    assert f"{tmp_path / 'recipe.yml'}{where}" in message
    assert what in message
    assert fix in message


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD + "  llm: {modell: x}\n  embed: {batch_size: 0}\n")
    assert "modell" in message
    assert "batch_size" in message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a mapping of keys"),
        ("- a\n- b\n", "this is a list"),
        ("base_model: x\n", "there is no `ragdata:` block"),
        ("ragdata: yes\n", "must be a mapping"),
        ("ragdata: {output: ./x\n", "not YAML"),
        ("ragdata: {sources: [{path: ./tei}]}\n", "ragdata.output: is missing"),
        ("ragdata: {output: '', sources: [{path: ./tei}]}\n", "must name a folder"),
        ("ragdata: {output: ./x, sources: []}\n", "ragdata.sources"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str, what: str) -> None:
    assert what in refused(tmp_path, text)


def test_a_missing_and_an_undecodable_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no such recipe"):
        load_recipe(tmp_path / "none.yml")
    (tmp_path / "latin.yml").write_bytes(b"ragdata: \xff\xfe\n")
    with pytest.raises(RecipeError, match="not UTF-8 at byte 9"):
        load_recipe(tmp_path / "latin.yml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)


def test_a_mapping_from_axolotl_needs_no_lines(tmp_path: Path) -> None:
    data = {"base_model": "x", "ragdata": {"output": "./d", "sources": [{"path": "./tei"}], "x": 1}}
    with pytest.raises(RecipeError, match=r"r\.yml: ragdata\.x: unknown key 'x'"):
        recipe_from(data, tmp_path / "r.yml")


def test_errors_survive_a_process_boundary() -> None:
    error = RecipeError("a", "b", "c")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "a: b\nfix: c"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_any_text_is_a_recipe_or_our_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.yml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RagdataError):
        load_recipe(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["output", "sources", "llm", "passages", "filters", "questions", "split", "x"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_any_block_is_a_recipe_or_our_error(block: dict[str, object]) -> None:
    try:
        recipe_from({"ragdata": block}, Path("r.yml"))
    except RecipeError as error:
        assert "\nfix: " in str(error)


def test_lines_of_keys_and_items() -> None:
    lines = key_lines("a:\n  - b: 1\n  - c\n")
    assert lines == {("a",): 1, ("a", 0): 2, ("a", 0, "b"): 2, ("a", 1): 3}
