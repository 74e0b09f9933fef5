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
    r"https?://|www\.|\bdoi(?:[:.\s/]*10\.|\.org\b)|\b10\.\d{4,}/|©|\bissn\b|downloaded from \S+\.[a-z]|"
    r"all rights reserved|\bvol\. ?\d|"
    r"\bvolume \d+\W+(?:issue|no\b|number|\()|\d+ ?\(\d+\) ?:|\((?:19|20)\d\d\) ?\d+ ?:",
    re.I,
)
"""What stands in a running line and in no other."""
HINTS = re.compile(
    r"\bdoi\b|copyright|licen[cs]e|\bvol(ume)?\b|\bno\.|\bjournal\b|\bpage\b|\bpreprint\b|manuscript|peer review", re.I
)
"""What stands in running lines, and in the words of patients too."""
NUMBER = re.compile(r"\d+")
STOPS = frozenset(".,;:·•- ")

Block = dict[str, Any]


def is_candidate(block: Block) -> bool:
    """Return whether a block is short and plain enough to be a running line."""
    return block["kind"] in ("paragraph", "note") and len(block["text"]) <= MOST_CHARACTERS


def drop_furniture(sections: list[dict[str, Any]]) -> list[str]:
    """Take running lines and lone stops out of the sections; return a warning for each line, with how many there were.

    A line runs when it is repeated at least three times and either carries the marks of a journal (an address, ©, a
    volume) or stands at the same height of different pages. Numbers in it, such as that of the page, may differ where
    it stands at one height and has a mark, or a word such as "page". The first of each line is kept.
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
    text = blocks[0]["text"]
    is_marked = MARKS.search(text) is not None
    is_hinted = is_marked or HINTS.search(text) is not None
    if len(text.split()) < LEAST_WORDS - is_hinted:
        return []
    if is_hinted and _at_one_height(blocks):
        return [blocks]
    same: dict[str, list[Block]] = defaultdict(list)
    for block in blocks:
        same[block["text"]].append(block)
    return [found for found in same.values() if len(found) >= LEAST_REPEATS and (is_marked or _at_one_height(found))]


def _at_one_height(blocks: list[Block]) -> bool:
    """Return whether blocks stand at the same height, each on another page."""
    boxes = [box for block in blocks if (box := _box(block))]
    if len(boxes) < len(blocks) or len({box["page"] for box in boxes}) < len(boxes):
        return False
    heights = [box["y"] for box in boxes]
    return bool(max(heights) - min(heights) <= Y_TOLERANCE)


def _box(block: Block) -> dict[str, Any] | None:
    """Return where a block begins, by its own boxes or by those of its sentences."""
    boxes = block["boxes"] or [box for sentence in block.get("sentences", ()) for box in sentence["boxes"]]
    return boxes[0] if boxes else None
