"""`ragdata parse` as a user types it, against a loopback GROBID server."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def server(grobid_server: ModuleType) -> Iterator[Any]:
    """A loopback GROBID server."""
    running = grobid_server.GrobidServer().start()
    yield running
    running.stop()


@pytest.fixture
def pdfs(tmp_path: Path, grobid_server: ModuleType) -> Path:
    """A folder of twelve PDFs."""
    folder = tmp_path / "pdfs"
    folder.mkdir()
    for number in range(12):
        (folder / f"p{number:02}.pdf").write_bytes(grobid_server.pdf_of([f"Text of number {number:02}."]))
    return folder


def report(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "parse-report.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_folder_of_pdfs_is_a_folder_of_tei_that_is_read(
    pdfs: Path, tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    tei = tmp_path / "tei"
    ended = ragdata("parse", pdfs, "-o", tei, "--grobid", server.url)
    assert ended.code == 0, ended.err
    assert "12 PDFs: 12 parsed" in ended.out
    assert "GROBID 0.9.1" in ended.err
    again = ragdata("parse", pdfs, "-o", tei, "--json", env={"GROBID_URL": "http://127.0.0.1:9"})
    assert again.code == 0, again.err
    assert [json.loads(line)["status"] for line in again.out.splitlines()] == ["parsed"] * 12
    assert len(server.requests) == 12
    read = ragdata("read", tei, "--json")
    assert read.code == 0, read.err
    assert len(read.out.splitlines()) == 12


def test_failures_are_named_with_advice_and_exit_with_3(
    pdfs: Path, tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any]
) -> None:
    server.behaviour = lambda number, text: (
        grobid_server.Answer(500, b"[NO_BLOCKS] PDF parsing resulted in empty content") if "07" in text else None
    )
    ended = ragdata("parse", pdfs / "p0*.pdf", pdfs / "p10.pdf", "-o", tmp_path / "tei", "--grobid", server.url)
    assert ended.code == 3
    assert "11 PDFs: 10 parsed, 1 failed" in ended.out
    assert "p07.pdf (1 page): NO_BLOCKS" in ended.out
    assert "ocrmypdf" in ended.out
    assert "parse-report.jsonl" in ended.err
    assert "Traceback" not in ended.err
    assert report(tmp_path / "tei")[0]["code"] == "NO_BLOCKS"


def test_no_server_no_pdf_no_url(pdfs: Path, tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("parse", pdfs, "-o", tmp_path / "tei", "--grobid", "http://127.0.0.1:9")
    assert ended.code == 1
    assert "fix: start one with `docker run --rm --init --ulimit core=0 -p 9:8070 grobid/grobid:" in ended.err
    assert "Traceback" not in ended.err
    assert not list((tmp_path / "tei").glob("*.xml"))
    (tmp_path / "none").mkdir()
    assert ragdata("parse", tmp_path / "none", "-o", tmp_path / "tei").code == 2
    assert ragdata("parse", pdfs, "-o", tmp_path / "tei", "--grobid", "localhost").code == 2
    assert ragdata("parse", pdfs).code == 2


def start(pdfs: Path, tei: Path, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "axolotl_ragdata.cli", "parse", str(pdfs), "-o", str(tei), "--grobid", url]
    return subprocess.Popen(
        [*command, "--concurrency", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_half_way_and_started_again_no_finished_pdf_is_sent_again(
    pdfs: Path, tmp_path: Path, server: Any, number: signal.Signals, ragdata: Callable[..., Any]
) -> None:
    server.latency_s = 0.3
    tei = tmp_path / "tei"
    with start(pdfs, tei, server.url) as child:
        wait_for(lambda: len(list(tei.glob("*.tei.xml"))) >= 4)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    finished = {path.name for path in tei.glob("*.tei.xml")}
    assert 4 <= len(finished) < 12
    if number != signal.SIGKILL:
        assert child.returncode == 128 + number
        assert "every finished PDF is kept" in err
    assert "Traceback" not in err
    time.sleep(0.6)  # the server ends what it was asked for
    before = len(server.requests)
    ended = ragdata("parse", pdfs, "-o", tei, "--grobid", server.url)
    assert ended.code == 0, ended.err
    again = [request.text for request in server.requests[before:]]
    assert len(again) <= 12 - len(finished)  # one may have been finished between its line and its place
    for name in finished:
        assert not any(f"number {name[1:3]}." in text for text in again)
    assert {row["status"] for row in report(tei)} == {"parsed"}
    assert len(report(tei)) == len(list(tei.glob("*.tei.xml"))) == 12


PAGE = """# Diagnosis
Insomnia disorder {number} is a sleep disorder characterised by difficulty falling asleep at least three nights a week.
Hypersomnia {number} is a sleep disorder characterised by excessive sleepiness despite a main sleep of seven hours.
The symptoms of insomnia disorder {number} must last for at least three months before a diagnosis is made."""


def recipe_of(folder: Path, more: str = "") -> Path:
    path = folder / "recipe.yml"
    path.write_text(
        "base_model: embedded\nplugins: [axolotl_ragdata.RagdataPlugin]\nragdata:\n  output: ./run\n"
        f"  sources: [{{path: ./pdfs}}]\n  questions: {{from: structure}}\n  answers: {{mode: extractive}}\n{more}",
        encoding="utf-8",
    )
    return path


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_build_parses_the_pdfs_among_its_sources(
    tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any]
) -> None:
    (tmp_path / "pdfs" / "deep").mkdir(parents=True)
    for number, name in enumerate(("one", "deep/two", "scan", "slow")):
        (tmp_path / "pdfs" / f"{name}.pdf").write_bytes(grobid_server.pdf_of([PAGE.format(number=f"type{number}")]))
    (tmp_path / "pdfs" / "notes.md").write_text("# Sleep\n\nSleep hygiene is a set of habits that help to sleep.\n")
    (tmp_path / "pdfs" / "has-tei.pdf").write_bytes(grobid_server.pdf_of(["Parsed before."]))
    (tmp_path / "pdfs" / "has-tei.tei.xml").write_bytes(
        grobid_server.tei_of(["# Naps\nA nap is a short sleep by day."])
    )
    (tmp_path / "pdfs" / "locked.pdf").write_bytes(grobid_server.pdf_of(["Secret."], password="x"))
    server.behaviour = lambda number, text: (
        grobid_server.Answer(500, b"[NO_BLOCKS] PDF parsing resulted in empty content")
        if "type2" in text
        else grobid_server.Answer(grobid_server.HANG)
        if "type3" in text
        else None
    )
    recipe = recipe_of(tmp_path, f"  max_failure_share: 0.5\n  grobid: {{url: '{server.url}', timeout_s: 4.0}}\n")
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    documents = {row["source"]["path"]: row["source"] for row in table(tmp_path, "documents")}
    assert set(documents) == {"run/tei/one.tei.xml", "run/tei/deep/two.tei.xml"} | {
        f"pdfs/{name}" for name in ("notes.md", "has-tei.tei.xml")
    }
    source = documents["run/tei/deep/two.tei.xml"]
    assert source["pdf"] == "pdfs/deep/two.pdf"
    assert len(source["pdf_sha256"]) == 64
    refused = {row["subject"]["path"]: row["reason"] for row in table(tmp_path, "rejected") if row["stage"] == "read"}
    assert refused == {
        "pdfs/scan.pdf": "NO_BLOCKS",
        "pdfs/locked.pdf": "ENCRYPTED",
        "pdfs/has-tei.pdf": "its TEI stands beside it",
    }
    (failure,) = table(tmp_path, "failures")
    assert failure["error"] == "NO_ANSWER"
    assert "pdfs/slow.pdf" in failure["detail"]
    rows = [row["provenance"] for row in table(tmp_path, "examples")]
    (row,) = [row for row in table(tmp_path, "examples") if row["provenance"]["source_pdf"] == "pdfs/one.pdf"][:1]
    assert {row["source_pdf"] for row in rows} >= {"pdfs/one.pdf", "pdfs/deep/two.pdf"}
    shown = ragdata("show", recipe, row["id"])
    assert "pdfs/one.pdf" in shown.out
    assert "run/tei/one.tei.xml" in shown.out
    assert ragdata("verify", recipe).code == 0

    # what failed for now is tried again, and then nothing needs the server
    server.behaviour = lambda number, text: None
    before = len(server.requests)
    assert ragdata("build", recipe).code == 0
    assert [request.text.count("type3") > 0 for request in server.requests[before:]] == [True]
    assert len(table(tmp_path, "documents")) == 5
    server.alive = b"false"
    ended = ragdata("build", recipe, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["unchanged"] is True
    (tmp_path / "pdfs" / "notes.md").write_text(
        "# Sleep\n\nSleep hygiene is a set of daily habits that help to sleep.\n"
    )
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err


def test_a_book_that_is_not_whole_is_a_document_with_its_missing_pages_named(
    tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any]
) -> None:
    (tmp_path / "pdfs").mkdir()
    pages = [PAGE.format(number=f"type{number}") for number in range(1, 31)]
    (tmp_path / "pdfs" / "book.pdf").write_bytes(grobid_server.pdf_of(pages))
    server.behaviour = lambda number, text: (
        grobid_server.Answer(500, b"[BAD_INPUT_DATA] damaged") if "type13 " in text else None
    )
    recipe = recipe_of(tmp_path, "  grobid: {part_pages: 10}\n")
    ended = ragdata("build", recipe, env={"GROBID_URL": server.url})
    assert ended.code == 0, ended.err
    (document,) = table(tmp_path, "documents")
    (lost,) = [row for row in table(tmp_path, "rejected") if row["stage"] == "parse"]
    assert lost["reason"].startswith("pages 1")
    assert lost["reason"].endswith(" are missing: BAD_INPUT_DATA")
    assert lost["reason"] in document["warnings"]
    assert ragdata("verify", recipe).code == 0


def test_a_build_without_a_server_says_how_to_start_one(
    pdfs: Path, tmp_path: Path, ragdata: Callable[..., Any]
) -> None:
    ended = ragdata("build", recipe_of(tmp_path), env={"GROBID_URL": "http://127.0.0.1:9"})
    assert ended.code == 1
    assert "docker run --rm --init --ulimit core=0 -p 9:8070 grobid/grobid:" in ended.err
    ended = ragdata("build", recipe_of(tmp_path, "  grobid: {url: nowhere}\n"))
    assert ended.code == 2
    assert "ragdata.grobid.url: 'nowhere' is not the URL of a server" in ended.err


def test_a_pdf_that_was_refused_for_good_is_sent_again_with_the_command_that_the_build_names(
    tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pdfs").mkdir()
    for number, name in enumerate(("one", "it's two"), 1):
        (tmp_path / "pdfs" / f"{name}.pdf").write_bytes(grobid_server.pdf_of([PAGE.format(number=f"type{number}")]))
    server.behaviour = lambda number, text: (
        grobid_server.Answer(500, b"[BAD_INPUT_DATA] sick server") if "type2" in text else None
    )
    recipe = recipe_of(tmp_path, f"  grobid: {{url: '{server.url}', part_pages: 30}}\n")
    assert ragdata("build", recipe).code == 0
    (refused,) = [row for row in table(tmp_path, "rejected") if row["stage"] == "read"]
    server.behaviour = None
    assert json.loads(ragdata("build", recipe, "--json").out)["unchanged"] is True
    command = shlex.split(refused["detail"].split("`")[1 if refused["detail"].count("`") == 2 else 3])
    assert command[0] == "ragdata"
    monkeypatch.chdir(tmp_path)
    ended = ragdata(*command[1:])
    assert ended.code == 0, ended.err
    ended = ragdata("build", recipe, "--json")
    assert json.loads(ended.out)["unchanged"] is False
    assert {row["source"]["pdf"] for row in table(tmp_path, "documents")} == {"pdfs/one.pdf", "pdfs/it's two.pdf"}
    assert json.loads(ragdata("build", recipe, "--json").out)["unchanged"] is True


def test_a_source_in_front_takes_no_tei(
    tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any]
) -> None:
    for folder in ("v1", "v2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ch1.pdf").write_bytes(grobid_server.pdf_of([PAGE.format(number=f"type-{folder}")]))
    path = recipe_of(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("./pdfs", "./v2"))
    assert ragdata("build", path, env={"GROBID_URL": server.url}).code == 0
    path.write_text(text.replace("[{path: ./pdfs}]", "[{path: ./v1}, {path: ./v2}]"))
    assert ragdata("build", path, env={"GROBID_URL": server.url}).code == 0
    found = {row["source"]["pdf"]: json.dumps(row) for row in table(tmp_path, "documents")}
    assert set(found) == {"v1/ch1.pdf", "v2/ch1.pdf"}
    for name, row in found.items():
        assert f"type-{name[:2]}" in row


def test_pages_of_which_nothing_came_are_told(
    tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any]
) -> None:
    (tmp_path / "pdfs").mkdir()
    pages = [PAGE.format(number="type1"), "", ""]
    (tmp_path / "pdfs" / "a.pdf").write_bytes(grobid_server.pdf_of(pages))
    ended = ragdata("parse", tmp_path / "pdfs", "-o", tmp_path / "tei", "--grobid", server.url)
    assert ended.code == 0
    assert "1 have pages of which no text came" in ended.out
    assert "a.pdf: 2-3" in ended.out
    assert ragdata("build", recipe_of(tmp_path), env={"GROBID_URL": server.url}).code == 0
    (document,) = table(tmp_path, "documents")
    assert "no text came of pages 2-3: blank" in " ".join(document["warnings"])


def test_a_name_that_finds_nothing_is_an_error(
    pdfs: Path, tmp_path: Path, server: Any, ragdata: Callable[..., Any]
) -> None:
    ended = ragdata("parse", pdfs, pdfs / "missing.pdf", "-o", tmp_path / "tei", "--grobid", server.url)
    assert ended.code == 2
    assert "missing.pdf: no PDF there" in ended.err
    assert server.requests == []


def test_a_server_that_goes_away_is_told_after_what_was_done(
    pdfs: Path, tmp_path: Path, server: Any, grobid_server: ModuleType
) -> None:
    def behaviour(number: int, text: str) -> Any:
        if number < 3:
            return None
        server.alive = b"<html>gone</html>"
        return grobid_server.Answer(grobid_server.CUT)

    server.behaviour = behaviour
    with start(pdfs, tmp_path / "tei", server.url) as child:
        out, err = child.communicate(timeout=200)
    assert child.returncode == 1
    assert "12 PDFs: 3 parsed, 2 failed, 7 not sent" in out
    assert out.count("SERVER_GONE") == 2
    assert "(1 page)" in out
    assert "NOT_SENT" not in out
    assert "error: " in err


def test_a_book_that_is_killed_half_way_goes_on_with_its_parts(
    tmp_path: Path, server: Any, grobid_server: ModuleType, ragdata: Callable[..., Any]
) -> None:
    (tmp_path / "pdfs").mkdir()
    pages = [f"Leaf {page} is here." for page in range(1, 601)]
    (tmp_path / "pdfs" / "book.pdf").write_bytes(grobid_server.pdf_of(pages))
    server.latency_s = 0.3
    tei = tmp_path / "tei"
    with start(tmp_path / "pdfs", tei, server.url) as child:
        wait_for(lambda: len(list(tei.glob(".parts/*/*.tei.xml"))) >= 4)
        child.kill()
        child.communicate(timeout=60)
    kept = len(list(tei.glob(".parts/*/*.tei.xml")))
    time.sleep(0.6)  # the server ends what it was asked for
    before = len(server.requests)
    ended = ragdata("parse", tmp_path / "pdfs", "-o", tei, "--grobid", server.url)
    assert ended.code == 0, ended.err
    assert len(server.requests) - before == 10 - kept
    text = (tei / "book.tei.xml").read_text()
    assert all(text.count(page) == 1 for page in pages)
    assert not (tei / ".parts").exists()


HELD_UP = """
import time
import pypdf
import axolotl_ragdata.cli

def never(*arguments, **named):
    while True:
        time.sleep(0.01)

pypdf.PdfReader.__init__ = never
axolotl_ragdata.cli.main()
"""


def test_a_pdf_that_holds_pypdf_up_does_not_hold_up_the_end(pdfs: Path, tmp_path: Path, server: Any) -> None:
    command = ["parse", str(pdfs), "-o", str(tmp_path / "tei"), "--grobid", server.url]
    with subprocess.Popen([sys.executable, "-c", HELD_UP, *command], stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        while "GROBID 0.9.1" not in child.stderr.readline():
            pass
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        child.wait(timeout=20)
        assert child.returncode == 130
        assert "every finished PDF is kept" in child.stderr.read()
