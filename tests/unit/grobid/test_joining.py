from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from axolotl_ragdata.grobid.cutting import Part
from axolotl_ragdata.grobid.joining import join_parts
from axolotl_ragdata.grobid.places import XML_ID, shifted
from axolotl_ragdata.grobid.refusals import refused_body
from axolotl_ragdata.grobid.seams import goes_on
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Document

NS = "{http://www.tei-c.org/ns/1.0}"
TEI = '<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader>{header}</teiHeader><text><body>{body}</body></text></TEI>'


def tei(body: str, header: str = "") -> bytes:
    return TEI.format(body=body, header=header).encode()


def paragraphs(joined: bytes) -> list[str]:
    return ["".join(p.itertext()) for p in etree.fromstring(joined).iter(f"{NS}p")]


def read(tmp_path: Path, joined: bytes) -> Document:
    path = tmp_path / "book.tei.xml"
    path.write_bytes(joined)
    return read_document(path)


def test_ids_stay_unique_and_every_pointer_finds_its_own_part(grobid_server: ModuleType) -> None:
    parts = [
        (Part(first, first + 1), grobid_server.tei_of([f"Page {first} cites [1].", "It ends."])) for first in (1, 3, 5)
    ]
    root = etree.fromstring(join_parts(parts))
    ids = [element.get(XML_ID) for element in root.iter() if element.get(XML_ID)]
    assert len(ids) == len(set(ids)) >= 3 * 6
    targets = [ref.get("target").lstrip("#") for ref in root.iter(f"{NS}ref")]
    assert targets == ["b0", "b0-p3", "b0-p5"]
    assert set(targets) <= set(ids)
    assert [surface.get("n") for surface in root.iter(f"{NS}surface")] == ["1", "2", "3", "4", "5", "6"]


def test_a_pointer_without_a_target_does_not_find_one_in_another_part() -> None:
    first = tei('<div><p xml:id="x">One.</p></div>')
    second = tei('<div><p>See <ref target="#x">it</ref>.</p></div>')
    root = etree.fromstring(join_parts([(Part(1, 1), first), (Part(2, 2), second)]))
    (ref,) = root.iter(f"{NS}ref")
    assert ref.get("target") == "#x-p2"


def test_pages_are_those_of_the_book(grobid_server: ModuleType, tmp_path: Path) -> None:
    parts = [(Part(41, 42), grobid_server.tei_of(["On forty-one.", "On forty-two."]))]
    parts.insert(0, (Part(1, 40), grobid_server.tei_of([f"On {page}." for page in range(1, 41)])))
    document = read(tmp_path, join_parts(parts))
    pages = [block.boxes[0].page for _, block, _ in document.placed_blocks if block.kind == "paragraph"]
    assert pages == list(range(1, 43))
    assert [s.boxes[0].page for _, b, _ in document.placed_blocks for s in b.sentences] == list(range(1, 43))


def test_a_paragraph_that_was_cut_is_one_again_with_its_sentence(grobid_server: ModuleType, tmp_path: Path) -> None:
    before = grobid_server.tei_of(["Symptoms must last for at least [1]"])
    rest = grobid_server.tei_of(["two weeks, and [1] cause distress."])
    document = read(tmp_path, join_parts([(Part(1, 1), before), (Part(2, 2), rest)]))
    (block,) = [block for _, block, _ in document.placed_blocks if block.kind == "paragraph"]
    assert block.text == "Symptoms must last for at least [1] two weeks, and [1] cause distress."
    assert [box.page for box in block.boxes] == [1, 2]
    (sentence,) = block.sentences
    assert (sentence.start, sentence.end) == (0, len(block.text))
    assert [citation.ref_id for citation in block.citations] == ["b0", "b0-p2"]


def test_a_hyphen_at_the_cut_is_healed(tmp_path: Path) -> None:
    joined = join_parts([(Part(1, 1), tei("<p>It is a psycho-</p>")), (Part(2, 2), tei("<p>logical matter.</p>"))])
    assert read(tmp_path, joined).text == "It is a psychological matter."


def test_what_was_taken_for_a_title_and_an_abstract_is_the_rest_of_the_paragraph() -> None:
    header = (
        "<fileDesc><titleStmt><title>two weeks and must</title></titleStmt></fileDesc>"
        "<profileDesc><abstract><div><p>cause distress. So it is.</p></div></abstract></profileDesc>"
    )
    parts = [(Part(1, 1), tei("<p>They last for</p>")), (Part(2, 2), tei("<div><p>A new one.</p></div>", header))]
    assert paragraphs(join_parts(parts)) == ["They last for two weeks and must cause distress. So it is.", "A new one."]


@pytest.mark.parametrize(
    ("before", "rest", "same"),
    [
        ("It ends here.", "it seems", False),
        ("It ends (here).”", "it seems", False),
        ("Symptoms must last for", "two weeks", True),
        ("as it was shown, among others in the large study by", "Smith and Jones", True),
        ("Mood disorders", "Anxiety disorders", False),
        ("les symptômes durent", "étonnamment longtemps", True),
        ("", "two weeks", False),
        ("1. A first criterion without a stop", "2. A second criterion", False),
        ("a. it is the first of the items of a list without a stop", "b. it is the second", False),
        ("– it is the first of the items of a list without a stop", "– it is the second", False),
        ("a dose that was raised within a week to", "10 mg daily", True),
        ("Глава первая", "Депрессия это болезнь.", False),
        ("симптомы должны длиться", "две недели", True),
    ],
)
def test_whether_a_paragraph_goes_on(before: str, rest: str, same: bool) -> None:
    assert goes_on(before, rest) is same


def test_chapters_are_divisions_under_their_bookmarks(grobid_server: ModuleType, tmp_path: Path) -> None:
    one = grobid_server.tei_of(["# Anxiety\nOf fear.", "# Panic\nOf attacks."])
    more = grobid_server.tei_of(["# Phobia\nOf spiders."])
    two = grobid_server.tei_of(["Of moods."], title="Mood disorders")
    parts = [
        (Part(1, 2, "Chapter 1: Anxiety", 0), one),
        (Part(3, 3, None, 0), more),
        (Part(4, 4, "2. Mood Disorders", 1), two),
    ]
    document = read(tmp_path, join_parts(parts, title="A handbook"))
    assert document.title == "A handbook"
    found = {block.text: section.path for section, block, _ in document.placed_blocks if block.kind == "paragraph"}
    assert found == {
        "Of fear.": ("Chapter 1: Anxiety", "Anxiety"),
        "Of attacks.": ("Chapter 1: Anxiety", "Panic"),
        "Of spiders.": ("Chapter 1: Anxiety", "Phobia"),
        "Of moods.": ("2. Mood Disorders",),
    }
    assert document.text.count("Mood") == 0


def test_the_authors_of_a_chapter_are_not_lost() -> None:
    header = "<fileDesc><sourceDesc><author>Ann Lee</author><idno type='MD5'>00</idno></sourceDesc></fileDesc>"
    joined = join_parts([(Part(1, 1), tei("<p>One.</p>")), (Part(2, 2, "Two", 0), tei("<p>Two.</p>", header))])
    (note,) = etree.fromstring(joined).iter(f"{NS}note")
    assert note.text == "Ann Lee"


def test_what_is_missing_is_said_in_the_header(grobid_server: ModuleType) -> None:
    joined = join_parts([(Part(1, 2), grobid_server.tei_of(["a", "b"]))], missing="3-4")
    assert b"Joined from 1 parts: pages 1-2. Pages 3-4 are missing." in joined


def blocks(document: Document) -> Counter[str]:
    return Counter(block.text for _, block, _ in document.placed_blocks)


def test_no_block_of_a_real_article_is_lost_changed_or_doubled(shared_data: Path, tmp_path: Path) -> None:
    """Behind another article, as a part and as a chapter; all that is new is what its header said."""
    first = shared_data / "tei" / "kluger-2019-prediction.tei.xml"
    before = blocks(read_document(first))
    for number, path in enumerate(sorted((shared_data / "tei").glob("*.tei.xml"))):
        raw = path.read_bytes()
        if refused_body(raw, "application/xml") is not None:
            continue
        part = Part(21, 40, "A chapter", 0) if number % 3 else Part(21, 40)
        joined = join_parts([(Part(1, 20), first.read_bytes()), (part, raw)])
        document = read(tmp_path, joined)
        expected, found = before + blocks(read_document(path)), blocks(document)
        # the journal whose name makes a heading a running line stands in the header of an article, not of a book
        titles = {section.path[-1] for section in document.sections if section.path}
        assert not {text for text in expected - found if text not in titles}, path.name
        assert sum((found - expected).values()) <= 2, path.name
        ids = [element.get(XML_ID) for element in etree.fromstring(joined).iter() if element.get(XML_ID)]
        assert len(ids) == len(set(ids))


@given(st.text("0123456789,.;ab", max_size=40), st.integers(0, 500))
def test_coordinates_keep_their_shape(coords: str, by: int) -> None:
    moved = shifted(coords, by)
    assert moved.count(";") == coords.count(";")
    assert moved.count(",") == coords.count(",")
    pages = [box.partition(",")[0] for box in coords.split(";") if "," in box]
    again = [box.partition(",")[0] for box in moved.split(";") if "," in box]
    assert again == [str(int(page) + by) if page.isdecimal() else page for page in pages]


def test_a_book_without_its_first_pages_is_not_called_like_a_chapter(grobid_server: ModuleType, tmp_path: Path) -> None:
    two = grobid_server.tei_of(["Of moods."], title="Mood disorders")
    three = grobid_server.tei_of(["Of sleep."], title="Sleep")
    parts = [(Part(41, 80, "Two", 1), two), (Part(81, 90, "Three", 2), three)]
    document = read(tmp_path, join_parts(parts, title="A handbook", missing="1-40"))
    assert document.title == "A handbook"
    assert document.source.grobid_version == "0.9.1"
    places = {block.text: section.path for section, block, _ in document.placed_blocks if block.kind == "paragraph"}
    assert places == {"Of moods.": ("Two", "Mood disorders"), "Of sleep.": ("Three", "Sleep")}


def test_the_first_chapter_does_not_name_the_book(grobid_server: ModuleType, tmp_path: Path) -> None:
    one = grobid_server.tei_of(["Of fear."], title="Anxiety")
    document = read(tmp_path, join_parts([(Part(1, 40, "1. Anxiety", 0), one)], title="A handbook"))
    assert (document.title, document.sections[0].path) == ("A handbook", ("1. Anxiety",))


def test_no_sentence_is_made_up_across_missing_pages() -> None:
    first = tei("<div><head>A</head><p>The symptoms must last for at least</p></div>")
    third = tei("<div><p>three litres of water.</p></div>")
    parts = [(Part(1, 60), first), (Part(121, 180), third)]
    assert paragraphs(join_parts(parts, missing="61-120")) == [
        "The symptoms must last for at least",
        "three litres of water.",
    ]


def section_of(document: Document) -> dict[str, tuple[str, ...]]:
    return {block.text: section.path for section, block, _ in document.placed_blocks if block.kind == "paragraph"}


TREATMENT = tei("<div><head n='3'>Treatment</head><p>First.</p></div>")
ON = tei("<div><p>On it goes.</p><p>And on.</p></div><div><head n='4'>Outcome</head><p>Fine.</p></div>")


@pytest.mark.parametrize("chapter", [None, 0])
def test_text_behind_a_cut_stays_in_its_section(chapter: int | None, tmp_path: Path) -> None:
    above = () if chapter is None else ("One",)
    first, second = Part(1, 60, above[0] if above else None, chapter), Part(61, 120, None, chapter)
    third = tei("<div><p>Later still.</p></div>")
    parts = [(first, TREATMENT), (second, ON), (Part(121, 130, None, chapter), third)]
    assert section_of(read(tmp_path, join_parts(parts))) == {
        "First.": (*above, "Treatment"),
        "On it goes.": (*above, "Treatment"),
        "And on.": (*above, "Treatment"),
        "Fine.": (*above, "Outcome"),
        "Later still.": (*above, "Outcome"),
    }


def test_text_behind_missing_pages_or_a_chapter_start_or_a_title_is_in_no_section_of_before(tmp_path: Path) -> None:
    missing = section_of(read(tmp_path, join_parts([(Part(1, 60), TREATMENT), (Part(121, 180), ON)])))
    assert missing["On it goes."] == ()
    parts = [(Part(1, 60, "One", 0), TREATMENT), (Part(61, 120, "Two", 1), ON)]
    assert section_of(read(tmp_path, join_parts(parts)))["On it goes."] == ("Two",)
    titled = tei(
        "<div><p>On it goes.</p></div>", "<fileDesc><titleStmt><title>Prevention</title></titleStmt></fileDesc>"
    )
    found = section_of(read(tmp_path, join_parts([(Part(1, 60), TREATMENT), (Part(61, 120), titled)])))
    assert found["On it goes."] == ()


def test_a_chapter_without_its_first_piece_has_its_title(tmp_path: Path) -> None:
    parts = [
        (Part(1, 60, "One", 0, "One"), tei("<div><p>Of fear.</p></div>")),
        (Part(121, 180, None, 1, "Two"), tei("<div><p>Of moods.</p></div>")),
    ]
    assert section_of(read(tmp_path, join_parts(parts, missing="61-120"))) == {
        "Of fear.": ("One",),
        "Of moods.": ("Two",),
    }


def test_no_word_of_a_header_is_lost() -> None:
    header = (
        "<fileDesc><titleStmt><title level='a' type='main'>Mood</title></titleStmt><publicationStmt>"
        "<publisher>Criterion B must be met</publisher><availability status='unknown'><licence/>"
        "<p>Copyright <hi>text</hi></p></availability><date>2020</date></publicationStmt><sourceDesc><biblStruct>"
        "<analytic><author><persName><forename>Ann</forename><surname>Lee</surname></persName></author>"
        "<title level='a' type='main'>Mood</title></analytic><monogr><title level='j'>Taken for a journal</title>"
        "<imprint><biblScope unit='page'>12</biblScope></imprint><meeting>Taken for a meeting</meeting></monogr>"
        "<idno type='MD5'>AA</idno><note>Ill.</note></biblStruct></sourceDesc></fileDesc>"
        "<encodingDesc><appInfo><application><desc>GROBID</desc></application></appInfo></encodingDesc>"
    )
    joined = join_parts([(Part(1, 1), tei("<p>One.</p>")), (Part(2, 2), tei("<p>Text.</p>", header))])
    (note,) = etree.fromstring(joined).iter(f"{NS}note")
    assert note.text == (
        "Criterion B must be met; Copyright text; 2020; Ann Lee; Taken for a journal; 12; Taken for a meeting; Ill."
    )
