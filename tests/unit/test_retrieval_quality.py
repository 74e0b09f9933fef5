"""Labelled files: what a line may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.records import Passage
from axolotl_ragdata.retrieval_quality import _labelled

TEXT = "Mania is a period of one week or longer of elevated mood and energy."
PASSAGES = [Passage(id="p-1", doc_id="d-1", ordinal=0, text=TEXT, start=0, end=len(TEXT), n_tokens=9)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none of its 0 questions"),
        ('{"question": "x", "answer": "not in there at all, ever"}\n', "none of its 1 questions"),
        ('{"question": "x", "answer": "mood"}\n', "none of its 1 questions"),
        ("{nonsense\n", "labels.jsonl:1: is not JSON"),
        ('{"passages": ["a"]}\n', "labels.jsonl:1: question"),
        ('{"question": "x", "passages": [3]}\n', "labels.jsonl:1: passages"),
        ("[]\n", "labels.jsonl:1"),
    ],
)
def test_labels_that_say_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentRefused) as refused:
        _labelled(labels, PASSAGES)
    assert said in str(refused.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentRefused, match="not UTF-8"):
        _labelled(labels, PASSAGES)


@pytest.mark.parametrize("said", ["p-1", "a period of ONE week, or longer", f"As they write: {TEXT} That is all."])
def test_a_passage_is_named_by_id_or_by_its_words(tmp_path: Path, said: str) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(f'{{"question": "q", "passage": "{said}"}}\n', encoding="utf-8")
    cases, of, missing = _labelled(labels, PASSAGES)
    assert (cases[0].relevant, of, missing) == (frozenset({"p-1"}), 1, [])
