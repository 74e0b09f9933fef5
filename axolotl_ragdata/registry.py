"""Name → item, for readers, filters and exports; built-ins by file, third parties by entry point."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from axolotl_ragdata.errors import UnknownName

Item = TypeVar("Item")


def nearest_fix(name: str, known: Iterable[str]) -> str:
    """Return the `fix:` text for a name that is not known: the nearest one, then all of them.

    >>> nearest_fix("grobit", ["grobid", "text"])
    "did you mean 'grobid'? known: grobid, text"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


class Registry(Generic[Item]):
    """The items of one kind.

    Every module of `package` is imported on the first look-up and registers its item there; then the entry points of
    `group` are read, each naming an object of the same kind.

    Args:
        kind: What an item is, for errors: "reader".
        package: The package whose modules hold the built-in items.
        group: The entry-point group of third parties: "ragdata.readers".
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self._items: dict[str, Item] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[Item], Item]:
        """Return a decorator that files an item under `name`; a second item of that name is refused."""

        def file(item: Item) -> Item:
            if self._items.setdefault(name, item) is not item:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            return item

        return file

    def names(self) -> list[str]:
        """Return the known names, sorted."""
        self._load()
        return sorted(self._items)

    def get(self, name: str, where: str) -> Item:
        """Return the item of that name.

        Args:
            name: The name, as the user wrote it.
            where: The place where it was written, for the error.

        Raises:
            UnknownName: There is none; the error names the nearest.
        """
        self._load()
        if name not in self._items:
            raise UnknownName(where, f"unknown {self.kind} {name!r}", nearest_fix(name, self._items))
        return self._items[name]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=self.group):
            if point.name not in self._items:
                self._items[point.name] = point.load()
