"""How long the rows of a finished build are in the base model's tokens, and what `sequence_len` would cost."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from axolotl_ragdata.chat_template import ChatTemplate
from axolotl_ragdata.exports.sharegpt import SPEAKERS
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Message
from axolotl_ragdata.store import RunDirectory

SEQUENCE_LEN = 512
"""Axolotl's own where the recipe names none."""
BINS = 8
BAR = 40
ROLES = {theirs: ours for ours, theirs in SPEAKERS.items()}


class Lengths(BaseModel):
    """Tokens of the rows that Axolotl reads, the longest text of a row where it holds several."""

    rows: int
    shortest: int
    median: float
    longest: int
    sequence_len: int
    over: int
    """Rows longer than `sequence_len`."""
    histogram: list[tuple[int, int, int]]
    """From, to (inclusive) and how many."""

    def lines(self) -> Iterator[str]:
        """Yield the histogram as text, a bar a line; bins that lie above `sequence_len` are marked."""
        most = max(count for _, _, count in self.histogram)
        for low, high, count in self.histogram:
            bar = "#" * -(-BAR * count // most)
            mark = "  over sequence_len" if low > self.sequence_len else ""
            yield f"{low:>6}-{high:<6} {count:>6}  {bar}{mark}"


def measure(recipe: Recipe, template: ChatTemplate) -> Lengths | None:
    """Return how long the exported rows of a finished build are, None where there is none or it has no row.

    Raises:
        StoreError: The manifest cannot be read.
        RecipeError: The template refuses a row.
    """
    run = RunDirectory(recipe.output)
    files = (run.read_manifest() or {}).get("files", {})
    paths = [run.folder / files[split] for split in ("train", "validation") if split in files]
    rows = [json.loads(line) for path in paths if path.is_file() for line in path.read_bytes().splitlines()]
    if not rows:
        return None
    limit = int(recipe.axolotl.get("sequence_len") or SEQUENCE_LEN)
    return summarised([longest_text(row, template) for row in rows], limit)


def longest_text(row: Mapping[str, Any], template: ChatTemplate) -> int:
    """Return the tokens of a row in any of our formats; of a preference pair, of its longer half."""
    if "prompt" in row:
        return max(template.count(_messages([*row["prompt"], *row[half]])) for half in ("chosen", "rejected"))
    if "messages" in row:
        return template.count(_messages(row["messages"]))
    if "conversations" in row:
        turns = [{"role": ROLES[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]
        return template.count(_messages(turns))
    if "segments" in row:
        return sum(template.count_text(part["text"]) for part in row["segments"])
    if "instruction" in row:
        asked = f"{row['system']}\n\n### Instruction:\n{row['instruction']}\n\n### Response:\n"
        return template.count_text(asked) + template.count_text(row["output"]) + 1
    return template.count_text(str(row.get("text", "")))


def summarised(lengths: Sequence[int], sequence_len: int) -> Lengths:
    """Return the summary of row lengths, with `sequence_len` as an edge between two bins.

    >>> summarised([10, 20, 600], 512).over
    1
    >>> summarised([10, 20, 600], 512).histogram
    [(1, 64, 2), (577, 640, 1)]
    """
    width = max(1, -(-sequence_len // BINS))
    found = Counter((length - 1) // width if length else 0 for length in lengths)
    histogram = [(width * at + 1, width * (at + 1), found[at]) for at in sorted(found)]
    return Lengths(
        rows=len(lengths),
        shortest=min(lengths),
        median=statistics.median(lengths),
        longest=max(lengths),
        sequence_len=sequence_len,
        over=sum(length > sequence_len for length in lengths),
        histogram=histogram,
    )


def _messages(turns: Sequence[Mapping[str, str]]) -> tuple[Message, ...]:
    return tuple(Message.model_validate(turn) for turn in turns)
