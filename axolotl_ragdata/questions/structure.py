"""Questions without a model: rules over definitions, enumerations, comparisons, numbers, headings and tables.

A rule asks only where a sentence carries its own question; a passage in which none does is rejected with that reason.
The question comes with its evidence, so that the answer is grounded by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from axolotl_ragdata.errors import UnknownName
from axolotl_ragdata.questions.drafts import Draft
from axolotl_ragdata.questions.english import ENGLISH
from axolotl_ragdata.questions.french import FRENCH
from axolotl_ragdata.questions.grammar import Language
from axolotl_ragdata.questions.prose import of_prose
from axolotl_ragdata.questions.tables import of_table
from axolotl_ragdata.records import Document, Passage, Question, Rejected, content_id
from axolotl_ragdata.registry import nearest_fix

STAGE = "questions/structure"
VERSION = "structure@2"
TYPES = ("comparison", "criteria", "definition", "heading", "mechanism", "numeric", "table")
LANGUAGES: dict[str, Language] = {language.code: language for language in (ENGLISH, FRENCH)}


class StructureAsker:
    """Asks by rules; see `ask_by_structure`.

    Args:
        types: Question types, of `TYPES`.
        per_passage: Most questions of one type about one passage.
        where: The place where the types were written, for the error.

    Raises:
        UnknownName: The rules know no such type.
    """

    name = STAGE

    def __init__(self, types: Sequence[str], per_passage: int, where: str = "questions.types") -> None:
        self._types = known_types(types, where)
        self._per_passage = per_passage
        self.version = content_id("rules", VERSION, self._types, per_passage)

    def ask(self, document: Document, passages: Sequence[Passage]) -> list[Question | Rejected]:
        """Return the questions of a document's passages."""
        return ask_by_structure(document, passages, self._types, self._per_passage)


def known_types(types: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the types without repeats.

    Raises:
        UnknownName: The rules know no such type; the nearest is named.
    """
    for name in types:
        if name not in TYPES:
            raise UnknownName(where, f"the rules know no question type {name!r}", nearest_fix(name, TYPES))
    return tuple(dict.fromkeys(types))


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
        if reason := _skipped(passage, document, language):
            outcomes.append(_rejected(passage, reason))
            continue
        drafts = _drafts(document, passage, language) if language else []
        wanted = [draft for draft in drafts if draft.type in types]
        kept = _kept(wanted, asked, per_passage)
        outcomes += [_question(draft, passage) for draft in kept]
        if not kept:
            outcomes.append(_rejected(passage, _why_none(drafts, wanted)))
    return outcomes


def _skipped(passage: Passage, document: Document, language: Language | None) -> str | None:
    if language is None:
        return f"no rules for the language {document.language or 'of the document, which is not known'}"
    if passage.part == "back":
        return "back matter"
    return f"the rules ask nothing of a {passage.kind}" if passage.kind in ("figure", "formula") else None


def _drafts(document: Document, passage: Passage, language: Language) -> Sequence[Draft]:
    if passage.kind == "table":
        return of_table(passage, document.text, language)
    return of_prose(document, passage, language)


def _why_none(drafts: Sequence[Draft], wanted: Sequence[Draft]) -> str:
    if wanted:
        return "already asked of another passage"
    return "the rules ask only questions of other types" if drafts else "no rule applies"


def _kept(drafts: Sequence[Draft], asked: set[str], per_passage: int) -> list[Draft]:
    kept, counts = [], Counter[str]()
    for draft in drafts:
        key = draft.text.casefold()
        if key not in asked and counts[draft.type] < per_passage:
            asked.add(key)
            counts[draft.type] += 1
            kept.append(draft)
    return kept


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
