"""What a server, a proxy or a login page answers, and how long a run goes on with it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.errors import EndpointError, RecipeError
from axolotl_ragdata.grobid import ParseReport, RunStopped, checked_url, docker_line, find_pdfs, parse_pdfs
from axolotl_ragdata.grobid.server import is_torn

Serve = Callable[..., Any]
Parse = Callable[..., ParseReport]


@pytest.fixture
def parse(patience: Callable[..., Any]) -> Parse:
    """Parses a folder of PDFs: `parse(folder, server, force=True)`."""

    def run(folder: Path, server: Any, **more: Any) -> ParseReport:
        return parse_pdfs(find_pdfs([folder]), folder.parent / "tei", patience(server, **more))

    return run


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 407, 501])
def test_a_fault_of_a_proxy_is_not_the_last_word_about_a_pdf(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType, status: int
) -> None:
    server = serve(lambda number, text: grobid_server.Answer(status, b"<html>no</html>", "text/html"))
    folder = pdfs("a")
    (record,) = parse(folder, server).records
    assert (record.code, record.retryable) == (f"HTTP_{status}", True)
    assert record.advice
    server.behaviour = None
    report = parse(folder, server)
    assert (report.sent, report.missing) == (1, ())


def test_faults_in_a_row_end_the_run(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    login = grobid_server.Answer(200, b"<!DOCTYPE html><html><body>Log in</body></html>", "text/html")
    server = serve(lambda number, text: login)
    folder = pdfs(*(f"p{number:02}" for number in range(30)))
    with pytest.raises(RunStopped, match="are not GROBID's: the server answers 200 with text/html") as caught:
        parse(folder, server, concurrency=2)
    assert len(server.requests) <= 6
    codes = Counter(record.code for record in caught.value.report.records)
    assert codes["NOT_GROBID"] == len(server.requests)
    assert codes["NOT_SENT"] == 30 - len(server.requests)
    server.behaviour = None
    assert parse(folder, server).missing == ()


def test_no_failure_takes_an_older_tei_of_the_same_bytes_away(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    answers: dict[str, Any] = {"now": None}
    server = serve(lambda number, text: answers["now"])
    folder = pdfs("a")
    parse(folder, server)
    good = (folder.parent / "tei" / "a.tei.xml").read_bytes()
    answers["now"] = grobid_server.Answer(500, b"[BAD_INPUT_DATA] sick server")
    for more in ({"force": True}, {"part_pages": 30}):
        (record,) = parse(folder, server, **more).missing
        assert (record.status, record.code, record.retryable) == ("parsed", "BAD_INPUT_DATA", False)
        assert (folder.parent / "tei" / "a.tei.xml").read_bytes() == good
    # refused for good: asked again only on request
    assert parse(folder, server, part_pages=30).sent == 0
    answers["now"] = None
    report = parse(folder, server, part_pages=30, retry_failed=True)
    assert (report.sent, report.missing) == (1, ())


def test_a_book_that_comes_out_worse_keeps_its_whole_tei(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    answers: dict[str, Any] = {"now": None}
    server = serve(lambda number, text: answers["now"] if "Leaf 7 " in text else None)
    folder = pdfs()
    (folder / "a.pdf").write_bytes(grobid_server.pdf_of([f"Leaf {page} ." for page in range(1, 21)]))
    parse(folder, server, part_pages=10)
    answers["now"] = grobid_server.Answer(500, b"[NO_BLOCKS] nothing")
    (record,) = parse(folder, server, part_pages=10, force=True).missing
    assert (record.status, record.code) == ("parsed", "NO_BLOCKS")
    assert b"Leaf 7 " in (folder.parent / "tei" / "a.tei.xml").read_bytes()


def test_a_server_that_is_only_busy_ends_the_run(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    server = serve(lambda number, text: grobid_server.Answer(503))
    folder = pdfs(*(f"p{number:02}" for number in range(20)))
    with pytest.raises(RunStopped, match="503 to everything") as caught:
        parse(folder, server, concurrency=2, busy_waits=5)
    assert len(server.requests) <= 2 * 6
    codes = Counter(record.code for record in caught.value.report.records)
    assert codes == {"SERVER_BUSY": 2, "NOT_SENT": 18}
    assert {record.retryable for record in caught.value.report.records} == {True}
    assert "concurrency in grobid.yaml" in caught.value.fix


def test_one_pdf_that_is_turned_away_while_others_go_through_ends_nothing(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    server = serve(lambda number, text: grobid_server.Answer(503) if "p00" in text else None, latency_s=0.01)
    report = parse(pdfs(*(f"p{number:02}" for number in range(60))), server, concurrency=2, busy_waits=5)
    assert [record.code for record in report.records] == ["SERVER_BUSY"] + [None] * 59


def test_a_server_that_does_not_know_its_version(serve: Serve, pdfs: Callable[..., Path], parse: Parse) -> None:
    server = serve()
    server.version = b'{"version":"unknown","revision":"unknown"}'
    assert parse(pdfs("a"), server).records[0].grobid_version == "unknown"


@pytest.mark.parametrize("version", [b'{"version":7}', b'{"error":"x"}', b'"unknown"', b"unknown", b""])
def test_what_says_no_version_is_not_grobid(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, version: bytes
) -> None:
    server = serve()
    server.version = version
    with pytest.raises(EndpointError, match="that is not GROBID"):
        parse(pdfs("a"), server)


TEI = b'<?xml version="1.0"?><TEI xmlns="x"><text><body><p>A<lb/>B<!-- c --></p></body></text></TEI>'


@pytest.mark.parametrize("end", [b"<lb/>", b"-->", b"</p>", b"A"])
def test_a_tei_that_stops_before_its_end_is_torn(end: bytes) -> None:
    assert is_torn(TEI[: TEI.index(end) + len(end)])


@pytest.mark.parametrize(
    "whole",
    [
        TEI,
        TEI + b"\n<!-- made -->\n",
        TEI[:-1] + b" >",
        b'<TEI a="/"/>',
        TEI.decode().encode("utf-16"),
        b'<t:TEI xmlns:t="x"><t:text/></t:TEI>',
    ],
)
def test_a_tei_that_has_its_end_is_not(whole: bytes) -> None:
    assert not is_torn(whole)


def test_only_a_server_on_this_machine_is_started_with_docker() -> None:
    assert docker_line("http://grobid.example:8070") is None
    assert docker_line("https://localhost") is None
    assert "-p 80:8070" in str(docker_line("http://localhost"))
    assert "-p 8071:8070" in str(docker_line("http://[::1]:8071"))


def test_a_password_is_in_no_error(serve: Serve, pdfs: Callable[..., Path], parse: Parse) -> None:
    with pytest.raises(RecipeError) as refused:
        checked_url("http://me:hunter2@host:99999", "--grobid")
    assert "hunter2" not in str(refused.value)
    server = serve()
    away = type("Away", (), {"url": "http://me:hunter2@127.0.0.1:9"})
    with pytest.raises(EndpointError) as gone:
        parse(pdfs("a"), away)
    assert "hunter2" not in str(gone.value)
    assert server.requests == []


def pages_of(report: ParseReport) -> list[tuple[int, int, str | None]]:
    return [(part.first_page, part.last_page, part.code) for part in report.records[0].parts]


def test_a_pdf_that_hangs_goes_in_smaller_parts(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    hang = grobid_server.Answer(grobid_server.HANG)
    server = serve(lambda number, text: hang if text.count("Leaf ") > 10 else None)
    folder = pdfs()
    (folder / "a.pdf").write_bytes(grobid_server.pdf_of([f"Leaf {page} ." for page in range(1, 21)]))
    report = parse(folder, server, timeout_s=1.5)
    assert report.missing == ()
    assert pages_of(report) == [(1, 10, None), (11, 20, None)]


def test_where_everything_hangs_each_run_goes_one_step_smaller(
    serve: Serve, pdfs: Callable[..., Path], parse: Parse, grobid_server: ModuleType
) -> None:
    hang = grobid_server.Answer(grobid_server.HANG)
    server = serve(lambda number, text: hang)
    folder = pdfs()
    (folder / "a.pdf").write_bytes(grobid_server.pdf_of([f"Leaf {page} ." for page in range(1, 41)]))
    began = time.monotonic()
    report = parse(folder, server, timeout_s=0.7)
    assert pages_of(report) == [(1, 20, "NO_ANSWER"), (21, 40, "NO_ANSWER")]
    assert len(server.requests) == 3
    assert time.monotonic() - began < 10
    server.behaviour = lambda number, text: hang if text.count("Leaf ") > 10 else None
    report = parse(folder, server, timeout_s=5.0)
    assert pages_of(report) == [(first, first + 9, None) for first in (1, 11, 21, 31)]
    assert len(server.requests) == 7
