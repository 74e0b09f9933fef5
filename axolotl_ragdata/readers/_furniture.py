"""Running heads and other page furniture: the same short line again and again, with the marks of a journal."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

LEAST_REPEATS = 3
MOST_CHARACTERS = 160
LEAST_WORDS = 3
"""A line with the marks of a journal may have one word less."""
Y_TOLERANCE = 4.0
"""Points by which the same line may differ in height from page to page."""
MARKS = re.compile(
    r"https?://|www\.|doi|©|copyright|issn|downloaded|licen[cs]e|all rights reserved|\bvol(ume)?\b|\bno\.|"
    r"\bjournal\b|\bpage\b|\bpreprint\b|author manuscript|peer review|\d+ ?\(\d+\) ?:|\((19|20)\d\d\) ?\d+ ?:",
    re.I,
)
NUMBER = re.compile(r"\d+")
STOPS = frozenset(".,;:·•- ")

Block = dict[str, Any]


def is_candidate(block: Block) -> bool:
    """Return whether a block is short and plain enough to be a running line."""
    return block["kind"] in ("paragraph", "note") and len(block["text"]) <= MOST_CHARACTERS


def drop_furniture(sections: list[dict[str, Any]]) -> list[str]:
    """Take running lines and lone stops out of the sections; return a warning for each line, with how many there were.

    A line runs when it is repeated at least three times and either carries the marks of a journal (an address, ©, a
    year, "Downloaded from") or stands at the same height of different pages. Numbers in it, such as that of the page,
    may differ where it does both. The first of each line is kept.
    """
    lines: dict[str, list[Block]] = defaultdict(list)
    stops = []
    for section in sections:
        for block in section["blocks"]:
            if is_candidate(block):
                if STOPS.issuperset(block["text"]):
                    stops.append(block)
                else:
                    lines[NUMBER.sub("#", block["text"])].append(block)
    dropped: dict[int, Block] = {id(block): block for block in stops}
    warnings = [f"{len(stops)} blocks of a full stop or a dash alone were left out"] if stops else []
    for line in sorted(line for line, blocks in lines.items() if len(blocks) >= LEAST_REPEATS):
        for blocks in _running(lines[line]):
            dropped |= {id(block): block for block in blocks[1:]}
            text = blocks[0]["text"]
            warnings.append(f"running line {text!r}: {len(blocks) - 1} repetitions were left out")
    if dropped:
        for section in sections:
            section["blocks"] = [block for block in section["blocks"] if id(block) not in dropped]
    return warnings


def _running(blocks: list[Block]) -> list[list[Block]]:
    """Return the running lines among blocks that differ in their numbers at most, each with all of its repetitions."""
    is_marked = MARKS.search(blocks[0]["text"]) is not None
    if len(blocks[0]["text"].split()) < LEAST_WORDS - is_marked:
        return []
    if is_marked and _at_one_height(blocks):
        return [blocks]
    same: dict[str, list[Block]] = defaultdict(list)
    for block in blocks:
        same[block["text"]].append(block)
    return [found for found in same.values() if len(found) >= LEAST_REPEATS and (is_marked or _at_one_height(found))]


def _at_one_height(blocks: list[Block]) -> bool:
    """Return whether blocks stand at the same height, each on another page."""
    boxes = [block["boxes"][0] for block in blocks if block["boxes"]]
    if len(boxes) < len(blocks) or len({box["page"] for box in boxes}) < len(boxes):
        return False
    heights = [box["y"] for box in boxes]
    return bool(max(heights) - min(heights) <= Y_TOLERANCE)
