from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata import lines
from axolotl_ragdata.errors import DocumentRefused, StoreError
from axolotl_ragdata.lines import line_bytes, lines_of, read_line
from axolotl_ragdata.readers import find_files, read_document
from axolotl_ragdata.readers.many import read_documents
from axolotl_ragdata.records import Document
from axolotl_ragdata.store import sha256_of


def line(number: int) -> bytes:
    return json.dumps({"paper_id": str(number), "body_text": [{"text": f"Paper {number}."}]}).encode() + b"\n"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Three papers and an empty line; the last one has no line end."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(line(1) + b"\r\n" + line(3) + line(4).rstrip())
    return path


def test_each_line_that_says_something_is_a_document(papers: Path) -> None:
    found = find_files(papers)
    assert [path.name for path in found] == ["papers.jsonl:1", "papers.jsonl:3", "papers.jsonl:4"]
    documents = [read_document(path) for path in found]
    assert [document.text for document in documents] == ["Paper 1.", "Paper 3.", "Paper 4."]
    assert [document.source.path for document in documents] == [str(path) for path in found]
    assert documents[1].source.sha256 == sha256_of(found[1]) == hashlib.sha256(line(3)).hexdigest()
    assert len({document.id for document in documents}) == 3


def test_a_line_can_be_named_and_a_glob_finds_lines(papers: Path) -> None:
    assert find_files(f"{papers}:3") == [papers.with_name("papers.jsonl:3")]
    assert len(find_files(papers.with_name("*.jsonl"))) == 3
    assert find_files(papers.parent) == [], "JSON Lines in a folder may be anything"
    assert find_files(f"{papers}:9") == []


def test_processes_read_lines_too(papers: Path) -> None:
    found = list(read_documents([(path, None) for path in find_files(papers)], workers=2))
    assert [each.text for each in found if isinstance(each, Document)] == ["Paper 1.", "Paper 3.", "Paper 4."]


def test_a_line_that_is_wrong_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(line(1) + b'{"paper_id": 1, "body_text": 3}\n   \n')
    first, second, third = find_files(path)
    assert read_document(first).text == "Paper 1."
    for bad, said in ((second, "has not the shape"), (third, "empty file")):
        with pytest.raises(DocumentRefused, match=said) as refusal:
            read_document(bad)
        assert refusal.value.where == str(bad)
    with pytest.raises(DocumentRefused, match="the line is larger than 9 bytes"):
        read_document(first, max_bytes=9)


def test_a_file_that_changes_is_looked_at_again(papers: Path) -> None:
    assert read_line(papers.with_name("papers.jsonl:1")) == line(1)
    papers.write_bytes(line(5))
    os.utime(papers, (1, 1))
    assert read_line(papers.with_name("papers.jsonl:1")) == line(5)
    assert line_bytes(papers.with_name("papers.jsonl:3")) is None
    with pytest.raises(StoreError, match="cannot be read"):
        sha256_of(papers.with_name("papers.jsonl:3"))


def test_a_file_of_that_name_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line(1))
    (tmp_path / "a.jsonl:1").write_bytes(line(2))
    assert read_document(tmp_path / "a.jsonl:1").text == "Paper 2."


def test_too_many_lines_are_refused_as_one_file(papers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_LINES", 3)
    (path,) = find_files(papers)
    with pytest.raises(DocumentRefused, match="several JSON values") as refusal:
        read_document(path)
    assert "split it" in refusal.value.fix


def test_json_lines_under_another_name_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_bytes(line(1) + line(2))
    with pytest.raises(DocumentRefused, match="several JSON values") as refusal:
        read_document(path)
    assert "give JSON Lines the name FILE.jsonl" in refusal.value.fix


@given(st.lists(st.binary(max_size=5), max_size=6), st.integers(1, 7))
def test_lines_are_those_that_python_finds(pieces: list[bytes], block_bytes: int) -> None:
    """Wherever blocks of the file end."""
    raw = b"\n".join(pieces)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK_BYTES", block_bytes)
        path = Path(folder, "a.jsonl")
        path.write_bytes(raw)
        wanted = dict(enumerate(raw.split(b"\n"), 1))
        for address in lines_of(path):
            number = int(address.name.rpartition(":")[2])
            assert (read_line(address) or b"").removesuffix(b"\n") == wanted.pop(number)
        assert all(len(left) <= 2 for left in wanted.values())
