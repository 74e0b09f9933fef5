from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.grobid.cutting import Part, parts_of, smaller
from axolotl_ragdata.grobid.pdf import Bookmark

BOOKMARKS = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3)), max_size=60)


def marks(*places: tuple[str, int, int]) -> list[Bookmark]:
    return [Bookmark(*place) for place in places]


@given(st.integers(1, 400), BOOKMARKS, st.integers(1, 100))
def test_every_page_is_in_one_part_and_no_part_is_too_long(
    pages: int, places: list[tuple[int, int]], longest: int
) -> None:
    bookmarks = sorted((Bookmark("t", page, level) for page, level in places if page <= pages), key=lambda b: b.page)
    parts = parts_of(pages, bookmarks, longest)
    assert [page for part in parts for page in range(part.first, part.last + 1)] == list(range(1, pages + 1))
    assert all(1 <= part.pages <= longest for part in parts)
    titled = [part.chapter for part in parts if part.title]
    assert len(titled) == len(set(titled))


def test_a_short_pdf_is_sent_whole_even_with_an_outline() -> None:
    assert parts_of(60, marks(("Introduction", 1, 0), ("Methods", 5, 0)), 60) == [Part(1, 60)]


def test_a_book_is_cut_at_its_chapters() -> None:
    outline = marks(("Cover", 1, 0), ("One", 3, 0), ("Inside", 9, 1), ("Two", 41, 0), ("Index", 99, 0))
    assert [(part.first, part.last, part.title) for part in parts_of(100, outline, 60)] == [
        (1, 2, "Cover"),
        (3, 40, "One"),
        (41, 98, "Two"),
        (99, 100, "Index"),
    ]


def test_a_single_root_is_no_chapter() -> None:
    outline = marks(("The whole book", 1, 0), ("One", 1, 1), ("Two", 50, 1))
    assert [(part.first, part.title) for part in parts_of(100, outline, 60)] == [(1, "The whole book"), (50, "Two")]


def test_a_chapter_that_is_too_long_is_cut_at_its_sections_and_stays_one_chapter() -> None:
    outline = marks(("One", 1, 0), ("a", 30, 1), ("b", 55, 1), ("c", 58, 2), ("Two", 101, 0))
    parts = parts_of(120, outline, 60)
    assert [(part.first, part.last, part.title) for part in parts] == [
        (1, 57, "One"),
        (58, 100, None),
        (101, 120, "Two"),
    ]
    assert parts[0].chapter == parts[1].chapter != parts[2].chapter


def test_a_chapter_of_one_page_keeps_its_title() -> None:
    parts = parts_of(90, marks(("One", 1, 0), ("Interlude", 40, 0), ("Two", 41, 0)), 60)
    assert [(part.first, part.last, part.title) for part in parts] == [
        (1, 39, "One"),
        (40, 40, "Interlude"),
        (41, 90, "Two"),
    ]


def test_bookmarks_of_every_page_are_no_chapters() -> None:
    parts = parts_of(90, [Bookmark(f"Slide {page}", page, 0) for page in range(1, 91)], 60)
    assert parts == [Part(1, 45), Part(46, 90)]


def test_what_is_too_long_for_the_server_is_cut_along_its_own_bookmarks() -> None:
    one = Part(11, 60, "One", 3, "One")
    assert smaller(one, marks(("One", 11, 0), ("Close", 13, 1), ("Inside", 31, 1), ("Two", 61, 0))) == (
        Part(11, 30, "One", 3, "One"),
        Part(31, 60, None, 3, "One"),
    )


def test_without_bookmarks_a_part_is_halved() -> None:
    assert smaller(Part(5, 9, "One", 3, "One"), []) == (Part(5, 6, "One", 3, "One"), Part(7, 9, None, 3, "One"))


def test_every_piece_of_a_chapter_knows_its_title() -> None:
    parts = parts_of(200, marks(("One", 1, 0), ("Two", 101, 0)), 60)
    assert [part.chapter_title for part in parts] == ["One", "One", "Two", "Two"]
