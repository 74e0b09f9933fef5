from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.readers._cited import Targets
from axolotl_ragdata.records import Reference


def entry(ref_id: str, author: str, year: int | None) -> dict[str, Any]:
    return Reference(id=ref_id, title=ref_id, authors=(author, "B Second"), year=year).model_dump()


ENTRIES = [
    entry("b0", "X Jiang", 2022),
    entry("b1", "Radim Řehůřek", 2010),
    entry("b2", "A Li", 2020),
    entry("b3", "B Li", 2020),
    entry("b4", "Jasper van Vliet", 2012),
    entry("b5", "J-P Dupont-Durand", 1999),
    entry("b6", "No Year", None),
]


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        ("(Jiang et al., 2022)", "b0"),
        (", Jiang et al 2022", "b0"),
        ("see Jiang and Second (2022)", "b0"),
        ("(ŘEHŮŘEK and Sojka, 2010)", "b1"),
        ("(Rehurek & Sojka, 2010)", "b1"),
        ("van Vliet et al 2012)", "b4"),
        ("(Dupont-Durand, 1999)", "b5"),
        ("(Li et al., 2020)", None),  # two entries fit
        ("(Jiang et al., 2022a)", None),  # the list may hold the other one only
        ("(Jiang et al., 2021)", None),
        ("(Second and Jiang, 2022)", None),  # not the first author
        ("(Jiang 2020, 2022)", None),
        ("(2022)", None),
        ("[3]", None),
        ("", None),
    ],
)
def test_author_and_year_name_one_entry_or_none(mark: str, found: str | None) -> None:
    assert Targets(ENTRIES).find(mark) == found


def test_a_missing_target_is_found_and_a_wrong_one_corrected_and_both_are_counted() -> None:
    targets = Targets(ENTRIES)
    assert targets.resolve("(Jiang et al., 2022)", "") == "b0"
    assert targets.resolve("(Jiang et al., 2022)", "b2") == "b0"
    assert targets.resolve("(Jiang et al., 2022)", "b0") == "b0"
    assert targets.resolve("(Jiang et al., 2022)", "b99") == "b0"
    assert targets.resolve("[7]", "b99") is None
    assert targets.warnings() == [
        "1 citations point to no entry of the bibliography",
        "2 citations without a target were resolved by author and year",
        "1 citations were linked to another entry than their author and year say: corrected",
    ]


def test_a_mark_with_several_targets_keeps_them() -> None:
    assert Targets(ENTRIES).resolve("(Jiang et al., 2022)", "b2", alone=False) == "b2"


def test_a_target_stays_where_the_text_fits_two() -> None:
    targets = Targets(ENTRIES)
    assert targets.resolve("(Li et al., 2020)", "b3") == "b3"
    assert targets.warnings() == []


@pytest.mark.parametrize(
    "linked",
    [
        entry("b7", "Jiang X", 2022),  # the forename behind the surname
        entry("b7", "Jiang, X.", None),
        Reference(id="b7", raw="Jiang X. A title. 2022.").model_dump(),
        Reference(id="b7").model_dump(),
    ],
)
def test_a_target_that_may_be_meant_as_well_stays(linked: dict[str, Any]) -> None:
    targets = Targets([*ENTRIES, linked])
    assert targets.resolve("(Jiang et al., 2022)", "b7") == "b7"
    assert targets.warnings() == []


def test_an_entry_of_another_first_author_is_not_meant() -> None:
    """The author of the mark is only the second of the entry that the file links."""
    linked = Reference(id="b7", authors=("C Third", "X Jiang"), raw="C Third, X Jiang. A title.").model_dump()
    assert Targets([*ENTRIES, linked]).resolve("(Jiang et al., 2022)", "b7") == "b0"


@given(st.text(max_size=40), st.sampled_from(["", "b0", "b9", "x"]))
def test_any_mark_gives_an_entry_of_the_list_or_none(mark: str, target: str) -> None:
    assert Targets(ENTRIES).resolve(mark, target) in {None, *(one["id"] for one in ENTRIES)}
    assert Targets([]).resolve(mark, target) is None
