"""What a card may ask a model to give back: the JSON, the words that explain it, and what is read from it.

Five kinds cover the question types: a `question`, a multiple `choice`, a case with a `label`, a `statement` that is
true or false, and the `turns` of a conversation. The model never decides what has to be balanced: the position of the
right option and whether a statement is to be true follow from hashes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from axolotl_ragdata.records import Turn

OutputName = Literal["question", "choice", "label", "statement", "turns"]
OUTPUTS_VERSION = "outputs@2"
LETTERS = "ABCDEFGH"
MOST_TURNS = 4
Item = Mapping[str, Any]

QUOTE = "the sentence of the passage that answers it, copied exactly, character by character."
TRUTH = {
    "de": ("Richtig oder falsch?", "Richtig", "Falsch"),
    "en": ("True or false?", "True", "False"),
    "es": ("¿Verdadero o falso?", "Verdadero", "Falso"),
    "fr": ("Vrai ou faux ?", "Vrai", "Faux"),
    "it": ("Vero o falso?", "Vero", "Falso"),
    "nl": ("Waar of onwaar?", "Waar", "Onwaar"),
    "pt": ("Verdadeiro ou falso?", "Verdadeiro", "Falso"),
}
"""By language: how a statement is put to the test, and the two verdicts."""


@dataclass(frozen=True)
class Asked:
    """One question as the model gave it, before any of it is checked against the passages.

    Args:
        text: The question in words that stand alone.
        quotes: What is said to answer it, one a passage.
        phrasings: Further wordings of the same question.
        listing: What the user's message says below `text`: the options in their order.
        options: What is offered, in the order shown.
        label: The right one of them.
        answer: The answer that comes with the question; of an unanswerable one, what is missing.
        turns: Of a conversation, the user's turns.
    """

    text: str
    quotes: tuple[str, ...]
    phrasings: tuple[str, ...] = ()
    listing: str | None = None
    options: tuple[str, ...] = ()
    label: str | None = None
    answer: str | None = None
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What our side decided about one call: the language of the row, and whether a statement is to be true."""

    language: str | None = None
    truth: bool = True


ASKING = """\
- is one a person would ask who wants to know the subject, not one about the document;
- asks one thing, does not contain its answer, and is no heading with a question mark;"""
DECIDING = """\
- could be met by someone who works with the subject, and is not about the document;
- asks for one label, and holds nothing that names it;"""
STATING = """\
- is one a person would hold or doubt who wants to know the subject, not one about the document;
- says one thing, and is no question;"""


class Output(Protocol):
    """How one kind of answer is asked for and read."""

    @property
    def items(self) -> str:
        """Return what is to be written, as the prompt says it behind "Write at most 2"."""
        ...

    @property
    def subject(self) -> str:
        """Return what the rules of the prompt are about."""
        ...

    @property
    def rules(self) -> str:
        """Return the rules that hold beside those of every kind."""
        ...

    @property
    def answers(self) -> int:
        """Return the most answers that one question of the kind is to be given; 0 where it brings its own."""
        ...

    def fields(self, paraphrases: int) -> str:
        """Return the paragraph of the prompt that says what to give with every question."""
        ...

    def item(self, paraphrases: int) -> dict[str, Any]:
        """Return the JSON schema of one question."""
        ...

    def read(self, item: Item, wanted: Wanted) -> Asked | str:
        """Return what an item that fits the schema asks, or why it cannot be used."""
        ...


def output_of(name: OutputName, passages: int = 1, options: int = 4, answerable: bool = True) -> Output:
    """Return the output of a card.

    Args:
        name: Its kind.
        passages: Passages that a question needs, each with a quote.
        options: Options of a choice, most labels of a case.
        answerable: Whether the corpus holds the answer.
    """
    made: dict[str, Output] = {
        "question": _Question(passages, answerable),
        "choice": _Choice(options),
        "label": _Label(options),
        "statement": _Statement(),
        "turns": _Turns(),
    }
    return made[name]


def questions_schema(count: int, output: Output | None = None, paraphrases: int = 1) -> dict[str, Any]:
    """Return the JSON schema of up to `count` questions of a kind; none is an answer too."""
    item = (output or output_of("question")).item(paraphrases)
    return _object({"questions": {"type": "array", "items": item, "maxItems": count}})


@dataclass(frozen=True)
class _Question:
    passages: int
    answerable: bool
    subject: ClassVar[str] = "Every question"
    rules: ClassVar[str] = ASKING
    answers: ClassVar[int] = 1

    @property
    def items(self) -> str:
        if not self.answerable:
            return "questions of the type below that the passage raises and does not answer."
        if self.passages > 1:
            return "questions of the type below that the passages answer together, none of them alone."
        return "questions of the type below that the passage answers in full."

    def fields(self, paraphrases: int) -> str:
        if not self.answerable:
            asked = (
                "With every question give `missing`, in $language: what exactly the passage leaves out, in one "
                "phrase; and `quote`: the sentence of the passage that comes nearest to it, copied exactly, character "
                "by character."
            )
        elif self.passages > 1:
            asked = (
                "With every question give `quotes`: from each passage the one sentence that is needed, in the order of "
                "the passages, copied exactly, character by character."
            )
        else:
            asked = f"With every question give `quote`: {QUOTE}"
        return asked + _phrasings_asked(paraphrases)

    def item(self, paraphrases: int) -> dict[str, Any]:
        keys: dict[str, Any] = {"question": _text()}
        if not self.answerable:
            keys["missing"] = _text()
        keys |= {"quotes": _texts(self.passages)} if self.passages > 1 else {"quote": _text()}
        return _object(keys | _phrasings_key(paraphrases))

    def read(self, item: Item, wanted: Wanted) -> Asked | str:
        quotes = tuple(item["quotes"]) if self.passages > 1 else (item["quote"],)
        missing = one_line(item["missing"]) if not self.answerable else None
        if missing == "":
            return "does not say what is missing"
        return Asked(one_line(item["question"]), quotes, _phrasings(item), answer=missing)


@dataclass(frozen=True)
class _Choice:
    count: int
    items: ClassVar[str] = "questions of the type below that the passage answers in full."
    subject: ClassVar[str] = "Every question"
    rules: ClassVar[str] = ASKING
    answers: ClassVar[int] = 0

    def fields(self, paraphrases: int) -> str:
        return (
            f"With every question give `options`: {self.count} of them, the right one first and {self.count - 1} wrong "
            f"ones after it (they are shuffled later); and `quote`: {QUOTE}{_phrasings_asked(paraphrases)}"
        )

    def item(self, paraphrases: int) -> dict[str, Any]:
        keys = {"question": _text(), "options": _texts(self.count), "quote": _text()}
        return _object(keys | _phrasings_key(paraphrases))

    def read(self, item: Item, wanted: Wanted) -> Asked | str:
        options = tuple(_bare_option(text) for text in item["options"])
        if problem := _unfit_options(options):
            return problem
        question = one_line(item["question"])
        shown = shuffled(options, question)
        at = shown.index(options[0])
        lettered = "\n".join(f"{LETTERS[number]}) {text}" for number, text in enumerate(shown))
        return Asked(
            question,
            (item["quote"],),
            _phrasings(item),
            listing=lettered,
            options=shown,
            label=options[0],
            answer=f"{LETTERS[at]}) {options[0]}",
        )


@dataclass(frozen=True)
class _Label:
    count: int
    items: ClassVar[str] = "cases of the type below that the passage decides."
    subject: ClassVar[str] = "Every case with its question"
    rules: ClassVar[str] = DECIDING
    answers: ClassVar[int] = 0

    def fields(self, paraphrases: int) -> str:
        return (
            "With every question give `case`: the case in $language, that does not name its label; `question`: what is "
            "to be decided about it; `labels`: the right one first, then one or more wrong ones, at most "
            f"{self.count} in all (they are shuffled later); and `quote`: the sentence of the passage that decides the "
            "case, copied exactly, character by character."
        )

    def item(self, paraphrases: int) -> dict[str, Any]:
        labels = {"type": "array", "items": _text(), "minItems": 2, "maxItems": self.count}
        return _object({"case": _text(), "question": _text(), "labels": labels, "quote": _text()})

    def read(self, item: Item, wanted: Wanted) -> Asked | str:
        labels = tuple(_bare_option(text) for text in item["labels"])
        case, question = one_line(item["case"]), one_line(item["question"])
        if problem := _unfit_options(labels, balanced=False):
            return problem
        if len(case.split()) < 12:
            return "the case is too short to decide"
        if any(_holds(f"{case} {question}", label) for label in labels[:1]):
            return "the case names its label"
        shown = shuffled(labels, case)
        listed = "\n".join(f"- {text}" for text in shown)
        return Asked(
            f"{case} {question}",
            (item["quote"],),
            listing=listed,
            options=shown,
            label=labels[0],
            answer=labels[0],
        )


@dataclass(frozen=True)
class _Statement:
    items: ClassVar[str] = "statements of the type below that the passage decides."
    subject: ClassVar[str] = "Every statement"
    rules: ClassVar[str] = STATING
    answers: ClassVar[int] = 0

    def fields(self, paraphrases: int) -> str:
        return (
            "With every one give `statement`: one sentence in $language that is $truth by the passage, no "
            "question; `correction`: what is the case, as a full sentence in other words than the statement's; and "
            "`quote`: the sentence of the passage that decides it, copied exactly, character by character."
            f"{_phrasings_asked(paraphrases)}"
        )

    def item(self, paraphrases: int) -> dict[str, Any]:
        keys = {"statement": _text(), "correction": _text(), "quote": _text()}
        return _object(keys | _phrasings_key(paraphrases))

    def read(self, item: Item, wanted: Wanted) -> Asked | str:
        ask, *verdicts = TRUTH.get((wanted.language or "en").split("-")[0].lower(), TRUTH["en"])
        statement, correction = one_line(item["statement"]), one_line(item["correction"])
        if statement.endswith(("?", "？", "؟")):
            return "not a statement"
        if not wanted.truth and _plain(statement) == _plain(correction):
            return "the correction repeats the statement"
        label = verdicts[0 if wanted.truth else 1]
        return Asked(
            f"{ask} {statement}",
            (item["quote"],),
            tuple(f"{ask} {text}" for text in _phrasings(item)),
            options=tuple(verdicts),
            label=label,
            answer=f"{label}. {correction}",
        )


@dataclass(frozen=True)
class _Turns:
    items: ClassVar[str] = "conversations of the type below whose every turn the passage answers."
    subject: ClassVar[str] = "Every `standalone` question"
    rules: ClassVar[str] = ASKING
    answers: ClassVar[int] = MOST_TURNS

    def fields(self, paraphrases: int) -> str:
        return (
            f"Give each conversation as `turns`, 2 to {MOST_TURNS}, with what the user says and not the answers. Each "
            "has `question`: what the user says at that point; `standalone`: the same question in words that can be "
            "understood without the turns before it; and `quote`: the sentence of the passage that answers it, copied "
            "exactly, character by character."
        )

    def item(self, paraphrases: int) -> dict[str, Any]:
        turn = _object({"question": _text(), "standalone": _text(), "quote": _text()})
        return _object({"turns": {"type": "array", "items": turn, "minItems": 2, "maxItems": MOST_TURNS}})

    def read(self, item: Item, wanted: Wanted) -> Asked | str:
        turns = tuple(
            Turn(text=one_line(turn["question"]), standalone=one_line(turn["standalone"])) for turn in item["turns"]
        )
        asked = [_plain(turn.standalone) for turn in turns]
        if len(set(asked)) < len(asked):
            return "a turn asks what another asked"
        if all(_plain(turn.text) == _plain(turn.standalone) for turn in turns[1:]):
            return "no turn follows up on the one before it"
        quotes = tuple(turn["quote"] for turn in item["turns"])
        return Asked(turns[-1].standalone, quotes, turns=turns)


def shuffled(options: Sequence[str], key: str) -> tuple[str, ...]:
    """Return the options in an order that follows from them and the key alone, every position equally likely.

    >>> sorted(shuffled(["a", "b", "c"], "k")) == ["a", "b", "c"]
    True
    """
    # of the whole set and the key, so that neither the order given nor one option's wording decides its place
    salt = "\x1f".join([key, *sorted(options)])
    return tuple(sorted(options, key=lambda option: hashlib.blake2b(f"{salt}\x1e{option}".encode()).digest()))


def one_line(text: str) -> str:
    """Return a text without line breaks and runs of spaces."""
    return " ".join(text.split())


def _unfit_options(options: Sequence[str], balanced: bool = True) -> str | None:
    if not all(options):
        return "an option is empty"
    if len({_plain(option) for option in options}) < len(options):
        return "two options are the same"
    right, wrong = options[0], options[1:]
    if balanced and len(right) > 40 and len(right) > 2 * max(map(len, wrong)):
        return "the right option stands out by its length"
    if any(GIVEAWAY.search(option) for option in options):
        return "an option speaks of the others"
    return None


GIVEAWAY = re.compile(
    r"^(?:all|none|both|neither) of (?:the|these)\b|\b(?:all|none) of the above\b|^(?:toutes|aucune) (?:de )?ces\b",
    re.IGNORECASE,
)
# a letter or number that the model put in front of an option
NUMBERED = re.compile(r"^(?:\(?[A-Ha-h][).:]|\(?\d[).])\s+")


def _bare_option(text: str) -> str:
    return NUMBERED.sub("", one_line(text)).rstrip(".") if text.strip() else ""


def _holds(text: str, name: str) -> bool:
    return f" {_plain(name)} " in f" {_plain(text)} "


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w%<>=+]+", " ", text.casefold()).split())


def _phrasings_asked(paraphrases: int) -> str:
    if paraphrases < 2:
        return ""
    return (
        f" In `phrasings` ask the same {paraphrases - 1} more times in clearly different words, with the same answer."
    )


def _phrasings_key(paraphrases: int) -> dict[str, Any]:
    return {"phrasings": _texts(paraphrases - 1)} if paraphrases > 1 else {}


def _phrasings(item: Item) -> tuple[str, ...]:
    return tuple(one_line(text) for text in item.get("phrasings", ()))


def _text() -> dict[str, Any]:
    return {"type": "string"}


def _texts(count: int) -> dict[str, Any]:
    return {"type": "array", "items": _text(), "minItems": count, "maxItems": count}


def _object(keys: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}
