"""Names and codes of languages, as prompts and files use them, and the language of a short text."""

from __future__ import annotations

import re
from collections import Counter

LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}


def language_name(code: str | None) -> str:
    """Return a language's English name for a prompt.

    >>> language_name("fr-CA"), language_name(None), language_name("sl")
    ('French', 'the language of the passage', 'the language with the code sl')
    """
    if not code:
        return "the language of the passage"
    short = code.split("-")[0].lower()
    return LANGUAGES.get(short, f"the language with the code {short}")


# the three letters of ISO 639-2, in both of its spellings, and the names that a file may give instead of a code
_OTHER_NAMES = {
    "ar": "ara العربية",
    "de": "deu ger deutsch",
    "el": "ell gre greek",
    "en": "eng",
    "es": "spa español castellano",
    "fr": "fra fre français",
    "he": "heb hebrew",
    "it": "ita italiano",
    "ja": "jpn 日本語",
    "ko": "kor korean",
    "nl": "nld dut nederlands",
    "pl": "pol polski",
    "pt": "por português",
    "ru": "rus русский",
    "uk": "ukr ukrainian",
    "zh": "zho chi 中文",
}
_CODES = {name.casefold(): code for code, name in LANGUAGES.items()}
_CODES |= {name: code for code, listed in _OTHER_NAMES.items() for name in listed.split()}


def language_code(declared: str) -> str:
    """Return a declared language as an ISO 639-1 code with what follows it; what is not known stays as it is.

    >>> language_code("eng"), language_code("ger-AT"), language_code("French"), language_code("pt_BR")
    ('en', 'de-AT', 'fr', 'pt-BR')
    >>> language_code("sl"), language_code("tlh")
    ('sl', 'tlh')
    """
    first, *others = declared.strip().replace("_", "-").split("-")
    return "-".join([_CODES.get(first.casefold(), first.lower()), *others])


# the commonest words of short texts, question words among them; a word of two languages votes for both
_COMMON = {
    "en": "the of and to in is that for was with as on by are be this from were which at an or not have has it been what"
    " who how why when where does do did can should many much their its they than more most between may must often"
    " usually such during after before within about there called used these those would will also but no yes if",
    "fr": "le la les des et est en du un une que dans pour qui par sur au aux ce cette ces sont avec plus nous pas ne se"
    " sa ses leur leurs été être ou mais il elle comme qu l d s n quel quelle quels quelles comment pourquoi quand"
    " combien où quoi lequel laquelle peut doit souvent chez lors entre après avant non oui si on sans sous très aussi",
    "de": "der die das und ist in den von zu mit des ein eine für auf dem im nicht sich auch als werden wird es an sind"
    " bei oder einer einen durch nach wurde wurden aus was wie warum wann wer welche welcher welches kann soll wenn"
    " zwischen mehr sehr nur noch über unter diese dieser haben hat",
    "es": "el la los las de y que en un una es por con para del al se su como más no son fue entre este esta estos ha lo"
    " o pero sus también qué cuál cuáles cómo cuándo dónde quién puede debe muy sin sobre si sí",
    "it": "il la le i di e che in un una è per con del della dei delle non sono si come più da nel nella al alla gli lo"
    " anche tra o ma questo questa quale quali cosa perché quando dove chi può deve molto senza se sì",
    "pt": "o a os as de e que em um uma é por com para do da dos das no na não se mais como são ao foi entre ou este esta"
    " pela pelo também qual quais quando onde quem porque pode deve muito sem sobre sim",
    "nl": "de het een en van in is dat op te voor met zijn aan niet er die ook als bij door of naar om worden werd uit"
    " deze dit maar hebben wat wie hoe waarom wanneer waar welke kan moet veel meer zeer",
}
_VOTES: dict[str, tuple[str, ...]] = {}
for _code, _listed in _COMMON.items():
    for _word in _listed.split():
        # initials and the names of variables are single letters too
        if len(_word) == 1 and _word.isascii():
            continue
        _VOTES[_word] = (*_VOTES.get(_word, ()), _code)
_WORD = re.compile(r"[^\W\d_]+")
LEAST_VOTES = 3
LEAST_LEAD = 2
LEAST_SHARE = 0.12
"""Votes that the language of a short text must have, times those of the second, and share of the words."""
FOREIGN_SHARE = 0.3
"""Share of the letters in another script from which on a text is in that script's language."""
LEAST_BYTES = 1.05
"""Bytes for each character below which a text is not looked at more closely."""
_SCRIPTS = (
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\u4e00-\u9fff]"), "zh"),
    (re.compile(r"[\uac00-\ud7af]"), "ko"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
)
_SHARED = {
    "ru": "ru uk be bg mk sr bs mn kk ky tg tt ba cv os ab",
    "ar": "ar fa ur ps ckb sd ug ks",
    "zh": "zh ja ko yue wuu lzh",
    "he": "he yi",
}
"""Languages that are written in the script of another, by that one."""


def script_language(text: str) -> str | None:
    """Return the language that a text's script stands for, None where that is the Latin one or too little of it.

    >>> script_language("Депрессия и мания"), script_language("抑郁症"), script_language("α and β of the model")
    ('ru', 'zh', None)
    """
    # Latin letters with accents take a byte more in one of ten, letters of another script each
    if len(text.encode("utf-8", "replace")) < LEAST_BYTES * len(text):
        return None
    letters = sum(map(len, _WORD.findall(text)))
    for pattern, code in _SCRIPTS:
        if letters and len(pattern.findall(text)) >= max(2, FOREIGN_SHARE * letters):
            return code
    return None


def may_be_written_like(code: str, other: str) -> bool:
    """Return whether a language has the script that stands for another one.

    >>> may_be_written_like("uk", "ru"), may_be_written_like("en", "ru")
    (True, False)
    """
    return code in _SHARED.get(other, other).split()


def spoken_language(text: str) -> str | None:
    """Return the language of a question or an answer as an ISO 639-1 code, None where that is not clear.

    Names, formulas and labels have none; a text in another script has one of that script's.

    >>> spoken_language("What is the first sign of it?"), spoken_language("Quels sont les signes de la manie ?")
    ('en', 'fr')
    >>> spoken_language("Bipolar I disorder") is None
    True
    """
    if (script := script_language(text)) is not None:
        return script
    found = [word.casefold() for word in _WORD.findall(text)]
    votes: Counter[str] = Counter(code for word in found for code in _VOTES.get(word, ()))
    ranked = [*votes.most_common(2), ("", 0), ("", 0)]
    best, second = ranked[0], ranked[1]
    least = max(LEAST_VOTES, LEAST_LEAD * second[1], LEAST_SHARE * len(found))
    return best[0] if best[1] >= least else None
