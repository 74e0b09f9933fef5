"""What a language gives the rules to work with: patterns of sentences, headings and tables, as data.

A new language is one more module of data like `english.py`, filed in `structure.LANGUAGES`; no code asks which language
it is. A document in a language that is not there is skipped by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# the words of a noun phrase; no verb can be told by its form, so phrases are kept short
NOUN = r"[^\W_](?:[^\W_]|[-'’/&.](?=\w))*"
ACRONYM = re.compile(r"^(?:[A-Z0-9][\w-]*[A-Z0-9]\w*|[A-Z]\d?)$")


def phrase(name: str, most: int, joint: str = "") -> str:
    """Return a named group of up to so many words; `joint` may stand between two of them."""
    return rf"(?P<{name}>{NOUN}(?: (?:{joint}){NOUN}){{0,{most - 1}}}?)"


@dataclass(frozen=True)
class Rule:
    """A pattern of a whole sentence and the question that it answers.

    `asks` is filled by `str.format` with the pattern's groups and the language's `fill`; `x` is the subject, whose
    number decides the verb's, `y` another thing that is named. No pattern ever comes from a document.
    """

    name: str
    type: str
    pattern: re.Pattern[str]
    asks: str


@dataclass(frozen=True)
class Titled:
    """A pattern of a section title, a table's caption or the sentence before a list, and its question."""

    type: str
    pattern: re.Pattern[str]
    asks: str
    needs: re.Pattern[str] | None = None
    """What a sentence of a section must hold to be evidence."""


def rule(name: str, type_: str, pattern: str, asks: str) -> Rule:
    """Return a rule over one sentence."""
    return Rule(name, type_, re.compile(pattern), asks)


def titled(type_: str, pattern: str, asks: str, needs: str | None = None) -> Titled:
    """Return a rule over a title, a caption or a sentence before a list."""
    return Titled(type_, re.compile(pattern, re.IGNORECASE), asks, re.compile(needs, re.IGNORECASE) if needs else None)


@dataclass(frozen=True)
class TableWords:
    """How a language asks of a table. Labels are header cells; a thing is what a row or column is about."""

    attributes: re.Pattern[str]
    """A label that can be asked for, such as "Minimum duration"."""
    keys: tuple[tuple[re.Pattern[str], str], ...]
    """(pattern of the header over the things, the joint between attribute and thing: " in ", " of the ")."""
    corner: re.Pattern[str]
    """The header over the attributes of a table whose columns are the things."""
    scores: re.Pattern[str]
    """The header over bands of scores."""
    levels: tuple[tuple[re.Pattern[str], str], ...]
    """(pattern of the header beside the bands, how a cell of it is named): `{cell}`, `{label}`, `{article}`."""
    instrument: re.Pattern[str]
    """A caption that names the instrument whose scores are read: group `x`."""
    ask_cell: str
    answer_cell: tuple[str, str]
    ask_difference: str
    answer_difference: tuple[str, str]
    ask_band: str
    answer_band: str
    captions: tuple[Titled, ...]
    schemes: re.Pattern[str]
    """Things that say nothing without the caption's subject, such as "DSM-5"."""
    subject: re.Pattern[str]
    """The caption's subject: group `x`."""
    of_labels: re.Pattern[str]
    """Attributes that a thing has (" of ") rather than shows (" in ")."""
    cells_without_news: re.Pattern[str]
    colon: str = ":"
    scheme_joint: str = ""
    """The joint between an attribute and such a thing, with the caption's subject as `{x}`."""
    agree: Callable[[str], Mapping[str, str]] = lambda label: {}
    """Words that follow a label's gender."""


@dataclass(frozen=True)
class Language:
    """What the rules need to know of a language."""

    code: str
    rules: tuple[Rule, ...]
    leaning: re.Pattern[str]
    """A sentence that begins so cannot stand alone."""
    speaking: re.Pattern[str]
    """A sentence that holds one of these is about the document or its authors."""
    dangling: re.Pattern[str]
    """A sentence that holds one of these needs the one before it."""
    vague: re.Pattern[str]
    """A subject of which it must be said whose it is: "an untreated episode"."""
    unnamed: re.Pattern[str]
    """What stands for the document's topic inside a question: "the disorder"."""
    everyday: frozenset[str]
    """Words that mean other things outside a document's field; asked of with its topic where it has one."""
    in_topic: str
    """A question and a topic, joined."""
    empty_subjects: re.Pattern[str]
    """A subject that holds one of these words names nothing that a reader could look up."""
    no_subject: re.Pattern[str]
    """A subject that begins or ends so was cut wrongly."""
    bare: re.Pattern[str]
    """A single word behind a definite article that names nothing by itself."""
    plural: Callable[[str], bool]
    fill: Mapping[str, tuple[str, str]]
    """Words that follow the subject's number: (singular, plural)."""
    kept_capitals: frozenset[str]
    pronouns: tuple[tuple[re.Pattern[str], str], ...]
    """(how a sentence refers to the subject of the one before, what is put there instead)."""
    headings: tuple[Titled, ...]
    """Sections that hold a list."""
    sections: tuple[Titled, ...]
    """Sections whose prose answers a question about the document's topic."""
    leads: tuple[Titled, ...]
    """Sentences that lead into a list."""
    table: TableWords
    polish: Callable[[str], str]
    """Contractions and elisions, applied to a finished question."""
    article_of: Mapping[str, str] = field(default_factory=dict)
    """The article that a contracted preposition holds, such as "du " → "le "."""


def lower_first(subject: str, kept: frozenset[str], text: str) -> str:
    """Return a subject as it stands inside a sentence: a capital is kept for a name or an acronym.

    What the document itself writes decides first; only then do the words.

    >>> lower_first("Bipolar I disorder", frozenset(), "people with bipolar I disorder")
    'bipolar I disorder'
    >>> lower_first("Ana", frozenset(), "when Ana speaks"), lower_first("Worry", frozenset(), "")
    ('Ana', 'worry')
    """
    word = re.split(r"[\s-]", subject)[0].removesuffix("'s").removesuffix("’s")
    lowered = subject[0].lower() + subject[1:]
    if ACRONYM.match(subject.split()[0]) or ACRONYM.match(word) or word in kept:
        return subject
    if re.search(rf"(?<!\w){re.escape(lowered)}(?!\w)", text):
        return lowered
    inside = re.search(rf"[^\W\dA-Z_],? {re.escape(word)}(?!\w)", text)
    if inside and not re.search(rf"(?<!\w){re.escape(word[0].lower() + word[1:])}(?!\w)", text):
        return subject
    after = subject.split()[1:2]
    return subject if after and after[0][0].isupper() and not ACRONYM.match(after[0]) else lowered
