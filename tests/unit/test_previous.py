"""What a build takes over from the one before."""

from __future__ import annotations

from axolotl_ragdata.previous import Memory
from axolotl_ragdata.records import Hit, Passage


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
