"""Reading on all cores gives what reading alone gives, whatever happens to a process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from axolotl_ragdata.errors import DocumentRefused, UnknownName
from axolotl_ragdata.readers import many, read_document, readers
from axolotl_ragdata.readers.many import read_documents, read_json
from axolotl_ragdata.readers.structured import to_json
from axolotl_ragdata.records import Document

from .tei import bibliography, tei


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str | None]]:
    """Documents, among them some that are refused."""
    folder = tmp_path_factory.mktemp("shelf")
    files = []
    for number in range(24):
        path = folder / f"{number:02}.tei.xml"
        body = f'<div><head n="1">H{number}</head><p>Text ü {number} <ref type="bibr" target="#b0">[1]</ref>.</p></div>'
        path.write_bytes(b"[NO_BLOCKS] nothing" if number % 7 == 3 else tei(body, back=bibliography("b0")))
        files.append((path, None))
    return files


def alone(path: Path) -> Document | tuple[str, str, str]:
    try:
        return read_document(path)
    except DocumentRefused as refusal:
        return refusal.where, refusal.what, refusal.fix


def shown(found: Document | DocumentRefused) -> Document | tuple[str, str, str]:
    return (found.where, found.what, found.fix) if isinstance(found, DocumentRefused) else found


def children() -> set[int]:
    """Return the processes that this one started and that still run."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    if not own.exists():
        pytest.skip("this system does not list a process's children")
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_order_and_content_do_not_depend_on_the_number_of_processes(
    shelf: list[tuple[Path, str | None]], workers: int
) -> None:
    before = children()
    found = [shown(one) for one in read_documents(shelf, workers)]
    assert found == [alone(path) for path, _ in shelf]
    assert children() == before


def test_the_lines_of_json_are_those_of_one_process(shelf: list[tuple[Path, str | None]]) -> None:
    one = [line for line in read_json(shelf, 0) if isinstance(line, str)]
    two = [line for line in read_json(shelf, 2) if isinstance(line, str)]
    assert one == two
    assert len(one) == 24 - 3
    assert json.loads(one[0]) == to_json(read_document(shelf[0][0]))


def test_an_unknown_reader_is_named_before_anything_is_read(shelf: list[tuple[Path, str | None]]) -> None:
    with pytest.raises(UnknownName, match="grobit"):
        list(read_documents([(path, "grobit") for path, _ in shelf], 2))


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md"))
    try:
        path.write_text("# A\n\nText.\n")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    (one, other) = read_documents([(path, None), (path, None)], 2)
    assert one == other == read_document(path)


def test_a_file_whose_process_dies_is_refused_and_the_others_are_read(
    shelf: list[tuple[Path, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel kills a process for its memory: here the process kills itself at a file of that name."""
    deadly = shelf[5][0]
    lethal = (
        "import sys; sys.path[:] = {path!r}\n"
        "import os, signal\nfrom axolotl_ragdata.readers import _worker\nread = _worker.read_fields\n"
        f"def fatal(path, *rest):\n    if path.name == {deadly.name!r}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return read(path, *rest)\n"
        "_worker.read_fields = fatal\n_worker.main()"
    )
    monkeypatch.setattr(many, "START", lethal)
    found = [shown(one) for one in read_documents(shelf, 2)]
    refused = found.pop(5)
    assert isinstance(refused, tuple)
    assert refused[:2] == (str(deadly), "the process that read it died (signal 9)")
    assert found == [alone(path) for path, _ in shelf if path != deadly]


def test_a_process_that_dies_idle_is_nobodys_fault(shelf: list[tuple[Path, str | None]]) -> None:
    pool = many._Pool(shelf, 1, as_json=False)
    worker = pool._workers[0]
    try:
        for number in range(20):
            pool.take(number)
        while worker.tasks:
            pool._collect(None)
        assert worker._process is not None
        worker._process.kill()
        worker._process.wait()
        pool._found.clear()
        pool._asked = 20
        assert [shown(pool.take(number)) for number in range(20, 24)] == [alone(path) for path, _ in shelf[20:]]
    finally:
        pool.end()


def test_where_no_process_starts_this_one_reads(
    shelf: list[tuple[Path, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "START", "raise SystemExit(3)")
    assert [shown(one) for one in read_documents(shelf, 2)] == [alone(path) for path, _ in shelf]


def test_a_reader_that_only_this_process_knows_is_used(
    shelf: list[tuple[Path, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_items", {**readers._items, "own": readers.get("text", "test")})
    found = list(read_documents([(path, "own") for path, _ in shelf[:4]], 2))
    assert [one.source.reader for one in found if isinstance(one, Document)] == ["text"] * 4


def test_who_stops_early_leaves_no_process(shelf: list[tuple[Path, str | None]]) -> None:
    before = children()
    with contextlib.closing(read_documents(shelf, 2)) as found:
        next(found)
        assert len(children()) > len(before)
    assert children() == before


def test_few_bytes_start_no_process(shelf: list[tuple[Path, str | None]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert many._count(shelf) == 0
    monkeypatch.setattr(many, "LEAST_BYTES", 100)
    assert 1 <= many._count(shelf) <= many.MOST_WORKERS
    assert many._count([(Path("/nowhere"), None)]) == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupt_ends_all_processes(tmp_path: Path, sign: signal.Signals) -> None:
    """The command reads 16 MB on two processes; whatever ends it ends them too."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list a process's children")
    body = "<div>" + "<p>A sentence about mood, sleep and appetite in a long article.</p>" * 6_000 + "</div>"
    for number in range(40):
        (tmp_path / f"{number}.tei.xml").write_bytes(tei(body))
    code = (
        "import sys; from axolotl_ragdata.readers import many; many._count = lambda files: 2\n"
        f"sys.argv = ['ragdata', 'read', {str(tmp_path)!r}, '--json']; from axolotl_ragdata.cli import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"paper_id"')
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        started = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        assert len(started) == 2
        process.send_signal(sign)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == (128 + sign if sign != signal.SIGKILL else -sign)
    assert b"Traceback" not in said
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
