"""`ragdata show` follows rows of a real build back to their pages; `ragdata schema` prints what is published."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest


def with_coordinates(source: str) -> str:
    """Return a TEI file whose paragraphs and sentences have boxes, as GROBID gives them: a page a paragraph."""
    pages = count(1)

    def paragraph(found: re.Match[str]) -> str:
        page, lines = next(pages), count()
        inner = re.sub("<s>", lambda _: f'<s coords="{page},72.5,{100 + 12 * next(lines)},450.0,10.5">', found[1])
        return f'<p coords="{page},72.5,100,450.0,300">{inner}</p>'

    return re.sub(r"<p>(.*?)</p>", paragraph, source, flags=re.DOTALL)


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory,
    demo_documents: Path,
    ragdata: Callable[..., Any],
    make_recipe: Callable[..., Path],
) -> Path:
    """A recipe that was built over files with coordinates."""
    recipe = make_recipe(tmp_path_factory.mktemp("traced"))
    for path in sorted((recipe.parent / "tei").iterdir()):
        path.write_text(with_coordinates(path.read_text(encoding="utf-8")), encoding="utf-8")
    ended = ragdata("build", recipe)
    assert ended.code == 0, ended.err
    return recipe


def rows(recipe: Path, name: str = "examples") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (recipe.parent / "run" / f"{name}.jsonl").read_text("utf-8").splitlines()]


def test_every_row_leads_to_its_sentence_and_its_page(traced: Path, ragdata: Callable[..., Any]) -> None:
    examples = rows(traced)
    kinds = {example["type"]: example for example in examples}
    for example in kinds.values():
        ended = ragdata("show", traced, example["id"], "--json")
        assert ended.code == 0, ended.err
        found = json.loads(ended.out)
        assert (found["id"], found["question"], found["answer"]) == (
            example["id"],
            example["question"],
            example["answer"],
        )
        for quote, citation in zip(found["quotes"], example["provenance"]["citations"], strict=True):
            assert quote["found"]
            assert quote["quote"] == citation["quote"]
            text = "\n".join(quote["sentences"])
            assert quote["quote"][:20] in text or quote["sentences"][0][:20] in quote["quote"]
            assert quote["section_path"] == example["provenance"]["section_path"]
            assert quote["file"]["state"] == "unchanged"
            assert (traced.parent / quote["file"]["path"]).is_file()
    boxed = [row for row in examples if any(place["boxes"] for place in row["provenance"]["places"])]
    assert len(boxed) > len(examples) / 3
    (place, *_) = boxed[0]["provenance"]["places"]
    assert place["boxes"][0]["height"] == 10.5, "the box of the sentence, not of the paragraph"


def test_a_person_reads_the_way_back(traced: Path, ragdata: Callable[..., Any]) -> None:
    example = next(row for row in rows(traced) if any(place["boxes"] for place in row["provenance"]["places"]))
    ended = ragdata("show", traced, example["id"][:14])
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{example['id']}  {example['split']}  {example['type']}")
    names = [line[:11].strip() for line in lines if line[:11].strip()]
    wanted = ["question", "answer", "made by", "quote 1", "sentence", "section", "page", "passage", "document", "file"]
    assert [name for name in dict.fromkeys(names) if name in wanted] == wanted
    page = example["provenance"]["places"][0]["boxes"][0]["page"]
    assert f"page       {page}: 450 × 10.5 pt at x 72.5, y" in ended.out
    assert "unchanged" in ended.out


def test_the_run_directory_alone_is_enough(traced: Path, ragdata: Callable[..., Any], tmp_path: Path) -> None:
    run = shutil.copytree(traced.parent / "run", tmp_path / "moved")
    example = rows(traced)[0]
    ended = ragdata("show", run, example["id"], "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["quotes"][0]["file"]["state"] is None


def test_a_changed_and_a_missing_file_are_said(traced: Path, ragdata: Callable[..., Any], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(traced.parent, tmp_path / "copy"))
    example = rows(traced)[0]
    path = copy / example["provenance"]["source_path"]
    path.write_bytes(path.read_bytes() + b"\n")
    assert "changed since the build" in ragdata("show", copy / "recipe.yml", example["id"]).out
    path.unlink()
    assert "not there" in ragdata("show", copy / "recipe.yml", example["id"]).out


def test_an_unknown_id_names_the_nearest(traced: Path, ragdata: Callable[..., Any]) -> None:
    known = rows(traced)[0]["id"]
    ended = ragdata("show", traced, known[:-1] + ("0" if known[-1] != "0" else "1"))
    assert (ended.code, ended.out) == (2, "")
    assert "there is no row" in ended.err
    assert known in ended.err.split("fix:")[1]
    ambiguous = ragdata("show", traced, "ex-")
    assert ambiguous.code == 2


def test_a_dropped_row_says_why(traced: Path, ragdata: Callable[..., Any], tmp_path: Path) -> None:
    run = shutil.copytree(traced.parent / "run", tmp_path / "run")
    dropped = {"stage": "filters/grounded", "subject_id": "ex-dropped", "reason": "no quote", "detail": "0 of 1"}
    with (run / "rejected.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(dropped) + "\n")
    ended = ragdata("show", run, "ex-dropped")
    assert ended.code == 2
    assert "dropped at filters/grounded: no quote (0 of 1)" in ended.err


def test_without_a_build_it_says_so(small_recipe: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("show", small_recipe, "ex-1")
    assert ended.code == 1
    assert "no finished build" in ended.err


def test_what_a_document_says_is_never_obeyed(traced: Path, ragdata: Callable[..., Any], tmp_path: Path) -> None:
    """Escape sequences, C1 controls and marks of direction in a title, an answer and a section."""
    run = Path(shutil.copytree(traced.parent / "run", tmp_path / "run"))
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe [bold]x[/bold]"
    for name, key in (("documents", "title"), ("examples", "answer")):
        table = rows(traced, name)
        for row in table:
            row[key] = evil
        (run / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    ended = ragdata("show", run, rows(traced)[0]["id"])
    assert ended.code == 0, ended.err
    assert not set("\x1b\x07\x9b\u202e") & set(ended.out)
    assert "\\x1b]0;owned\\x07" in ended.out
    assert "[bold]x[/bold]" in ended.out


def test_verify_checks_the_places(traced: Path, ragdata: Callable[..., Any]) -> None:
    ended = ragdata("verify", traced)
    assert ended.code == 0, ended.out
    assert "places of the quotes" in ended.out


def test_the_schema_is_what_read_prints(ragdata: Callable[..., Any], demo_documents: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(ragdata("schema", "document").out)
    printed = ragdata("read", demo_documents, "--json").out.splitlines()
    assert len(printed) > 3
    for line in printed:
        jsonschema.validate(json.loads(line), schema)
    version = schema["properties"]["schema_version"]["const"]
    assert version in schema["$id"]
    assert ragdata("schema", "unheard").code == 2


def test_a_conversation_shows_its_earlier_turns_and_a_row_without_a_quote_its_passage(
    traced: Path, ragdata: Callable[..., Any], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(traced.parent / "run", tmp_path / "run"))
    table = rows(traced)
    turns = [{"role": "user", "content": "First?"}, {"role": "assistant", "content": "First."}]
    table[0]["messages"] = [{"role": "system", "content": "Be brief."}, *turns, *table[0]["messages"][-2:]]
    table[1]["provenance"] |= {"citations": [], "places": []}
    table[1]["answerable"] = False
    (run / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    lines = ragdata("show", run, table[0]["id"]).out.splitlines()
    assert lines[1:3] == ["user       First?", "assistant  First."]
    assert lines[3].startswith("question")
    without = ragdata("show", run, table[1]["id"]).out
    assert f"{table[1]['provenance']['passage_ids'][0]} (the row has no quote)" in without
    assert "not answerable from the documents" in without
