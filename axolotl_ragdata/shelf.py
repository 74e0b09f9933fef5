"""Records on disk that read like a list, so that a build's memory does not grow with its corpus.

A shelf is a private SQLite file that nobody else sees and that goes with it. What was read last stays in memory, up to
a fixed size: a small corpus is never read back. Threads may share a shelf.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Document, Passage, Record

RecordT = TypeVar("RecordT", bound=Record)

HELD_CHARACTERS = 16_000_000
"""JSON of the records that stay in memory: some ten thousand passages, or a hundred papers."""
IDS_A_PAGE = 512
OPEN = (
    # nobody reads the file after a crash, so nothing of what guards against one is needed
    "pragma journal_mode=off",
    "pragma synchronous=off",
    "pragma locking_mode=exclusive",
    "create table records (at integer primary key, id text not null, part text not null, json text not null)",
    "create index by_id on records (id)",
    "create index by_part on records (part)",
)


class Shelf(Sequence[RecordT]):
    """Records in the order in which they were added.

    Args:
        kind: What they are.
        id_of: Their id, which no two share.
        part_of: What `part` finds them by, such as their document.
        folder: Where the file lies; None: where temporary files lie.
        held: Characters of JSON of which the records stay in memory.

    Raises:
        StoreError: The folder cannot be written, or the disk is full; at any later call too.
    """

    def __init__(
        self,
        kind: type[RecordT],
        id_of: Callable[[RecordT], str],
        part_of: Callable[[RecordT], str] = lambda _: "",
        folder: Path | None = None,
        held: int = HELD_CHARACTERS,
    ) -> None:
        self._kind, self._id_of, self._part_of = kind, id_of, part_of
        self._folder = folder
        self._count = 0
        self._sorted = False
        self._room = held
        self._held: OrderedDict[str, tuple[RecordT, int]] = OrderedDict()
        self._lock = threading.Lock()
        with self._explained():
            self._database = _private_database(folder)
        weakref.finalize(self, self._database.close)

    def extend(self, records: Iterable[RecordT]) -> None:
        """Add records behind the others."""
        for record in records:
            self.append(record)

    def append(self, record: RecordT) -> None:
        """Add a record behind the others."""
        assert not self._sorted, "what is added to a sorted shelf would stand in the wrong place"
        name, text = self._id_of(record), record.model_dump_json()
        with self._lock, self._explained():
            row = (self._count, name, self._part_of(record), text)
            self._database.execute("insert into records values (?, ?, ?, ?)", row)
            self._count += 1
            if self._room >= len(text):
                self._hold(name, record, len(text))

    @property
    def by_id(self) -> Mapping[str, RecordT]:
        """The records by their ids, in the order of the shelf."""
        return _ById(self)

    def part(self, name: str) -> list[RecordT]:
        """Return the records of a part, in their order; [] where there is none."""
        return [self._get(key) for key in self._ids("where part = ? order by at", name)]

    def sort(self) -> None:
        """Put the records in the order of their ids; none may be added afterwards."""
        self._sorted = True

    def in_order_of_ids(self) -> Iterator[RecordT]:
        """Yield the records by their ids, ascending."""
        return map(self._scanned, self._ascending())

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RecordT]:
        return map(self._scanned, self.ids())

    def ids(self) -> Iterator[str]:
        """Yield the ids in the order of the shelf."""
        if self._sorted:
            yield from self._ascending()
            return
        for start in range(0, self._count, IDS_A_PAGE):
            yield from self._ids("where at >= ? order by at limit ?", start, IDS_A_PAGE)

    def json(self) -> Iterator[str]:
        """Yield each record as JSON, in the order of the shelf."""
        for name in self.ids():
            with self._lock, self._explained():
                (text,) = self._database.execute("select json from records where id = ?", (name,)).fetchone()
            yield text

    def _ascending(self) -> Iterator[str]:
        last = ""
        while page := self._ids("where id > ? order by id limit ?", last, IDS_A_PAGE):
            yield from page
            last = page[-1]

    @overload
    def __getitem__(self, at: int) -> RecordT: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[RecordT]: ...

    def __getitem__(self, at: int | slice) -> RecordT | Sequence[RecordT]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._count))]
        if not -self._count <= at < self._count:
            raise IndexError(at)
        where = "order by id limit 1 offset ?" if self._sorted else "where at = ?"
        return self._get(self._ids(where, at % self._count)[0])

    def has(self, name: str) -> bool:
        """Return whether there is a record of that id."""
        return bool(self._ids("where id = ? limit 1", name))

    def _ids(self, condition: str, *values: str | int) -> list[str]:
        with self._lock, self._explained():
            # every condition is written here, and its values are bound
            rows = self._database.execute(f"select id from records {condition}", values)  # noqa: S608
            return [name for (name,) in rows]

    def _scanned(self, name: str) -> RecordT:
        # a walk over everything must not push out what is asked for again and again
        return self._get(name, keep=False)

    def _get(self, name: str, keep: bool = True) -> RecordT:
        with self._lock, self._explained():
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name][0]
            found = self._database.execute("select json from records where id = ?", (name,)).fetchone()
        if found is None:
            raise KeyError(name)
        record = self._kind.model_validate_json(found[0])
        if keep:
            with self._lock:
                self._hold(name, record, len(found[0]))
        return record

    def _hold(self, name: str, record: RecordT, size: int) -> None:
        """Keep a record in memory; those that were not asked for longest make room."""
        if name in self._held:
            return
        self._held[name] = (record, size)
        self._room -= size
        while self._room < 0:
            _, (_, freed) = self._held.popitem(last=False)
            self._room += freed

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as problem:
            fix = "free some space and run it again (nothing is lost), or choose another `output:`"
            where = str(self._folder or tempfile.gettempdir())
            raise StoreError(where, f"cannot hold what the build works on: {problem}", fix) from None


class PassageShelf(Shelf[Passage]):
    """Passages, found by their documents too: `part` takes a document's id.

    Args:
        passages: The first of them.
        folder: As of a shelf.
    """

    def __init__(self, passages: Iterable[Passage] = (), folder: Path | None = None) -> None:
        super().__init__(Passage, lambda one: one.id, lambda one: one.doc_id, folder)
        self.extend(passages)


class DocumentShelf(Shelf[Document]):
    """Documents, and their heads: all but sections and bibliographies, which are nearly all of a document.

    Args:
        folder: As of a shelf.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(Document, lambda one: one.id, folder=folder)
        self.heads = Shelf(Document, lambda one: one.id, folder=folder)

    def append(self, record: Document) -> None:
        """Add a document behind the others."""
        super().append(record)
        self.heads.append(record.model_copy(update={"sections": (), "references": ()}))

    def sort(self) -> None:
        """Put the documents in the order of their ids; none may be added afterwards."""
        super().sort()
        self.heads.sort()


class _ById(Mapping[str, RecordT], Generic[RecordT]):
    def __init__(self, shelf: Shelf[RecordT]) -> None:
        self._shelf = shelf

    def __getitem__(self, name: str) -> RecordT:
        return self._shelf._get(name)

    def __iter__(self) -> Iterator[str]:
        return self._shelf.ids()

    def __len__(self) -> int:
        return len(self._shelf)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._shelf.has(name)

    def values(self) -> ValuesView[RecordT]:
        return _Walked(self)

    def items(self) -> ItemsView[str, RecordT]:
        return _Paired(self)


class _Walked(ValuesView[RecordT]):
    _mapping: _ById[RecordT]

    def __iter__(self) -> Iterator[RecordT]:
        return iter(self._mapping._shelf)


class _Paired(ItemsView[str, RecordT]):
    _mapping: _ById[RecordT]

    def __iter__(self) -> Iterator[tuple[str, RecordT]]:
        shelf = self._mapping._shelf
        return ((name, shelf._scanned(name)) for name in shelf.ids())


def by_id(records: Sequence[RecordT]) -> Mapping[str, RecordT]:
    """Return records by their ids, which they have as `id`; those on a shelf stay there."""
    return records.by_id if isinstance(records, Shelf) else {_id(record): record for record in records}


def records_of(records: Mapping[str, RecordT]) -> Sequence[RecordT]:
    """Return the records of what `by_id` returned; those on a shelf stay there."""
    return records._shelf if isinstance(records, _ById) else list(records.values())


def parts(passages: Mapping[str, Passage], doc_ids: Collection[str]) -> Iterator[Passage]:
    """Yield the passages of some documents, of what `by_id` returned."""
    found = records_of(passages)
    if isinstance(found, PassageShelf):
        for name in doc_ids:
            yield from found.part(name)
    else:
        yield from (passage for passage in found if passage.doc_id in doc_ids)


def in_order_of_ids(records: Sequence[RecordT]) -> Iterable[RecordT]:
    """Return records by their ids, ascending; those on a shelf stay there."""
    return records.in_order_of_ids() if isinstance(records, Shelf) else sorted(records, key=_id)


def on_shelf(passages: Sequence[Passage]) -> PassageShelf:
    """Return passages on a shelf, where they may already be."""
    return passages if isinstance(passages, PassageShelf) else PassageShelf(passages)


def heads(documents: Sequence[Document]) -> Sequence[Document]:
    """Return documents for what is said of them; those on a shelf come without their text."""
    return documents.heads if isinstance(documents, DocumentShelf) else documents


def _id(record: Any) -> str:
    return str(record.id)


def _private_database(folder: Path | None) -> sqlite3.Connection:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(prefix=".shelf-", dir=folder)
    os.close(handle)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for statement in OPEN:
            database.execute(statement)
    except BaseException:
        database.close()
        raise
    finally:
        # open files live on without a name, and leave nothing behind however the process ends; where a system does not
        # let go of a name, it stays until the folder is emptied
        with contextlib.suppress(OSError):
            Path(path).unlink()
    return database
