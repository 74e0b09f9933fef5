from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.sentences import sentence_spans

# a bar stands where one sentence ends and the next begins
ENGLISH = """
It rose.| It fell.
Smith et al. (2019) showed this.| See Fig. 2 and Eq. 3, e.g. the mean (M = 3.4, p < .05).
Dr. Brown, J. R. Smith and A. Jones agreed.| It was 3.14 vs. 2.71.
This was reported by Smith et al.| The others differ.
"Is it so?" he asked.| He said "Yes."| Then he left.
This is shown in Figs. 3A and 4B, i.e. more.| E. coli grew.
We used approx. 5 mg.| No. 5 was best, cf. Jones 2013.
It comes from the U.S. Food and Drug Administration.| It was new in the U.S.| The law changed.
The value was low (p < 0.05).[12]| Next one follows.
It was lower.3,4 Another was higher.
The answer was no.| The next one is open.
It lasted 10 min.| The rest followed.
That is the state of the art.| Others agree.
See Fig. S3, Suppl. Table 2, vol. IV and p. 12.| It ends.
She has vitamin C.| The dose is small.
Criteria: (1) Mood is low. (2) Sleep is short.
It ended at 5 p.m. on Monday.| Then came Dr. No.
Really?| Yes!| Good… Well.
Values of 1.5, 2.5 and .75 were seen.
The authors (Smith, A. B., and Lee, C.-D.) disagree.
Are there others?| (We think so.)| Yes.
"""
FRENCH = """
Cf. Dupont et al. (2010), p. 12.| M. Dupont est venu.| Il est parti.
Le patient, âgé de 12 ans, etc., est parti.| Voir fig. 3 et chap. 4.| « Est-ce vrai ? »| Oui !
Mme Durand a dit non.| C'est 3,5 % des cas.| L'A.P.A. publie le DSM.
Ils ont « utile pour le roi » (p. 89).| L’étude continue (p. 12-14, p. ex. ici).
État des lieux.| Écoute active.| Cette prise en charge dure env. 3 mois.
"""
CASES = [("en", line) for line in ENGLISH.strip().splitlines()] + [("fr", line) for line in FRENCH.strip().splitlines()]


def cut(text: str, language: str | None = None) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, language)]


@pytest.mark.parametrize(("language", "marked"), CASES, ids=[text[:40] for _, text in CASES])
@pytest.mark.parametrize("named", [True, False])
def test_scholarly_sentences_are_cut_where_they_end(language: str, marked: str, named: bool) -> None:
    if "3,4 Another" in marked:
        marked = marked.replace("3,4 ", "3,4| ")
    if "Criteria" in marked:
        marked = marked.replace(". (2)", ".| (2)")
    if "Good…" in marked:
        marked = marked.replace("… ", "…| ")
    expected = [part.strip() for part in marked.split("|")]
    assert cut(marked.replace("|", ""), language if named else None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Mood is low.\n2. Sleep is short.", ["1. Mood is low.", "2. Sleep is short."]),
        ("(a) Mood is low.", ["(a) Mood is low."]),
        ("It is known. 12", ["It is known. 12"]),
        ("Mood\nSleep\n\nAppetite", ["Mood", "Sleep", "Appetite"]),
        ("12\n34", ["12", "34"]),
        ('"He left."\n(So it is.) [3]\nNext.', ['"He left."', "(So it is.) [3]", "Next."]),
        ("| 1 | 2 |\n| --- | --- |\n| 3 | 4 |", ["| 1 | 2 |", "| --- | --- |", "| 3 | 4 |"]),
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
        ("  \n ", []),
        ("", []),
        ("No full stop", ["No full stop"]),
        ("See www.who.int. It is open.", ["See www.who.int.", "It is open."]),
    ],
)
def test_lines_numbers_and_other_scripts(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                *"aB1 .?!…\n\t()[]\"'«»",
                '."\n',
                ".)\n",
                ".[1] ",
                "Fig. ",
                "et al. ",
                "p. ",
                "U.S. ",
                "3. ",
                " The ",
                "。",
                "\u2028",
                "•",
                "é",
            ]
        ),
        max_size=60,
    ).map("".join),
)


@given(TEXTS, st.sampled_from([None, "en", "fr-CA", "xx", ""]))
def test_spans_are_in_order_trimmed_and_hold_everything_but_white_space(text: str, language: str | None) -> None:
    spans = sentence_spans(text, language)
    reached = 0
    for start, end in spans:
        assert reached <= start < end <= len(text)
        assert not text[reached:start].strip()
        assert text[start:end] == text[start:end].strip()
        reached = end
    assert not text[reached:].strip()


@pytest.mark.parametrize(
    "text",
    ["a. " * 20_000, "A." * 40_000, ". " * 40_000, "1. " * 40_000, "\n" * 80_000, "(" * 80_000, "Fig. " * 20_000],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    sentence_spans(text)
    assert time.process_time() - started < 2
