from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.grobid.records import REPORT, ParseRecord, ReportFile, page_ranges, silent_pages


def record(**fields: object) -> ParseRecord:
    return ParseRecord.model_validate({"pdf": "../a.pdf", "sha256": "0" * 64, "status": "parsed"} | fields)


@pytest.mark.parametrize("name", ["../outside.tei.xml", "/etc/outside.tei.xml", "a/../../outside.tei.xml"])
def test_a_report_from_elsewhere_names_no_file_outside_its_folder(name: str, tmp_path: Path) -> None:
    line = json.dumps({"pdf": "x.pdf", "sha256": "0" * 64, "status": "parsed", "tei": name})
    (tmp_path / REPORT).write_text(line + "\n")
    assert ReportFile(tmp_path).by_pdf == {}


def test_the_last_line_of_a_pdf_counts_and_the_report_has_one(tmp_path: Path) -> None:
    report = ReportFile(tmp_path)
    report.add(record(status="failed", code="NO_ANSWER"))
    report.stage("0" * 64, b"<TEI/>")
    assert not (tmp_path / "a.tei.xml").exists()
    report.add(record(tei="a.tei.xml", tei_sha256=hashlib.sha256(b"<TEI/>").hexdigest()))
    assert (tmp_path / "a.tei.xml").read_bytes() == b"<TEI/>"
    again = ReportFile(tmp_path)
    assert again.by_pdf["../a.pdf"].status == "parsed"
    again.close()
    assert len((tmp_path / REPORT).read_text().splitlines()) == 1


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_the_pages(pages: set[int]) -> None:
    shown = page_ranges((page, page) for page in pages)
    found = set()
    for part in filter(None, shown.split(", ")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == pages


@pytest.mark.parametrize(
    ("silent", "pages", "told"),
    [
        ("2, 9-10", 10, "2"),
        ("9-10", 10, None),
        ("9-10", 12, "9-10"),
        ("4-10", 10, "4-10"),
        ("1", 1, "1"),
        (None, 9, None),
    ],
)
def test_the_last_pages_are_mostly_references(silent: str | None, pages: int, told: str | None) -> None:
    assert record(silent_pages=silent, pages=pages).suspicious_pages == told


def test_pages_of_which_nothing_came() -> None:
    tei = b"<p coords=\"1,7,7,9,9;3,7,7,9,9\"/><s coords='5,1,1,1,1'/>"
    assert silent_pages(tei, 6) == "2, 4, 6"
    assert silent_pages(tei, 6, [(4, 6)]) == "2"
    assert silent_pages(tei, None) is None
    assert silent_pages(b"<TEI/>", 6) is None
    assert silent_pages(tei + b'<p coords="2,1,1,1,1;4,1,1,1,1;6,1,1,1,1"/>', 6) is None
