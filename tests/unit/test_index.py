"""The index on a real LanceDB table."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.blocks import PassagesBlock
from axolotl_ragdata.embed import EmbeddedEmbedder, unit
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.index import Index, Retriever, recall_at, table
from axolotl_ragdata.passages import cut
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Passage

DEMO = Path(__file__).parents[2] / "recipes" / "demo-documents"
TEXTS = {
    "panic": "A panic attack is an abrupt surge of intense fear that peaks within minutes.",
    "mania": "Mania is a period of one week or longer of elevated mood and energy.",
    "ptsd": "Symptoms of post-traumatic stress disorder last for more than one month.",
    "phq": "The PHQ-9 has nine items and a cut-off of 10 for moderate depression.",
    "gad": "The GAD-7 has seven items; scores of 5, 10 and 15 mark the grades of anxiety.",
    "sleep": "Insomnia disorder occurs on at least three nights a week for three months.",
    "french": "Le trouble anxieux généralisé est une inquiétude excessive presque quotidienne.",
    "ocd": "Obsessions are unwanted thoughts that return again and again; compulsions are acts that ease them.",
    "adhd": "In adults attention-deficit/hyperactivity disorder needs five symptoms, in children six.",
    "anorexia": "A body weight that is far too low and the fear of gaining any mark anorexia nervosa.",
    "bulimia": "Binge eating followed by vomiting, once a week for three months, is bulimia nervosa.",
    "delirium": "Delirium begins within hours or days and its severity changes over the day.",
    "dementia": "Dementia is a slow loss of memory and of the skills of daily life.",
    "lithium": "Lithium levels in the blood are kept between 0.6 and 1.0 mmol/L and checked every three months.",
    "cbt": "Cognitive behavioural therapy teaches people to test what they believe against what they observe.",
    "depression": "Five of nine symptoms for two weeks, low mood or loss of interest among them, make a major episode.",
    "schizophrenia": "Hearing voices, fixed false beliefs and disorganised speech are signs of schizophrenia.",
    "gambling": "Chasing losses and lying about bets are signs of a gambling disorder.",
    "autism": "Le trouble du spectre de l'autisme apparaît dans la petite enfance.",
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
    [
        ("nine items PHQ-9", "p-phq"),
        ("insomnia three nights a week", "p-sleep"),
        ("inquiétude excessive", "p-french"),
        ("inquietudes excessives", "p-french"),
        ("blood level of lithium", "p-lithium"),
        ("hearing voices and false beliefs", "p-schizophrenia"),
        ("vomiting after binge eating", "p-bulimia"),
    ],
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
    assert Retriever(index, "dense").search_now("forgetting names in old age", 1)[0][0].passage_id == "p-dementia"
    assert Retriever(index, "text").search_now("terror", 1) == []


def test_a_hybrid_score_weighs_both_scores_as_shares_of_their_best(index: Index) -> None:
    query = "how long do symptoms of PTSD last"
    best = {mode: Retriever(index, mode).search_now(query, 1)[0][0].score for mode in ("dense", "text")}
    for hit, _ in Retriever(index, "hybrid").search_now(query, 5):
        dense = max(0.0, hit.dense_score or 0.0) / best["dense"]
        text = max(0.0, hit.text_score or 0.0) / best["text"]
        assert hit.score == pytest.approx(0.75 * dense + 0.25 * text, abs=1e-5)
        assert (hit.dense_rank is None) == (hit.dense_score is None)


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "'; DROP TABLE passages; --",
        "a AND (b OR",
        "+must -not",
        "field:value~2^3",
        "*",
        "\ud800",
        "\x00",
        "a" * 9999,
    ],
)
def test_signs_are_data(index: Index, query: str) -> None:
    for mode in ("text", "hybrid"):
        assert len(Retriever(index, mode).search_now(f"{query} lithium", 40)) <= 20
        Retriever(index, mode).search_now(query, 3)


SIGNS = st.characters(categories=["L", "N", "P", "Z"], max_codepoint=0x2FFF)
"""Letters, numbers, punctuation and space; of marks and of newer scripts Python and LanceDB know different ones."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Index]:
    """The demonstration articles, searched in memory and by LanceDB."""

    class Spaces:
        name = "spaces"

        def spans(self, text: str) -> list[tuple[int, int]]:
            return [found.span() for found in re.finditer(r"\S+", text)]

        def count(self, text: str) -> int:
            return len(text.split())

    files = sorted(DEMO.glob("*.tei.xml"))
    passages = [one for file in files for one in cut(read_document(file), PassagesBlock(), Spaces())]
    made = []
    for name, exact_up_to in (("memory", 1000), ("lance", 5)):
        index = Index.open(tmp_path_factory.mktemp(name), Hashed(), exact_up_to)
        index.update([*passages, *PASSAGES])
        made.append(index)
    return made[0], made[1]


def test_memory_ranks_text_as_lancedb_does(both: tuple[Index, Index]) -> None:
    memory, lance = both
    words = [one.text.split() for one in memory.passages.values()]
    queries = [" ".join(some) for each in words for some in (each[:1], each[2:9], each[:120], each[-3:] * 2)]
    queries += ["Inquiétude, œdème & STRASSE straße 14² µm", "were we what they did?", ""]
    depths = [10] * len(queries)
    for query, one, other in zip(queries, memory.text(queries, depths), lance.text(queries, depths), strict=True):
        assert [score for _, score in one.values()] == pytest.approx(
            [score for _, score in other.values()], rel=1e-4
        ), query
        assert len(set(one) & set(other)) >= len(one) - 1, query


@pytest.mark.parametrize("query", ["¼ disorder", "½", "⅓ cup"])
def test_a_fraction_is_cut_as_lancedb_does(both: tuple[Index, Index], query: str) -> None:
    one, other = (index.text([query], [1000])[0] for index in both)
    assert set(one) == set(other)


def test_every_latin_letter_and_number_is_folded_as_lancedb_does(tmp_path: Path) -> None:
    signs = [chr(code) for block in ((0xAA, 0x250), (0x1E00, 0x1F00), (0x2070, 0x2190)) for code in range(*block)]
    words = [f"qqq{sign}qqq" for sign in signs if re.match(r"\w", sign)]
    passages = [PASSAGES[0].model_copy(update={"id": f"p{at}", "text": word}) for at, word in enumerate(words)]
    found = []
    for name, exact_up_to in (("memory", 1000), ("lance", 5)):
        index = Index.open(tmp_path / name, Hashed(), exact_up_to)
        index.update(passages)
        found.append([set(one) for one in index.text(words, [1000] * len(words))])
    for word, one, other in zip(words, *found, strict=True):
        assert one == other, word


def test_a_table_of_many_writes_is_indexed_and_compacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PASSAGES_A_WRITE", 3)
    index = Index.open(tmp_path / "index", Hashed(), exact_up_to=5)
    passages = [PASSAGES[0].model_copy(update={"id": f"p-{at}", "text": f"word{at} mania"}) for at in range(40)]
    assert index.update(passages).added == 40
    assert index.note == ""
    assert list(index.text(["word17"], [5])[0]) == ["p-17"]
    assert index.update(passages[:-1]).removed == 40, "the document changed"
    assert index.note == ""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(SIGNS, max_size=80) | st.text(alphabet="çéßœæøłđıµ²ﬁ½abs-'", max_size=30))
def test_memory_cuts_words_as_lancedb_does(both: tuple[Index, Index], query: str) -> None:
    one, other = (index.text([f"{query} disorder"], [1000])[0] for index in both)
    assert set(one) == set(other)


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


def test_what_a_search_finds_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    index = Index.open(tmp_path / "index", Hashed())
    index.update([passage(f"{number:03d}", f"Sentence {number} of a book.") for number in range(200)])
    retriever = Retriever(index)

    async def run() -> Any:
        return await asyncio.gather(retriever.search("sentence book", 40), retriever.search("sentence 77", 150))

    assert asyncio.run(run())[0] == retriever.search_now("sentence book", 40)


def test_one_retriever_serves_one_loop_after_another(index: Index) -> None:
    retriever = Retriever(index)

    async def cut() -> None:
        search = asyncio.create_task(retriever.search("panic", 1))
        await asyncio.sleep(0)
        search.cancel()

    asyncio.run(cut())
    assert asyncio.run(retriever.search("nine items PHQ-9", 1))[0][0].passage_id == "p-phq"


@pytest.mark.parametrize("exact_up_to", [1000, 5])
def test_passages_that_tie_are_ranked_by_id_however_they_came(tmp_path: Path, exact_up_to: int) -> None:
    same = [passage(f"{number:02d}", "The same sentence about sleep.", f"doc-{number}") for number in range(60)]
    found = []
    for name, order in (("one", same), ("other", same[::-1])):
        index = Index.open(tmp_path / name, Hashed(), exact_up_to)
        index.update(order[:20])
        index.update(order)
        modes = ("dense", "text", "hybrid") if exact_up_to > len(order) else ("text",)
        found.append([Retriever(index, mode).search_now("sleep sentence", 7) for mode in modes])
    assert found[0] == found[1]
    for each in found[0]:
        assert [hit.passage_id for hit, _ in each] == [f"p-{number:02d}" for number in range(7)]


def test_how_the_table_came_about_does_not_change_what_is_found(tmp_path: Path) -> None:
    at_once, by_parts = Index.open(tmp_path / "a", Hashed()), Index.open(tmp_path / "b", Hashed())
    at_once.update(PASSAGES)
    by_parts.update([each for each in PASSAGES if each.doc_id != "doc-1"])
    by_parts.update([each for each in PASSAGES if each.doc_id != "doc-2"])
    by_parts.update(PASSAGES[::-1])
    assert by_parts.tag() == at_once.tag()
    for query in ("symptoms for three months", "disorder", "five of nine"):
        assert Retriever(by_parts).search_now(query, 9) == Retriever(at_once).search_now(query, 9)


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
    assert (index.update(PASSAGES).added, len(embedder.seen)) == (20, 20)
    tag = index.tag()
    again = Index.open(tmp_path / "index", embedder)
    change = again.update(PASSAGES)
    assert (change.added, change.removed, change.unchanged) == (0, 0, 20)
    assert (again.tag(), again.note, len(embedder.seen)) == (tag, "", 20)
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
    assert index.update(PASSAGES).added == 20


def test_a_table_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    Index.open(folder, Hashed()).update(PASSAGES)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".manifest", ".lance"):
            path.write_bytes(b"rubbish")
    index = Index.open(folder, Hashed())
    assert "could not be read" in index.note
    assert index.update(PASSAGES).added == 20
    shutil.rmtree(folder / "passages.lance")
    index = Index.open(folder, Hashed())
    assert index.update(PASSAGES).added == 20


@pytest.mark.parametrize("damage", ["rubbish", "cut", "gone"])
def test_whatever_file_is_damaged_the_answers_are_right(tmp_path: Path, damage: str) -> None:
    whole = tmp_path / "whole"
    many = [passage(f"{number:04d}", f"Sentence {number} of a book.", f"doc-{number % 3}") for number in range(300)]
    index = Index.open(whole, Hashed(), exact_up_to=200)
    index.update(many)
    expected = Retriever(index, "text").search_now("sentence 77", 5)
    for path in sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file()):
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "copy")
        broken = tmp_path / "copy" / path
        if damage == "gone":
            broken.unlink()
        else:
            broken.write_bytes(b"rubbish" if damage == "rubbish" else broken.read_bytes()[: broken.stat().st_size // 2])
        index = Index.open(tmp_path / "copy", Hashed(), exact_up_to=200)
        index.update(many)
        assert Retriever(index, "text").search_now("sentence 77", 5) == expected, path
        assert Retriever(index, "dense").search_now(many[5].in_context, 1)[0][1] == many[5], path


def test_an_update_that_was_killed_is_completed(tmp_path: Path) -> None:
    index = Index.open(tmp_path / "index", Hashed(), exact_up_to=5)
    index.update(PASSAGES[:10])
    index._table.add(index._rows(PASSAGES[10:]))
    after = Index.open(tmp_path / "index", Hashed(), exact_up_to=5)
    assert after.update(PASSAGES).unchanged == 20
    assert after._table.index_stats("content_idx").num_unindexed_rows == 0
    index._table.delete("doc_id = 'doc-0'")
    index._table.add(index._rows([PASSAGES[0]]))
    again = Index.open(tmp_path / "index", Hashed(), exact_up_to=5)
    again.update(PASSAGES)
    assert again.tag() == after.tag()
    assert again._table.count_rows() == 20


def test_ids_are_data(tmp_path: Path) -> None:
    odd = [passage("a", "One text.", "it's; --"), passage("b", "Another text.", "doc")]
    index = Index.open(tmp_path / "index", Hashed())
    index.update(odd)
    assert index.update(odd[1:]).removed == 1
    assert [found.doc_id for _, found in Retriever(index).search_now("text", 5)] == ["doc"]


def test_nothing_heavy_is_imported_and_the_process_ends_without_a_warning(tmp_path: Path) -> None:
    code = """
import sys, axolotl_ragdata.index, axolotl_ragdata.embed
assert not {"lancedb", "pyarrow", "numpy", "onnxruntime", "tokenizers", "llama_index"} & set(sys.modules)
import asyncio
from pathlib import Path
from axolotl_ragdata.embed import CachedEmbedder, EmbeddedEmbedder
from axolotl_ragdata.index import Index, Retriever
from axolotl_ragdata.records import Passage
one = Passage(id="p-1", doc_id="d", ordinal=0, text="A text about sleep.", start=0, end=19, n_tokens=5)
index = Index.open(Path(sys.argv[1]) / "index", CachedEmbedder(EmbeddedEmbedder(), Path(sys.argv[1]) / "c.sqlite"))
index.update([one])
print(asyncio.run(Retriever(index).search("sleep", 1))[0][0].passage_id, index.tag() != "")
"""
    command = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "p-1 True\n", "")


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
    assert nodes[0].node.ref_doc_id == PASSAGES[3].doc_id
    assert (nodes[0].node.start_char_idx, nodes[0].node.end_char_idx) == (0, len(TEXTS["phq"]))
    later = asyncio.run(Retriever(index).as_llama_index(top_k=2).aretrieve("nine items PHQ-9"))
    assert [node.node.node_id for node in later] == [node.node.node_id for node in nodes]
