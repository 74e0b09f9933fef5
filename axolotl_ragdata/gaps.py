"""What a build covers: rows by section and type, beside what the recipe asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from axolotl_ragdata.coverage import Cell, Section, quotas, section_of
from axolotl_ragdata.inquiries import Planner, skipped_passages
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import PATH_JOINT, Document, Example, Passage
from axolotl_ragdata.shelf import by_id

NO_HEADING = "(no heading)"


class TypeCoverage(BaseModel):
    """Rows of one type in one section; `wanted` is None where the recipe sets no quota."""

    rows: int
    wanted: int | None = None


class SectionCoverage(BaseModel):
    """Rows of one section by type, with the tokens of the passages that may be asked about."""

    doc_id: str
    document: str
    section: list[str]
    tokens: int
    rows: int
    wanted: int | None
    types: dict[str, TypeCoverage]

    @property
    def missing(self) -> int:
        """Rows that the section lacks."""
        return max(0, (self.wanted or 0) - self.rows)


class Coverage(BaseModel):
    """What a dataset covers; `skipped` counts passages that nothing is asked of, by kind."""

    sections: list[SectionCoverage]
    types: list[str]
    rows: int
    wanted: int | None
    missing: int
    skipped: dict[str, int]

    def lines(self) -> Iterator[str]:
        """Yield a table: sections down, types across, each cell rows, or rows/wanted where there is a quota."""
        head = ["tokens", *self.types, "rows", *(["gap"] if self.wanted is not None else [])]
        body = [(line, self._cells(line)) for line in self.sections]
        widths = [max(len(name), *(len(cells[at]) for _, cells in body), 3) for at, name in enumerate(head)]
        document, by_document = "", not any(line.section for line in self.sections)
        yield "  ".join(f"{name:>{width}}" for name, width in zip(head, widths, strict=True)) + (
            "  document" if by_document else "  section"
        )
        for line, cells in body:
            if line.document != document and not by_document:
                document = line.document
                yield document
            shown = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
            title = line.document if by_document else PATH_JOINT.join(line.section) or NO_HEADING
            yield f"{shown}  {title}"
        yield from self._totals()

    def _cells(self, line: SectionCoverage) -> list[str]:
        found = [line.types.get(name, TypeCoverage(rows=0)) for name in self.types]
        total = [f"{line.rows}", *([f"{line.missing}"] if self.wanted is not None else [])]
        return [f"{line.tokens:,}", *(_shown(one.rows, one.wanted) for one in found), *total]

    def _totals(self) -> Iterator[str]:
        by_type = {
            name: sum(line.types[name].rows for line in self.sections if name in line.types) for name in self.types
        }
        yield "by type: " + ", ".join(f"{name} {count}" for name, count in by_type.items())
        asked = "" if self.wanted is None else f" of {self.wanted:,} asked for, {self.missing:,} missing"
        yield f"{self.rows:,} rows{asked}"
        if self.skipped:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.skipped.items())
            yield f"skipped passages: {kinds}"


def coverage_of(
    recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage], examples: Sequence[Example]
) -> Coverage:
    """Return the coverage of rows over the sections of documents, in the order of the documents' paths.

    Args:
        recipe: Whose quota is compared with.
        documents: All of them.
        passages: All passages, in reading order within each document.
        examples: Rows; [] before a build.

    Raises:
        UnknownName: The recipe names a question type that there is not.
    """
    block = recipe.ragdata.questions
    planner = _planner(recipe, documents, passages)
    wanted = _wanted(recipe, planner)
    have, names = _rows_by_cell(recipe, passages, examples), type_names(recipe)
    sections = _in_order(documents, passages, {*planner.tokens, *(section for section, _ in have)}, block.section_depth)
    lines = [
        _line(document, section, planner.tokens, names, have, wanted, block.has_quota) for document, section in sections
    ]
    reasons = Counter(record.reason.removeprefix("skipped: ") for record in skipped_passages(passages))
    return Coverage(
        sections=lines,
        types=names,
        rows=len(examples),
        wanted=sum(wanted.values()) if block.has_quota else None,
        missing=_missing(recipe, wanted, have),
        skipped=dict(reasons.most_common()),
    )


def shortfall(
    recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage], examples: Sequence[Example]
) -> tuple[int, int]:
    """Return how many rows a recipe asks for, and how many of them are missing; (0, 0) where it sets no quota.

    Raises:
        UnknownName: As `coverage_of`.
    """
    target = recipe.ragdata.questions.target
    if target is not None and len(examples) >= target:
        return target, 0  # without planning all that could be asked, which takes half a minute of 200,000 passages
    wanted = _wanted(recipe, _planner(recipe, documents, passages))
    return sum(wanted.values()), _missing(recipe, wanted, _rows_by_cell(recipe, passages, examples))


def _planner(recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage]) -> Planner:
    from axolotl_ragdata.questions import load_cards

    block = recipe.ragdata.questions
    cards = [] if block.origin == "structure" else load_cards(block.types, recipe.where("questions", "types"))
    return Planner(block, cards, documents, passages)


def _wanted(recipe: Recipe, planner: Planner) -> dict[Cell, int]:
    """Return the rows that each cell is to give, if every question that may be asked became one."""
    block = recipe.ragdata.questions
    capacity = {section: _capacity(recipe, planner, places) for section, places in planner.askable.items()}
    return quotas(block, planner.tokens, capacity, canonical_weights(recipe)) if block.has_quota else {}


def _capacity(recipe: Recipe, planner: Planner, places: Sequence[int]) -> dict[str, int]:
    block = recipe.ragdata.questions
    if block.origin == "structure":
        return dict.fromkeys(type_names(recipe), block.per_passage * len(places))
    each = block.per_passage * block.paraphrases * block.rounds
    return {name: each * sum(planner.takes(name, place) for place in places) for name in planner.eligible}


def _rows_by_cell(recipe: Recipe, passages: Sequence[Passage], examples: Sequence[Example]) -> Counter[Cell]:
    depth, read = recipe.ragdata.questions.section_depth, by_id(passages)
    return Counter((section_of(read[row.provenance.passage_ids[0]], depth), row.type) for row in examples)


def _missing(recipe: Recipe, wanted: Mapping[Cell, int], have: Mapping[Cell, int]) -> int:
    """Return the rows that are missing: of a target in all, wherever they would stand; else section by section."""
    if recipe.ragdata.questions.target is not None:
        return max(0, sum(wanted.values()) - sum(have.values()))
    rows, room = Counter[Section](), Counter[Section]()
    for counted, cells in ((rows, have), (room, wanted)):
        for (section, _), count in cells.items():
            counted[section] += count
    return sum(max(0, room[section] - rows[section]) for section in room)


def type_names(recipe: Recipe) -> list[str]:
    """Return the question types of a recipe by their own names, in its order, each once."""
    from axolotl_ragdata.questions import card_aliases

    known = card_aliases()
    return list(dict.fromkeys(known.get(name, name) for name in recipe.ragdata.questions.types))


def canonical_weights(recipe: Recipe) -> dict[str, float]:
    """Return the weight of each type that has one, by the type's own name."""
    from axolotl_ragdata.questions import card_aliases

    known = card_aliases()
    return {known.get(name, name): weight for name, weight in recipe.ragdata.questions.weights.items()}


def _in_order(
    documents: Sequence[Document], passages: Sequence[Passage], wanted: set[Section], depth: int | None
) -> list[tuple[Document, Section]]:
    of_document: dict[str, dict[Section, None]] = {}
    for passage in passages:
        of_document.setdefault(passage.doc_id, {}).setdefault(section_of(passage, depth))
    ordered = sorted(documents, key=lambda document: document.source.path)
    return [(one, section) for one in ordered for section in of_document.get(one.id, {}) if section in wanted]


def _line(
    document: Document,
    section: Section,
    tokens: Mapping[Section, int],
    names: Sequence[str],
    have: Mapping[Cell, int],
    wanted: Mapping[Cell, int],
    has_quota: bool,
) -> SectionCoverage:
    types = {
        name: TypeCoverage(
            rows=have.get((section, name), 0), wanted=wanted.get((section, name), 0) if has_quota else None
        )
        for name in names
    }
    return SectionCoverage(
        doc_id=document.id,
        document=document.title or document.source.path,
        section=list(section[1:]),
        tokens=tokens.get(section, 0),
        rows=sum(one.rows for one in types.values()),
        wanted=sum(one.wanted or 0 for one in types.values()) if has_quota else None,
        types=types,
    )


def _shown(rows: int, wanted: int | None) -> str:
    if wanted is None:
        return str(rows) if rows else "·"
    return f"{rows}/{wanted}" if rows or wanted else "·"
