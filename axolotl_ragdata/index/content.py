"""What a table holds of each document, told without holding it: whether it is what it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class Content(NamedTuple):
    """What a document's rows hold: how many there are, and the sum of their hashes, whatever their order."""

    rows: int = 0
    digest: int = 0


def contents_of(rows: Iterable[tuple[str, str]]) -> dict[str, Content]:
    """Return the content of each document, of (document, record as JSON) pairs."""
    found: dict[str, Content] = {}
    for name, record in rows:
        count, total = found.get(name, Content())
        found[name] = Content(count + 1, (total + int.from_bytes(digest(record), "big")) % (1 << 128))
    return found


def digest(text: str) -> bytes:
    """Return a hash of 16 bytes of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
