from __future__ import annotations

from axolotl_ragdata.readers._outline import Outline


def place(*headings: tuple[str, str | None, bool]) -> list[str]:
    outline = Outline()
    return ["/".join(outline.place(*heading)[0]) for heading in headings]


def test_roman_letters_and_digits() -> None:
    numbered = [("Intro", "I."), ("Method", "II."), ("People", "A."), ("Tests", "B."), ("One", "1)"), ("End", "III.")]
    assert place(*((title, number, False) for title, number in numbered)) == [
        "Intro",
        "Method",
        "Method/People",
        "Method/Tests",
        "Method/Tests/One",
        "End",
    ]


def test_a_missing_parent_is_not_invented() -> None:
    assert place(("Deep", "3.2", False), ("Deeper", "3.2.1", False), ("Next", "4", False)) == [
        "Deep",
        "Deep/Deeper",
        "Next",
    ]


def test_headings_without_number_below_numbered_ones() -> None:
    assert place(("Methods", "2", False), ("People", None, False), ("Funding", None, False), ("Who", None, False)) == [
        "Methods",
        "Methods/People",
        "Funding",
        "Who",
    ]


def test_nothing_stands_below_a_conclusion() -> None:
    assert place(("Conclusion", "5", False), ("A Templates", None, False)) == ["Conclusion", "A Templates"]


def test_a_parent_ends_with_the_next_heading_alone() -> None:
    assert place(
        ("Study 1", None, True), ("People", None, False), ("Study 2", None, True), ("People", None, False)
    ) == [
        "Study 1",
        "Study 1/People",
        "Study 2",
        "Study 2/People",
    ]
