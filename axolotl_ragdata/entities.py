"""Names, codes and links that a text states, and whether another text states them too.

Names are read off capital letters: an acronym anywhere, a capitalised word inside a sentence, a Roman numeral or a
single capital that tells two of a kind apart (bipolar I, cluster B). No model and no word list is needed, and what is
not a name after all is found in the evidence in any case. German capitalises every noun and is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from axolotl_ragdata.wording import CODE, ELISION, STOP_WORDS, UNIT_OF, codes

TOKEN = re.compile(r"[^\W\d_]+(?:[-‐‑'’.&][^\W\d_]+)*\.?|[^\w\s]|\n|\d+")
SENTENCE_END = frozenset('.!?:;\n•"“”«»|–—…/')
TITLES = frozenset(["dr", "prof", "mr", "mrs", "ms", "st", "mme", "mlle", "pr", "vs", "cf", "e.g", "i.e", "fig"])
RUN = re.compile(r"[A-ZÀ-Þ][\w'’-]+(?:[ -](?:(?:and|of|for|the|et|de|des|du|la|le)[ -])?[A-ZÀ-Þ][\w'’-]+)+")
LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|\b[\w.+-]{1,64}@[\w-]+\.[\w.]+", re.IGNORECASE)
KIND = re.compile(r"(?<=[^\W\d_] )(I{1,3}|IV|VI{0,3}|IX|[B-H])\b(?!\.[A-Z]|['’])")
LEAST_STEM = 4
ENDINGS = ("'s", "’s", "s", "es", "e", "ne", "nes", "al", "als", "an", "ans", "ian", "ians", "ic", "ist", "ists")
SPELLED_OUT = 3
"""Fewest words that an acronym can stand for; the first letters of any two words are somewhere in a passage."""


def names(text: str) -> list[str]:
    """Return the names of a text, each once, in order.

    >>> names("Bipolar disorder was named by Karl Leonhard; the DSM followed. It was new.")
    ['Karl', 'Leonhard', 'DSM']
    >>> names("In bipolar II disorder, hypomania lasts.")
    ['II']
    """
    plain = LINK.sub(" ", CODE.sub(" ", ELISION.sub("", text)))
    found = [*_capitalised(plain), *(match[1] for match in KIND.finditer(plain))]
    return list(dict.fromkeys(found))


def unsupported_names(text: str, sources: Iterable[str]) -> Iterator[str]:
    """Yield the names of a text that no source states, in full, as an acronym or spelled out.

    >>> list(unsupported_names("Here Freud used CBT, not Jung.", ["Freud knew of cognitive behavioural therapy."]))
    ['Jung']
    """
    known = list(sources)
    short = _abbreviated(text, known)
    for name in names(text):
        if name not in short and not any(_states(source, name) for source in known):
            yield name


def spelled_out(text: str, sources: Iterable[str]) -> list[str]:
    """Return the words of a text that say what an acronym of a source stands for.

    >>> spelled_out("a standard deviation of 2", ["mean 7 (SD 2)"])
    ['standard', 'deviation']
    """
    spoken = [word for word in re.findall(r"[^\W\d_]+", text) if word.casefold() not in STOP_WORDS]
    initials = "".join(_initials(_folded(word) for word in spoken))
    short = {found.casefold() for source in sources for found in re.findall(r"\b[A-Z]{2,6}\b", source)}
    places = [(at, len(one)) for one in short for at in range(len(initials)) if initials.startswith(one, at)]
    return list(dict.fromkeys(word for at, length in sorted(places) for word in spoken[at : at + length]))


def unsupported_codes(text: str, sources: Iterable[str]) -> Iterator[str]:
    """Yield the codes of a text (F32.1, DSM-5, IL-6) that no source states as a whole.

    >>> list(unsupported_codes("F32.1 in the ICD-10", ["ICD 10: F32.10"]))
    ['f321']
    """
    known = list(sources)
    for code in dict.fromkeys(codes(text)):
        if not any(_whole(code).search(_folded(source)) for source in known):
            yield code


def unsupported_links(text: str, sources: Iterable[str]) -> Iterator[str]:
    """Yield the links and addresses of a text that no source holds.

    >>> list(unsupported_links("See https://a.org/x.", ["at https://b.org"]))
    ['https://a.org/x']
    """
    known = [source.casefold() for source in sources]
    for link in LINK.findall(text):
        bare = link.rstrip(".,;:")
        if not any(bare.casefold() in source for source in known):
            yield bare


def _capitalised(text: str) -> Iterator[str]:
    begins, after_name = True, False
    for token in TOKEN.findall(text):
        word = token.rstrip(".")
        if not word or not word[0].isalpha():
            begins, after_name = token in SENTENCE_END or (begins and not word.isalnum()), False
            continue
        named = _is_name(word, begins) or (after_name and _is_name(word, False))
        if named:
            yield word
        after_name = named
        begins = token.endswith(".") and len(word) > 1 and word.casefold() not in TITLES


def _is_name(word: str, begins: bool) -> bool:
    if not word[0].isupper() or word.casefold() in STOP_WORDS or word.casefold() in UNIT_OF:
        return False
    if sum(map(str.isupper, word)) >= 2:
        return True
    return len(word) > 1 and not begins


def _states(source: str, name: str) -> bool:
    if len(name) < 2 or (name.isupper() and len(name) <= 4 and set(name) <= set("IVX")):
        return re.search(rf"\b{name}\b", source) is not None
    wanted, low = _plain(name), _folded(source)
    if _whole(wanted).search(low):
        return True
    if sum(map(str.isupper, name)) >= 2 and name.isupper():
        return _stands_for(wanted.rstrip("s"), low)
    return _stem(wanted) in _stems(low)


def _stands_for(acronym: str, source: str) -> bool:
    """Return whether consecutive words of a source begin with the letters of an acronym, small words left out or in."""
    if len(acronym) < SPELLED_OUT:
        return False
    spoken = re.findall(r"[^\W\d_]+", source)
    return any(acronym in "".join(initials) for initials in (_initials(spoken), _initials(_content(spoken))))


def _abbreviated(text: str, sources: Iterable[str]) -> set[str]:
    """Return the words of those names of a text whose acronym a source states."""
    known = list(sources)
    found: set[str] = set()
    for run in RUN.findall(text):
        capitals = "".join(sign for sign in run if sign.isupper())
        if len(capitals) > 1 and any(re.search(rf"\b{capitals}\b", source) for source in known):
            found.update(re.findall(r"[\w'’-]+", run))
    return found


def _initials(spoken: Iterable[str]) -> list[str]:
    return [word[0] for word in spoken]


def _content(spoken: Iterable[str]) -> list[str]:
    return [word for word in spoken if word not in STOP_WORDS]


@lru_cache(maxsize=8192)
def _whole(condensed: str) -> re.Pattern[str]:
    """Return what finds letters and digits as a word of their own, whatever stands between them but space and text."""
    inside = r"[\W_]{0,2}".join(map(re.escape, condensed))
    return re.compile(rf"(?<![^\W_]){inside}(?:'s|’s)?(?![^\W_])(?!\.\d)")


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", _folded(re.sub(r"['’]s$", "", name)))


@lru_cache(maxsize=4096)
def _stems(low: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in re.findall(r"[^\W\d_]+", low))


def _stem(word: str) -> str:
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if word.endswith(ending) and len(word) - len(ending) >= LEAST_STEM:
            return word[: -len(ending)]
    return word
