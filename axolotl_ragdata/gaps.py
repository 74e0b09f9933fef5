"""What a build covers: rows by section and type, beside what the recipe asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from axolotl_ragdata.coverage import Cell, Section, quotas, section_of
from axolotl_ragdata.inquiries import Planner, without_boilerplate
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import PATH_JOINT, Document, Example, Passage

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
    askable, skipped = without_boilerplate(passages)
    names = type_names(recipe)
    have: Counter[Cell] = Counter()
    by_id = {passage.id: passage for passage in passages}
    for example in examples:
        first = by_id[example.provenance.passage_ids[0]]
        have[section_of(first, block.section_depth), example.type] += 1
    tokens: Counter[Section] = Counter()
    for passage in askable:
        tokens[section_of(passage, block.section_depth)] += passage.n_tokens
    wanted = quotas(block, tokens, _capacity(recipe, documents, askable), canonical_weights(recipe))
    sections = _in_order(documents, passages, {*tokens, *(section for section, _ in have)}, block.section_depth)
    lines = [_line(document, section, tokens, names, have, wanted, block.has_quota) for document, section in sections]
    return Coverage(
        sections=lines,
        types=names,
        rows=len(examples),
        wanted=sum(wanted.values()) if block.has_quota else None,
        missing=_missing(lines, len(examples), block.target is not None),
        skipped=dict(Counter(record.reason.removeprefix("skipped: ") for record in skipped).most_common()),
    )


def _missing(lines: Sequence[SectionCoverage], rows: int, in_all: bool) -> int:
    """Return the rows that are missing: of a target in all, wherever they would stand; else section by section."""
    if in_all:
        return max(0, sum(line.wanted or 0 for line in lines) - rows)
    return sum(line.missing for line in lines)


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


def _capacity(recipe: Recipe, documents: Sequence[Document], askable: Sequence[Passage]) -> dict[Cell, int]:
    """Return what each cell could give if every question that may be asked became a row."""
    from axolotl_ragdata.questions import load_cards

    block = recipe.ragdata.questions
    found: Counter[Cell] = Counter()
    if block.origin == "structure":
        for passage in askable:
            for name in type_names(recipe):
                found[section_of(passage, block.section_depth), name] += block.per_passage
        return dict(found)
    planner = Planner(block, load_cards(block.types, recipe.where("questions", "types")), documents, askable)
    for name, passages in planner.eligible.items():
        for passage in passages:
            each = block.per_passage * block.paraphrases * block.rounds
            found[section_of(passage, block.section_depth), name] += each
    return dict(found)


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
