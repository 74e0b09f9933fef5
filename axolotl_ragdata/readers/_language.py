"""The language of a text by a vote of its commonest words: cheap, and sure enough to question a declaration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from axolotl_ragdata.languages import language_code, may_be_written_like, script_language

LEAST_WORDS = 40
LEAST_WORDS_UNDECLARED = 12
"""Where nothing is declared, a short text is judged too: there is nothing to contradict."""
LEAST_SHARE = 0.12
"""The least share of the words that must be stop words of the winner."""
LEAST_DIFFERENT = 4
"""Different stop words that the winner needs: an interview may say "no" at each turn."""
LEAST_LEAD = 2.0
"""How many times the votes of the second the winner needs; a word's vote is divided among its languages."""
SAMPLE_CHARACTERS = 1500
LEAST_CHARACTERS = 60
"""Characters that a text must have for its script to be held against what is declared."""
UNKNOWN = frozenset({"", "und", "unknown", "none", "zxx", "mis", "mul"})
"""What a file declares that declares no language."""
STOP_WORDS = {
    "en": "the of and to in is that for was with as on by are be this from were which at an or not have has it been"
    " their these but between we they more than can also",
    "fr": "le la les de à des et est en du un une que dans pour qui par sur au aux ce cette ces sont avec plus nous"
    " pas ne se sa ses leur leurs été être ou mais il elle comme d l",
    "de": "der die das und ist in den von zu mit des ein eine für auf dem im nicht sich auch als werden wird es an"
    " sind bei oder einer einen durch nach wurde wurden aus",
    "es": "el la los las de y que en un una es por con para del al se su como más no son fue entre este esta estos ha"
    " lo o pero sus también",
    "it": "il la le i di e che in un una è per con del della dei delle non sono si come più da nel nella al alla gli"
    " lo anche tra o ma questo questa",
    "pt": "o a os as de à e que em um uma é por com para do da dos das no na não se mais como são ao foi entre ou este"
    " esta pela pelo também",
    "nl": "de het een en van in is dat op te voor met zijn aan niet er die ook als bij door of naar om worden werd"
    " uit deze dit maar hebben",
}
VOTES: dict[str, tuple[str, ...]] = {}
for _language, _words in STOP_WORDS.items():
    for _word in _words.split():
        # speakers of a dialogue and variables are single letters too
        if len(_word) == 1 and _word.isascii():
            continue
        VOTES[_word] = (*VOTES.get(_word, ()), _language)


def detect_language(text: str, least_words: int = LEAST_WORDS) -> str | None:
    """Return the language of a text as an ISO 639-1 code; None where it is too short or the vote is not clear.

    >>> detect_language("the cat sat on the mat and it was not amused by the rain that fell on it " * 3)
    'en'
    >>> detect_language("x = 1")
    """
    # to split at blanks takes a third of what a pattern takes, and stop words rarely stand beside a comma
    words = text[:SAMPLE_CHARACTERS].lower().replace("’", " ").replace("'", " ").split()
    if len(words) < least_words:
        return None
    best, second = _counted(words)
    if best.words < LEAST_SHARE * len(words) or best.different < LEAST_DIFFERENT:
        return None
    return best.language if best.votes >= LEAST_LEAD * second.votes else None


@dataclass(slots=True)
class _Count:
    """The votes for a language, and the words that they come from."""

    language: str = ""
    votes: float = 0
    words: int = 0
    different: int = 0


def _counted(words: Sequence[str]) -> list[_Count]:
    """Return the counts of the two languages with most votes."""
    counts: dict[str, _Count] = {}
    for word, times in Counter(filter(VOTES.__contains__, words)).items():
        languages = VOTES[word]
        for language in languages:
            count = counts.get(language) or counts.setdefault(language, _Count(language))
            count.votes += times / len(languages)
            count.words += times
            count.different += 1
    return sorted([*counts.values(), _Count(), _Count()], key=lambda count: -count.votes)[:2]


def settle_language(declared: str | None, sample: str) -> tuple[str | None, str | None]:
    """Return the language to use as an ISO 639-1 code, and a warning where the text is not in the declared one."""
    sample = sample[:SAMPLE_CHARACTERS]
    script = script_language(sample)
    code = language_code(declared or "")
    if code in UNKNOWN:
        return script or detect_language(sample, LEAST_WORDS_UNDECLARED), None
    short = code.split("-")[0]
    if script is None:
        detected = detect_language(sample)
    else:
        doubted = len(sample) >= LEAST_CHARACTERS and not may_be_written_like(short, script)
        detected = script if doubted else None
    if detected is None or detected == short:
        return code, None
    return detected, f"declared language {declared!r}, but the text is {detected!r}: {detected!r} is used"
