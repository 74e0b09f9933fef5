"""The headings of a document once all are known: which are running heads, and where the sections stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from axolotl_ragdata.readers._furniture import STOPS, Y_TOLERANCE
from axolotl_ragdata.readers._numbers import Number, numbers_of
from axolotl_ragdata.readers._outline import TOP_LEVEL, Heading, in_capitals
from axolotl_ragdata.readers._tei_blocks import Fields, Part, Raw, boxes_of

LEAST_REPEATS = 3
LEAST_BESIDE = 2
"""How often a heading is repeated at the height of another one that is known to run."""
LEAST_JOURNAL = 3
"""Words of a journal's title for which a heading that ends with it is a running head."""
LEAST_CAPITALS = 2
"""Main sections in capitals from which on capitals tell main sections."""


def place_parts(parts: Sequence[Part], journal: str = "") -> list[str]:
    """Give each section its path and its number; return a warning for each heading that is none.

    Args:
        parts: The sections in the order of the document.
        journal: The title of the journal that the document is from.
    """
    warnings = _drop_running(parts, journal)
    titled = {id(part): part.heading for part in parts if part.heading is not None and not part.goes_on}
    headings = list(titled.values())
    numbers = numbers_of([(heading.title, heading.number) for heading in headings], TOP_LEVEL.fullmatch)
    read = dict(zip(titled, numbers, strict=True))
    mains = sum(in_capitals(heading.title) and bool(TOP_LEVEL.fullmatch(heading.title)) for heading in headings)
    before: Part | None = None
    for part in parts:
        part.outline.capitals = mains >= LEAST_CAPITALS
        _place(part, before, read.get(id(part)))
        before = part
    return warnings


def _place(part: Part, before: Part | None, number: Number | None) -> None:
    """Give one section its path and its number, given the section before it."""
    heading = part.heading
    if heading is None:
        part.path = part.outline.base
    elif part.goes_on:
        heading.path = part.path = before.path if before and before.where == part.where else part.outline.base
    else:
        part.path, part.number = part.outline.place(heading.title, heading.number, heading.alone, number)
        heading.path = part.path
        if heading.holds_sections:
            part.outline.close(heading.title)


def joined(parts: Sequence[Part], sections: Iterable[Fields]) -> list[Fields]:
    """Return the sections that hold something; what stood below a heading that is none goes on in the one before."""
    kept: list[Fields] = []
    for part, section in zip(parts, sections, strict=True):
        if part.goes_on and kept and kept[-1]["part"] == section["part"]:
            kept[-1]["blocks"] += section["blocks"]
        elif section["blocks"] or (part.heading is not None and not part.goes_on):
            kept.append(section)
    return kept


def _drop_running(parts: Sequence[Part], journal: str) -> list[str]:
    """Take away the headings that are lone stops or running heads; return a warning for each."""
    found: dict[str, list[Part]] = defaultdict(list)
    stops = []
    named = []
    is_telling = len(journal.split()) >= LEAST_JOURNAL
    for part in parts:
        if (heading := part.heading) is not None:
            if not heading.title.strip(STOPS):
                stops.append(part)
            elif is_telling and heading.title.endswith(journal) and not heading.number:
                named.append(part)
            elif heading.coords and not heading.number:
                found[heading.title].append(part)
    warnings = [f"{len(stops)} headings of a full stop or a dash alone were left out"] if stops else []
    for part in named:
        warnings.append(f"heading {_as_paragraph(part)!r} is a running line: kept as a paragraph")
    _take_away([*stops, *named])
    repeated = {title: same for title, same in found.items() if len(same) >= LEAST_BESIDE}
    if repeated:
        warnings += _running(repeated, parts)
    return warnings


def _running(repeated: dict[str, list[Part]], parts: Sequence[Part]) -> list[str]:
    """Take away running heads among headings that are repeated: at one height, outside of the text of their pages."""
    heights = {title: height for title, same in repeated.items() if (height := _height(same)) is not None}
    edges = _edges(parts, repeated) if heights else {}
    heights = {title: height for title, height in heights.items() if _is_outside(repeated[title], height, edges)}
    sure = [height for title, height in heights.items() if len(repeated[title]) >= LEAST_REPEATS]
    warnings = []
    for title, height in heights.items():
        if any(abs(height - other) <= Y_TOLERANCE for other in sure):
            same = repeated[title]
            text = same[0].heading.title if same[0].heading else title
            warnings.append(f"running line {text!r}: {len(same)} headings were left out")
            _take_away(same)
    return warnings


def _as_paragraph(part: Part) -> str:
    """Put the text of a heading before what stands below it, and return it: it is there once, so none of it is lost."""
    title = part.heading.title if part.heading else ""
    raw = Raw("paragraph", part)
    raw.pieces.append(title)
    part.raws.insert(0, raw)
    return title


def _take_away(parts: Iterable[Part]) -> None:
    for part in parts:
        part.goes_on = True


def _height(parts: Sequence[Part]) -> float | None:
    """Return the height at which headings stand, each on another page; None where they do not."""
    boxes = [box for part in parts if (box := _box(part.heading)) is not None]
    if len(boxes) < len(parts) or len({box["page"] for box in boxes}) < len(boxes):
        return None
    if TOP_LEVEL.fullmatch(parts[0].heading.title if parts[0].heading else ""):
        return None
    heights = [float(box["y"]) for box in boxes]
    return heights[0] if max(heights) - min(heights) <= Y_TOLERANCE else None


def _box(heading: Heading | None) -> Fields | None:
    boxes = boxes_of([heading.coords]) if heading else []
    return boxes[0] if boxes else None


def _edges(parts: Sequence[Part], besides: Collection[str]) -> dict[int, tuple[float, float]]:
    """Return how high and how low the paragraphs and headings of each page reach, besides headings of some titles."""
    edges: dict[int, tuple[float, float]] = {}
    for part in parts:
        coords = [place for raw in part.raws if raw.kind == "paragraph" for place in raw.coords]
        if (heading := part.heading) is not None and heading.title not in besides and heading.coords:
            coords.append(heading.coords)
        for box in boxes_of(coords):
            top, bottom = edges.get(box["page"], (box["y"], box["y"]))
            edges[box["page"]] = min(top, box["y"]), max(bottom, box["y"])
    return edges


def _is_outside(parts: Sequence[Part], height: float, edges: dict[int, tuple[float, float]]) -> bool:
    """Return whether headings at a height stand above the paragraphs of their pages, or below them."""
    found = [edges.get(box["page"]) for part in parts if (box := _box(part.heading)) is not None]
    known = [edge for edge in found if edge is not None]
    return all(height < top for top, _ in known) or all(height > bottom for _, bottom in known)
