"""Questions without a model: rules over definitions, enumerations, comparisons, numbers, headings and tables.

A rule asks only where a sentence carries its own question; a passage in which none does is rejected with that reason.
The question comes with its evidence, so that the answer is grounded by construction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from axolotl_ragdata.errors import UnknownName
from axolotl_ragdata.questions.rules import LANGUAGES, Language, Rule
from axolotl_ragdata.records import Document, Passage, Question, Rejected, content_id
from axolotl_ragdata.registry import nearest_fix
from axolotl_ragdata.sentences import sentence_spans

STAGE = "questions/structure"
VERSION = "structure@1"
TYPES = ("comparison", "criteria", "definition", "mechanism", "numeric", "table")
MARK = re.compile(
    r"\s*(?:\[\d+(?:\s*[,–-]\s*\d+)*\]|\((?:[^()]*?\b(?:19|20)\d\d[a-z]?[^()]*?|(?:see )?(?:Fig|Table|Figure)[^()]*)\))"
)
ENUMERATED = re.compile(r"\((?:1|i|a)\).*\((?:2|ii|b)\)", re.DOTALL)
TABLE_ROW = re.compile(r"^\|(.+)\|\s*$", re.MULTILINE)
STATISTIC = re.compile(
    r"\*\*|[<=>≤≥] ?0?\.\d|\b(?:p-value|CI|SD|SE|coeff?\.?|β|R ?²?2?|F1|AUC|estimate)\b(?! rate)", re.IGNORECASE
)
MOSTLY_WORDS = 0.6
LONGEST_SENTENCE_WORDS = 60
LONGEST_CELL_WORDS = 14
LONGEST_LABEL_WORDS = 6
LONGEST_TOPIC_WORDS = 5
CELLS_WITHOUT_NEWS = re.compile(r"^(?:yes|no|oui|non|[-–—]|n/?a|none|\W*)$", re.IGNORECASE)


@dataclass(frozen=True)
class Draft:
    """A question that a rule would ask, with the offsets of its evidence in the passage."""

    type: str
    rule: str
    text: str
    spans: tuple[tuple[int, int], ...]
    answer: str | None = None


class StructureAsker:
    """Asks by rules; see `ask_by_structure`.

    Args:
        types: Question types: definition, criteria, comparison, numeric, mechanism, table.
        per_passage: Most questions of one type about one passage.
        where: The place where the types were written, for the error.

    Raises:
        UnknownName: The rules know no such type.
    """

    name = STAGE

    def __init__(self, types: Sequence[str], per_passage: int, where: str = "questions.types") -> None:
        for name in types:
            if name not in TYPES:
                raise UnknownName(where, f"the rules know no question type {name!r}", nearest_fix(name, TYPES))
        self._types = tuple(dict.fromkeys(types))
        self._per_passage = per_passage
        self.version = content_id("rules", VERSION, self._types, per_passage)

    def ask(self, document: Document, passages: Sequence[Passage]) -> list[Question | Rejected]:
        """Return the questions of a document's passages."""
        return ask_by_structure(document, passages, self._types, self._per_passage)


def ask_by_structure(
    document: Document, passages: Sequence[Passage], types: Sequence[str], per_passage: int
) -> list[Question | Rejected]:
    """Return the questions that the rules ask of a document, and a `Rejected` for each passage that yields none.

    Args:
        document: Whose passages they are; its language chooses the rules.
        passages: Its passages.
        types: Question types.
        per_passage: Most questions of one type about one passage.
    """
    language = LANGUAGES.get((document.language or "").split("-")[0].lower())
    outcomes: list[Question | Rejected] = []
    asked: set[str] = set()
    for passage in passages:
        drafts, reason = _drafts(document, passage, types, language)
        kept = _kept(drafts, asked, per_passage)
        outcomes += [_question(draft, passage) for draft in kept]
        if not kept:
            outcomes.append(
                _rejected(passage, reason or ("already asked of another passage" if drafts else "no rule applies"))
            )
    return outcomes


def _drafts(
    document: Document, passage: Passage, types: Sequence[str], language: Language | None
) -> tuple[list[Draft], str | None]:
    if language is None:
        return [], f"no rules for the language {document.language or 'of the document, which is not known'}"
    if passage.part == "back":
        return [], "back matter"
    found = _of_table(passage, language) if passage.kind == "table" else _of_prose(document, passage, language)
    return [draft for draft in found if draft.type in types], None


def _kept(drafts: Sequence[Draft], asked: set[str], per_passage: int) -> list[Draft]:
    kept, counts = [], Counter[str]()
    for draft in drafts:
        key = draft.text.casefold()
        if key not in asked and counts[draft.type] < per_passage:
            asked.add(key)
            counts[draft.type] += 1
            kept.append(draft)
    return kept


def _of_prose(document: Document, passage: Passage, language: Language) -> Iterator[Draft]:
    if passage.kind in ("figure", "formula"):
        return
    spans = sentence_spans(passage.text, passage.language)
    yield from _of_heading(document, passage, spans, language)
    for start, end in spans:
        sentence = plain(passage.text[start:end])
        if language.leaning.match(sentence) or len(sentence.split()) > LONGEST_SENTENCE_WORDS or sentence.endswith("?"):
            continue
        draft = next(
            (made for rule in language.rules if (made := _by_rule(rule, sentence, start, end, language))), None
        )
        if draft is not None:
            yield draft


def plain(sentence: str) -> str:
    """Return a sentence without citation marks, on one line.

    >>> plain("Mania lasts a week [2]. ")
    'Mania lasts a week.'
    """
    return " ".join(MARK.sub("", sentence).split())


def _by_rule(rule: Rule, sentence: str, start: int, end: int, language: Language) -> Draft | None:
    found = rule.pattern.match(sentence)
    if found is None:
        return None
    groups = {name: (value or "") for name, value in found.groupdict().items()}
    subjects = [groups[name] for name in ("x", "y") if name in groups]
    if any(_says_nothing(subject, language) for subject in subjects) or _points_back(groups):
        return None
    question = rule.asks.format(**_filled(groups, language))
    return Draft(rule.type, rule.name, question, ((start, end),)) if _well_formed(question) else None


def _says_nothing(subject: str, language: Language) -> bool:
    inner = re.sub(r"\b(?:of|for|in|with|de|du|des) ", " ", subject)
    return bool(language.empty_subjects.search(inner)) or not re.search(r"[^\W\d_]{3}", subject)


def _points_back(groups: dict[str, str]) -> bool:
    # "The framework is …": which one was said before
    return groups.get("det", "").strip().lower() == "the" and " " not in groups["x"] and groups["x"].islower()


def _filled(groups: dict[str, str], language: Language) -> dict[str, str]:
    number = 1 if language.plural(groups["x"]) else 0
    words = {name: forms[number] for name, forms in language.fill.items()}
    for name, value in groups.items():
        # what stood first in the sentence stands inside the question
        inside = name in ("x", "y") and not groups.get("det")
        words[name] = language.lower_first(value) if inside and value else value
    if "det" in groups:
        words["det"] = groups["det"][:1].lower() + groups["det"][1:]
    return words


def _well_formed(question: str) -> bool:
    return 12 <= len(question) <= 200 and question.count("(") == question.count(")") and "  " not in question


def _of_heading(
    document: Document, passage: Passage, spans: Sequence[tuple[int, int]], language: Language
) -> Iterator[Draft]:
    evidence = _enumeration(passage, spans)
    title = passage.section_path[-1].strip() if passage.section_path else ""
    if not evidence or not title:
        return
    for pattern, type_, asks in language.headings:
        if (found := pattern.match(title)) is None:
            continue
        topic = _topic(document, language)
        if "{topic}" in asks and topic is None:
            continue
        groups = {name: value[:1].lower() + value[1:] for name, value in found.groupdict().items()}
        yield Draft(type_, "heading", asks.format(topic=topic, **groups), (evidence,))
        return


def _enumeration(passage: Passage, spans: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the span of an enumeration with the sentence that leads into it."""
    for number, (start, end) in enumerate(spans):
        if ENUMERATED.search(passage.text[start:end]):
            before = number and passage.text[spans[number - 1][1] : start].count("\n") == 0
            return (spans[number - 1][0] if before else start), end
    lines = [(start, end) for start, end in spans if passage.text[max(0, start - 1) : start] == "\n"]
    if len(lines) < 3:
        return None
    first = spans.index(lines[0])
    return spans[max(0, first - 1)][0], lines[-1][1]


def _topic(document: Document, language: Language) -> str | None:
    """Return what a document is about, from the head of its title; None where that is no short name."""
    head = re.split(r"[:,;–—?]| - | across | in | and the ", document.title)[0].strip()
    if not 0 < len(head.split()) <= LONGEST_TOPIC_WORDS or language.empty_subjects.search(head):
        return None
    return language.lower_first(head) if document.text.casefold().count(head.casefold()) >= 3 else None


def _of_table(passage: Passage, language: Language) -> Iterator[Draft]:
    rows = [(found.start(), found.end(), _cells(found[1])) for found in TABLE_ROW.finditer(passage.text)]
    lead = [_cells(found[1]) for found in TABLE_ROW.finditer(passage.lead)]
    header = lead[0] if lead else (rows[0][2] if rows else [])
    if _holds_measurements([cells for _, _, cells in rows]):
        return
    by_criterion = bool(header) and bool(language.criterion_headers.match(header[0]))
    for start, end, cells in rows:
        if cells == header or len(cells) != len(header) or set("".join(cells)) <= set("-: "):
            continue
        for column, cell in zip(header[1:], cells[1:], strict=True):
            label, other = (cells[0], column) if by_criterion else (column, cells[0])
            if _askable(label, language) and _askable(other, language) and _news(cell):
                asks = language.table_cell.format(
                    row=language.lower_first(label),
                    column=_named(other, language),
                    verb="are" if language.plural(label) else "is",
                )
                answer = f"{cells[0]}, {language.lower_first(column)}: {cell}{'' if cell.endswith('.') else '.'}"
                if _well_formed(asks):
                    yield Draft("table", "table-cell", asks, ((start, end),), answer)


def _holds_measurements(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a table is one of statistics: a question about one of its numbers would need the whole study."""
    cells = [cell for row in rows[1:] for cell in row[1:] if cell and not set(cell) <= set("-: ")]
    words = sum(bool(re.search(r"[^\W\d_]{3}", cell)) for cell in cells)
    return words < MOSTLY_WORDS * len(cells) or any(STATISTIC.search(cell) for row in rows for cell in row)


def _cells(row: str) -> list[str]:
    return [" ".join(cell.replace("\\|", "|").split()) for cell in re.split(r"(?<!\\)\|", row)]


def _askable(label: str, language: Language) -> bool:
    words = label.split()
    short = 0 < len(words) <= LONGEST_LABEL_WORDS and label[0].isalpha() and len(label) >= 3 and label[-1] not in ".:;"
    return short and not language.label_of_no_noun.search(label)


def _named(label: str, language: Language) -> str:
    name = language.lower_first(label)
    return (
        f"the {name}"
        if language.code == "en"
        and re.search(r"\b(?:Scale|Questionnaire|Inventory|Index|Test|Interview|Schedule)\b", label)
        else name
    )


def _news(cell: str) -> bool:
    return not CELLS_WITHOUT_NEWS.match(cell) and len(cell.split()) <= LONGEST_CELL_WORDS


def _question(draft: Draft, passage: Passage) -> Question:
    producer = f"{STAGE}/{draft.rule}@{VERSION.partition('@')[2]}"
    return Question(
        id=content_id("q", producer, passage.id, draft.text),
        type=draft.type,
        text=draft.text,
        passage_ids=(passage.id,),
        language=passage.language,
        generator="structure",
        producer=producer,
        evidence=tuple((passage.start + start, passage.start + end) for start, end in draft.spans),
        answer_text=draft.answer,
    )


def _rejected(passage: Passage, reason: str) -> Rejected:
    return Rejected(stage=STAGE, subject_id=passage.id, reason=reason, subject={"passage_ids": [passage.id]})
