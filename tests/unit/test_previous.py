"""What a build takes over from the one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axolotl_ragdata import __version__
from axolotl_ragdata.previous import INQUIRIES, Asked, Memory, previous_build
from axolotl_ragdata.records import Document, Hit, Passage, Source
from axolotl_ragdata.store import RunDirectory, sha256_of


def passage(name: str, text: str, doc: str = "d") -> Passage:
    return Passage(id=name, doc_id=doc, ordinal=0, text=text, start=0, end=len(text), n_tokens=3)


def hit(name: str) -> Hit:
    return Hit(passage_id=name, rank=1, score=0.5)


def test_a_search_is_recalled_while_the_texts_that_it_found_stand_anywhere() -> None:
    old = [passage("p1", "one"), passage("p2", "two")]
    first = Memory(old, ["hybrid"], {})
    assert first.recall("q", 2) is None
    first.keep("q", 2, [(hit("p1"), old[0]), (hit("p2"), old[1])])

    moved = [passage("p9", "one", "other"), passage("p2", "two"), passage("p3", "three")]
    again = Memory(moved, ["hybrid"], first.found)
    recalled = again.recall("q", 2)
    assert recalled is not None
    assert [(found.passage_id, where.id) for found, where in recalled] == [("p9", "p9"), ("p2", "p2")]
    assert again.found["r" + next(iter(first.found))[1:]].texts == next(iter(first.found.values())).texts


def test_what_is_gone_or_was_asked_otherwise_is_searched_for() -> None:
    old = [passage("p1", "one"), passage("p2", "two")]
    first = Memory(old, ["hybrid"], {})
    first.keep("q", 1, [(hit("p1"), old[0])])
    assert Memory([passage("p2", "two")], ["hybrid"], first.found).recall("q", 1) is None
    assert Memory(old, ["text"], first.found).recall("q", 1) is None
    assert Memory(old, ["hybrid"], first.found).recall("q", 2) is None
    assert Memory(old, ["hybrid"], first.found).recall("other", 1) is None


def test_a_table_that_is_not_as_it_was_written_is_not_taken_over(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    source = Source(path="a.md", sha256="0", reader="text", reader_version="1")
    run.write_table("documents", [Document(id="d1", source=source, warnings=("old",))])
    run.write_table("passages", [passage("p1", "one", "d1")])
    about = {
        "id": "d1",
        "path": "a.md",
        "sha256": "0",
        "reader": ["text", "1"],
        "pdf": None,
        "warnings": ["old", "cut"],
    }
    made_with = {"recipe": {"passages": {"max_tokens": 1}}, "stages": {"passages": "1"}}
    sha256 = {f"{name}.jsonl": sha256_of(tmp_path / f"{name}.jsonl") for name in ("documents", "passages")}
    manifest = {"ragdata_version": __version__, "fingerprint": made_with, "documents": [about], "sha256": sha256}
    run.write_manifest(manifest)

    found = previous_build(run, made_with)
    assert found.sources == {("a.md", "0"): ("d1", "text", "1")}
    cut = found.cut(found.documents["d1"][0])
    assert cut is not None
    assert [one.id for one in cut[0]] == ["p1"]
    assert cut[1] == ["cut"]
    otherwise = {**made_with, "stages": {"passages": "2"}}
    assert previous_build(run, otherwise).cut(found.documents["d1"][0]) is None

    with (tmp_path / "documents.jsonl").open("a") as table:
        table.write("\n")
    assert not previous_build(run, made_with).sources
    run.write_manifest({**manifest, "ragdata_version": "0"})
    assert previous_build(run, made_with).documents == {}


def test_the_plan_of_a_quota_is_taken_over_while_a_chat_model_is_asked_the_same(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    asked = Asked(
        id="i1", passage_id="p1", text="t", type="definition", producer="questions/definition@1", counts=(2, 1)
    )
    run.write_table(INQUIRIES, [asked])
    questions = {"from": "llm", "types": ["definition"], "weights": {}, "target": 9}
    made_with: dict[str, Any] = {"recipe": {"llm": {"model": "m", "temperature": 0.1}, "questions": questions}}
    run.write_manifest({"ragdata_version": __version__, "fingerprint": made_with})

    def now(**keys: Any) -> dict[str, Any]:
        llm = {**made_with["recipe"]["llm"], **keys.pop("llm", {})}
        return {"recipe": {"llm": llm, "questions": {**questions, **keys}}}

    same = previous_build(run, now(target=12))
    assert list(same.asked) == [asked]
    assert same.same_plan
    others = previous_build(run, now(types=["definition", "numeric"]))
    assert list(others.asked) == [asked]
    assert not others.same_plan, "the types share a quota otherwise"
    assert not previous_build(run, now(llm={"temperature": 0.2})).asked
    assert not previous_build(run, now(personas=["a nurse"])).asked
