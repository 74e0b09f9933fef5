"""Hyphens at the end of a line: healed where the word goes on, kept where they belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Block

from .tei import tei

WORDS = (
    "We know of an international trial, of the self, of a report by the state, the art of it, the informed, a day, "
    "an established nonlinear étude and a well-being index."
)


def read(text: str) -> Block:
    document = readers.get("grobid", "test").read(Path("a.tei.xml"), tei(f"<div><p>{WORDS}</p><p>{text}</p></div>"))
    return document.sections[0].blocks[1]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("inter-\nnational", "international"),
        ("the (inter- \r\n  national) one", "the (international) one"),
        ("unheard-\nof", "unheardof"),  # neither form is known, nor are the halves
        ("well-\nbeing", "well-being"),  # the other form is known
        ("self-\nreport", "self-report"),  # both halves are known
        ("in-\ndependent", "independent"),  # too short to be taken for a word
        ("pre-\nand post-test", "pre- and post-test"),
        ("two- and three-\nto four-fold", "two- and three- to four-fold"),
        ("Vor-\nund Nachteile", "Vor- und Nachteile"),
        ("day-\nto-day", "day-to-day"),
        ("3-\nmonth-old", "3-month-old"),
        ("3-\nor 4-fold", "3- or 4-fold"),
        ("X-\nlinked", "X-linked"),
        ("a T-\ncell", "a T-cell"),
        ("DNA-\nbinding", "DNA-binding"),
        ("COVID-\n19 and 5-\n10 mg", "COVID-19 and 5-10 mg"),
        ("non-\nEnglish", "non-English"),
        ("[18F]-\nlabelled", "[18F]-labelled"),
        ("state-of-the-\nart", "state-of-the-art"),
        ("well-estab-\nlished", "well-established"),
        ("well-in-\nformed", "well-informed"),
        ("l'é-\ntude", "l'étude"),
        ("l’a-\nnalyse", "l’analyse"),
        ("the result -\nwhich was", "the result - which was"),
        ("the result --\nwhich was", "the result -- which was"),
        ("(-\n3)", "(-3)"),
        ("inter-<lb/>national", "international"),
        ("inter-\n<lb n='2'/>national", "international"),
        ("inter-<pb/>national", "international"),
        ("non<lb/>linear", "non linear"),
        ("inter-<hi>national</hi>", "inter-national"),
        ("inter-\n<hi>national</hi>", "international"),
        ("informa- tion", "informa- tion"),
    ],
)
def test_a_hyphen_at_a_line_end(written: str, wanted: str) -> None:
    assert read(f"It is {written}.").text == f"It is {wanted}."
    block = read(f'<ref type="bibr">[1]</ref> It is {written}. <ref type="bibr">[2]</ref>')
    assert block.text == f"[1] It is {wanted}. [2]"
    assert [block.text[mark.start : mark.end] for mark in block.citations] == ["[1]", "[2]"]


def test_the_second_half_of_a_word_is_no_word_for_that() -> None:
    """What line ends split is no witness of its own halves."""
    assert read("An impor-\ntant impor-\ntant thing").text == "An important important thing"
