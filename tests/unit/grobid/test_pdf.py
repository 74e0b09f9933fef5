from __future__ import annotations

import asyncio
import io
from pathlib import Path
from types import ModuleType

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.grobid.pdf import Bookmark, Scissors
from axolotl_ragdata.grobid.pdf import inspect_at_leisure as inspect

OUTLINE = [("One", 1, 0), ("Inside\x00 one\n", 2, 1), ("Two", 4, 0)]


@pytest.fixture(scope="module")
def raw(grobid_server: ModuleType) -> bytes:
    """A PDF of five pages with an outline."""
    return bytes(grobid_server.pdf_of([f"Page {page}." for page in range(1, 6)], OUTLINE, title="A  handbook"))


def cut(path: Path, first: int, last: int) -> bytes:
    return asyncio.run(Scissors(path, 60.0).cut(first, last))


def test_what_a_pdf_says_about_itself(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(raw)
    facts = inspect(tmp_path / "a.pdf")
    assert (facts.pages, facts.title, facts.refusal, facts.problem) == (5, "A handbook", None, None)
    assert facts.bookmarks == (Bookmark("One", 1, 0), Bookmark("Inside one", 2, 1), Bookmark("Two", 4, 0))


def test_pages_are_cut_out(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(raw)
    for first, last in ((1, 5), (2, 3), (5, 5)):
        pages = pypdf.PdfReader(io.BytesIO(cut(tmp_path / "a.pdf", first, last))).pages
        assert [page.extract_text().strip() for page in pages] == [f"Page {page}." for page in range(first, last + 1)]


def test_the_empty_password_opens_a_pdf_and_its_pages_are_cut(raw: bytes, tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(raw))
    writer.encrypt("", "owner", algorithm="AES-256")
    writer.write(tmp_path / "a.pdf")
    assert inspect(tmp_path / "a.pdf").pages == 5
    assert len(pypdf.PdfReader(io.BytesIO(cut(tmp_path / "a.pdf", 2, 3))).pages) == 2


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "EMPTY_FILE"), (b"PK\x03\x04 a ZIP archive", "NOT_A_PDF"), (None, "UNREADABLE")]
)
def test_what_is_not_sent(content: bytes | None, code: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.pdf").write_bytes(content)
    refusal = inspect(tmp_path / "a.pdf").refusal
    assert refusal is not None
    assert refusal.code == code


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 30), st.binary(max_size=12)), max_size=8))
def test_a_damaged_pdf_is_no_exception(raw: bytes, tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    damaged = bytearray(raw)
    for place, length, instead in edits:
        place %= len(raw)
        damaged[place : place + length] = instead
    path = tmp_path / "a.pdf"
    path.write_bytes(damaged)
    facts = inspect(path)
    assert facts.pages or facts.problem or facts.refusal
    if facts.pages:
        try:
            assert cut(path, 1, facts.pages)
        except ValueError as problem:
            assert "cannot be cut out" in str(problem)
