"""What the TEI of a PDF is called: no two PDFs share one, and nothing of somebody else is overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.grobid import ParseReport, RunStopped, find_pdfs, finding_nothing, parse_pdfs
from axolotl_ragdata.grobid.sources import tei_name

Serve = Callable[..., Any]


@pytest.fixture
def parsed(serve: Serve, patience: Callable[..., Any], tmp_path: Path) -> Callable[..., ParseReport]:
    """Parses sources into `tei`: `parsed("v1", "v2", force=True)`."""
    server = serve()

    def parse(*sources: str, **more: Any) -> ParseReport:
        named = find_pdfs([tmp_path / source for source in sources])
        return parse_pdfs(named, tmp_path / "tei", patience(server, **more))

    return parse


@pytest.fixture
def write(tmp_path: Path, grobid_server: ModuleType) -> Callable[[str, str], None]:
    """Writes a PDF: `write("v1/a.pdf", "One.")`."""

    def pdf(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(grobid_server.pdf_of([text]))

    return pdf


def texts(folder: Path, report: ParseReport) -> dict[str, bool]:
    """Return for each PDF, by its text, whether its TEI holds it."""
    found = {}
    for record in report.records:
        said = (folder / "tei" / record.pdf).read_bytes()
        text = said[said.index(b"(") + 1 : said.index(b")")]
        found[text.decode()] = record.tei is not None and text in (folder / "tei" / record.tei).read_bytes()
    return found


def test_a_new_pdf_does_not_take_the_tei_of_a_finished_one(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v2/ch1.pdf", "Volume two.")
    parsed("v2")
    write("v1/ch1.pdf", "Volume one.")
    report = parsed("v1", "v2")
    assert report.sent == 1
    assert texts(tmp_path, report) == {"Volume one.": True, "Volume two.": True}
    assert parsed("v1", "v2").sent == 0


def test_names_that_differ_in_capitals_alone(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v1/a.pdf", "Small.")
    parsed("v1")
    write("v1/a.PDF", "Large.")
    write("v1/A.pdf", "Capital.")
    report = parsed("v1")
    assert texts(tmp_path, report) == {"Small.": True, "Large.": True, "Capital.": True}
    assert len({str(record.tei).casefold() for record in report.records}) == 3


def test_a_report_in_which_two_pdfs_share_a_tei_is_mended(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v1/a.pdf", "One.")
    write("v1/b.pdf", "Two.")
    parsed("v1")
    path = tmp_path / "tei" / "parse-report.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["tei"] = rows[1]["tei"]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    report = parsed("v1")
    assert report.sent == 1
    assert texts(tmp_path, report) == {"One.": True, "Two.": True}


def test_a_revised_pdf_leaves_no_tei_of_before(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v1/a.pdf", "One.")
    write("v2/a.pdf", "Two.")
    parsed("v1", "v2")
    write("v2/a.pdf", "Two, revised.")
    report = parsed("v1", "v2")
    assert texts(tmp_path, report) == {"One.": True, "Two, revised.": True}
    assert {path.name for path in (tmp_path / "tei").glob("*.xml")} == {record.tei for record in report.records}


def test_a_pdf_under_the_name_of_another_that_was_renamed(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v1/a.pdf", "One.")
    parsed("v1")
    (tmp_path / "v1" / "a.pdf").rename(tmp_path / "v1" / "b.pdf")
    write("v1/a.pdf", "Another.")
    for part_pages in (60, 7):
        report = parsed("v1", part_pages=part_pages)
        assert texts(tmp_path, report) == {"One.": True, "Another.": True}


def test_what_is_not_of_this_folder_is_not_overwritten(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v1/a.pdf", "One.")
    (tmp_path / "tei").mkdir()
    (tmp_path / "tei" / "a.tei.xml").write_text("<TEI>corrected by hand</TEI>")
    (tmp_path / "tei" / "b.tei.xml").mkdir()
    write("v1/b.pdf", "Two.")
    report = parsed("v1")
    assert texts(tmp_path, report) == {"One.": True, "Two.": True}
    assert "by hand" in (tmp_path / "tei" / "a.tei.xml").read_text()
    assert parsed("v1").sent == 0


def test_a_name_that_is_too_long_with_its_suffix(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    for letter in ("a", "é", "漢"):
        for last in "12":
            width = len(letter.encode())
            write(f"v1/{letter * ((250 - width) // width)}{last}.pdf", f"{ord(letter)} {last}.")
    report = parsed("v1")
    assert set(texts(tmp_path, report).values()) == {True}
    assert parsed("v1").sent == 0


def test_a_tei_that_cannot_be_put_in_place_costs_its_pdf_alone(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    (tmp_path / "v1").mkdir()
    write("v1/deep/a.pdf", "One.")
    write("v1/z.pdf", "Two.")
    (tmp_path / "tei").mkdir()
    (tmp_path / "tei" / "deep").write_text("a file where a folder should be")
    report = parsed("v1")
    assert [(record.code, record.retryable) for record in report.records] == [("UNWRITABLE", True), (None, False)]
    assert "deep/a.tei.xml cannot be written" in str(report.records[0].reason)
    (tmp_path / "tei" / "deep").unlink()
    assert parsed("v1").missing == ()


def test_what_is_no_regular_file_is_refused(
    parsed: Callable[..., ParseReport], write: Callable[[str, str], None], tmp_path: Path
) -> None:
    write("v1/a.pdf", "One.")
    os.mkfifo(tmp_path / "v1" / "pipe.pdf")
    report = parsed("v1")
    assert [(record.status, record.code) for record in report.records] == [("parsed", None), ("failed", "UNREADABLE")]


def test_names_are_tried_until_one_is_free() -> None:
    sha = "0123456789abcdef" * 4
    taken: set[str] = set()
    for _ in range(6):
        name = tei_name("a", sha, taken.__contains__)
        assert name not in taken
        taken.add(name)


def test_what_names_no_pdf(write: Callable[[str, str], None], tmp_path: Path) -> None:
    write("v1/a.pdf", "One.")
    (tmp_path / "none").mkdir()
    names = [str(tmp_path / name) for name in ("v1", "v1/*.pdf", "none", "missing.pdf", "v1/a.pdf")]
    assert finding_nothing(names) == names[2:4]


def test_a_suspect_is_sent_alone_and_the_second_time_is_the_last(
    serve: Serve,
    patience: Callable[..., Any],
    write: Callable[[str, str], None],
    tmp_path: Path,
    grobid_server: ModuleType,
) -> None:
    for number in range(5):
        write(f"v1/a{number}.pdf", f"A{number}.")
    write("v1/0.pdf", "deadly.")
    dead: list[bool] = []
    server = serve(latency_s=0.2)

    def behaviour(number: int, text: str) -> Any:
        if "deadly" in text:
            dead.append(True)
            server.alive = b"false"
        return grobid_server.Answer(grobid_server.CUT) if server.alive == b"false" else None

    server.behaviour = behaviour
    codes = []
    for _ in range(3):
        server.alive = b"true"
        try:
            report = parse_pdfs(find_pdfs([tmp_path / "v1"]), tmp_path / "tei", patience(server))
        except RunStopped as stopped:
            report = stopped.report
        codes.append([record.code for record in report.records])
    assert codes[0][0] == "SERVER_GONE"
    assert codes[1][0] == "SERVER_DIES"
    assert codes[2] == ["SERVER_DIES"] + [None] * 5
    assert [record.pages for record in report.records] == [1] * 6
    assert len(dead) == 2
    assert "--retry-failed" in str(report.records[0].advice)
