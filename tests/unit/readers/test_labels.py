"""Labels of figures and tables, as their heads, labels and captions give them together."""

from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Block

from .tei import bibliography, tei


def only_float(inner: str, kind: str = "") -> Block:
    document = readers.get("grobid", "test").read(
        Path("a.tei.xml"), tei(f"<figure{kind}>{inner}</figure>", back=bibliography("b0"))
    )
    ((block,),) = (section.blocks for section in document.sections)
    return block


@pytest.mark.parametrize(
    ("head", "label", "caption", "wanted", "text"),
    [
        ("Figure 1 .Figure 1 .", "11", "Figure 1. A model.", "Figure 1", "Figure 1. A model."),
        ("Figure 2 .Figure 3 .", "23", "Figure 2. A map.", "Figure 2", "Figure 2. A map.\nFigure 3 ."),
        ("Fig. 3 Fig. 4", "34", "Hands open.", "Fig. 3", "Fig. 3. Hands open.\nFig. 4"),
        ("# 1 :Fig. 1 .", "11", "Fig.1. Keys.", "Fig. 1", "Fig.1. Keys."),
        ("Figure 2 .Study 2 :", "22", "Figure 2. Skin.", "Figure 2", "Figure 2. Skin.\nStudy 2 :"),
        ("Fig. 4 | X", "Fig. 4 | X", "-linked genes.", "Fig. 4", "Fig. 4. X-linked genes."),
        ("Fig. 1 .", "1", "Figure 1. Again.", "Fig. 1", "Figure 1. Again."),
        ("Figure 1", "1", "Figure 10 shows more.", "Figure 1", "Figure 1. Figure 10 shows more."),
        ("Figure supplement 2 .", "2", "Mice.", "Figure supplement 2", "Figure supplement 2. Mice."),
        ("Figures 1 and 2", "12", "Both.", "Figures 1 and 2", "Figures 1 and 2. Both."),
        ("Scheme", "3", "", "Scheme 3", "Scheme 3"),
        ("Table A2 :", "A2", "Doses.", "Table A2", "Table A2. Doses."),
        ("Overview", "", "Figurative.", "Overview", "Overview. Figurative."),
        ("Table of contents 2020", "", "", "Table of contents 2020", "Table of contents 2020"),
    ],
)
def test_a_label_is_one_whatever_was_merged(head: str, label: str, caption: str, wanted: str, text: str) -> None:
    block = only_float(f"<head>{head}</head><label>{label}</label><figDesc>{caption}</figDesc>")
    assert (block.label, block.text) == (wanted, text)


def test_a_long_head_is_label_and_caption() -> None:
    head = (
        "Table 1 . Onset and duration of maps of errors <ref type='bibr' target='#b0'>[1]</ref> in all of the trials ."
    )
    block = only_float(f"<head>{head}</head><label>1</label><figDesc>In ms.</figDesc>", ' type="table"')
    assert block.label == "Table 1"
    assert block.caption == "Onset and duration of maps of errors [1] in all of the trials . In ms."
    assert block.text == f"Table 1. {block.caption}"
    assert [block.text[mark.start : mark.end] for mark in block.citations] == ["[1]"]


def test_a_note_before_the_head_may_begin_the_label() -> None:
    figure = "<head>Fig. 2 |</head><label>Fig. 2 |</label><figDesc>More maps.</figDesc>"
    block = only_float(f"<note>Extended Data</note>{figure}<note>|</note><note>Source: us.</note>")
    assert (block.label, block.text) == ("Extended Data Fig. 2", "Extended Data Fig. 2. More maps.\nSource: us.")
    assert only_float(f"<note>Left eye</note>{figure}").text == "Fig. 2. More maps.\nLeft eye"
