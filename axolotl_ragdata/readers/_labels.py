"""The label of a figure or table, apart from the beginning of its caption that a head may hold too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from axolotl_ragdata.readers._tables import TRAILING, begins_with
from axolotl_ragdata.readers._text import Piece, TextRules, settle

LONGEST_LABEL = 60
"""Characters of a head that is taken for a label as it is."""
LABEL = re.compile(
    r"(?:(?:extended|supplement\w*|supporting|additional|online)\s+(?:data\s+)?)?"
    r"(?:fig(?:ure)?s?|tab(?:le(?:au)?s?|elle)?|scheme|sch[ée]ma|graphique|abb(?:ildung)?|box|chart|plate)(?![^\W\d_])\.?"
    r"(?:\s+supplement)?\W{0,3}(?:[A-Z]{0,2}\.?\d+(?:[.-]\d+)*[a-z]?|[IVX]+)\b"
    r"(?:\s*(?:[,&–-]|and|et|und|to|à|bis)\s*\d+[a-z]?\b)*",
    re.I,
)
PLAIN = re.compile(r"(?:Fig(?:ure|\.)?|Table) \d{1,3}\s*[.:|]?\s*")
"""What nearly all heads are."""
NOISE = re.compile(r"[\W\d_]*")
"""What may stand before a label and says nothing."""
GAP = re.compile(r"[\s.:;,|]*")
LEADING_NOTE = re.compile(r"(?:extended data|supplement\w*|supporting|additional|online)(?: \w+)?", re.I)
"""The first words of a label that stand in a note before the head."""
SUFFIX = re.compile(r"\s*[-–][^\W\d_]")

Parts = tuple[str, list[Piece], list[Piece]]


def label_of(
    head: Sequence[Piece], label: Sequence[Piece], caption: Sequence[Piece], before: str, rules: TextRules
) -> Parts:
    """Return the label, what leads the caption, and what goes behind it, so that nothing of the head is lost.

    Args:
        head: The head of the float.
        label: Its label: often the number again that the head has.
        caption: Its caption.
        before: The first words of its label, where they stand before the head.
        rules: What is done to the text.
    """
    raw = _raw(head)
    if PLAIN.fullmatch(raw) and _raw(label) in raw:
        name = rules.squeeze(raw).strip(TRAILING)
        return (f"{before} {name}" if before else name), [], []
    start = NOISE.match(raw)
    found = LABEL.match(raw, start.end() if start else 0)
    if found is None:
        return _whole(head, label, rules)
    name = _joined(rules.squeeze(found[0]), settle(label, rules)[0], raw)
    shown = f"{before} {name}" if before else name
    rest = _rest(raw, found.end(), name)
    if not any(map(str.isalnum, raw[rest:])):
        return shown, [], []
    left, begun = _cut(head, rest), _raw(caption)
    if begins_with(begun, name) or _is_label(raw[rest:]):
        return shown, [], [] if _letters(raw[rest:]) in _letters(begun) else left
    return shown, left if SUFFIX.match(begun) else [*left, " "], []


def leading_note(pieces: Sequence[Piece], rules: TextRules) -> str:
    """Return what a note before a head begins its label with, such as `Extended Data`; "" where it does not."""
    text = settle(pieces, rules)[0]
    return text if LEADING_NOTE.fullmatch(text) else ""


def _whole(head: Sequence[Piece], label: Sequence[Piece], rules: TextRules) -> Parts:
    """Return a head that begins with no label: it is one, or leads the caption where it is too long."""
    text, number = settle(head, rules)[0], settle(label, rules)[0]
    both = text if number in text else f"{text} {number}".strip()
    if len(both) > LONGEST_LABEL:
        return "", [*head, " "] if both is text else [*head, " ", *label, " "], []
    return both.strip(TRAILING), [], []


def _joined(name: str, label: str, head: str) -> str:
    """Return the name with the label behind it, unless the label is in the head, if only as its digits in a row."""
    name = name.strip(TRAILING)
    said = label in head or _digits(label) == _digits(head) or begins_with(label, name)
    return name if said else f"{name} {label}".strip(TRAILING)


def _rest(raw: str, at: int, name: str) -> int:
    """Return where the rest of a head begins, behind its label however often it is repeated."""
    while True:
        gap = GAP.match(raw, at)
        at = gap.end() if gap else at
        again = LABEL.match(raw, at)
        if again is None or _letters(again[0]) != _letters(name):
            return at
        at = again.end()


def _is_label(text: str) -> bool:
    found = LABEL.match(text)
    return found is not None and not any(map(str.isalnum, text[found.end() :]))


def _cut(pieces: Sequence[Piece], length: int) -> list[Piece]:
    """Return the pieces without so many of their first characters."""
    left: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str):
            left.append(piece[length:])
            length = max(0, length - len(piece))
        else:
            left.append(piece)
    return left


def _raw(pieces: Sequence[Piece]) -> str:
    try:
        # most heads hold no span: to fail on the first one costs less than to look for it
        return "".join(pieces)  # type: ignore[arg-type]
    except TypeError:
        return "".join(piece for piece in pieces if isinstance(piece, str))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
