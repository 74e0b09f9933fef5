"""What is checked of a question before an answer is paid for: free, deterministic, each with a reason of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from axolotl_ragdata.questions.cards import Card
from axolotl_ragdata.questions.outputs import Asked
from axolotl_ragdata.quotes import locate
from axolotl_ragdata.records import Citation, Passage
from axolotl_ragdata.references import points_at_source
from axolotl_ragdata.wording import content_stems, normalised, quantities

SHORTEST, LONGEST = 12, 400
"""Characters of a question."""
LONGEST_CASE = 1_500
"""Characters of a case with its question."""
ANSWER_IN_QUESTION = 0.9
"""Share of the quote's content words that stand in the question, from which on it answers itself."""


def problem_of(
    card: Card,
    asked: Asked,
    cited: Sequence[Citation],
    passages: Sequence[Passage],
    neighbours: Sequence[Passage],
    truth: bool,
) -> str | None:
    """Return the first thing that is wrong with a question, None where nothing is.

    Args:
        card: Its type.
        asked: What the model gave.
        cited: Its quotes, found in the passages.
        passages: What it is about.
        neighbours: What its wrong options may come from.
        truth: Of a statement, whether it was to be true.
    """
    passage = passages[0]
    if asked.turns:
        return next(
            (bad for turn in asked.turns if (bad := _in_turn(turn.text, turn.standalone, card, passages))), None
        )
    if card.head.output == "statement":
        return _of_statement(asked, card, passages, truth)
    longest = LONGEST_CASE if card.head.output == "label" else LONGEST
    if problem := malformed(asked.text, longest) or _dependent(asked.text, passage):
        return problem
    if problem := _foreign(asked.text, card, passages):
        return problem
    if card.head.output in ("choice", "label"):
        return _of_options(asked, card, passages, neighbours)
    if card.head.answerable and any(_answers_itself(asked.text, citation.quote) for citation in cited):
        return "the question contains its answer"
    return None


def malformed(question: str, longest: int = LONGEST) -> str | None:
    """Return why a text is no question to ask, None where it is one.

    >>> malformed("Explain mania."), malformed("Why?"), malformed("What is mania?")
    ('not a question', 'too short for a question', None)
    """
    if not question.rstrip(" \"'”’»)").endswith(("?", "？", "؟")):
        return "not a question"
    if len(question) < SHORTEST:
        return "too short for a question"
    return "too long for a question" if len(question) > longest else None


def _in_turn(said: str, standalone: str, card: Card, passages: Sequence[Passage]) -> str | None:
    """Return what is wrong with a turn: as it is said it may lean on others, and standing alone it may not."""
    if points_at_source(said):
        return "refers to the passage"
    if not said.rstrip(" \"'”’»)").endswith(("?", "？", "؟")):
        return "not a question"
    return malformed(standalone) or _dependent(standalone, passages[0]) or _foreign(standalone, card, passages)


def _of_statement(asked: Asked, card: Card, passages: Sequence[Passage], truth: bool) -> str | None:
    statement = asked.text.partition("?")[2].strip()
    if len(statement) < SHORTEST or len(statement) > LONGEST:
        return "too short for a statement" if len(statement) < SHORTEST else "too long for a statement"
    if points_at_source(statement) or points_at_source(asked.answer or ""):
        return "refers to the passage"
    if problem := _foreign(statement, card, passages):
        return problem
    said = normalised(statement)
    if not truth and (locate(statement, passages[0].text) or any(normalised(quote) in said for quote in asked.quotes)):
        return "the false statement stands in the passage"
    known = {found.value for passage in passages for found in quantities(passage.in_context)}
    if truth and any(found.value not in known for found in quantities(statement)):
        return "the true statement has a number that the passage has not"
    return None


def _of_options(asked: Asked, card: Card, passages: Sequence[Passage], neighbours: Sequence[Passage]) -> str | None:
    right = asked.label or ""
    about = " ".join(passage.in_context for passage in passages)
    known = content_stems(" ".join([about, *(passage.in_context for passage in neighbours)]))
    if card.head.output == "label" and not _stands_in(right, about):
        return "the label is not in the passage"
    if card.head.output == "choice" and _stands_in(right, asked.text):
        return "the question contains its answer"
    for option in asked.options:
        if points_at_source(option):
            return "refers to the passage"
        if option == right:
            continue
        said = content_stems(option)
        if said and not said & known:
            return "a wrong option shares no word with the passage and its neighbours"
    return None


def _dependent(question: str, passage: Passage) -> str | None:
    if points_at_source(question):
        return "refers to the passage"
    titles = {_bare(title) for title in (passage.doc_title, *passage.section_path) if not title.rstrip().endswith("?")}
    return "repeats the heading only" if _bare(question) in titles else None


def _foreign(question: str, card: Card, passages: Sequence[Passage]) -> str | None:
    """Return why a question cannot have come of the passage; small models copy what the prompt shows them."""
    if _bare(question) in {_bare(example) for example in card.examples}:
        return "repeats an example of the card"
    asked = content_stems(question)
    known = _stems_of(" ".join(passage.in_context for passage in passages))
    return "shares no word with the passage" if asked and known.isdisjoint(asked) else None


# each card asks of a passage, and each of its questions is held against it
@lru_cache(maxsize=1_024)
def _stems_of(text: str) -> frozenset[str]:
    return frozenset(content_stems(text))


def _bare(text: str) -> str:
    return " ".join(text.casefold().rstrip(" ?.:").split())


def _stands_in(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(normalised(name))}(?!\w)", normalised(text)) is not None


def _answers_itself(question: str, quote: str) -> bool:
    said, asked = content_stems(quote), content_stems(question)
    # a quote of one or two words of content is a list's name or a number, not an answer that was given away
    return len(said) > 2 and len(said & asked) >= ANSWER_IN_QUESTION * len(said)
