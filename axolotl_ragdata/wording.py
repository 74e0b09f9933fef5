"""What two texts say, as far as that can be read off their words: numbers with units, codes, content words.

English and French have word lists; other languages go without them, which makes every comparison stricter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?![\d])(?:\.\d+)?|\d+(?:[.,]\d+)*|\.\d+)")
CODE = re.compile(r"\b(?:[^\W\d_]+[-‐‑]?\d[\w‐‑-]*(?:\.\d+)?|\d+[^\W\d_]\w*)")
WORD = re.compile(r"[^\W\d_]+")
ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’](?=\w)", re.IGNORECASE)
JOINT = re.compile(r"\s*(?:[-–—,/±]|to|and|or|à|et|ou|,\s*(?:and|or))\s*", re.IGNORECASE)
ENUMERATOR = re.compile(r"^[^\S\n]*[(\[]?\d{1,2}[.)\]](?=\s)|\[\d+(?:\s*[,–-]\s*\d+)*\]", re.MULTILINE)


def _listed(names: str) -> list[str]:
    return names.split()


UNITS = {
    "%": "% percent percentage pourcent",
    "mg": "mg milligram milligrams milligramme milligrammes",
    "µg": "µg μg mcg microgram micrograms microgramme microgrammes",
    "g": "g gram grams gramme grammes",
    "kg": "kg kilogram kilograms kilo kilos kilogramme kilogrammes",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "l": "l liter liters litre litres",
    "mm": "mm millimeter millimeters millimetre millimetres millimètre millimètres",
    "cm": "cm centimeter centimeters centimetre centimetres centimètre centimètres",
    "m": "m meter meters metre metres mètre mètres",
    "km": "km kilometer kilometers kilometre kilometres kilomètre kilomètres",
    "ms": "ms millisecond milliseconds milliseconde millisecondes",
    "s": "s sec second seconds seconde secondes",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours heure heures",
    "day": "day days jour jours",
    "week": "week weeks semaine semaines",
    "month": "month months mois",
    "year": "year years yr yrs an ans année années",
    "decade": "decade decades décennie décennies",
    "hz": "hz hertz",
    "khz": "khz",
    "mmhg": "mmhg",
    "°c": "°c",
    "fold": "fold",
    "times": "times fois",
    "mol": "mol mole moles",
    "mmol": "mmol",
    "µmol": "µmol μmol umol",
    "nmol": "nmol",
    "ng": "ng nanogram nanograms nanogramme nanogrammes",
    "iu": "iu ui",
    "meq": "meq",
    "kcal": "kcal",
    "tablet": "tablet tablets comprimé comprimés",
    "capsule": "capsule capsules gélule gélules",
    "session": "session sessions séance séances",
}
UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words.split()}
# what a dose is given by: "mg/kg", "mg per day", "mg daily"
RATE = re.compile(
    r"\s*(?:/\s*|per\s+|par\s+|an?\s+|each\s+|every\s+|chaque\s+)([^\W\d_]+)|\s*(?:once\s+)?(daily|quotidiens?|quotidiennement)\b",
    re.IGNORECASE,
)
UNIT = re.compile(
    r"[\s\u00a0\u202f‐‑-]*(%|°\s?c\b|per\s?cent\b|pour\s?cent\b|[^\W\d_]+)",
    re.IGNORECASE,
)

_SMALL = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_PETITS = _listed(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf vingt"
)
_TENS = dict(zip(_listed("thirty forty fifty sixty seventy eighty ninety"), range(30, 100, 10), strict=True))
_DIZAINES = dict(zip(_listed("trente quarante cinquante soixante"), range(30, 70, 10), strict=True))
# "one", "un" and "une" are articles more often than numbers
NUMBER_WORDS: dict[str, int] = {
    **{word: at for at, word in enumerate(_PETITS) if at != 1},
    **{word: at for at, word in enumerate(_SMALL) if at != 1},
    **_TENS,
    **_DIZAINES,
    **{f"{tens}-{_SMALL[at]}": value + at for tens, value in {**_TENS, "twenty": 20}.items() for at in range(1, 10)},
    "hundred": 100,
    "cent": 100,
    "thousand": 1000,
    "mille": 1000,
}
NUMBER_WORD = re.compile(
    r"(?<![\w-])(?<!\bper )(?<!\bpour )(?:" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + r")(?![\w])",
    re.IGNORECASE,
)

STOP_WORDS = frozenset(
    _listed(
        """
    a about all also am among amongst an and any are as at be been being between both but by can could did do does
    doing done each either for from further get gets had has have having he her here hers him his how however i if
    in into is it its itself may me might my nor of off on one onto or other our ours out over own per shall she
    should since so some such than that the their theirs them themselves then there therefore these they this
    those though thus to too under until up upon us very via was we were what whatever when where whereas which
    while who whom whose why will with within would you your yours
    ai à au aux avec avoir ce ceci cela celle celles celui ces cet cette ceux chez comment comme d dans de depuis
    des donc du elle elles en entre est et été être eu eux il ils j je l la le les leur leurs lorsque lui ma mais
    me mes moi mon ne nos notre nous on ont ou où par parce pour pourquoi qu que quel quelle quelles quels qui
    quoi sa se selon sera ses si soit son sont sur ta te tes toi ton tous tout toute toutes tu un une vos votre
    vous y
        """
    )
)


@dataclass(frozen=True)
class Quantity:
    """A number in canonical digits, with the canonical unit behind it and what it is counted by; "" where unknown."""

    value: str
    unit: str = ""
    per: str = ""

    def agrees_with(self, other: Quantity) -> bool:
        """Return whether the values are equal and the units do not contradict each other.

        >>> Quantity("5", "mg").agrees_with(Quantity("5")), Quantity("5", "week").agrees_with(Quantity("5", "month"))
        (True, False)
        >>> Quantity("5", "mg", "day").agrees_with(Quantity("5", "mg", "kg"))
        False
        """
        return self.value == other.value and _compatible(self.unit, other.unit) and _compatible(self.per, other.per)


def _compatible(one: str, other: str) -> bool:
    return not one or not other or one == other


def normalised(text: str) -> str:
    """Return a text without what does not change a question: case, punctuation, width, spacing.

    >>> normalised("What IS  “panic”, exactly?")
    'what is panic exactly'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w%<>=+]+", " ", folded).split())


def quantities(text: str) -> list[Quantity]:
    """Return the numbers of a text, in digits or words, each with its unit.

    Enumerators and `[12]` marks are no numbers; digits inside a code (`DSM-5`) belong to the code. A number that shares
    a unit with the next one gets it: both of "5 to 10 mg" are milligrams.

    >>> [(found.value, found.unit) for found in quantities("1,200 adults took 2.50–5 mg for two weeks; 12 % left.")]
    [('1200', ''), ('2.5', 'mg'), ('5', 'mg'), ('2', 'week'), ('12', '%')]
    """
    text = ENUMERATOR.sub(lambda mark: " " * len(mark[0]), text)
    places = sorted(_numbers(text))
    found: list[Quantity] = []
    for at in range(len(places) - 1, -1, -1):
        _, end, value = places[at]
        unit, per = _unit(text, end)
        if not unit and at + 1 < len(places) and JOINT.fullmatch(text, end, places[at + 1][0]):
            unit, per = found[-1].unit, found[-1].per
        found.append(Quantity(value, unit, per))
    return found[::-1]


def units(text: str) -> set[str]:
    """Return the canonical units that a text names, with or without a number.

    >>> sorted(units("Dose (mg) by week; 5%"))
    ['%', 'mg', 'week']
    """
    found = {UNIT_OF.get(word, "") for word in re.findall(r"°\s?c\b|%|[^\W\d_]+", text.casefold())}
    glued = {quantity.unit for quantity in quantities(text)}
    return (found | glued) - {""}


def codes(text: str) -> list[str]:
    """Return the tokens that mix letters and digits, in lower case and without hyphens.

    >>> codes("DSM-5, IL-6 and 10mg")
    ['dsm5', 'il6']
    """
    return [re.sub(r"[\W_]", "", found).casefold() for found in CODE.findall(text) if not _glued(found)]


def condensed(text: str) -> str:
    """Return the letters and digits of a text alone, in lower case: where a code is looked for.

    >>> condensed("the DSM 5.")
    'thedsm5'
    """
    return re.sub(r"[\W_]+", "", text.casefold())


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, French elisions cut off.

    >>> words("L'anxiété, first-line")
    ['anxiété', 'first', 'line']
    """
    return WORD.findall(ELISION.sub("", text).casefold())


def content_stems(text: str, length: int = 6) -> set[str]:
    """Return the content words of a text, each cut to its first letters, so that forms of one word are one; no numbers.

    >>> sorted(content_stems("Depressive symptoms of the depression"))
    ['depres', 'sympto']
    """
    found = (word for word in words(text) if len(word) > 2 and word not in STOP_WORDS and word not in NUMBER_WORDS)
    return {word[:length] for word in found}


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a word without the endings that only inflect it.

    >>> [stem(word) for word in ("studies", "disorders", "treated", "causing", "illness", "diagnosis")]
    ['study', 'disorder', 'treat', 'caus', 'illness', 'diagnosis']
    """
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    taken = [found.span() for found in CODE.finditer(text) if not _glued(found[0])]
    for found in NUMBER.finditer(text):
        if not any(start <= found.start() < end for start, end in taken):
            yield found.start(), found.end(), _sign(text, found.start()) + _canonical(found[0])
    for found in NUMBER_WORD.finditer(text):
        yield found.start(), found.end(), str(NUMBER_WORDS[found[0].casefold()])


def _glued(token: str) -> bool:
    """Return whether a token is a number with its unit: `10mg`."""
    found = re.fullmatch(r"[\d.,]+([^\W\d_]+)", token)
    return found is not None and found[1].casefold() in UNIT_OF


def _unit(text: str, at: int) -> tuple[str, str]:
    """Return the unit behind a number and what it is counted by, "" for what is not known."""
    found = UNIT.match(text, at)
    if found is None:
        return "", ""
    unit = UNIT_OF.get(re.sub(r"\s", "", found[1].casefold()), "")
    rate = RATE.match(text, found.end()) if unit else None
    if rate is None:
        return unit, ""
    return unit, UNIT_OF.get(rate[1].casefold(), "") if rate[1] else "day"


def _sign(text: str, at: int) -> str:
    before = text[max(0, at - 2) : at]
    return "-" if before[-1:] in ("-", "−") and not before[:-1].strip("(=<>\xa0 ") else ""


def _canonical(digits: str) -> str:
    plain = re.sub(r"[\u00a0\u202f ]", "", digits)
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", plain):
        plain = plain.replace(",", "")
    elif plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not re.fullmatch(r"\d*\.?\d+", plain):
        return plain
    value = Decimal(plain)
    return format(value.normalize(), "f") if value else "0"
