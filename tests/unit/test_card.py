from __future__ import annotations

from typing import Any

import pytest
import yaml

from axolotl_ragdata.card import dataset_card, escaped, licence_name
from axolotl_ragdata.records import Example, Provenance


def example(number: int, licence: str | None, language: str | None = "en") -> Example:
    provenance = Provenance(
        doc_id=f"d-{number}",
        doc_title="",
        source_path="a.xml",
        source_sha256="0",
        licence=licence,
        section_path=(),
        passage_ids=("p",),
        question_id="q",
        answer_id="a",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="x",
    )
    return Example(
        id=f"ex-{number}",
        type="definition",
        question="?",
        answer="!",
        messages=(),
        language=language,
        provenance=provenance,
    )


MANIFEST: dict[str, Any] = {
    "name": "mine",
    "ragdata_version": "0.1.0",
    "dataset_id": "dataset-1",
    "files": {"train": "train-1.jsonl", "test_seen": "test_seen-2.jsonl"},
    "counts": {"documents": 2, "train": 2, "validation": 0, "test_seen": 1, "test_unseen": 0},
    "documents": [
        {
            "id": "d-0",
            "title": "A | <script>alert(1)</script>\n# not a heading",
            "path": "tei/a.xml",
            "licence": "CC BY 4.0",
        },
        {"id": "d-1", "title": "", "path": "tei/b.xml", "licence": None},
    ],
    "recipe": {"questions": {"from": "llm"}, "answers": {"mode": "generative"}},
    "rejected_by_reason": {"filters/grounded": {"cites nothing": 3}},
    "failures_by_reason": {"timeout": 1},
    "index": {"tag": "index-1", "embedder": "model_x"},
    "llm": {"model": "gpt"},
}
ROWS = [example(0, "CC BY 4.0"), example(0, "CC BY 4.0", "fr-CA"), example(1, None, None)]


def front_matter(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


def test_the_front_matter_is_what_the_hub_reads() -> None:
    found = front_matter(dataset_card(MANIFEST, ROWS))
    assert found["language"] == ["en", "fr"]
    assert found["license"] == ["cc-by-4.0", "unknown"]
    assert found["size_categories"] == ["n<1K"]
    assert found["configs"][0]["data_files"] == [
        {"split": "train", "path": "train-1.jsonl"},
        {"split": "test_seen", "path": "test_seen-2.jsonl"},
    ]


def test_the_hub_itself_reads_the_card() -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard(dataset_card(MANIFEST, ROWS))
    data = card.data.to_dict()
    assert data["license"] == ["cc-by-4.0", "unknown"]
    assert data["language"] == ["en", "fr"]
    assert data["configs"][0]["data_files"][0]["split"] == "train"
    assert "## Rows by licence" in card.text


def test_one_licence_is_a_name_and_no_rows_claim_none() -> None:
    assert front_matter(dataset_card(MANIFEST, ROWS[:1]))["license"] == "cc-by-4.0"
    assert "license" not in front_matter(dataset_card(MANIFEST, []))


def test_rows_by_licence_and_what_was_left_out_are_stated() -> None:
    card = dataset_card(MANIFEST, ROWS)
    assert "| CC BY 4.0 | 2 | 66.7% |" in card
    assert "| not stated in the file | 1 | 33.3% |" in card
    assert "| filters/grounded | cites nothing | 3 |" in card
    assert "| failed | timeout | 1 |" in card


def test_text_of_a_document_is_shown_and_never_markup() -> None:
    card = dataset_card(MANIFEST, ROWS)
    assert "<script>" not in card
    assert "\n# not a heading" not in card
    row = next(line for line in card.splitlines() if "tei/a.xml" in line)
    assert row.replace("\\|", "").count("|") == 5


def test_a_hostile_name_stays_inside_the_front_matter() -> None:
    card = dataset_card({**MANIFEST, "name": "x\n---\n# y: [z"}, ROWS)
    assert yaml.safe_load(card[4 : card.index("\n---\n\n")])["pretty_name"] == "x\n---\n# y: [z"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Creative Commons Attribution 4.0 International License", "cc-by-4.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "cc-by-nc-nd-4.0"),
        ("CC BY-NC 3.0", "cc-by-nc-3.0"),
        ("CC-BY-SA 4.0", "cc-by-sa-4.0"),
        ("CC-BY", "other"),
        ("CC0 1.0 Universal: no rights reserved", "cc0-1.0"),
        ("Copyright Springer 2016", "other"),
        ("  ", "unknown"),
    ],
)
def test_licences_are_named_as_the_hub_does_and_never_guessed(text: str, name: str) -> None:
    assert licence_name(text) == name


def test_escaping_leaves_words_alone() -> None:
    assert escaped("plain words, 5 mg") == "plain words, 5 mg"
