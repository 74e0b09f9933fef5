"""Where what hangs under the body belongs: GROBID puts figures, tables and notes there, away from their mentions."""

from __future__ import annotations

import re
from typing import Any

from axolotl_ragdata.readers._tei_blocks import Fields, Raw

FLOATS = ("figure", "table")
OWN_ID = re.compile(r"#([a-z]+_\d+)(?:-p\d+x*)?")
"""As GROBID gives them; those of a joined book have the first page of their part behind them."""
NUMBER_ALONE = re.compile(r"\(?(?:fig(?:ure)?s?|tab(?:le)?s?)?\.? ?(\d{1,3})[a-z]?\)?[.,:]?", re.I)


class Mentions:
    """What the text mentions, by id or as `figure 3`, and what waits to be put there until all of it is known."""

    def __init__(self) -> None:
        self.in_text: dict[str, tuple[int, Raw]] = {}
        self.aside: dict[str, tuple[int, Raw]] = {}
        self.hanging: list[tuple[Raw, str, str]] = []

    def add(self, name: str, raw: Raw) -> None:
        """Note that a block mentions something; the first mention counts.

        What a caption, the abstract or the back says about figures and tables moves none; notes are at home there too.
        """
        is_text = raw.part.where == "body" and raw.kind not in FLOATS
        found = self.in_text if is_text else self.aside
        found.setdefault(name, (len(found), raw))

    def hang(self, raw: Raw, xml_id: str, name: str) -> None:
        """Keep a block until `settle`; the mentions that mean it have its id, else its name."""
        self.hanging.append((raw, xml_id, name))

    def settle(self) -> None:
        """Put what hangs where it is mentioned first: notes behind the mention, others at the end of the section."""
        for raw, xml_id, name in self.hanging:
            found = self.in_text.get(xml_id) or self.in_text.get(name)
            if found is None and raw.kind == "note":
                found = self.aside.get(xml_id)
            order, mention = found or (0, None)
            if mention is None or not mention.kept:
                raw.part.tail.append(raw)
            elif raw.kind == "note":
                mention.beside += (raw,)
            else:
                mention.part.floats.append((order, raw))


def mention_of(target: str, kind: str | None, element: Any) -> str | None:
    """Return what a reference mentions: the id that it points to, else `figure 3` where it says so."""
    if target[:1] == "#":
        return target[1:]
    if target or kind not in ("figure", "table"):
        return None
    number = NUMBER_ALONE.fullmatch("".join(element.itertext()).strip())
    return f"{kind} {number[1]}" if number else None


def is_own_id(target: str, text: str | None) -> bool:
    """Return whether the text of a mark is the id that it points to: the mark has lost its sign, and says nothing.

    >>> is_own_id("#foot_3", "foot_3"), is_own_id("#foot_3-p21", "foot_3"), is_own_id("#foot_3", "4")
    (True, True, False)
    """
    return bool(text) and (found := OWN_ID.fullmatch(target)) is not None and found[1] == text


def label_key(block: Fields) -> str:
    """Return the name under which a figure or table is mentioned where nothing points to it: `figure 3`."""
    number = NUMBER_ALONE.fullmatch(block.get("label") or "")
    return f"{block['kind']} {number[1]}" if number else ""
