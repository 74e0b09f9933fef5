"""What every export of the registry promises; see `axolotl_ragdata.exports`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from axolotl_ragdata.exports import exports
from axolotl_ragdata.records import Citation, Example, Message, Provenance

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
        question_id="q",
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


def nulls(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from nulls(item)
    if value is None:
        yield value


def test_the_built_in_exports_are_there() -> None:
    assert "messages" in NAMES


@pytest.mark.parametrize("name", NAMES)
class TestExport:
    def test_a_row_survives_json_on_one_line(self, name: str) -> None:
        for row in ROWS:
            made = exports.get(name, "here").row(row)
            line = json.dumps(made, ensure_ascii=False)
            assert "\n" not in line
            assert json.loads(line) == made

    def test_every_row_has_the_same_keys_and_types_and_no_null(self, name: str) -> None:
        first, second = (exports.get(name, "here").row(row) for row in ROWS)
        assert {key: type(value) for key, value in first.items()} == {key: type(value) for key, value in second.items()}
        assert not list(nulls(first))

    def test_a_row_leads_back_to_its_example(self, name: str) -> None:
        assert exports.get(name, "here").row(ROWS[0])["id"] == "ex-0"

    def test_every_turn_is_kept_in_order(self, name: str) -> None:
        shown = json.dumps(exports.get(name, "here").row(ROWS[1]), ensure_ascii=False)
        places = [shown.index(json.dumps(turn.content, ensure_ascii=False)[1:-1]) for turn in ROWS[1].messages]
        assert places == sorted(places)

    def test_the_stanza_reads_a_local_file(self, name: str) -> None:
        stanza = exports.get(name, "here").stanza("data/train-0.jsonl")
        assert stanza["path"] == "data/train-0.jsonl"
        assert stanza["ds_type"] == "json"
        assert stanza["type"]

    def test_axolotls_schema_knows_every_key_of_the_stanza(self, name: str) -> None:
        datasets = pytest.importorskip("axolotl.utils.schemas.datasets", exc_type=ImportError)
        stanza = exports.get(name, "here").stanza("data/train-0.jsonl")
        assert set(stanza) <= set(datasets.SFTDataset.model_fields)
        checked = datasets.SFTDataset.model_validate(stanza).model_dump(exclude_none=True)
        assert {key: checked[key] for key in stanza} == stanza

    def test_the_datasets_library_reads_the_rows(self, name: str, tmp_path: Any) -> None:
        datasets = pytest.importorskip("datasets")
        path = tmp_path / "train.jsonl"
        rows = [exports.get(name, "here").row(row) for row in ROWS]
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        assert [dict(row) for row in loaded] == rows
