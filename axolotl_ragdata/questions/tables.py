"""Questions of tables: a cell by its row and column, two rows compared, bands of scores, a whole one by its caption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from axolotl_ragdata.questions.drafts import Draft, Span, is_well_formed
from axolotl_ragdata.questions.grammar import Language, lower_first
from axolotl_ragdata.records import Passage

ROW = re.compile(r"^\|(.+)\|\s*$", re.MULTILINE)
LABEL = re.compile(r"^(?:table|tableau|tab\.?)\s*[\dIVX]+[.:]?\s*", re.IGNORECASE)
STATISTIC = re.compile(
    r"\*\*|[<=>≤≥±] ?-?0?\.\d|\b(?:p-value|CI|SD|SE|coeff?\.?|β|R ?²?2?|F1|AUC|estimate|mean|adj)\b(?! rate)",
    re.IGNORECASE,
)
BAND = re.compile(r"^\d+(?: ?[-–] ?\d+)?$|^(?:above|below|under|over|≥|≤|<|>) ?\d+$|^\d+ (?:or (?:more|above|less))$")
MOSTLY_WORDS = 0.5
"""Least share of cells with words: a table of measurements needs the whole study to be understood."""
MOST_CELL_WORDS, MOST_LABEL_WORDS, MOST_LISTED_ROWS = 14, 8, 15


@dataclass(frozen=True)
class Row:
    """A row of a Markdown table, with its offsets in the passage."""

    span: Span
    cells: tuple[str, ...]

    @property
    def key(self) -> str:
        """The first cell."""
        return self.cells[0]


@dataclass(frozen=True)
class Grid:
    """A table that can be read: a caption, a header and rows as wide as it, each with a first cell."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    whole: bool


def of_table(passage: Passage, text: str, language: Language) -> list[Draft]:
    """Return the drafts of a table's passage; [] where it cannot be read or holds measurements.

    Args:
        passage: Of the kind `table`.
        text: The document's text, which decides on capitals.
        language: The rules.
    """
    grid = read_grid(passage)
    if grid is None or _holds_measurements(grid):
        return []
    drafts = [*_of_caption(grid, text, language), *_of_bands(grid, text, language), *_of_things(grid, text, language)]
    return [draft for draft in drafts if is_well_formed(draft.text)]


def read_grid(passage: Passage) -> Grid | None:
    """Return the table of a passage, None where its rows do not line up."""
    found = [
        Row((hit.start(), hit.start() + len(hit[0].rstrip())), _cells(hit[1])) for hit in ROW.finditer(passage.text)
    ]
    lead = [_cells(hit[1]) for hit in ROW.finditer(passage.lead)]
    if not found:
        return None
    header = lead[0] if lead else found[0].cells
    rows = tuple(row for row in found if row.cells != header and not set("".join(row.cells)) <= set("-: "))
    if len(rows) < 2 or len(header) < 2 or any(len(row.cells) != len(header) or not row.key for row in rows):
        return None
    if not all(header) or len({row.key for row in rows}) < len(rows):
        return None
    shown = passage.lead or passage.text
    caption = LABEL.sub("", " ".join(shown[: shown.find("|")].split()))
    return Grid(caption, header, rows, whole=not passage.lead)


def _cells(row: str) -> tuple[str, ...]:
    return tuple(" ".join(cell.replace("\\|", "|").split()) for cell in re.split(r"(?<!\\)\|", row))


def _holds_measurements(grid: Grid) -> bool:
    cells = [cell for row in grid.rows for cell in row.cells if cell]
    words = sum(bool(re.search(r"[^\W\d_]{3}", cell)) for cell in cells)
    bands = sum(bool(BAND.match(row.key)) for row in grid.rows)
    return words + bands < MOSTLY_WORDS * len(cells) or any(STATISTIC.search(cell) for cell in (*grid.header, *cells))


def _of_caption(grid: Grid, text: str, language: Language) -> Iterator[Draft]:
    """Yield the question that a caption is the answer's title of, with all rows as the answer."""
    if not grid.whole or not 2 <= len(grid.rows) <= MOST_LISTED_ROWS:
        return
    for titled in language.table.captions:
        if found := titled.pattern.match(grid.caption):
            thing = lower_first(found["x"], language.kept_capitals, text)
            asks = titled.asks.format(**{**found.groupdict(), "x": thing, "the_x": f"the {thing.removeprefix('the ')}"})
            lines = [_listed(grid, row, language, text) for row in grid.rows]
            answer = "\n".join([f"{grid.caption.rstrip('.')}{language.table.colon}", *(f"- {line}" for line in lines)])
            yield Draft(titled.type, "table-whole", language.polish(asks), tuple(row.span for row in grid.rows), answer)
            return


def _listed(grid: Grid, row: Row, language: Language, text: str) -> str:
    # an item's number is no name of it
    at = 1 if re.fullmatch(r"\d+\.?", row.key) and len(row.cells) > 2 else 0
    rest = [
        cell
        if len(row.cells) == 2
        else f"{lower_first(label, language.kept_capitals, text)}{language.table.colon} {cell}"
        for label, cell in zip(grid.header[at + 1 :], row.cells[at + 1 :], strict=True)
        if cell
    ]
    return (
        f"{row.cells[at]}{language.table.colon} {rest[0]}"
        if len(rest) == 1 and len(row.cells) == 2
        else f"{row.cells[at]} ({'; '.join(rest)})"
    )


def _of_bands(grid: Grid, text: str, language: Language) -> Iterator[Draft]:
    """Yield what a band of scores means; the instrument comes from the header or the caption."""
    words = language.table
    level = next((form for pattern, form in words.levels if pattern.match(grid.header[1])), None)
    if level is None or len(grid.header) != 2 or not words.scores.search(grid.header[0]):
        return
    instrument = _instrument(grid, language)
    for row in grid.rows[1:] if instrument else ():
        if not BAND.match(row.key):
            continue
        cell = lower_first(row.cells[1], language.kept_capitals, text)
        said = level.format(cell=cell, label=lower_first(grid.header[1], language.kept_capitals, text))
        filled = {"band": row.key, "instrument": instrument, "level": said}
        yield Draft(
            "table", "table-band", words.ask_band.format(**filled), (row.span,), words.answer_band.format(**filled)
        )


def _instrument(grid: Grid, language: Language) -> str | None:
    if found := language.table.instrument.search(grid.caption):
        return next((value for value in found.groups() if value), None)
    named = re.sub(r"\s*(?:total )?scores?$", "", grid.header[0], flags=re.IGNORECASE)
    return named if named and named != grid.header[0] and named.lower() != "total" else None


@dataclass(frozen=True)
class Fact:
    """One cell, read as "the `label` of `thing` is `cell`"."""

    label: str
    thing: str
    joint: str
    cell: str
    span: Span


def _of_things(grid: Grid, text: str, language: Language) -> Iterator[Draft]:
    by_label: dict[str, list[Fact]] = {}
    for fact in _facts(grid, text, language):
        by_label.setdefault(fact.label, []).append(fact)
    for facts in by_label.values():
        for fact in facts:
            yield _of_cell(fact, language)
    for at, facts in enumerate(by_label.values() if language.table.ask_difference else ()):
        # another partner for each label, so that one pair does not fill a table's share
        if len(facts) > 1 + at and _compares(facts[0], facts[1 + at]):
            yield _of_pair(facts[0], facts[1 + at], language)


def _compares(fact: Fact, other: Fact) -> bool:
    # an instrument has a range; that two of them differ in it tells nobody anything
    return fact.joint == other.joint and len(fact.joint.split()) == 1 and fact.cell.casefold() != other.cell.casefold()


def _facts(grid: Grid, text: str, language: Language) -> Iterator[Fact]:
    words = language.table
    across = bool(words.corner.match(grid.header[0]))
    key_joint = next((joint for pattern, joint in words.keys if pattern.match(grid.header[0])), None)
    for row in grid.rows:
        for column, cell in zip(grid.header[1:], row.cells[1:], strict=True):
            label, thing = (row.key, column) if across else (column, row.key)
            joint = _joint(grid, thing, language) if across else key_joint
            if (
                joint
                and words.attributes.match(label)
                and _is_name(thing, words.schemes)
                and _says_something(cell, words.cells_without_news)
            ):
                shown = [lower_first(value, language.kept_capitals, text) for value in (label, thing, cell)]
                joint = " of " if joint == " in " and words.of_labels.search(label) else joint
                yield Fact(shown[0], shown[1], joint, shown[2].rstrip("."), row.span)


def _joint(grid: Grid, thing: str, language: Language) -> str | None:
    """Return what stands between an attribute and a column's thing; a scheme needs what the caption is about."""
    if not language.table.schemes.match(thing):
        return next(joint for _, joint in language.table.keys)
    found = language.table.subject.search(grid.caption)
    return language.table.scheme_joint.format(x=found["x"]) if found and language.table.scheme_joint else None


def _is_name(thing: str, schemes: re.Pattern[str]) -> bool:
    named = (
        len(thing) >= 3
        and thing[0].isalpha()
        and len(thing.split()) <= MOST_LABEL_WORDS
        and not re.search(r"[/>;:]|->", thing)
    )
    # "Level 1", "Positive", "Mild": a name only inside its table
    return named and (
        bool(schemes.match(thing)) or not re.fullmatch(r"\w+ [\dIVX]+|[\dIVX]+|total|\d.*", thing, re.IGNORECASE)
    )


def _says_something(cell: str, without_news: re.Pattern[str]) -> bool:
    return bool(cell) and not without_news.match(cell) and len(cell.split()) <= MOST_CELL_WORDS


def _of_cell(fact: Fact, language: Language) -> Draft:
    words, filled = language.table, _words(fact, language)
    one, many = words.answer_cell
    answer = (many if language.plural(fact.label) else one).format(**filled)
    return Draft("table", "table-cell", language.polish(words.ask_cell.format(**filled)), (fact.span,), answer)


def _of_pair(fact: Fact, other: Fact, language: Language) -> Draft:
    words = language.table
    filled = {**_words(fact, language), "other": other.thing, "other_cell": other.cell}
    answer = " ".join(part.format(**filled) for part in words.answer_difference)
    # a table by columns has both facts in one row
    spans = tuple(dict.fromkeys((fact.span, other.span)))
    return Draft("comparison", "table-pair", words.ask_difference.format(**filled), spans, answer)


def _words(fact: Fact, language: Language) -> dict[str, str]:
    plural = language.plural(fact.label)
    thing = fact.thing
    return {
        "label": fact.label,
        "thing": thing,
        "Thing": thing[0].upper() + thing[1:],
        "joint": fact.joint,
        "cell": fact.cell,
        **{name: forms[plural] for name, forms in language.fill.items()},
        **language.table.agree(fact.label),
    }
