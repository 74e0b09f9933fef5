"""What citation marks mean: the target that the file gives them, held against author and year where they say both."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
LETTERED = re.compile(r"\d[a-z]\b")
NAME = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
PARTICLES = frozenset("et al and und y e the in see also cf e.g van von de da der den la le du des del di".split())  # noqa: SIM905
LONGEST_NAME = 60
SHORTEST = 7
"""Characters of a mark with a name and a year."""


class Targets:
    """What the citations of a document may point to, and what had to be done about them.

    Args:
        entries: The bibliography, as fields of `Reference`.
    """

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self.entries = entries
        self.by_id = {entry["id"]: entry for entry in reversed(entries)}
        self.n_missed = 0
        self.n_found = 0
        self.n_corrected = 0
        self._by_author: dict[tuple[str, int], set[str]] = {}

    def resolve(self, mark: str, target: str, alone: bool = True) -> str | None:
        """Return the id of the entry that a mark means, None where it is not known.

        That is its target, unless exactly one entry has the author and the year of the mark and the target is missing
        or is another one: parsers link the wrong entry now and then, and a DOI of another article is worse than none.

        Args:
            mark: The text of the mark.
            target: What the file links it to, "" for nothing.
            alone: The mark has no other target.
        """
        ref_id = target if target in self.by_id else None
        if ref_id is not None and self._agrees(mark, ref_id):
            return ref_id
        said = self.find(mark) if alone and len(mark) >= SHORTEST else None
        if said is not None and said != ref_id and not self._fits(mark, ref_id):
            self.n_found += ref_id is None
            self.n_corrected += ref_id is not None
            return said
        self.n_missed += bool(target) and ref_id is None
        return ref_id

    def find(self, mark: str) -> str | None:
        """Return the id of the one entry that a mark such as "(Jiang et al., 2022)" can mean; None where it is not one.

        A mark must hold one year, and its first name must be the surname of a first author. "2018a" is left alone: the
        list may hold the other article of that year only.
        """
        years = YEAR.findall(mark)
        if len(years) != 1 or LETTERED.search(mark):
            return None
        names = (name for name in map(_folded, NAME.findall(mark)) if name not in PARTICLES)
        fitting = self._authors().get((next(names, ""), int(years[0])), ())
        return next(iter(fitting)) if len(fitting) == 1 else None

    def _agrees(self, mark: str, ref_id: str) -> bool:
        """Return whether a mark says author and year of its entry word for word, as most do; cheap to ask."""
        entry = self.by_id[ref_id]
        authors, year = entry["authors"], entry["year"]
        if not authors or year is None or str(year) not in mark:
            return False
        surname = authors[0].rpartition(" ")[2]
        return len(surname) > 1 and surname in mark

    def _fits(self, mark: str, ref_id: str | None) -> bool:
        """Return whether an entry can be meant too: it has the year or none, and the name at its beginning."""
        entry = self.by_id.get(ref_id)
        if entry is None:
            return False
        told = _folded(entry["authors"][0] if entry["authors"] else (entry["raw"] or "")[:LONGEST_NAME])
        names = [name for name in map(_folded, NAME.findall(mark)) if name not in PARTICLES]
        return (entry["year"] is None or str(entry["year"]) in mark) and (not told.strip() or names[0] in told)

    def warnings(self) -> list[str]:
        """Return what was done, a line a kind."""
        counts = {
            "citations point to no entry of the bibliography": self.n_missed,
            "citations without a target were resolved by author and year": self.n_found,
            "citations were linked to another entry than their author and year say: corrected": self.n_corrected,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    def _authors(self) -> dict[tuple[str, int], set[str]]:
        """Return the ids of the entries by surname of the first author and year."""
        if not self._by_author:
            found: dict[tuple[str, int], set[str]] = defaultdict(set)
            found["", 0] = set()
            for entry in self.entries:
                if entry["authors"] and entry["year"] is not None and (names := NAME.findall(entry["authors"][0])):
                    found[_folded(names[-1]), entry["year"]].add(entry["id"])
            self._by_author = dict(found)
        return self._by_author


def _folded(name: str) -> str:
    """Return a name without accents and case.

    >>> _folded("Řehůřek")
    'rehurek'
    """
    if not name.isascii():
        parts = unicodedata.normalize("NFKD", name)
        name = "".join(sign for sign in parts if not unicodedata.combining(sign))
    return name.casefold()
