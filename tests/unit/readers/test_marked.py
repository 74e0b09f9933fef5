from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from axolotl_ragdata.readers._marked import marked_text, squeezed

WORDS = st.text(st.sampled_from("ab [1]\n\t\u00a0\x00\u0301é\U0001f600"), max_size=30)
EDGE = st.integers(-2, 32)
SPANS = st.lists(st.tuples(EDGE, EDGE, st.sampled_from(["b0", "x y", " z ", ""])), max_size=6)


@given(WORDS, SPANS, SPANS)
def test_every_mark_lies_within_the_text_and_begins_and_ends_with_a_sign(
    raw: str, marks: list[tuple[int, int, str]], swaps: list[tuple[int, int, str]]
) -> None:
    text, found = marked_text(raw, marks, swaps)
    assert text == " ".join(text.split())
    for start, end, _ in found:
        assert 0 <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()


@example([("1 ", True)])
@given(st.lists(st.tuples(WORDS, st.booleans()), max_size=6))
def test_marks_say_what_they_said(pieces: list[tuple[str, bool]]) -> None:
    """Signs are marked one by one, so that what is marked is known before the text is put together."""
    raw, marks, wanted = "", [], []
    for piece, is_marked in pieces:
        if is_marked and squeezed(piece):
            marks.append((len(raw) + 1, len(raw) + 1 + len(piece), ""))
            wanted.append(squeezed(piece))
        raw += f"|{piece}|"
    text, found = marked_text(raw, marks)
    assert [text[start:end] for start, end, _ in found] == wanted
    if "\u0301" not in raw:
        assert text == squeezed(raw)


@given(WORDS, WORDS, WORDS)
def test_what_comes_in_place_of_a_stretch_stands_in_its_place(before: str, instead: str, after: str) -> None:
    raw = f"{before}<EQ>{after}"
    swap = (len(before), len(before) + 4, f"<{instead}>")
    text, found = marked_text(raw, [(len(before), len(before) + 4, "b0")], [swap])
    assert [text[start:end] for start, end, _ in found] == [squeezed(f"<{instead}>")]
    if "\u0301" not in raw + instead:
        assert text == squeezed(f"{before}<{instead}>{after}")
