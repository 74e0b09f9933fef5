"""Running lines that are glued to other text: at its ends, and between the halves of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

LEAST_WORDS = 5
"""A shorter line is cut off the ends of a text, and not out of its middle."""
LEAST_REPEATS = 3
MOST_LINES = 20
"""Lines that are looked for in all blocks; a document with more of them is a list of addresses."""
MOST_AT_AN_END = 4
"""Lines that are cut off the end of a text, one behind the other."""
SIGNS = ("http", "www.", "doi", "DOI", "©", "ISSN", "ownloaded from")
"""One of these is in nearly every line that may run, and to look for them takes no time."""
SENTENCE_ENDS = (".", "!", "?", ":")

Block = dict[str, Any]
Range = tuple[int, int]


def may_run(line: str) -> bool:
    """Return whether a line may be a running one that is glued to other text wherever else it stands."""
    if line.endswith(SENTENCE_ENDS) or len(line.split()) < LEAST_WORDS:
        return False
    return any(sign in line for sign in SIGNS)


def glued_lines(lines: Sequence[str], blocks: Iterable[Block]) -> list[str]:
    """Return the lines that stand alone or at the ends of three blocks and more."""
    if not lines or len(lines) > MOST_LINES:
        return []
    counts = dict.fromkeys(lines, 0)
    either = tuple(lines)
    found = [text for block in blocks if (text := block["text"]).endswith(either) or text.startswith(either)]
    for text in found:
        for line in lines:
            counts[line] += text.endswith(line) or text.startswith(line)
    return [line for line, count in counts.items() if count >= LEAST_REPEATS]


class Glued:
    """Cuts known running lines, and the halves of them that page ends leave, out of other text.

    Args:
        lines: The running lines.
        halves: What begins or ends one of them, and stands by itself somewhere.
    """

    def __init__(self, lines: Sequence[str], halves: Sequence[str]) -> None:
        lines = [line for line in lines if not line.endswith(SENTENCE_ENDS)]
        self.pieces = sorted({*lines, *halves}, key=len, reverse=True)[: 2 * MOST_LINES]
        self.signs = [
            piece for piece in self.pieces if not any(other in piece for other in self.pieces if other != piece)
        ]
        either = "|".join(map(re.escape, self.pieces)) or "(?!)"
        self.start = re.compile(rf"(?:(?:\d{{1,4}}\s+)?(?:{either})(?!\S)\s*)+")
        self.end = re.compile(rf"(?:(?:^|\s+)(?:{either})(?:\s+\d{{1,4}}(?!\S))?)+\s*\Z")
        self.reach = MOST_AT_AN_END * (len(self.pieces[0]) + 8) if self.pieces else 0
        self.long = [line for line in lines if len(line.split()) >= LEAST_WORDS]

    def cut(self, block: Block) -> bool:
        """Cut the lines out of a block, its marks along with it; return whether there were any."""
        text = block["text"]
        for sign in self.signs:
            if sign in text:
                return self._cut(block)
        return False

    def _cut(self, block: Block) -> bool:
        text = block["text"]
        ranges = self._ranges(text, block["kind"])
        if not ranges:
            return False
        kept = _Kept(text, ranges)
        block["text"] = kept.text
        for name in ("citations", "sentences"):
            if block.get(name):
                block[name] = [moved for mark in block[name] if (moved := kept.moved(mark)) is not None]
        return True

    def _ranges(self, text: str, kind: str) -> list[Range]:
        """Return what is to be cut, in order; a note is on one page, and no page end parts its sentences."""
        last = self.end.search(text, max(0, len(text) - self.reach))
        found = [match.span() for match in (self.start.match(text), last) if match]
        inside = [span for line in self.long for span in _places(line, text)] if kind == "paragraph" else []
        ranges: list[Range] = []
        for start, end in sorted({*found, *inside}):
            if not ranges or start >= ranges[-1][1]:
                ranges.append((start, end))
            elif end > ranges[-1][1]:
                ranges[-1] = ranges[-1][0], end
        return ranges


def _places(line: str, text: str) -> Iterator[Range]:
    """Yield where a line stands between blanks in a text."""
    at = text.find(line)
    while at >= 0:
        end = at + len(line)
        if (at == 0 or text[at - 1] == " ") and (end == len(text) or text[end] == " "):
            yield at, end
        at = text.find(line, end)


class _Kept:
    """A text without some ranges of it, and where its marks are afterwards."""

    def __init__(self, text: str, ranges: Sequence[Range]) -> None:
        self.spans: list[tuple[int, int, int]] = []
        parts: list[str] = []
        at = length = 0
        for start, end in [*ranges, (len(text), len(text))]:
            piece = text[at:start]
            lead = len(piece) - len(piece.lstrip())
            if piece := piece.strip():
                length += bool(parts)
                self.spans.append((at + lead, at + lead + len(piece), length))
                parts.append(piece)
                length += len(piece)
            at = end
        self.text = " ".join(parts)

    def moved(self, mark: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a mark with its new place; None where its text is gone, or a citation's in part."""
        held = [
            (max(start, mark["start"]) - start + at, min(end, mark["end"]) - start + at)
            for start, end, at in self.spans
            if mark["start"] < end and mark["end"] > start
        ]
        if not held:
            return None
        moved = {**mark, "start": held[0][0], "end": held[-1][1]}
        is_whole = "text" not in mark or self.text[moved["start"] : moved["end"]] == mark["text"]
        return moved if is_whole else None
