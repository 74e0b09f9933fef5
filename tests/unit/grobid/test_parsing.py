"""Against a real loopback server: every PDF ends in a TEI or in the report, none twice, none lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lxml import etree

from axolotl_ragdata.errors import EndpointError, StoreError
from axolotl_ragdata.grobid import ParseOptions, ParseReport, find_pdfs, parse_pdfs
from axolotl_ragdata.grobid.places import XML_ID
from axolotl_ragdata.readers import read_document

NS = "{http://www.tei-c.org/ns/1.0}"
CODES = (
    *("NO_BLOCKS", "TOO_MANY_BLOCKS", "TOO_MANY_TOKENS", "TIMEOUT", "BAD_INPUT_DATA", "TAGGING_ERROR", "PARSING_ERROR"),
    *("GENERAL", "PDFALTO_CONVERSION_FAILURE"),
)


def options(server: Any, **more: Any) -> ParseOptions:
    waits: dict[str, Any] = {"busy_wait_s": (0.02, 0.05), "retry_wait_s": 0.02, "start_wait_s": 0.3, "timeout_s": 20.0}
    return ParseOptions(**{"url": server.url} | waits | more)


def parse(folder: Path, server: Any, **more: Any) -> ParseReport:
    return parse_pdfs(find_pdfs([folder]), folder.parent / "tei", options(server, **more))


def report_of(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder.parent / "tei" / "parse-report.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({row["pdf"] for row in rows}) == len(rows)
    return {Path(row["pdf"]).stem: row for row in rows}


def teis(folder: Path) -> set[str]:
    return {path.name.removesuffix(".tei.xml") for path in (folder.parent / "tei").rglob("*.tei.xml")}


def test_every_answer_of_a_server_ends_as_a_tei_or_in_the_report(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType, shared_data: Path
) -> None:
    Answer = grobid_server.Answer
    real = (shared_data / "tei" / "lopresti-2023-lipids.tei.xml").read_bytes()
    withdrawn = (shared_data / "tei" / "article-withdrawn.tei.xml").read_bytes()
    answers: dict[str, Any] = {
        "good": Answer(body=real),
        "odd-type": Answer(body=real, kind="text/plain"),
        "nothing": Answer(204),
        "wrong": Answer(400, b"no input"),
        "withdrawn": Answer(body=withdrawn),
        "html": Answer(body=b"<html><body>Log in</body></html>", kind="text/html"),
        "json": Answer(body=b"{}", kind="application/json"),
        "empty": Answer(body=b""),
        "hang": Answer(grobid_server.HANG),
        "cut": Answer(grobid_server.CUT, real),
        "torn": Answer(body=real[: len(real) // 2]),
        "busy": Answer(503),
        **{f"code-{code}": Answer(500, f"[{code}] what happened".encode()) for code in CODES},
    }
    seen: Counter[str] = Counter()

    def behaviour(number: int, text: str) -> Any:
        name = text.removeprefix("Text of ").strip(". \n")
        seen[name] += 1
        # two that recover
        if name == "cut-once":
            return Answer(grobid_server.CUT) if seen[name] == 1 else None
        if name == "busy-once":
            return Answer(503) if seen[name] == 1 else None
        return answers[name]

    folder = pdfs(*answers, "cut-once", "busy-once")
    (folder / "no-pdf.pdf").write_bytes(b"<html>404</html>")
    (folder / "no-bytes.pdf").write_bytes(b"")
    (folder / "locked.pdf").write_bytes(grobid_server.pdf_of(["Secret."], password="x"))
    server = serve(behaviour)
    report = parse(folder, server, timeout_s=4.0, busy_waits=3)
    rows = report_of(folder)
    assert set(rows) == {path.stem for path in folder.iterdir()}
    good = {"good", "odd-type", "cut-once", "busy-once"}
    assert teis(folder) == good == {name for name, row in rows.items() if row["status"] == "parsed"}
    assert (folder.parent / "tei" / "good.tei.xml").read_bytes() == real
    codes = {name: row["code"] for name, row in rows.items() if row["status"] == "failed"}
    assert codes == {
        "nothing": "NO_CONTENT",
        "wrong": "BAD_REQUEST",
        "withdrawn": "EMPTY_BODY",
        "html": "NOT_GROBID",
        "json": "NOT_GROBID",
        "empty": "NO_CONTENT",
        "hang": "NO_ANSWER",
        "cut": "CONNECTION",
        "torn": "CONNECTION",
        "busy": "SERVER_BUSY",
        "no-pdf": "NOT_A_PDF",
        "no-bytes": "EMPTY_FILE",
        "locked": "ENCRYPTED",
        **{f"code-{code}": code for code in CODES},
    }
    for name, row in rows.items():
        if row["status"] == "failed":
            assert row["advice"]
            assert row["reason"]
            assert row.get("pages") == (None if name in ("no-pdf", "no-bytes", "locked") else 1)
    assert "text/html" in rows["html"]["reason"]
    # 204, 400 and 500 are final: asked once; what may pass is asked again, bounded
    assert {name: seen[name] for name in answers} | {"good": 1} == dict.fromkeys(answers, 1) | {
        "cut": 3,
        "torn": 3,
        "busy": 4,
    }
    assert not {"no-pdf", "no-bytes", "locked"} & set(seen)
    assert report.count("parsed") == len(good)
    assert not list((folder.parent / "tei").glob(".[ps]*"))

    # the next run asks again for what may have passed, and for nothing else
    seen.clear()
    passing = ("hang", "cut", "torn", "busy", "html", "json")
    answers.update(dict.fromkeys(passing, Answer(body=real)))
    parse(folder, server)
    assert seen == Counter(passing)
    assert teis(folder) == good | set(passing)


def test_real_tei_comes_through_byte_by_byte(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType, shared_data: Path
) -> None:
    real = {path.name.removesuffix(".tei.xml"): path.read_bytes() for path in (shared_data / "tei").glob("*.tei.xml")}

    def behaviour(number: int, text: str) -> Any:
        return grobid_server.Answer(body=real[text.removeprefix("Text of ").strip(". \n")])

    folder = pdfs(*real)
    parse(folder, serve(behaviour))
    rows = report_of(folder)
    assert {name: row["code"] for name, row in rows.items() if row["status"] == "failed"} == {
        "article-withdrawn": "EMPTY_BODY",
        "autism-2019.training": "NOT_TEI",
        "depontonx-2014-langage.header": "EMPTY_BODY",
        "terret-2020-abeilles.header": "EMPTY_BODY",
    }
    for name, raw in real.items():
        path = folder.parent / "tei" / f"{name}.tei.xml"
        assert path.read_bytes() == raw if rows[name]["status"] == "parsed" else not path.exists()


def test_the_form_is_sent_as_it_should_be(serve: Callable[..., Any], pdfs: Callable[..., Path]) -> None:
    from axolotl_ragdata.grobid.options import FORM

    server = serve()
    parse(pdfs("a"), server)
    (request,) = server.requests
    assert request.form == FORM


def test_nothing_is_sent_twice_and_what_changed_is(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    server = serve()
    folder = pdfs("a", "b")
    assert parse(folder, server).sent == 2
    before = (folder.parent / "tei" / "a.tei.xml").stat().st_mtime_ns
    nowhere = ParseOptions(url="http://127.0.0.1:9")
    again = parse_pdfs(find_pdfs([folder]), folder.parent / "tei", nowhere)
    assert (again.sent, again.count("parsed")) == (0, 2)
    assert (folder.parent / "tei" / "a.tei.xml").stat().st_mtime_ns == before
    (folder / "a.pdf").write_bytes(grobid_server.pdf_of(["Another text."]))
    assert parse(folder, server).sent == 1
    assert b"Another text." in (folder.parent / "tei" / "a.tei.xml").read_bytes()
    (folder.parent / "tei" / "b.tei.xml").unlink()
    assert parse(folder, server).sent == 1
    assert parse(folder, server, part_pages=7).sent == 2
    assert parse(folder, server, part_pages=7).sent == 0
    assert parse(folder, server, part_pages=7, force=True).sent == 2
    (folder / "b.pdf").rename(folder / "renamed.pdf")
    assert parse(folder, server, part_pages=7).sent == 0
    assert teis(folder) == {"a", "b"}
    assert set(report_of(folder)) == {"a", "renamed"}


def test_refused_for_good_is_asked_again_only_on_request(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    answers = {"now": grobid_server.Answer(500, b"[BAD_INPUT_DATA] sick server")}
    server = serve(lambda number, text: answers["now"])
    folder = pdfs("a")
    assert parse(folder, server).missing[0].code == "BAD_INPUT_DATA"
    assert parse(folder, server).sent == 0
    answers["now"] = None
    report = parse(folder, server, retry_failed=True)
    assert (report.sent, report.missing) == (1, ())


def test_a_pdf_that_changed_and_fails_takes_its_stale_tei_along(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    server = serve()
    folder = pdfs("a")
    foreign = folder.parent / "tei" / "b.tei.xml"
    foreign.parent.mkdir()
    foreign.write_text("<TEI>from elsewhere</TEI>")
    parse(folder, server)
    (folder / "a.pdf").write_bytes(b"no pdf any more")
    (folder / "b.pdf").write_bytes(b"no pdf either")
    parse(folder, server)
    assert teis(folder) == {"b"}
    assert "elsewhere" in foreign.read_text()


def test_a_passing_failure_takes_no_tei_away(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    answers: dict[str, Any] = {"now": None}
    server = serve(lambda number, text: answers["now"])
    folder = pdfs("a")
    parse(folder, server)
    answers["now"] = grobid_server.Answer(503)
    report = parse(folder, server, part_pages=9, busy_waits=1)
    assert report.missing[0].code == "SERVER_BUSY"
    assert report.missing[0].status == "parsed"
    assert teis(folder) == {"a"}
    answers["now"] = None
    assert parse(folder, server, part_pages=9).sent == 1


def test_the_same_bytes_are_sent_once_and_names_do_not_collide(
    serve: Callable[..., Any], tmp_path: Path, grobid_server: ModuleType
) -> None:
    for place, text in (("x/a", "One."), ("y/a", "Two."), ("y/copy", "One."), ("y/dé à", "Three.")):
        path = tmp_path / f"{place}.PDF"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(grobid_server.pdf_of([text]))
    server = serve()
    sources = find_pdfs([tmp_path / "x", tmp_path / "y", tmp_path / "x" / "a.PDF"])
    report = parse_pdfs(sources, tmp_path / "tei", options(server))
    assert len(server.requests) == 3
    assert [record.status for record in report.records] == ["parsed", "parsed", "copy", "parsed"]
    assert len({record.tei for record in report.records if record.tei}) == 3
    assert report.records[2].copy_of == report.records[0].pdf
    names = [record.tei for record in report.records]
    again = parse_pdfs(list(reversed(sources)), tmp_path / "tei", options(server))
    assert again.sent == 0
    assert {record.tei for record in again.records} == set(names)


def test_a_large_pdf_is_sent_without_a_warning(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    folder = pdfs()
    raw = grobid_server.pdf_of([f"Text {number}." for number in range(4)])
    (folder / "a.pdf").write_bytes(raw + b"%" + b"x" * 5_000_000 + b"\n" + raw[raw.rindex(b"startxref") :])
    (record,) = parse(folder, serve()).records
    assert (record.status, record.pages) == ("parsed", 4)


def test_folders_are_kept(serve: Callable[..., Any], tmp_path: Path, grobid_server: ModuleType) -> None:
    for name in ("a/one", "b/one", ".hidden/two"):
        (tmp_path / "pdfs" / name).parent.mkdir(parents=True)
        (tmp_path / "pdfs" / f"{name}.pdf").write_bytes(grobid_server.pdf_of([name]))
    report = parse_pdfs(find_pdfs([tmp_path / "pdfs"]), tmp_path / "tei", options(serve()))
    assert [record.tei for record in report.records] == ["a/one.tei.xml", "b/one.tei.xml"]


def test_concurrency_follows_the_server(serve: Callable[..., Any], pdfs: Callable[..., Path]) -> None:
    server = serve(latency_s=0.02, threads=2)
    folder = pdfs(*(f"p{number}" for number in range(30)))
    report = parse(folder, server, concurrency=20)
    assert report.count("parsed") == 30
    assert len(server.answered) == 30
    assert server.refused > 0
    assert server.most_at_once == 2


def test_a_server_that_is_busy_for_a_while_is_waited_for(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    until = time.monotonic() + 1.5
    server = serve(lambda number, text: grobid_server.Answer(503) if time.monotonic() < until else None)
    folder = pdfs("a", "b", "c")
    assert parse(folder, server, busy_wait_s=(0.2, 0.4)).count("parsed") == 3
    assert len(server.requests) <= 3 * 9


def test_without_a_server_the_error_has_the_line_that_starts_one(pdfs: Callable[..., Path]) -> None:
    folder = pdfs("a")
    with pytest.raises(EndpointError) as caught:
        parse_pdfs(find_pdfs([folder]), folder.parent / "tei", ParseOptions(url="http://127.0.0.1:9"))
    assert "docker run --rm --init --ulimit core=0 -p 9:8070 grobid/grobid:" in caught.value.fix
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("what", ["not GROBID", "not alive"])
def test_what_is_no_grobid_server_is_refused(serve: Callable[..., Any], pdfs: Callable[..., Path], what: str) -> None:
    server = serve()
    if what == "not GROBID":
        server.version = b"<html>nginx</html>"
    else:
        server.alive = b"false"
    with pytest.raises(EndpointError):
        parse(pdfs("a"), server)
    assert server.requests == []


def test_a_server_that_is_starting_is_waited_for(serve: Callable[..., Any], pdfs: Callable[..., Path]) -> None:
    server = serve()
    server.alive = b"false"
    server.version = b"0.5.1"
    threading.Timer(0.3, lambda: setattr(server, "alive", b"true")).start()
    report = parse(pdfs("a"), server, start_wait_s=5.0)
    assert report.records[0].grobid_version == "0.5.1"


def test_a_server_that_goes_away_leaves_every_pdf_named(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    server = serve()

    def behaviour(number: int, text: str) -> Any:
        if number < 3:
            return None
        server.alive = b"false"
        return grobid_server.Answer(grobid_server.CUT)

    server.behaviour = behaviour
    folder = pdfs(*(f"p{number}" for number in range(8)))
    with pytest.raises(EndpointError):
        parse(folder, server, concurrency=2)
    rows = report_of(folder)
    assert len(rows) == 8
    assert Counter(row["status"] for row in rows.values()) == {"parsed": 3, "failed": 5}
    codes = Counter(row["code"] for row in rows.values() if row["status"] == "failed")
    assert codes == {"SERVER_GONE": 2, "NOT_SENT": 3}
    suspects = {name for name, row in rows.items() if row.get("code") == "SERVER_GONE"}
    server.alive, server.behaviour = b"true", None
    before = len(server.requests)
    assert parse(folder, server, concurrency=1).sent == 5
    assert len(teis(folder)) == 8
    # what the server may have died of comes last
    last = [request.text.removeprefix("Text of ").strip(". \n") for request in server.requests[before:]][-2:]
    assert set(last) == suspects


def test_a_server_that_dies_of_one_pdf_and_comes_back_parses_the_others(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    server = serve(lambda number, text: grobid_server.Answer(grobid_server.CUT) if "deadly" in text else None)
    report = parse(pdfs("a", "deadly", "z"), server)
    assert [record.code for record in report.records] == [None, "CONNECTION", None]


def test_a_torn_report_and_a_tei_laid_aside_are_gone_on_from(
    serve: Callable[..., Any], pdfs: Callable[..., Path]
) -> None:
    server = serve()
    folder = pdfs("a", "b")
    parse(folder, server)
    tei = folder.parent / "tei"
    # killed after the line and before the rename
    (tei / ".staged").mkdir()
    (tei / "a.tei.xml").rename(tei / ".staged" / f"{report_of(folder)['a']['sha256']}.tei.xml")
    # killed inside the line of another PDF
    with (tei / "parse-report.jsonl").open("a") as file:
        file.write('{"pdf": "../pdfs/c.pdf", "sha2')
    pdfs("c")
    assert parse(folder, server).sent == 1
    assert teis(folder) == {"a", "b", "c"}
    assert len(server.requests) == 3
    assert set(report_of(folder)) == {"a", "b", "c"}


def test_a_folder_that_cannot_be_written(serve: Callable[..., Any], pdfs: Callable[..., Path]) -> None:
    folder = pdfs("a")
    (folder.parent / "tei").write_text("a file")
    with pytest.raises(StoreError):
        parse(folder, serve())


PAGES = 400
OUTLINE = [
    ("Cover", 1, 0),
    ("Chapter 1: Anxiety", 3, 0),
    ("Panic", 50, 1),
    ("Chapter 2: Mood", 130, 0),
    ("Index", 390, 0),
]


def handbook() -> list[str]:
    """Return 400 pages; the last sentence of each odd one goes on on the next."""
    return [
        f"Leaf {page} begins with a sentence [1].\nThe sentence of leaf {page} runs on to"
        if page % 2
        else f"the leaf {page} and ends there.\nLeaf {page} ends with a sentence."
        for page in range(1, PAGES + 1)
    ]


@pytest.mark.parametrize("outline", [OUTLINE, []], ids=["bookmarks", "pages"])
def test_a_book_of_400_pages_is_one_tei(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType, outline: list[Any]
) -> None:
    folder = pdfs()
    (folder / "book.pdf").write_bytes(grobid_server.pdf_of(handbook(), outline, title="The handbook"))
    server = serve()
    longest = 60 if outline else 61  # without an outline an odd number of pages: cuts go through sentences
    (record,) = parse(folder, server, part_pages=longest).records
    assert (record.status, record.pages) == ("parsed", PAGES)
    assert len(record.parts) == len(server.requests) >= 7
    assert max(len(request.pages) for request in server.requests) <= longest
    path = folder.parent / "tei" / "book.tei.xml"
    root = etree.parse(path).getroot()
    ids = [element.get(XML_ID) for element in root.iter() if element.get(XML_ID)]
    assert len(ids) == len(set(ids))
    targets = {ref.get("target").lstrip("#") for ref in root.iter(f"{NS}ref")}
    assert len(targets) == len(record.parts)
    assert targets <= set(ids)
    assert [int(surface.get("n")) for surface in root.iter(f"{NS}surface")] == list(range(1, PAGES + 1))

    document = read_document(path)
    assert document.title == "The handbook"
    blocks = [block for _, block, _ in document.placed_blocks if block.kind == "paragraph"]
    for page in range(1, PAGES + 1):
        first = f"Leaf {page} begins with a sentence [1]." if page % 2 else f"Leaf {page} ends with a sentence."
        (block,) = [block for block in blocks if block.text == first]
        assert {box.page for box in block.boxes} == {page}
    edges = [part.last_page for part in record.parts[:-1] if part.last_page % 2]
    assert edges
    for page in edges:
        whole = f"The sentence of leaf {page} runs on to the leaf {page + 1} and ends there."
        (block,) = [block for block in blocks if block.text == whole]
        assert [box.page for box in block.boxes] == [page, page + 1]
        assert len(block.sentences) == 1
    if outline:
        places = {box.page: section.path[0] for section, block, _ in document.placed_blocks for box in block.boxes}
        assert (places[1], places[100], places[131], places[300], places[400]) == (
            *("Cover", "Chapter 1: Anxiety", "Chapter 2: Mood", "Chapter 2: Mood", "Index"),
        )


def test_pages_that_fail_are_named_and_the_others_are_in_the_tei(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    def behaviour(number: int, text: str) -> Any:
        if "Leaf 77 " in text:
            return grobid_server.Answer(500, b"[BAD_INPUT_DATA] PDF to XML conversion failed")
        if "Leaf 340 " in text:
            return grobid_server.Answer(500, b"[NO_BLOCKS] PDF parsing resulted in empty content")
        # what is too long is halved until it is not; page 201 is too long by itself
        if "Leaf 201 " in text or text.count("Leaf ") > 30:
            return grobid_server.Answer(500, b"[TOO_MANY_TOKENS] too many")
        return None

    folder = pdfs()
    (folder / "book.pdf").write_bytes(grobid_server.pdf_of(handbook()))
    server = serve(behaviour)
    report = parse(folder, server, part_pages=50)
    (record,) = report.missing
    assert record.status == "partial"
    failed = {page for part in record.parts if part.code for page in range(part.first_page, part.last_page + 1)}
    assert failed >= {77, 201, *range(301, 351)}
    assert len(failed) <= 50 + 4 + 1
    assert record.failed_pages is not None
    document = read_document(folder.parent / "tei" / "book.tei.xml")
    there = {box.page for _, block, _ in document.placed_blocks for box in block.boxes}
    assert there | failed == set(range(1, PAGES + 1))
    assert not {77, 201} & there
    assert {part.code for part in record.parts} == {None, "BAD_INPUT_DATA", "NO_BLOCKS", "TOO_MANY_TOKENS"}
    asked = len(server.requests)
    assert parse(folder, server, part_pages=50).sent == 0
    server.behaviour = None
    assert parse(folder, server, part_pages=50, retry_failed=True).missing == ()
    assert len(server.requests) > asked


def test_a_page_of_which_nothing_came_is_named(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    folder = pdfs()
    pages = ["" if page in (4, 10, 11) else f"Leaf {page} is here." for page in range(1, 13)]
    (folder / "a.pdf").write_bytes(grobid_server.pdf_of(pages))
    (record,) = parse(folder, serve(), part_pages=5).records
    assert (record.status, record.silent_pages) == ("parsed", "4, 10-11")


def test_a_short_pdf_that_is_too_long_for_the_server_is_halved(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    def behaviour(number: int, text: str) -> Any:
        too_long = len(text.split("Leaf")) > 3
        return grobid_server.Answer(500, b"[TIMEOUT] PDF to XML conversion timed out") if too_long else None

    folder = pdfs()
    (folder / "a.pdf").write_bytes(grobid_server.pdf_of([f"Leaf {page}." for page in range(1, 6)]))
    (record,) = parse(folder, serve(behaviour)).records
    assert record.status == "parsed"
    assert [(part.first_page, part.last_page) for part in record.parts] == [(1, 2), (3, 3), (4, 5)]


def test_an_interrupted_book_goes_on_with_its_parts(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    folder = pdfs()
    (folder / "book.pdf").write_bytes(grobid_server.pdf_of(handbook()))
    server = serve(lambda number, text: grobid_server.Answer(503) if number >= 5 else None)
    (record,) = parse(folder, server, part_pages=50, concurrency=1, busy_waits=1).records
    assert (record.status, record.retryable) == ("partial", True)
    done = {request.text for request in server.answered}
    assert len(done) == 5
    server.behaviour = None
    (record,) = parse(folder, server, part_pages=50, concurrency=1).records
    assert record.status == "parsed"
    assert len(server.answered) == 8
    assert len({request.text for request in server.answered}) == 8
    assert not (folder.parent / "tei" / ".parts").exists()


def test_a_broken_pdf_is_left_to_the_server_and_reported(
    serve: Callable[..., Any], pdfs: Callable[..., Path], grobid_server: ModuleType
) -> None:
    folder = pdfs("whole")
    raw = grobid_server.pdf_of(["Text."])
    (folder / "broken.pdf").write_bytes(raw[:200] + b"\0" * 50)
    server = serve(lambda number, text: None if text else grobid_server.Answer(500, b"[BAD_INPUT_DATA] damaged"))
    records = {Path(record.pdf).stem: record for record in parse(folder, server).records}
    assert records["whole"].status == "parsed"
    assert records["broken"].status == "failed"
    assert records["broken"].code in ("BAD_INPUT_DATA", "GENERAL")
    assert "its pages could not be counted" in str(records["broken"].reason)
