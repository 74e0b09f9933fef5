"""Running heads and other page furniture: the same short line again and again, with the marks of a journal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

LEAST_REPEATS = 3
MOST_CHARACTERS = 160
LEAST_WORDS = 3
Y_TOLERANCE = 4.0
"""Points by which the same line may differ in height from page to page."""
MARKS = re.compile(
    r"https?://|www\.|doi|©|copyright|issn|downloaded|licen[cs]e|all rights reserved|\bvol(ume)?\b|\bno\.|"
    r"\bjournal\b|\bpage\b|\bpreprint\b|author manuscript|peer review|\d+ ?\(\d+\) ?:|\((19|20)\d\d\) ?\d+ ?:",
    re.I,
)

Block = dict[str, Any]


def is_candidate(block: Block) -> bool:
    """Return whether a block is short and plain enough to be a running line."""
    return block["kind"] in ("paragraph", "note") and len(block["text"]) <= MOST_CHARACTERS


def drop_furniture(sections: list[dict[str, Any]]) -> list[str]:
    """Take repeated running lines out of the sections, all but the first of each; return a warning for each line.

    A line counts as one when it is repeated at least three times word for word and either carries the marks of a
    journal (an address, ©, a year, "Downloaded from") or stands at the same height of different pages.
    """
    counts = Counter(block["text"] for section in sections for block in section["blocks"] if is_candidate(block))
    repeated = {text for text, count in counts.items() if count >= LEAST_REPEATS and len(text.split()) >= LEAST_WORDS}
    if not repeated:
        return []
    places: dict[str, list[Block]] = defaultdict(list)
    for section in sections:
        for block in section["blocks"]:
            if block["text"] in repeated and is_candidate(block):
                places[block["text"]].append(block)
    running = {text for text, blocks in places.items() if MARKS.search(text) or _at_one_height(blocks)}
    kept = {id(places[text][0]) for text in running}
    for section in sections:
        blocks = section["blocks"]
        section["blocks"] = [b for b in blocks if b["text"] not in running or not is_candidate(b) or id(b) in kept]
    return [f"running line {text!r}: {counts[text] - 1} repetitions were left out" for text in sorted(running)]


def _at_one_height(blocks: list[Block]) -> bool:
    """Return whether blocks stand at the same height, each on another page."""
    boxes = [block["boxes"][0] for block in blocks if block["boxes"]]
    if len(boxes) < len(blocks) or len({box.page for box in boxes}) < len(boxes):
        return False
    heights = [box.y for box in boxes]
    return bool(max(heights) - min(heights) <= Y_TOLERANCE)
