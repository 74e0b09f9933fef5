"""Headings of TEI documents: which are none, and where the sections of the others stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Document

from .tei import tei


def read(body: str, back: str = "") -> Document:
    return readers.get("grobid", "test").read(Path("a.tei.xml"), tei(body, back=back))


def outline(*titles: str, alone: tuple[str, ...] = ()) -> list[str]:
    """Return the paths of sections with these headings, as the file gives them: `n=2.1|Title` has a number apart."""
    divs = []
    for title in titles:
        number, _, text = title.rpartition("|")
        attribute = f' n="{number[2:]}"' if number else ""
        paragraph = "" if title in alone else "<p>Text of it.</p>"
        divs.append(f"<div><head{attribute}>{text}</head>{paragraph}</div>")
    return [" / ".join(section.path) for section in read("".join(divs)).sections]


@pytest.mark.parametrize(
    ("titles", "nested"),
    [
        (
            ["1 Introduction", "2 Methods", "2.1 Participants", "2.2 fMRI acquisition", "2.3. mTOR assay", "3 Results"],
            {2: "2 Methods", 3: "2 Methods", 4: "2 Methods"},
        ),
        (["1 Introduction", "2 Methods", "People", "3 Results"], {2: "2 Methods"}),
        (["1 Introduction", "1.1 Aims", "Funding"], {1: "1 Introduction"}),
        (["n=1|Introduction", "2 Methods", "n=3|Results"], {}),
        (["n=1|Introduction", "2 Patients", "n=2|Methods", "n=2.1|People"], {1: "Introduction", 3: "Methods"}),
        (["Methods", "1 Hz stimulation", "2 Hz stimulation"], {}),
        (["n=1|Introduction", "2019 results", "n=2|Discussion"], {1: "Introduction"}),
        (["1. Introduction", "2 patients relapsed", "2.5 mg of lithium"], {1: "1. Introduction", 2: "1. Introduction"}),
        (
            ["Chapter 1 Mood", "1.1 Depression", "Chapter 2 Fear", "2.1 Panic"],
            {1: "Chapter 1 Mood", 3: "Chapter 2 Fear"},
        ),
        (["Chapitre 1", "1. Humeur", "2. Peur", "Chapitre 2"], {1: "Chapitre 1", 2: "Chapitre 1"}),
        (["Part I", "Chapter 1", "Part II", "Chapter 2"], {1: "Part I", 3: "Part II"}),
        (["Methods", "Part 1 Interviews"], {}),
        (["n=5|Conclusion", "Appendix A", "A.1 Proof", "Appendix B", "B.1 More"], {2: "Appendix A", 4: "Appendix B"}),
        (["n=5|Conclusion", "Annexe A", "A.1 Preuve"], {2: "Annexe A"}),
        (["(1) Introduction", "§ 2 Law", "2.1) Courts", "3: Ends"], {2: "§ 2 Law"}),
        (["2. Methods", "1) People", "2) Tests", "3. Results"], {1: "2. Methods", 2: "2. Methods"}),
    ],
)
def test_numbers_in_the_text_of_headings_give_the_hierarchy(titles: list[str], nested: dict[int, str]) -> None:
    names = [title.rpartition("|")[2] for title in titles]
    assert outline(*titles) == [f"{nested[at]} / {name}" if at in nested else name for at, name in enumerate(names)]


def test_the_number_of_a_heading_is_told_without_its_signs() -> None:
    body = "".join(f"<div><head>{title}</head><p>T.</p></div>" for title in ("1) One", "Chapter 4 Two", "Appendix C"))
    assert [section.number for section in read(body).sections] == ["1", "4", "C"]


def test_a_caption_that_stands_as_a_heading_is_no_parent() -> None:
    captions = ("Table 2. Means", "Figure 3")
    assert outline("Results", *captions, "Groups", "S2 Table. All", "More", alone=("Results", *captions)) == [
        "Results",
        "Results / Table 2. Means",
        "Results / Figure 3",
        "Results / Groups",
        "Results / S2 Table. All",
        "Results / More",
    ]


def test_headings_in_capitals_stand_above_the_others() -> None:
    assert outline(
        *(
            "INTRODUCTION",
            "TYPES OF FLOWS",
            "Water",
            "Trade",
            "Ships",
            "WHAT FOLLOWS",
            "Shocks",
            "CONCLUSION",
            "Thanks",
        ),
        alone=("Trade",),
    ) == [
        "INTRODUCTION",
        "TYPES OF FLOWS",
        "TYPES OF FLOWS / Water",
        "TYPES OF FLOWS / Trade",
        "TYPES OF FLOWS / Trade / Ships",
        "WHAT FOLLOWS",
        "WHAT FOLLOWS / Shocks",
        "CONCLUSION",
        "Thanks",
    ]
    assert outline("Methods", "Assays", "RT-PCR", alone=("Methods",)) == [
        "Methods",
        "Methods / Assays",
        "Methods / RT-PCR",
    ]


def texts(document: Document) -> list[tuple[tuple[str, ...], list[str]]]:
    return [(section.path, [block.text for block in section.blocks]) for section in document.sections]


def paged(title: str, page: int, y: float, text: str) -> str:
    return (
        f'<div><head coords="{page},50,{y},90,9">{title}</head>'
        f'<p coords="{page},50,80,400,9;{page},50,700,400,9">{text} {page}.</p></div>'
    )


def test_running_heads_are_no_headings_and_their_text_goes_on() -> None:
    body = "".join(
        f'<div><head n="{page}">Part {page}</head><p>It begins.</p></div>' + paged("Sleep and mood", page, 28.6, "Text")
        for page in range(1, 5)
    )
    body += paged("Articles", 5, 27, "Text") + paged("Articles", 6, 27.1, "Text")
    document = read(body)
    assert texts(document) == [
        *(((f"Part {page}",), ["It begins.", f"Text {page}."]) for page in range(1, 4)),
        (("Part 4",), ["It begins.", "Text 4.", "Text 5.", "Text 6."]),
    ]
    assert document.warnings == (
        "running line 'Sleep and mood': 4 headings were left out",
        "running line 'Articles': 2 headings were left out",
    )


def test_headings_that_come_again_in_each_chapter_stay() -> None:
    beside = "".join(
        f'<div><head coords="{page},50,60,90,9">On {page * "x"}</head></div>' + paged("Key points", page, 70, "Text")
        for page in range(1, 5)
    )
    assert [section.path[-1] for section in read(beside).sections].count("Key points") == 4
    chapters = "".join(paged(f"Chapter {page}", page, 28, "Text") for page in range(1, 5))
    assert [section.number for section in read(chapters).sections] == ["1", "2", "3", "4"]
    top = "".join(paged("Methods", page, 28, "Text") for page in range(1, 5))
    assert [section.path for section in read(top).sections] == [("Methods",)] * 4
    uneven = "".join(paged("Case report", page, 20 + 9 * page, "Text") for page in range(1, 5))
    assert [section.path for section in read(uneven).sections] == [("Case report",)] * 4


def test_a_heading_that_ends_with_the_name_of_the_journal_is_none() -> None:
    body = "<div><head>One</head><p>A.</p></div><div><head>Congress 2014 Web of Papers</head><p>B.</p></div>"
    header = "<fileDesc><sourceDesc><biblStruct><monogr><title>{}</title></monogr></biblStruct></sourceDesc></fileDesc>"
    for journal, n_sections in (("Web of Papers", 1), ("Papers", 2)):
        raw = tei(body, header=header.format(journal))
        document = readers.get("grobid", "test").read(Path("a.tei.xml"), raw)
        assert len(document.sections) == n_sections
        assert bool(document.warnings) == (n_sections == 1)


def test_a_lone_dash_is_no_heading() -> None:
    document = read("<div><head>One</head><p>A.</p></div><div><head>-</head><p>B.</p><div><head>Two</head></div></div>")
    assert texts(document) == [(("One",), ["A.", "B."]), (("One", "Two"), [])]
    assert document.warnings == ("1 headings of a full stop or a dash alone were left out",)
