from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from axolotl_ragdata import corpus
from axolotl_ragdata.errors import NoDocuments, RecipeError
from axolotl_ragdata.pdfs import options_of, tei_folder
from axolotl_ragdata.recipe import Recipe, load_recipe


def recipe(folder: Path, source: str = "./shelf", more: str = "") -> Recipe:
    path = folder / "recipe.yml"
    path.write_text(f"ragdata:\n  output: ./shelf/run\n  sources: [{{path: {source}}}]\n{more}", encoding="utf-8")
    return load_recipe(path)


@pytest.fixture
def shelf(tmp_path: Path, grobid_server: ModuleType) -> Path:
    """A folder with a PDF, a text, and a run directory inside."""
    folder = tmp_path / "shelf"
    (folder / "run" / "tei").mkdir(parents=True)
    (folder / "run" / "tei" / "paper.tei.xml").write_bytes(grobid_server.tei_of(["Old."]))
    (folder / "run" / "tei" / "parse-report.jsonl").write_text("")
    (folder / "Paper.PDF").write_bytes(grobid_server.pdf_of(["Text."]))
    (folder / "notes.md").write_text("# Notes\n\nA note.\n")
    return tmp_path


def test_pdfs_are_sources_and_the_run_directory_is_not(shelf: Path) -> None:
    files = corpus.source_files(recipe(shelf))
    assert {file.path.name: file.is_pdf for file in files} == {"Paper.PDF": True, "notes.md": False}
    assert [file.path.name for file in corpus.source_files(recipe(shelf, "./shelf/*.PDF"))] == ["Paper.PDF"]
    assert tei_folder(recipe(shelf)) == shelf / "shelf" / "run" / "tei"


def test_a_folder_of_tei_may_be_a_source_and_its_report_is_not_one(shelf: Path) -> None:
    read = recipe(shelf, "./shelf/run/tei")
    files = corpus.source_files(read)
    assert [file.path.name for file in files] == ["paper.tei.xml"]
    assert [outcome.id[:4] for outcome in corpus.read_corpus(read, files)] == ["doc-"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoDocuments, match=r"\.pdf"):
        corpus.source_files(recipe(tmp_path))


def test_where_the_server_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROBID_URL", raising=False)
    assert options_of(recipe(tmp_path)).url == "http://localhost:8070"
    monkeypatch.setenv("GROBID_URL", "http://there:1/")
    assert options_of(recipe(tmp_path)).url == "http://there:1"
    named = recipe(tmp_path, more="  grobid: {url: 'http://here:2', concurrency: 3, timeout_s: 9.0, part_pages: 7}\n")
    options = options_of(named)
    assert (options.url, options.concurrency, options.timeout_s, options.part_pages) == ("http://here:2", 3, 9.0, 7)
    monkeypatch.setenv("GROBID_URL", "there")
    with pytest.raises(RecipeError, match="GROBID_URL"):
        options_of(recipe(tmp_path))


def test_check_counts_the_pdfs_and_names_the_server(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from axolotl_ragdata import checks

    monkeypatch.setenv("GROBID_URL", "http://me:secret@there:1")
    assert checks._sources(recipe(shelf)) == "2 files, 1 of them PDF, for the GROBID server at http://there:1"
