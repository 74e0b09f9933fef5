"""`ragdata build`, `verify`, `search`, `read`, `init` and `check` as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def rows(run: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()]


def manifest(recipe: Path) -> dict[str, Any]:
    return dict(json.loads((recipe.parent / "run" / "manifest.json").read_text(encoding="utf-8")))


def test_a_build_makes_rows_whose_quotes_stand_in_their_source(built: Path) -> None:
    run = built.parent / "run"
    texts = {}
    for document in rows(run, "documents"):
        blocks = [block["text"] for section in document["sections"] for block in section["blocks"] if block["text"]]
        texts[document["id"]] = "\n\n".join(blocks)
    examples = rows(run, "examples")
    assert len(examples) >= 20
    for example in examples:
        assert example["provenance"]["generator"] == "structure"
        assert example["provenance"]["citations"]
        for citation in example["provenance"]["citations"]:
            assert texts[citation["doc_id"]][citation["start"] : citation["end"]] == citation["quote"]


def test_the_export_is_what_axolotl_reads_and_is_named_by_its_content(built: Path) -> None:
    files = manifest(built)["files"]
    assert "train" in files
    for name in files.values():
        for line in (built.parent / "run" / name).read_text(encoding="utf-8").splitlines():
            turns = json.loads(line)["messages"]
            assert [turn["role"] for turn in turns][-2:] == ["user", "assistant"]
            assert all(turn["content"].strip() for turn in turns)


def test_a_second_build_does_nothing(built: Path, ragdata: Callable[..., Any]) -> None:
    before = manifest(built)
    ended = ragdata("build", built, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["unchanged"] is True
    assert manifest(built) == before


def test_a_changed_document_is_built_again(built: Path, tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    shutil.copytree(built.parent, tmp_path, dirs_exist_ok=True)
    removed = sorted((tmp_path / "tei").iterdir())[0]
    removed.unlink()
    ended = ragdata("build", tmp_path / "recipe.yml", "--json")
    assert ended.code == 0, ended.err
    now = json.loads(ended.out)
    assert now["unchanged"] is False
    assert now["counts"]["documents"] == 2
    assert removed.name not in json.dumps(rows(tmp_path / "run", "examples"))
    kept = {row["id"] for row in rows(tmp_path / "run", "passages")}
    assert kept < {row["id"] for row in rows(built.parent / "run", "passages")}
    assert len(list((tmp_path / "run").glob("train-*.jsonl"))) == 1


def test_two_builds_of_the_same_documents_are_the_same(
    built: Path, tmp_path: Path, ragdata: Callable[..., Any]
) -> None:
    shutil.copytree(built.parent / "tei", tmp_path / "tei")
    shutil.copy(built, tmp_path / "recipe.yml")
    assert ragdata("build", tmp_path / "recipe.yml").code == 0
    assert manifest(tmp_path / "recipe.yml")["files"] == manifest(built)["files"]
    assert manifest(tmp_path / "recipe.yml")["dataset_id"] == manifest(built)["dataset_id"]


def test_what_is_printed_names_counts_files_and_rows(built: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("build", built, "--samples", "2")
    assert "nothing changed" in ended.out
    assert manifest(built)["files"]["train"] in ended.out
    assert ended.out.count("  Q  ") == 2
    assert "tei/" in ended.out


def test_verify_passes_and_fails_after_tampering(built: Path, tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    assert ragdata("verify", built).code == 0
    shutil.copytree(built.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "run" / manifest(built)["files"]["train"]
    path.write_text(path.read_text(encoding="utf-8").replace("a", "b", 1), encoding="utf-8")
    ended = ragdata("verify", tmp_path / "recipe.yml")
    assert ended.code == 4
    assert path.name in ended.out + ended.err
    assert "fix: " in ended.err


def test_search_prints_rank_score_section_and_text(built: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("search", built, "how long must symptoms last", "--top-k", 3, "--json")
    assert ended.code == 0, ended.err
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [hit["rank"] for hit in found] == [1, 2, 3]
    assert found[0]["score"] >= found[1]["score"] >= found[2]["score"] > 0
    assert all(hit["heading"] and hit["text"] for hit in found)
    shown = ragdata("search", built, "how long must symptoms last", "--mode", "text")
    assert "1. score" in shown.out


@pytest.mark.parametrize("query", ["", '"', "AND OR NOT (", "x" * 5000, "a\u0001b", "être 'l\u2019état'"])
def test_a_query_is_never_an_error_of_the_search_engine(built: Path, ragdata: Callable[..., Any], query: str) -> None:
    assert ragdata("search", built, query).code == 0


def test_read_prints_a_document_a_line_and_names_what_it_refuses(
    demo_documents: Path, tmp_path: Path, ragdata: Callable[..., Any]
) -> None:
    (tmp_path / "bad.tei.xml").write_text("<html><body>503</body></html>")
    good = sorted(demo_documents.glob("*.tei.xml"))[0]
    ended = ragdata("read", good, tmp_path / "bad.tei.xml", "--json")
    assert ended.code == 1
    document = json.loads(ended.out)
    assert document["body_text"]
    assert "bad.tei.xml: " in ended.err
    assert "html" in ended.err
    assert "fix: " in ended.err
    assert "Traceback" not in ended.err
    assert ragdata("read", good).code == 0


def test_init_writes_a_recipe_that_checks_and_builds(
    tmp_path: Path, demo_documents: Path, ragdata: Callable[..., Any]
) -> None:
    recipe = tmp_path / "mine.yml"
    assert ragdata("init", recipe, "--documents", demo_documents).code == 0
    assert ragdata("init", recipe).code == 2
    ended = ragdata("check", recipe)
    assert ended.code == 0, ended.out + ended.err
    chat = tmp_path / "chat.yml"
    made = ragdata("init", chat, "--llm", "gpt-4o-mini", "--base-url", "http://127.0.0.1:9/v1", "--base-model", "a/b")
    assert made.code == 0
    assert "gpt-4o-mini" in chat.read_text()


BAD_RECIPES = {
    "unknown key": ("modell: x", ["ragdata.modell", "unknown key 'modell'"]),
    "wrong type": ("passages: {max_tokens: many}", ["ragdata.passages.max_tokens", "'many'"]),
    "unknown card": ("questions: {types: [definitoin]}", ["definitoin", "did you mean 'definition'"]),
    "unknown filter": ("filters: [{use: groundd}]", ["groundd", "did you mean 'grounded'"]),
    "filter setting": ("filters: [{use: near_duplicate, treshold: 0.9}]", ["treshold"]),
    "unknown export": ("export: {format: mesages}", ["mesages", "did you mean 'messages'"]),
    "unknown embedder": ("embed: {model: sentence-transformers/no-such-model-at-all}", ["ragdata", "fix:"]),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_a_bad_recipe_is_named_before_anything_runs(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any], name: str
) -> None:
    body, expected = BAD_RECIPES[name]
    recipe = make_recipe(tmp_path, body)
    ended = ragdata("build", recipe)
    assert ended.code in (1, 2)
    for text in expected:
        assert text in ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("fix: ") >= 1


def test_no_recipe_no_documents_all_refused(tmp_path: Path, small_recipe: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("build", tmp_path / "none.yml")
    assert (ended.code, "there is no such recipe" in ended.err) == (2, True)
    for path in (tmp_path / "tei").iterdir():
        path.write_text("<html/>")
    ended = ragdata("build", small_recipe)
    assert (ended.code, "all 3 files were refused" in ended.err) == (2, True)
    shutil.rmtree(tmp_path / "tei")
    ended = ragdata("build", small_recipe)
    assert (ended.code, "no document there" in ended.err) == (2, True)
    assert "Traceback" not in ended.err


@pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX")
def test_a_folder_that_cannot_be_written(tmp_path: Path, small_recipe: Path, ragdata: Callable[..., Any]) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    ended = ragdata("build", small_recipe)
    assert ended.code == 1
    assert "cannot be written" in ended.err
    assert "fix: " in ended.err
    assert stat.S_ISREG((tmp_path / "run").stat().st_mode)


def test_an_interrupt_while_it_embeds_ends_without_a_traceback(small_recipe: Path) -> None:
    command = [sys.executable, "-m", "axolotl_ragdata.cli", "build", str(small_recipe)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        while "embedding" not in (line := child.stderr.readline()):
            assert line, "it never embedded"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "run the same command to go on" in err
    assert "Traceback" not in err


def test_what_was_cut_inside_a_sentence_is_in_the_manifest(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]
) -> None:
    recipe = make_recipe(
        tmp_path,
        "passages: {max_tokens: 32, overlap: 0}\n  questions: {from: structure}\n  answers: {mode: extractive}",
    )
    long = "Insomnia disorder is " + "very, " * 60 + "tiring for the people who have it."
    (tmp_path / "tei" / "long.md").write_text(f"# Sleep\n\n{long}\n", encoding="utf-8")
    assert ragdata("build", recipe).code == 0
    about = next(each for each in manifest(recipe)["documents"] if each["path"].endswith("long.md"))
    assert about["warnings"]
    assert ragdata("verify", recipe).code == 0


def test_a_build_without_a_row_says_why_and_fails(
    tmp_path: Path, make_recipe: Callable[..., Path], ragdata: Callable[..., Any]
) -> None:
    recipe = make_recipe(tmp_path, "questions: {from: structure, types: [mechanism]}\n  answers: {mode: extractive}")
    for path in (tmp_path / "tei").iterdir():
        path.unlink()
    (tmp_path / "tei" / "notes.md").write_text("# Notes\n\nNothing in here can be asked about by a rule.\n")
    for _ in range(2):
        ended = ragdata("build", recipe)
        assert ended.code == 4
        assert "has no row (1 × " in ended.err
        assert "fix: read rejected.jsonl" in ended.err


def test_the_only_document_without_text_is_named_as_one(tmp_path: Path, ragdata: Callable[..., Any]) -> None:
    body = '<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader/><text><body/></text></TEI>'
    (tmp_path / "withdrawn.tei.xml").write_text(body, encoding="utf-8")
    recipe = tmp_path / "recipe.yml"
    assert ragdata("init", "--documents", tmp_path, recipe).code == 0
    ended = ragdata("build", recipe)
    assert ended.code == 2
    assert "the only document has no text" in ended.err
