"""Marks around text that is data: they follow from the text, so that it cannot hold its own closing mark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import count

SEAL_DIGITS = 12


def seal_for(*texts: str) -> str:
    """Return a word of 12 hexadecimal digits that stands in none of the texts; equal texts give the same word.

    Whoever wrote the texts cannot know it: it is a hash of them.

    >>> seal_for("a", "b") == seal_for("a", "b") != seal_for("a", "c")
    True
    """
    joined = "\x00".join(texts)
    for salt in count():
        seal = hashlib.blake2b(f"{salt}\x00{joined}".encode("utf-8", "surrogatepass")).hexdigest()[:SEAL_DIGITS]
        if seal not in joined:
            return seal
    raise AssertionError("unreachable")


def enclosed(tag: str, text: str, seal: str, attributes: Mapping[str, str] | None = None, name: str = "seal") -> str:
    """Return a text between an opening and a closing mark, each on a line of its own, that carry the seal as `name`.

    >>> print(enclosed("passage", "Ants dig.", "5f", {"id": "p1"}))
    <passage id="p1" seal="5f">
    Ants dig.
    </passage seal="5f">
    """
    shown = "".join(f' {key}="{value}"' for key, value in (attributes or {}).items())
    return f'<{tag}{shown} {name}="{seal}">\n{text}\n</{tag} {name}="{seal}">'
