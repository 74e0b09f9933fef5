from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.errors import RecipeError, UnknownName
from axolotl_ragdata.questions import card_names, load_cards
from axolotl_ragdata.questions.cards import read_card

GOOD = "---\nname: riddle\ntitle: A riddle\n---\nType: riddle. Ask for $count in $language, at $5.\n"


def card(folder: Path, text: str, name: str = "riddle") -> Path:
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown question type 'defnition'") as caught:
        load_cards(["definition", "defnition"], "r.yml: ragdata.questions.types")
    assert "did you mean 'definition'" in str(caught.value)
    assert "r.yml: ragdata.questions.types" in str(caught.value)


def test_a_type_named_twice_is_asked_once() -> None:
    assert [card.name for card in load_cards(["criteria", "criteria"], "x")] == ["criteria"]
    assert card_names() == sorted(card_names())


def test_a_new_type_is_one_file_whose_words_are_filled(tmp_path: Path) -> None:
    prompt = read_card(card(tmp_path, GOOD)).system_prompt(3, "de")
    assert "Ask for 3 in German, at $5." in prompt


def test_a_changed_prompt_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one = read_card(card(tmp_path, GOOD))
    other = read_card(card(tmp_path / "b", GOOD.replace("Ask for", "Ask about")))
    assert one.version != other.version
    assert one.version.startswith("1-")


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("no front matter", "riddle", "has no front matter"),
        ("---\nname: riddle\ntitle: A riddle\n---\n\n", "riddle", "nothing after it"),
        ("---\nname: riddle\n---\ntext", "riddle", "title"),
        (GOOD.replace("title:", "titel: x\ntitle:"), "riddle", "titel"),
        (GOOD.replace("title: A riddle", "title: A riddle\nmax_tokens: 1"), "riddle", "max_tokens"),
        (GOOD.replace("title: A riddle", "title: A riddle\nkinds: [picture]"), "riddle", "kinds"),
        (GOOD.replace("title: A riddle", "title: [unclosed"), "riddle", "not YAML"),
        (GOOD, "quiz", "is not the file's name"),
    ],
)
def test_a_wrong_card_is_refused_by_name(tmp_path: Path, text: str, name: str, says: str) -> None:
    path = card(tmp_path, text, name)
    with pytest.raises(RecipeError) as caught:
        read_card(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "fix:" in str(caught.value)
