"""What every export of the registry promises; see `axolotl_ragdata.exports`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from axolotl_ragdata.errors import StoreError, UnknownName
from axolotl_ragdata.exports import Dataset, Material, bundles, exports, materials
from axolotl_ragdata.exports.jsonl import bundle_names, open_bundle
from axolotl_ragdata.records import Citation, Example, Message, Passage, Provenance, Rejected

NAMES = exports.names()


def example(number: int, system: bool = False, licence: str | None = None) -> Example:
    quote = 'Say \u2028 "hi" <|im_end|> {{ x }}'
    provenance = Provenance(
        doc_id="d",
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=licence,
        section_path=() if number else ("A", "B"),
        passage_ids=("p",),
        question_id=f"q{number}",
        answer_id="a",
        citations=(Citation(passage_id="p", doc_id="d", quote=quote, start=0, end=len(quote)),) * (1 + number),
        generator="structure",
        question_producer="x",
        answer_producer="x",
    )
    turns = (Message(role="user", content="Why?\n"), Message(role="assistant", content=quote))
    first = (Message(role="system", content="Be brief."),) if system else ()
    return Example(
        id=f"ex-{number}", type="x", question="Why?", answer=quote, messages=first + turns, provenance=provenance
    )


ROWS = [example(0), example(1, system=True, licence="CC BY 4.0")]
PASSAGES = [
    Passage(id=f"p{number}", doc_id="d", ordinal=number, text=f"Text {number}.", start=0, end=7, n_tokens=3)
    for number in range(3)
]
REJECTED = [
    Rejected(
        stage="filters/grounded",
        subject_id=f"ex-bad-{number}",
        reason="a number is not in the evidence",
        subject={"question_id": f"q{number}", "answer": "It lasts 9 weeks."},
    )
    for number in range(2)
]
CONVERSATIONS = ["messages", "sharegpt", "alpaca", "input_output", "preference"]


class Plain:
    """A chat template with its marks in plain sight."""

    def segments(self, messages: Sequence[Message]) -> list[tuple[bool, str]]:
        return [(turn.role == "assistant", f"<{turn.role}>{turn.content}</s>") for turn in messages]


def material() -> Material:
    return materials(ROWS, PASSAGES, REJECTED, {"p2"}, Plain())["train"]


def lines(name: str) -> list[dict[str, Any]]:
    return exports.get(name, "here").rows(material())


def nulls(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from nulls(item)
    if value is None:
        yield value


def test_the_built_in_exports_are_there() -> None:
    assert {"messages", "sharegpt", "alpaca", "input_output", "completion", "preference"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestExport:
    def test_a_row_survives_json_on_one_line(self, name: str) -> None:
        assert len(lines(name)) == 2
        for made in lines(name):
            line = json.dumps(made, ensure_ascii=False)
            assert "\n" not in line
            assert json.loads(line) == made

    def test_every_row_has_the_same_keys_and_types_and_no_null(self, name: str) -> None:
        first, second = lines(name)
        assert {key: type(value) for key, value in first.items()} == {key: type(value) for key, value in second.items()}
        assert not list(nulls([first, second]))

    def test_every_row_has_an_id_of_its_own_that_does_not_change(self, name: str) -> None:
        ids = [row["id"] for row in lines(name)]
        assert len(set(ids)) == 2
        assert ids == [row["id"] for row in lines(name)]

    def test_the_stanza_reads_a_local_file(self, name: str) -> None:
        stanza = exports.get(name, "here").stanza("data/train-0.jsonl")
        assert stanza["path"] == "data/train-0.jsonl"
        assert stanza["ds_type"] == "json"
        assert stanza["type"]

    def test_axolotls_schema_knows_every_key_of_the_stanza(self, name: str) -> None:
        datasets = pytest.importorskip("axolotl.utils.schemas.datasets", exc_type=ImportError)
        stanza = exports.get(name, "here").stanza("data/train-0.jsonl")
        # Axolotl reads `datasets:` as its first schema that fits, and keeps what that one does not know
        known = set(datasets.SFTDataset.model_fields) | set(datasets.DPODataset.model_fields)
        assert set(stanza) <= known
        checked = datasets.SFTDataset.model_validate(stanza).model_dump(exclude_none=True)
        assert all(checked[key] == value for key, value in stanza.items() if key in checked)

    def test_the_datasets_library_reads_the_rows(self, name: str, tmp_path: Any) -> None:
        datasets = pytest.importorskip("datasets")
        path = tmp_path / "train.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines(name)), encoding="utf-8")
        loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        assert [dict(row) for row in loaded] == lines(name)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_every_turn_is_kept_in_order(name: str) -> None:
    shown = json.dumps(lines(name)[1], ensure_ascii=False)
    places = [shown.index(json.dumps(turn.content, ensure_ascii=False)[1:-1]) for turn in ROWS[1].messages]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["messages", "sharegpt", "alpaca", "input_output"])
def test_a_row_leads_back_to_its_example(name: str) -> None:
    assert [row["id"] for row in lines(name)] == ["ex-0", "ex-1"]


def test_a_conversation_of_several_turns_keeps_them_in_alpaca() -> None:
    asked = (Message(role="user", content="And then?"), Message(role="assistant", content="It ends."))
    longer = ROWS[1].model_copy(update={"messages": ROWS[1].messages + asked})
    (row,) = exports.get("alpaca", "here").rows(Material("train", [longer]))
    assert row["system"] == "Be brief."
    assert row["instruction"].startswith("User: Why?")
    assert row["instruction"].endswith("User: And then?")
    assert row["output"] == "It ends."


def test_completion_keeps_held_out_passages_out_of_training() -> None:
    made = materials(ROWS, PASSAGES, [], {"p2"})
    ids = {split: [row["id"] for row in exports.get("completion", "").rows(own)] for split, own in made.items()}
    assert ids == {"train": ["p0", "p1"], "validation": [], "test_seen": [], "test_unseen": ["p2"]}


def test_a_pair_is_two_answers_to_one_question() -> None:
    row = lines("preference")[1]
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert row["chosen"] == [{"role": "assistant", "content": ROWS[1].answer}]
    assert row["rejected"] == [{"role": "assistant", "content": "It lasts 9 weeks."}]
    assert row["rejected_for"] == "filters/grounded: a number is not in the evidence"


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "filters/faithful", "reason": "no verdict: faithful"},  # nobody said that it is wrong
        {"stage": "filters/near_duplicate"},  # dropped for its neighbour: the answer may be right
        {"subject": {"question_id": "q0", "answer": ROWS[0].answer}},  # what was chosen cannot be rejected too
        {"subject": {"question_id": "elsewhere", "answer": "It lasts 9 weeks."}},
        {"subject": {"question_id": "q0"}},
    ],
)
def test_what_says_nothing_about_the_answer_makes_no_pair(change: dict[str, Any]) -> None:
    own = Material("train", ROWS, rejected=[REJECTED[0].model_copy(update=change)])
    assert exports.get("preference", "").rows(own) == []


def dataset() -> Dataset:
    return Dataset(
        name="demo set",
        splits=materials(ROWS, PASSAGES, REJECTED, {"p2"}, Plain()),
        card=lambda files: f"---\nfiles: {dict(files)}\n---\n",
        recipe={"base_model": "mistralai/Mistral-7B-Instruct-v0.2", "adapter": "lora", "lora_r": 16},
    )


def test_every_row_format_is_a_bundle_too() -> None:
    assert set(NAMES) | set(bundles.names()) == set(bundle_names())


@pytest.mark.parametrize("name", bundle_names())
class TestBundle:
    def test_it_writes_the_files_that_it_names_and_no_other(self, name: str, tmp_path: Path) -> None:
        files = open_bundle(name, "here").write(dataset(), tmp_path / "out")
        assert files
        assert sorted(files) == sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())

    def test_writing_again_changes_nothing(self, name: str, tmp_path: Path) -> None:
        before = {path: path.read_bytes() for path in open_bundle(name, "here").write(dataset(), tmp_path)}
        assert before == {path: path.read_bytes() for path in open_bundle(name, "here").write(dataset(), tmp_path)}

    def test_a_folder_that_cannot_be_written_is_a_store_error(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way", encoding="utf-8")
        with pytest.raises(StoreError, match="cannot be written"):
            open_bundle(name, "here").write(dataset(), tmp_path / "file" / "out")


def test_an_unknown_bundle_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'llamafactory'"):
        open_bundle("lamafactory", "--format")


def test_llamafactorys_yaml_is_the_recipes(tmp_path: Path) -> None:
    open_bundle("llamafactory", "here").write(dataset(), tmp_path)
    text = (tmp_path / "train.yaml").read_text(encoding="utf-8")
    keys = yaml.safe_load(text)
    assert keys["template"] == "mistral"
    assert keys["lora_rank"] == 16
    assert keys["dataset"] == "demo_set_train"
    info = json.loads((tmp_path / "dataset_info.json").read_text(encoding="utf-8"))
    assert info["demo_set_train"]["file_name"] == "train.jsonl"
    assert (tmp_path / "train.jsonl").exists()
