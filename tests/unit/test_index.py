"""The index on a real LanceDB table."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.embed import EmbeddedEmbedder, unit
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.index import Index, Retriever, recall_at
from axolotl_ragdata.records import Passage

TEXTS = {
    "panic": "A panic attack is an abrupt surge of intense fear that peaks within minutes.",
    "mania": "Mania is a period of one week or longer of elevated mood and energy.",
    "ptsd": "Symptoms of post-traumatic stress disorder last for more than one month.",
    "phq": "The PHQ-9 has nine items and a cut-off of 10 for moderate depression.",
    "gad": "The GAD-7 has seven items; scores of 5, 10 and 15 mark the grades of anxiety.",
    "sleep": "Insomnia disorder occurs on at least three nights a week for three months.",
    "french": "Le trouble anxieux généralisé est une inquiétude excessive presque quotidienne.",
    "alcohol": "Alcohol use disorder is mild when two or three of eleven criteria are met.",
}


def passage(name: str, text: str, doc_id: str = "doc-1") -> Passage:
    return Passage(
        id=f"p-{name}", doc_id=doc_id, doc_title="Notes", ordinal=0, text=text, start=0, end=len(text), n_tokens=9
    )


PASSAGES = [passage(name, text, f"doc-{number % 3}") for number, (name, text) in enumerate(TEXTS.items())]


class Hashed:
    """A quick embedder: equal texts have equal vectors."""

    name, dimensions = "hashed@1", 16

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.seen += texts
        rows = [np.random.default_rng(list(text.encode()) or [0]).standard_normal(16) for text in texts]
        return unit(np.array(rows, dtype=np.float32).reshape(-1, 16))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    made = Index.open(tmp_path_factory.mktemp("index"), EmbeddedEmbedder())
    made.update(PASSAGES)
    return made


@pytest.mark.parametrize("mode", ["dense", "text", "hybrid"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [("nine items PHQ-9", "p-phq"), ("insomnia three nights a week", "p-sleep"), ("inquiétude excessive", "p-french")],
)
def test_the_right_passage_comes_first(index: Index, mode: Any, query: str, expected: str) -> None:
    found = Retriever(index, mode).search_now(query, 3)
    assert found[0][0].passage_id == found[0][1].id == expected
    assert [hit.rank for hit, _ in found] == list(range(1, len(found) + 1))
    scores = [hit.score for hit, _ in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0


def test_meaning_is_found_without_a_shared_word(index: Index) -> None:
    assert Retriever(index, "dense").search_now("sudden terror", 1)[0][0].passage_id == "p-panic"
    assert Retriever(index, "text").search_now("terror", 1) == []


def test_a_hybrid_score_is_that_of_the_two_ranks(index: Index) -> None:
    for hit, _ in Retriever(index, "hybrid").search_now("how long do symptoms of PTSD last", 5):
        ranks = [rank for rank in (hit.dense_rank, hit.text_rank) if rank is not None]
        assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))
        assert (hit.dense_rank is None) == (hit.dense_score is None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_any_text_is_a_query(index: Index, query: str) -> None:
    found = Retriever(index, "text").search_now(query, 4)
    assert len(found) <= 4


def test_many_searches_at_once_are_those_one_by_one(index: Index) -> None:
    retriever = Retriever(index)
    queries = [f"{text} {number}" for number in range(5) for text in TEXTS.values()]

    async def run() -> Any:
        return await asyncio.gather(*(retriever.search(query, 3) for query in queries))

    assert asyncio.run(run()) == [retriever.search_now(query, 3) for query in queries]


def test_a_failing_embedder_fails_the_searches_that_waited(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(texts: Sequence[str]) -> Any:
        raise StoreError("here", "is broken", "mend it")

    monkeypatch.setattr(index.embedder, "embed", broken)
    retriever = Retriever(index)

    async def run() -> Any:
        return await asyncio.gather(*(retriever.search("x", 1) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(run())] == [StoreError] * 3


def test_only_what_changed_is_embedded_and_written(tmp_path: Path) -> None:
    embedder = Hashed()
    index = Index.open(tmp_path / "index", embedder)
    assert (index.update(PASSAGES).added, len(embedder.seen)) == (8, 8)
    tag = index.tag()
    again = Index.open(tmp_path / "index", embedder)
    change = again.update(PASSAGES)
    assert (change.added, change.removed, change.unchanged) == (0, 0, 8)
    assert (again.tag(), again.note, len(embedder.seen)) == (tag, "", 8)
    edited = [each if each.id != "p-panic" else passage("panic", "Panic is brief.", each.doc_id) for each in PASSAGES]
    change = again.update(edited)
    of_document = sum(each.doc_id == edited[0].doc_id for each in PASSAGES)
    assert (change.added, change.removed) == (of_document, of_document)
    assert again.tag() != tag
    assert Retriever(again, "text").search_now("brief", 3)[0][0].passage_id == "p-panic"
    assert Retriever(again, "text").search_now("abrupt surge", 3) == []
    change = again.update([each for each in edited if each.doc_id != "doc-2"])
    assert change.added == 0
    assert {found.doc_id for _, found in Retriever(again).search_now("disorder", 9)} <= {"doc-0", "doc-1"}
    assert again.update(PASSAGES).unchanged > 0
    assert again.tag() == tag


def test_no_passage_at_all(tmp_path: Path) -> None:
    index = Index.open(tmp_path / "index", Hashed())
    index.update([])
    assert Retriever(index).search_now("anything", 3) == []
    index.update(PASSAGES)
    index.update([])
    assert Retriever(index, "text").search_now("panic", 3) == []


def test_another_embedder_makes_it_anew_and_says_so(tmp_path: Path) -> None:
    Index.open(tmp_path / "index", Hashed()).update(PASSAGES)
    other = Hashed()
    other.name = "hashed@2"
    index = Index.open(tmp_path / "index", other)
    assert "embedder" in index.note
    assert index.update(PASSAGES).added == 8


def test_a_table_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    Index.open(folder, Hashed()).update(PASSAGES)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".manifest", ".lance"):
            path.write_bytes(b"rubbish")
    index = Index.open(folder, Hashed())
    assert "could not be read" in index.note
    assert index.update(PASSAGES).added == 8
    shutil.rmtree(folder / "passages.lance")
    index = Index.open(folder, Hashed())
    assert index.update(PASSAGES).added == 8


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Index.open(tmp_path / "file" / "index", Hashed())


def test_above_the_limit_an_approximate_index_finds_what_exact_search_finds(tmp_path: Path) -> None:
    many = [
        passage(f"{number:04d}", f"Sentence number {number} of a long book.", f"doc-{number % 7}")
        for number in range(1500)
    ]
    index = Index.open(tmp_path / "index", Hashed(), exact_up_to=1000)
    index.update(many)
    assert recall_at(index, top_k=10, sample=50) >= 0.95
    (found,) = Retriever(index, "dense").search_now(many[77].in_context, 1)
    assert found[0].passage_id == many[77].id
    assert found[0].score == pytest.approx(1, abs=1e-3)


def test_llama_index_gets_a_retriever(index: Index) -> None:
    nodes = Retriever(index).as_llama_index(top_k=2).retrieve("nine items PHQ-9")
    assert (nodes[0].node.node_id, len(nodes)) == ("p-phq", 2)
    assert nodes[0].score > nodes[1].score
    assert nodes[0].node.text == TEXTS["phq"]
    assert nodes[0].node.metadata["heading"] == "Notes"
