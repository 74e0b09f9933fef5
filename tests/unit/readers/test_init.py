from __future__ import annotations

import os
from pathlib import Path

import pytest

from axolotl_ragdata.errors import DocumentRefused, UnknownName
from axolotl_ragdata.readers import find_files, read_document, unread_files

from .tei import tei


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tei.xml", "a.md", "deep/c.json", "deep/d.pdf", ".hidden.md", ".git/e.md", "f.docx"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("text")
    return tmp_path


def test_finds_the_files_of_a_folder_in_order(folder: Path) -> None:
    assert find_files(folder) == [folder / "a.md", folder / "b.tei.xml", folder / "deep" / "c.json"]
    assert unread_files(folder) == [folder / "deep" / "d.pdf", folder / "f.docx"]


def test_finds_a_file_and_a_glob(folder: Path) -> None:
    assert find_files(folder / "f.docx") == [folder / "f.docx"]
    assert find_files(str(folder / "**" / "*.json")) == [folder / "deep" / "c.json"]
    assert find_files(str(folder / "*.nothing")) == []
    assert find_files(folder / "missing") == []
    assert find_files("nul\0byte") == []
    assert unread_files(folder / "missing") == []


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    file = tmp_path / "a [1].md"
    file.write_text("text")
    assert find_files(file) == [file]


def test_content_decides_before_the_name(tmp_path: Path) -> None:
    file = tmp_path / "paper.txt"
    file.write_bytes(tei("<div><p>Hello.</p></div>"))
    assert read_document(file).source.reader == "grobid"
    file.write_bytes("\ufeff".encode() + tei("<div><p>Hello.</p></div>"))
    assert read_document(file).source.reader == "grobid"
    file.write_text('{"paper_id": "x", "body_text": [{"text": "Hello."}]}')
    assert read_document(file).source.reader == "s2orc"
    file.write_text("Hello.")
    assert read_document(file).source.reader == "text"
    assert read_document(file, "text").text == "Hello."


@pytest.mark.parametrize("code", ["NO_BLOCKS", "TIMEOUT", "BAD_INPUT_DATA", "GENERAL", "TOO_MANY_TOKENS"])
def test_an_error_of_grobid_is_shown(tmp_path: Path, code: str) -> None:
    for name in ("error.txt", "error.tei.xml", "error.md"):
        file = tmp_path / name
        file.write_text(f"[{code}] PDF parsing failed\nmore")
        with pytest.raises(DocumentRefused, match=rf"\[{code}\] PDF parsing failed"):
            read_document(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file"),
        (b" \n\xef\xbb\xbf", "empty file"),
        (b"%PDF-1.7 ...", "it is a PDF"),
        (b"PK\x03\x04...", "ZIP archive or an office document"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no reader recognises it"),
    ],
)
def test_what_is_no_document_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    for name in ("a.bin", "a.txt"):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(DocumentRefused, match=said) as refusal:
            read_document(file)
        assert str(file) in str(refusal.value)
        assert "\nfix: " in str(refusal.value)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    for path, said in (
        (tmp_path / "missing.md", "No such file"),
        (tmp_path, "no ordinary file"),
        (tmp_path / "pipe.md", "no ordinary file"),
        (Path("nul\0.md"), "cannot be read"),
    ):
        with pytest.raises(DocumentRefused, match=said):
            read_document(path)


def test_the_size_is_capped(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("four")
    assert read_document(file, max_bytes=4).text == "four"
    with pytest.raises(DocumentRefused, match="larger than 3 bytes"):
        read_document(file, max_bytes=3)


def test_an_unknown_reader_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'grobid'"):
        read_document(tmp_path / "a.md", "grobit")


def test_a_name_that_is_not_utf8_is_written_as_escapes(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.md")
    try:
        file.write_text("Hello.")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert read_document(file).source.path.endswith("caf\\udce9.md")


def test_ids_follow_from_content_and_reader_alone(tmp_path: Path) -> None:
    one, two, other = tmp_path / "a.md", tmp_path / "b.md", tmp_path / "c.md"
    one.write_text("Hello.")
    two.write_text("Hello.")
    other.write_text("Hello!")
    assert read_document(one).id == read_document(two).id != read_document(other).id
