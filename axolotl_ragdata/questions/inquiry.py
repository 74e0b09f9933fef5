"""One call of a card: which passage, with what beside it, for the how manieth time."""

from __future__ import annotations

import hashlib
from typing import Any

from axolotl_ragdata.records import Passage, Record, content_id


class Inquiry(Record):
    """What is asked for: questions of one type about one passage.

    `partner_ids` are passages that the passage's citations lead to, `neighbour_ids` those of the sections around it,
    `cited_docs` the documents of the corpus that it cites. `asked` holds the questions that earlier rounds brought.
    """

    type: str
    passage: Passage
    round: int = 0
    count: int = 2
    persona: str | None = None
    difficulty: str | None = None
    partner_ids: tuple[str, ...] = ()
    neighbour_ids: tuple[str, ...] = ()
    cited_docs: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Follows from what is asked of which passage, and in which round."""
        return content_id("i", self.type, self.passage.id, self.round)

    @property
    def truth(self) -> bool:
        """Whether a statement is to be true: one half of all inquiries, drawn by what is asked about.

        Not by ids: a file with another byte gives all its passages others, and every statement would be paid for again.
        """
        return draw("truth", self.type, self.passage.in_context, self.round) % 2 == 0


def draw(*parts: Any) -> int:
    """Return a number of 64 bits that follows from the parts alone.

    >>> draw("a", 1) == draw("a", 1) != draw("a", 2)
    True
    """
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
