from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Document, Passage, Section, Source
from axolotl_ragdata.shelf import (
    DocumentShelf,
    PassageShelf,
    Shelf,
    by_id,
    heads,
    in_order_of_ids,
    on_shelf,
    parts,
    records_of,
)


def passage(at: int, text: str = "Mania lasts a week.") -> Passage:
    # ids whose order is not that of the passages
    name = f"p-{at * 7919 % 10007:05d}"
    return Passage(id=name, doc_id=f"d{at // 3}", ordinal=at % 3, text=text, start=0, end=len(text), n_tokens=5)


def document(name: str) -> Document:
    section = Section(path=("Course",), blocks=())
    return Document(
        id=name,
        title=name,
        sections=(section,),
        source=Source(path=name, sha256="0", reader="text", reader_version="1"),
    )


MANY = [passage(at) for at in range(1200)]


def shelf_of(passages: list[Passage], held: int, folder: Path | None = None) -> Shelf[Passage]:
    shelf = Shelf(Passage, lambda one: one.id, lambda one: one.doc_id, folder, held)
    shelf.extend(passages)
    return shelf


@pytest.mark.parametrize("held", [0, 3000, 10**9])
def test_it_reads_like_the_list_whatever_stays_in_memory(held: int) -> None:
    shelf = shelf_of(MANY, held)
    assert list(shelf) == MANY
    assert len(shelf) == len(MANY)
    assert [shelf[at] for at in (0, 700, -1)] == [MANY[at] for at in (0, 700, -1)]
    assert shelf[5:1100:90] == MANY[5:1100:90]
    assert shelf.part("d7") == MANY[21:24]
    assert shelf.part("of nothing") == []
    assert list(in_order_of_ids(shelf)) == list(in_order_of_ids(MANY)) == sorted(MANY, key=lambda one: one.id)
    assert list(shelf.json()) == [one.model_dump_json() for one in MANY]
    for at in (len(MANY), -len(MANY) - 1):
        with pytest.raises(IndexError):
            shelf[at]


@pytest.mark.parametrize("held", [0, 3000])
def test_its_records_by_id_are_a_mapping(held: int) -> None:
    shelf = shelf_of(MANY, held)
    found = by_id(shelf)
    assert dict(found.items()) == by_id(MANY)
    assert list(found.values()) == MANY
    assert list(found) == [one.id for one in MANY]
    assert MANY[9].id in found
    assert "p-none" not in found
    assert found.get("p-none") is None
    with pytest.raises(KeyError):
        found["p-none"]


def test_what_stays_in_memory_has_a_size_and_is_what_was_asked_for_last() -> None:
    size = len(MANY[0].model_dump_json())
    shelf = shelf_of(MANY, 10 * size)
    read = by_id(shelf)
    for one in MANY[100:120]:
        read[one.id]
    kept = read[MANY[119].id]
    assert read[MANY[119].id] is kept, "it was not read again"
    list(shelf)
    assert read[MANY[119].id] is kept, "a walk over everything pushes nothing out"
    assert len(shelf._held) <= 11


@given(st.lists(st.text(max_size=30), unique=True, max_size=20))
def test_any_id_is_found(names: list[str]) -> None:
    names = [name for name in names if name.isprintable()]
    passages = [passage(0).model_copy(update={"id": name}) for name in names]
    shelf = shelf_of(passages, 0)
    assert [by_id(shelf)[name].id for name in names] == names
    assert [one.id for one in in_order_of_ids(shelf) if one.id] == sorted(name for name in names if name)


def test_documents_are_sorted_and_have_heads() -> None:
    shelf = DocumentShelf()
    shelf.extend(map(document, ("d-b", "d-c", "d-a")))
    shelf.sort()
    assert [one.id for one in shelf] == ["d-a", "d-b", "d-c"]
    assert shelf[-1].id == "d-c"
    assert shelf[0].sections
    assert [(one.id, one.title, one.sections) for one in heads(shelf)] == [
        (key, key, ()) for key in ("d-a", "d-b", "d-c")
    ]


def test_plain_lists_do_where_a_shelf_does() -> None:
    few = MANY[:9]
    shelf = on_shelf(few)
    assert isinstance(shelf, PassageShelf)
    assert on_shelf(shelf) is shelf
    assert list(records_of(by_id(few))) == few == list(records_of(by_id(shelf)))
    assert list(parts(by_id(few), {"d1"})) == MANY[3:6] == list(parts(by_id(shelf), {"d1"}))


def test_threads_share_it() -> None:
    shelf, wrong = shelf_of(MANY, 3000), []

    def read(offset: int) -> None:
        wrong.extend(one for one in MANY[offset::7] if by_id(shelf)[one.id] != one)

    threads = [threading.Thread(target=read, args=(offset,)) for offset in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    shelf = shelf_of(MANY, 0, tmp_path)
    assert list(tmp_path.iterdir()) == [], "its file has no name"
    assert next(iter(shelf)) == MANY[0]
    del shelf
    gc.collect()  # a connection that is not closed warns here, and warnings are errors


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        shelf_of([], 0, tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)
    assert "cannot hold what the build works on" in str(caught.value)
