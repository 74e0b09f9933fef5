"""Tables and figures as text: label, caption, and the cells as Markdown rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

TRAILING = " |.:;,"
"""What is cut off behind a label: `Table 2 .` and `Fig. 3 |` are `Table 2` and `Fig. 3`."""
HYPHEN = re.compile(r"-[^\W\d_]")
SPAN_CAP = 200
GROWTH_CAP = 10
"""Empty cells that spans may add to the Markdown, for each cell of the table."""

Cell = Mapping[str, Any]


def span_of(value: str | None) -> int:
    """Return the number of rows or columns that a cell spans: from 1 to `SPAN_CAP`, 1 where it is not a number.

    >>> span_of("3"), span_of("-1"), span_of("9" * 30), span_of(None)
    (3, 1, 200, 1)
    """
    digits = (value or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return 1
    return min(max(int(digits[:6]), 1), SPAN_CAP)


def cell_of(text: str, attributes: Mapping[str, str], header: bool) -> dict[str, Any]:
    """Return the fields of a cell, given the attributes of its element and whether its row is a header.

    >>> cell_of("Dose", {"cols": "2", "role": "label"}, False)
    {'text': 'Dose', 'col_span': 2, 'header': True}
    """
    cell: dict[str, Any] = {"text": text}
    for name, key in (("cols", "col_span"), ("rows", "row_span")):
        if value := attributes.get(name):
            cell[key] = span_of(value)
    if header or attributes.get("role") == "label":
        cell["header"] = True
    return cell


def markdown_rows(rows: Sequence[Sequence[Cell]]) -> str:
    r"""Return the rows as a Markdown table whose first row is the header row; "" where there is none.

    A cell that spans others is followed, and stood under, by empty ones.

    >>> print(markdown_rows([[{"text": "Drug"}, {"text": "p"}], [{"text": "A|B"}, {"text": "< 0.05"}]]))
    | Drug | p |
    | --- | --- |
    | A\|B | < 0.05 |
    """
    if not rows:
        return ""
    grid = _grid(rows)
    width = max(map(len, grid))
    if not width:
        return ""
    lines = ["| " + " | ".join(row) + " |" for row in (grid[0] + [""] * (width - len(grid[0])), *grid[1:])]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def float_text(label: str | None, caption: str | None, rows: Sequence[Sequence[Cell]]) -> tuple[str, int]:
    """Return the text of a table or figure, and where its caption begins in it.

    The label is not said twice when the caption begins with it.

    >>> float_text("Table 1", "Means.", [])
    ('Table 1. Means.', 9)
    >>> float_text("Figure 1", "Figure1 Means.", [])
    ('Figure1 Means.', 0)
    >>> float_text("Box X", "-linked genes", [])
    ('Box X-linked genes', 5)
    """
    label, caption = label or "", caption or ""
    lead = "" if not label or begins_with(caption, label) else label
    joint = "" if not (lead and caption) or HYPHEN.match(caption) else " " if not lead[-1].isalnum() else ". "
    top = f"{lead}{joint}{caption}"
    table = markdown_rows(rows)
    return (f"{top}\n{table}" if top and table else top or table), len(lead) + len(joint)


def _grid(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Return the texts of the cells with the empty places that spans leave, unless these are absurdly many."""
    n_cells = sum(map(len, rows))
    area = sum(cell.get("row_span", 1) * cell.get("col_span", 1) for row in rows for cell in row)
    if area == n_cells:
        return [[_escaped(cell["text"]) for cell in row] for row in rows]
    if area > GROWTH_CAP * n_cells + SPAN_CAP:
        return [[_escaped(cell["text"]) for cell in row] for row in rows]
    grid: list[list[str]] = []
    below: dict[int, int] = {}
    for row in rows:
        line: list[str] = []
        for cell in row:
            _step_over(line, below)
            width, height = cell.get("col_span", 1), cell.get("row_span", 1)
            if height > 1:
                below |= {len(line) + at: height for at in range(width)}
            line += [_escaped(cell["text"]), *[""] * (width - 1)]
        _step_over(line, below)
        below = {at: left - 1 for at, left in below.items() if left > 1}
        grid.append(line)
    return grid


def _step_over(line: list[str], below: Mapping[int, int]) -> None:
    """Leave the places empty that a cell above reaches into."""
    while below.get(len(line), 0) > 0:
        line.append("")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|") if "|" in text else text


def begins_with(caption: str, label: str) -> bool:
    """Return whether a caption begins with the label, blanks and signs aside; `Fig. 1` is `Figure 1`.

    >>> begins_with("Figure1 Means.", "Fig. 1"), begins_with("Figure 10 shows it.", "Figure 1")
    (True, False)
    """
    wanted = _name(label)
    found = _name(caption[: 2 * len(label) + 16])
    if not wanted or not found.startswith(wanted):
        return False
    return not (wanted[-1].isdigit() and found[len(wanted) : len(wanted) + 1].isdigit())


def _name(text: str) -> str:
    name = "".join(filter(str.isalnum, text)).casefold()
    return f"fig{name[6:]}" if name.startswith("figure") else name
