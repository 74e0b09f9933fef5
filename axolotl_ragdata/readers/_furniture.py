"""Running heads and other page furniture: the same short line again and again, with the marks of a journal."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from axolotl_ragdata.readers._glued import MOST_LINES, Glued, glued_lines, may_run

LEAST_REPEATS = 3
MOST_CHARACTERS = 160
LEAST_WORDS = 3
"""A line with the marks of a journal may have one word less."""
LEAST_UNMARKED = 5
"""Words of the half of a running line that has none of the marks."""
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
STOPS = ".,;:·•- "

Block = dict[str, Any]


def is_candidate(block: Block) -> bool:
    """Return whether a block is short and plain enough to be a running line."""
    return block["kind"] in ("paragraph", "note") and len(block["text"]) <= MOST_CHARACTERS


def drop_furniture(sections: list[dict[str, Any]]) -> list[str]:
    """Take running lines and lone stops out of the sections; return a warning for each line, with how many there were.

    A line runs when it is repeated at least three times and either carries the marks of a journal (an address, ©, a
    volume) or stands at the same height of different pages. Numbers in it, such as that of the page, may differ where
    it stands at one height and has a mark, or a word such as "page". The first of each line is kept. A line that runs
    is cut out of the text that it is glued to as well.
    """
    furniture = _Furniture(sections)
    furniture.drop_lines()
    furniture.cut_glued()
    furniture.leave_out()
    return furniture.warnings


class _Furniture:
    """What is left out of the sections of a document."""

    def __init__(self, sections: list[dict[str, Any]]) -> None:
        self.sections = sections
        self.lines: dict[str, list[Block]] = defaultdict(list)
        stops = []
        for section in sections:
            for block in section["blocks"]:
                if is_candidate(block):
                    if block["text"].strip(STOPS):
                        self.lines[NUMBER.sub("#", block["text"])].append(block)
                    else:
                        stops.append(block)
        self.dropped: dict[int, Block] = {id(block): block for block in stops}
        self.kept: dict[int, str] = {}
        self.known: list[str] = []
        self.warnings = [f"{len(stops)} blocks of a full stop or a dash alone were left out"] if stops else []

    def drop_lines(self) -> None:
        """Find the lines that run."""
        for line in sorted(line for line, blocks in self.lines.items() if len(blocks) >= LEAST_REPEATS):
            for blocks in _running(self.lines[line]):
                self._drop(blocks)
                text = blocks[0]["text"]
                self.warnings.append(f"running line {text!r}: {len(blocks) - 1} repetitions were left out")

    def _drop(self, blocks: list[Block]) -> None:
        self.dropped |= {id(block): block for block in blocks[1:]}
        self.kept[id(blocks[0])] = blocks[0]["text"]
        self.known += dict.fromkeys(block["text"] for block in blocks)

    def cut_glued(self) -> None:
        """Cut the lines that run out of other blocks, and those that run only there."""
        rare = [blocks[0]["text"] for blocks in self.lines.values() if len(blocks) < LEAST_REPEATS]
        marked = [text for text in rare if may_run(text) and MARKS.search(text)]
        if not marked and not self.known:
            return
        for line in glued_lines(marked, self._blocks()):
            self._drop([block for block in self.lines[NUMBER.sub("#", line)] if block["text"] == line])
        self.known = self.known[:MOST_LINES]
        if self.known:
            self._cut()

    def _cut(self) -> None:
        others = self._blocks()
        halves = {text for block in others if is_candidate(block) and self._is_half(text := block["text"])}
        glued = Glued(self.known, sorted(halves | self._other_halves(halves)))
        n_cut = 0
        for block in others:
            if glued.cut(block):
                n_cut += 1
                if not block["text"]:
                    self.dropped[id(block)] = block
        self.warnings += [f"running lines were cut out of {n_cut} other blocks"] if n_cut else []

    def _is_half(self, text: str) -> bool:
        """Return whether a text begins or ends a line that runs, and is no sentence of its own."""
        n_words = len(text.split())
        if n_words < LEAST_WORDS or (n_words < LEAST_UNMARKED and not MARKS.search(text)):
            return False
        return any(line.startswith(text) or line.endswith(text) for line in self.known)

    def _other_halves(self, halves: set[str]) -> set[str]:
        """Return what is left of the lines without a half."""
        left = {line.removesuffix(half).strip() for line in self.known for half in halves if line.endswith(half)}
        left |= {line.removeprefix(half).strip() for line in self.known for half in halves if line.startswith(half)}
        return {half for half in left if len(half.split()) >= LEAST_UNMARKED}

    def _blocks(self) -> list[Block]:
        """Return the paragraphs and notes that stay."""
        left_out = self.dropped.keys() | self.kept.keys()
        return [
            block
            for section in self.sections
            for block in section["blocks"]
            if block["kind"] in ("paragraph", "note") and id(block) not in left_out
        ]

    def leave_out(self) -> None:
        """Take what was found out of the sections."""
        if self.dropped:
            for section in self.sections:
                section["blocks"] = [block for block in section["blocks"] if id(block) not in self.dropped]


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
