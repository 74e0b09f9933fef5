"""Books in parts: what is sent again, what is kept, and what pypdf cannot do."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pypdf
import pytest
from pypdf.generic import ArrayObject, NameObject, NumberObject

from axolotl_ragdata.grobid import ParseReport, find_pdfs, parse_pdfs
from axolotl_ragdata.grobid.bounded import bounded
from axolotl_ragdata.grobid.pdf import inspect_at_leisure
from axolotl_ragdata.readers import read_document

Serve = Callable[..., Any]
Parse = Callable[..., ParseReport]
OUTLINE = [("One", 1, 0), ("Two", 11, 0), ("Three", 31, 0)]


@pytest.fixture
def parse(patience: Callable[..., Any], tmp_path: Path) -> Parse:
    """Parses `pdfs/`: `parse(server, force=True)`."""

    def run(server: Any, **more: Any) -> ParseReport:
        return parse_pdfs(find_pdfs([tmp_path / "pdfs"]), tmp_path / "tei", patience(server, **more))

    return run


@pytest.fixture
def book(pdfs: Callable[..., Path], grobid_server: ModuleType) -> Callable[..., Path]:
    """Writes `pdfs/a.pdf`: `book(40, outline)`; a page says which it is."""
    folder = pdfs()

    def write(pages: int, outline: Any = (), say: str = "Leaf {} .") -> Path:
        raw = grobid_server.pdf_of([say.format(page) for page in range(1, pages + 1)], outline)
        (folder / "a.pdf").write_bytes(raw)
        return folder / "a.pdf"

    return write


def places(report: ParseReport) -> list[tuple[int, int, str | None]]:
    return [(part.first_page, part.last_page, part.title) for part in report.records[0].parts]


def test_a_short_pdf_that_is_too_long_is_cut_along_its_outline(
    serve: Serve, book: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    long = grobid_server.Answer(500, b"[TOO_MANY_TOKENS] too many")
    server = serve(lambda number, text: long if text.count("Leaf ") > 25 else None)
    book(40, OUTLINE)
    assert places(parse(server)) == [(1, 10, "One"), (11, 30, "Two"), (31, 40, "Three")]


def test_a_chapter_that_is_too_long_is_cut_along_its_sections(
    serve: Serve, book: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    long = grobid_server.Answer(500, b"[TIMEOUT] timed out")
    server = serve(lambda number, text: long if text.count("Leaf ") > 45 else None)
    book(100, [("One", 1, 0), ("In", 11, 1), ("In too", 41, 1), ("Two", 61, 0)])
    assert places(parse(server)) == [(1, 40, "One"), (41, 60, None), (61, 100, "Two")]


def test_only_the_part_that_was_refused_is_sent_again(
    serve: Serve, book: Callable[..., Path], parse: Parse, grobid_server: ModuleType, tmp_path: Path
) -> None:
    codes = {"Leaf 7 ": b"[NO_BLOCKS] x", "Leaf 77 ": b"[BAD_INPUT_DATA] x"}

    def behaviour(number: int, text: str) -> Any:
        bad = [grobid_server.Answer(500, code) for mark, code in codes.items() if mark in text]
        return bad[0] if bad else None

    server = serve(behaviour)
    book(120)
    (record,) = parse(server, part_pages=20).missing
    assert record.status == "partial"
    server.behaviour = None
    before = len(server.requests)
    assert parse(server, part_pages=20, retry_failed=True).missing == ()
    assert [len(request.pages) for request in server.requests[before:]] == [20, 2]
    assert not (tmp_path / "tei" / ".parts").exists()


def test_parts_of_a_book_that_changed_half_way_are_removed(
    serve: Serve, book: Callable[..., Path], parse: Parse, grobid_server: ModuleType, tmp_path: Path
) -> None:
    server = serve(lambda number, text: grobid_server.Answer(503) if "Leaf 90 " in text else None)
    path = book(120)
    assert parse(server, busy_waits=1).records[0].retryable
    assert list((tmp_path / "tei" / ".parts").iterdir())
    path.write_bytes(grobid_server.pdf_of(["Short now."]))
    server.behaviour = None
    assert parse(server).missing == ()
    assert not (tmp_path / "tei" / ".parts").exists()


def test_text_stays_in_its_section_over_the_cuts_of_a_book(
    serve: Serve, book: Callable[..., Path], parse: Parse, tmp_path: Path, pdfs: Any, grobid_server: ModuleType
) -> None:
    pages = [f"Leaf {page} has a sentence." for page in range(1, 201)]
    for first in range(0, 200, 25):
        pages[first] = f"# Section {first // 25}\n{pages[first]}"
    (tmp_path / "pdfs" / "a.pdf").write_bytes(grobid_server.pdf_of(pages))
    parse(serve(), part_pages=30)
    document = read_document(tmp_path / "tei" / "a.tei.xml")
    found = {block.text: section.path for section, block, _ in document.placed_blocks if block.kind == "paragraph"}
    assert found == {f"Leaf {page} has a sentence.": (f"Section {(page - 1) // 25}",) for page in range(1, 201)}


def test_no_line_is_lost_that_grobid_takes_for_the_title_of_a_part(
    serve: Serve, book: Callable[..., Path], parse: Parse, tmp_path: Path, grobid_server: ModuleType
) -> None:
    lines = [f"Leaf {page} begins a sentence that\nruns to the end of leaf {page}." for page in range(1, 101)]
    pages = "\n".join(lines).split("\n")  # each second page goes on with a sentence
    pages[60] = "# Outcome\n" + pages[60]
    (tmp_path / "pdfs" / "a.pdf").write_bytes(grobid_server.pdf_of(["# Treatment\n" + pages[0], *pages[1:]]))
    server = serve()
    server.takes_titles = True
    parse(server, part_pages=29)
    document = read_document(tmp_path / "tei" / "a.tei.xml")
    placed = [(section.path, block.text) for section, block, _ in document.placed_blocks]
    said = " ".join([document.title or "", *(text for _, text in placed)])
    for page in range(1, 101):
        assert said.count(f"Leaf {page} begins a sentence that") == 1
        assert said.count(f"uns to the end of leaf {page}.") == 1
    edge = record_of_cut(tmp_path)
    assert f"{pages[edge - 1]} {pages[edge]}" in said


def record_of_cut(folder: Path) -> int:
    """Return the last page of the first part that a sentence runs out of."""
    (line,) = (folder / "tei" / "parse-report.jsonl").read_text().splitlines()
    ends = [part["last_page"] for part in json.loads(line)["parts"]]
    return next(int(end) for end in ends if end % 2)


def test_no_sentence_is_made_up_where_a_part_is_missing(
    serve: Serve, book: Callable[..., Path], parse: Parse, tmp_path: Path, grobid_server: ModuleType
) -> None:
    nothing = grobid_server.Answer(500, b"[NO_BLOCKS] nothing")
    server = serve(lambda number, text: nothing if "leaf 14 " in text else None)
    book(30, say="of leaf {} runs on to")
    assert parse(server, part_pages=10).records[0].failed_pages == "11-20"
    document = read_document(tmp_path / "tei" / "a.tei.xml")
    assert not [block for _, block, _ in document.placed_blocks if "leaf 10 " in block.text and "21" in block.text]


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_book_that_the_empty_password_opens_is_cut(
    serve: Serve, book: Callable[..., Path], parse: Parse, algorithm: str
) -> None:
    path = book(80, OUTLINE)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(path.read_bytes()))
    writer.encrypt("", "owner", algorithm=algorithm)
    writer.write(path)
    assert places(parse(serve()))[:2] == [(1, 10, "One"), (11, 30, "Two")]


def test_what_cannot_be_cut_is_sent_whole(
    serve: Serve, book: Callable[..., Path], parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(pypdf.PdfWriter, "append", broken)
    server = serve()
    book(80)
    (record,) = parse(server).records
    assert (record.status, record.parts) == ("parsed", ())
    assert [len(request.pages) for request in server.requests] == [80]


def test_a_pdf_that_pypdf_does_not_get_through_is_left_to_the_server(
    serve: Serve, book: Callable[..., Path], parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axolotl_ragdata.grobid.pdf._facts", lambda path: time.sleep(3))
    server = serve()
    book(3)
    began = time.monotonic()
    (record,) = parse(server, pdf_s=0.3).records
    assert (record.status, record.pages) == ("parsed", None)
    assert time.monotonic() - began < 2.5


def test_a_bookmark_that_names_its_page_by_number(book: Callable[..., Path]) -> None:
    path = book(400, [("One", 1, 0), ("Two", 100, 0), ("Three", 250, 0)])
    writer = pypdf.PdfWriter(clone_from=path)
    second = writer._root_object["/Outlines"]["/First"]["/Next"]  # type: ignore[index]
    second.pop("/A", None)
    second[NameObject("/Dest")] = ArrayObject([NumberObject(5), NameObject("/Fit")])
    writer.write(path)
    assert [(mark.title, mark.page) for mark in inspect_at_leisure(path).bookmarks] == [
        ("One", 1),
        ("Two", 6),
        ("Three", 250),
    ]


def test_bounded_work_gives_its_result_its_error_or_the_time_it_took() -> None:
    assert asyncio.run(bounded(lambda: 7, 5.0)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(bounded(lambda: 1 // 0, 5.0))
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(bounded(lambda: time.sleep(0.5), 0.05))
