from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from axolotl_ragdata.blocks import SplitBlock
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.examples import make_example
from axolotl_ragdata.exports import exports
from axolotl_ragdata.places import add_places
from axolotl_ragdata.records import (
    Answer,
    Block,
    Citation,
    Document,
    Passage,
    Question,
    Rejected,
    Score,
    Section,
    Source,
    Verdict,
    content_id,
)
from axolotl_ragdata.splits import assign_splits
from axolotl_ragdata.store import RunDirectory, sha256_of
from axolotl_ragdata.verify import SPLITS, TABLES, verify

Edit = Callable[[list[dict[str, Any]]], None]


def document(number: int) -> Document:
    sections = tuple(
        Section(
            path=(f"Section {section}",),
            blocks=(Block(kind="paragraph", text=f"Disorder {number}.{section} lasts {number + section} weeks."),),
        )
        for section in range(4)
    )
    source = Source(path=f"tei/{number}.xml", sha256=f"{number:064}", reader="grobid", reader_version="1")
    return Document(id=f"doc-{number}", title=f"Article {number}", language="en", sections=sections, source=source)


def passages_of(source: Document) -> list[Passage]:
    return [
        Passage(
            id=content_id("p", source.id, block.text),
            doc_id=source.id,
            doc_title=source.title,
            section_path=section.path,
            ordinal=ordinal,
            text=block.text,
            start=at,
            end=at + len(block.text),
            n_tokens=8,
        )
        for ordinal, (section, block, at) in enumerate(source.placed_blocks)
    ]


def asked(passage: Passage, wording: str) -> tuple[Question, Answer]:
    text = wording.format(passage.text.split()[1])
    question = Question(
        id=content_id("q", passage.id, text),
        type="numeric",
        text=text,
        passage_ids=(passage.id,),
        generator="structure",
        producer="rule@1",
    )
    citation = Citation(
        passage_id=passage.id, doc_id=passage.doc_id, quote=passage.text, start=passage.start, end=passage.end
    )
    answer = Answer(
        id=content_id("a", question.id),
        question_id=question.id,
        text=passage.text,
        citations=(citation,),
        mode="extractive",
        producer="rule@1",
    )
    return question, answer


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory as a build leaves it."""
    documents = [document(number) for number in range(5)]
    sources = {one.id: one for one in documents}
    passages = {one.id: one for source in documents for one in passages_of(source)}
    skipped, *used = passages.values()
    wordings = ("How long does disorder {} last?", "Which disorder is {}?")
    pairs = [asked(passage, wording) for passage in used for wording in wordings]
    rows = [make_example(*pair, sources[passages[pair[0].passage_ids[0]].doc_id], passages) for pair in pairs]
    vectors = np.eye(len(rows), dtype=np.float32)
    examples, rejected = assign_splits(
        rows, vectors, passages, SplitBlock(validation=0.1, test_seen=0.1, test_unseen=0.1)
    )
    rejected.append(Rejected(stage="questions", subject_id=skipped.id, reason="no rule applies"))
    examples = add_places(examples, documents)
    run = RunDirectory(tmp_path_factory.mktemp("run"))
    tables: dict[str, list[Any]] = {
        "documents": documents,
        "passages": list(passages.values()),
        "questions": [question for question, _ in pairs],
        "answers": [answer for _, answer in pairs],
        "verdicts": [
            Verdict(id=f"v-{row.id}", subject_id=row.id, scores=(Score(criterion="faithful", value=5, producer="x"),))
            for row in examples
        ],
        "examples": examples,
        "rejected": rejected,
        "failures": [],
    }
    counts = {name: run.write_table(name, records) for name, records in tables.items()}
    counts |= {split: sum(row.split == split for row in examples) for split in SPLITS}
    export = exports.get("messages", "here")
    files = {
        split: run.write_rows(split, [export.row(row) for row in examples if row.split == split])
        for split in SPLITS
        if counts[split]
    }
    names = [*(f"{name}.jsonl" for name in tables), *files.values()]
    run.write_manifest(
        {
            "counts": counts,
            "files": files,
            "sha256": {name: sha256_of(run.folder / name) for name in names},
            "dataset_id": content_id("dataset", *sorted(files.values())),
            "documents": [{"id": one.id, "sha256": one.source.sha256} for one in documents],
            "format": "messages",
            "recipe": {"split": {"unseen_by": "section"}, "filters": [{"use": "grounded"}, {"use": "faithful"}]},
        }
    )
    return run.folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def manifest_of(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "manifest.json").read_text(encoding="utf-8")))


def edit(run: Path, name: str, change: Edit) -> None:
    """Change a table or an export as a careful forger would: hashes, counts, file names and ids follow."""
    manifest = manifest_of(run)
    file = manifest["files"].get(name, f"{name}.jsonl")
    rows = [json.loads(line) for line in (run / file).read_text(encoding="utf-8").splitlines()]
    change(rows)
    (run / file).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    del manifest["sha256"][file]
    if name in manifest["files"]:
        renamed = f"{name}-{sha256_of(run / file)[:16]}.jsonl"
        (run / file).rename(run / renamed)
        manifest["files"][name] = file = renamed
        manifest["dataset_id"] = content_id("dataset", *sorted(manifest["files"].values()))
    manifest["sha256"][file] = sha256_of(run / file)
    manifest["counts"][name] = len(rows)
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def failed(run: Path) -> set[str]:
    return {problem.check for problem in verify(run).problems}


def test_a_finished_run_is_proven(finished: Path) -> None:
    result = verify(finished)
    assert result.problems == []
    assert all(count for name, count in result.checked.items() if name != "passages that give orders are named")
    assert result.checked["every passage accounted for"] == 20
    assert all(line.startswith("ok ") for line in result.lines())


def test_a_forger_who_changes_nothing_is_not_caught(run: Path) -> None:
    for name in (*TABLES, *SPLITS):
        edit(run, name, lambda rows: None)
    assert failed(run) == set()


@pytest.mark.parametrize("name", [*TABLES, *SPLITS])
def test_a_byte_changed_in_any_file_is_found(run: Path, name: str) -> None:
    file = run / manifest_of(run)["files"].get(name, f"{name}.jsonl")
    file.write_bytes(file.read_bytes() + b" ")
    result = verify(run)
    assert any(file.name in problem.text for problem in result.problems if problem.check == "hashes of the files")


@pytest.mark.parametrize("name", [*TABLES, *SPLITS])
def test_a_missing_file_is_found(run: Path, name: str) -> None:
    (run / manifest_of(run)["files"].get(name, f"{name}.jsonl")).unlink()
    assert "hashes of the files" in failed(run)


def set_in(rows: list[dict[str, Any]], at: int, value: Any, *keys: Any) -> None:
    target: Any = rows[at]
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value


FORGERIES: dict[str, tuple[str, Edit, str]] = {
    "a quote is not the source's": (
        "examples",
        lambda rows: set_in(rows, 0, "Disorder lasts.", "provenance", "citations", 0, "quote"),
        "quotes in their source",
    ),
    "a quote has other offsets": (
        "examples",
        lambda rows: set_in(rows, 0, 1, "provenance", "citations", 0, "start"),
        "quotes in their source",
    ),
    "a verdict was made worse": (
        "verdicts",
        lambda rows: set_in(rows, 0, 3, "scores", 0, "value"),
        "verdicts that let rows in",
    ),
    "a verdict became none": (
        "verdicts",
        lambda rows: set_in(rows, 0, None, "scores", 0, "value"),
        "verdicts that let rows in",
    ),
    "a verdict was removed": ("verdicts", lambda rows: rows.pop(0).clear(), "verdicts that let rows in"),
    "a row without a quote": (
        "examples",
        lambda rows: set_in(rows, 0, [], "provenance", "citations"),
        "quotes in their source",
    ),
    "a quote of another passage": (
        "examples",
        lambda rows: set_in(
            rows, 0, rows[-1]["provenance"]["citations"][0]["passage_id"], "provenance", "citations", 0, "passage_id"
        ),
        "quotes in their source",
    ),
    "another answer in the table": (
        "examples",
        lambda rows: set_in(rows, 0, "It lasts 99 weeks.", "answer"),
        "rows from their question and answer",
    ),
    "another answer in the answers": (
        "answers",
        lambda rows: set_in(rows, 0, "It lasts 99 weeks.", "text"),
        "rows from their question and answer",
    ),
    "another question": (
        "questions",
        lambda rows: set_in(rows, 0, "Why?", "text"),
        "rows from their question and answer",
    ),
    "another source": (
        "examples",
        lambda rows: set_in(rows, 0, "other.xml", "provenance", "source_path"),
        "rows from their question and answer",
    ),
    "the document was changed": (
        "documents",
        lambda rows: set_in(rows, 1, "Disorder none.", "sections", 0, "blocks", 0, "text"),
        "quotes in their source",
    ),
    "the source's hash was changed": (
        "documents",
        lambda rows: set_in(rows, 1, "f" * 64, "source", "sha256"),
        "counts of the manifest",
    ),
    "a passage was changed": (
        "passages",
        lambda rows: set_in(rows, 1, "Disorder none.", "text"),
        "passages in their document",
    ),
    "a passage was removed": ("passages", lambda rows: rows.pop(3).clear(), "quotes in their source"),
    "a passage stands twice": ("passages", lambda rows: rows.append(rows[0]), "ids are unique"),
    "a rejection was removed": ("rejected", lambda rows: rows.clear(), "every passage accounted for"),
    "a question was removed": ("questions", lambda rows: rows.pop(0).clear(), "rows from their question and answer"),
    "a row was removed from the table": ("examples", lambda rows: rows.pop(0).clear(), "every question accounted for"),
    "a row was removed from the export": ("train", lambda rows: rows.pop(0).clear(), "exported rows are the examples"),
    "a row was added to the export": (
        "train",
        lambda rows: rows.append({**rows[0], "id": "ex-0"}),
        "exported rows are the examples",
    ),
    "a row is exported twice": ("train", lambda rows: rows.append(rows[0]), "exported rows are the examples"),
    "another answer in the export": (
        "train",
        lambda rows: set_in(rows, 0, "It lasts 99 weeks.", "messages", 1, "content"),
        "exported rows are the examples",
    ),
    "another quote in the export": (
        "train",
        lambda rows: set_in(rows, 0, ["It lasts."], "quotes"),
        "exported rows are the examples",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_found_even_when_hashes_and_counts_follow(run: Path, forgery: str) -> None:
    name, change, check = FORGERIES[forgery]
    edit(run, name, change)
    assert check in failed(run)
    assert "hashes of the files" not in failed(run)


def moved(run: Path, row_id: str, split: str) -> None:
    """Give a row to another split, in the table and in both exports."""
    taken: list[dict[str, Any]] = []
    before = next(
        json.loads(line)["split"] for line in (run / "examples.jsonl").read_text().splitlines() if f'"{row_id}"' in line
    )
    edit(run, "examples", lambda rows: [row.update(split=split) for row in rows if row["id"] == row_id] and None)
    edit(run, before, lambda rows: taken.extend(rows.pop(at) for at, row in enumerate(rows) if row["id"] == row_id))
    edit(run, split, lambda rows: rows.extend(taken))


def rows_in(run: Path, split: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["split"] == split]


def test_a_number_that_was_changed_everywhere_is_found(run: Path) -> None:
    row = rows_in(run, "train")[0]
    said, forged = row["answer"], row["answer"].replace("lasts", "lasts 99 or")
    origin = row["provenance"]

    def change(rows: list[dict[str, Any]]) -> None:
        for each in rows:
            if row["id"] in (each.get("id"),) or each.get("id") == origin["answer_id"]:
                each.update(json.loads(json.dumps(each, ensure_ascii=False).replace(said, forged)))
                if "provenance" in each:
                    each["provenance"] = origin
                if "citations" in each:
                    each["citations"] = origin["citations"]

    for name in ("answers", "examples"):
        edit(run, name, change)
    assert failed(run) >= {"numbers in the evidence"}
    assert "rows from their question and answer" not in failed(run)


def test_a_row_moved_from_the_unseen_sections_into_training_is_found(run: Path) -> None:
    moved(run, rows_in(run, "test_unseen")[0]["id"], "train")
    assert failed(run) == {"test_unseen keeps its sections out"}


def test_a_row_of_a_trained_section_moved_into_test_unseen_is_found(run: Path) -> None:
    moved(run, rows_in(run, "train")[0]["id"], "test_unseen")
    assert "test_unseen keeps its sections out" in failed(run)


def test_a_seen_row_without_a_training_sibling_is_found(run: Path) -> None:
    passage_ids = rows_in(run, "test_seen")[0]["provenance"]["passage_ids"]
    sibling = next(row for row in rows_in(run, "train") if row["provenance"]["passage_ids"] == passage_ids)
    moved(run, sibling["id"], "validation")
    assert failed(run) == {"test_seen asks about what is trained on"}


def test_one_question_in_two_splits_is_found(run: Path) -> None:
    question = rows_in(run, "validation")[0]["question"]
    edit(run, "examples", lambda rows: set_in(rows, 0, question, "question") if rows[0]["split"] == "train" else None)
    rows = [json.loads(line) for line in (run / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[0]["question"] == question
    assert "no overlap between splits" in failed(run)


def test_the_same_long_text_in_a_held_out_and_a_trained_section_is_found(run: Path) -> None:
    text = " ".join(["the same words again"] * 6)
    unseen, trained = (rows_in(run, split)[0]["provenance"]["passage_ids"][0] for split in ("test_unseen", "train"))
    edit(
        run,
        "passages",
        lambda rows: [row.update(text=text) for row in rows if row["id"] in (unseen, trained)] and None,
    )
    assert "test_unseen keeps its sections out" in failed(run)


@pytest.mark.parametrize("key", ["counts", "files", "sha256", "dataset_id", "documents", "format"])
def test_a_manifest_without_a_key_proves_nothing(run: Path, key: str) -> None:
    manifest = manifest_of(run)
    del manifest[key]
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert failed(run)


def test_a_wrong_count_and_a_stray_export_are_named(run: Path) -> None:
    manifest = manifest_of(run)
    manifest["counts"]["train"] += 1
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (run / "train-0123456789abcdef.jsonl").write_text("{}\n")
    texts = [problem.text for problem in verify(run).problems]
    assert any(re.match(r"counts\.train is \d+, the tables hold \d+", text) for text in texts)
    assert "train-0123456789abcdef.jsonl is not of this build" in texts


@pytest.mark.parametrize("damage", [b"{\n", b"[]\n", b'{"id": 1}\n', b"\xff\xfe\n", b"\n"])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_cannot_be_read_is_a_problem_with_file_and_line(run: Path, name: str, damage: bytes) -> None:
    with (run / f"{name}.jsonl").open("ab") as file:
        file.write(damage)
    texts = [problem.text for problem in verify(run).problems if problem.check == "tables can be read"]
    assert len(texts) == 1
    assert f"{name}.jsonl:" in texts[0]


def test_a_file_name_in_the_manifest_never_leads_out_of_the_run(run: Path, tmp_path: Path) -> None:
    manifest = manifest_of(run)
    manifest["files"]["train"] = "../outside.jsonl"
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "outside.jsonl").write_text("{}\n")
    assert "exported rows are the examples" in failed(run)


def test_no_finished_run_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no finished build"):
        verify(tmp_path)


def test_what_is_printed_names_the_failed_check_and_the_row(run: Path) -> None:
    edit(run, "rejected", lambda rows: rows.clear())
    lines = list(verify(run).lines())
    assert any(line.startswith("FAILED  every passage accounted for: 20 checked, 1 wrong") for line in lines)
    assert "has no question" in lines[-1]
