from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Fast
from tokenizers import models, pre_tokenizers

from axolotl_ragdata.blocks import PassagesBlock
from axolotl_ragdata.passages import cut, cut_document, node_parser
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Block, Document, InlineCitation, Passage, Section, SentenceSpan, Source
from axolotl_ragdata.tokens import FastTokenizer


def by_words() -> FastTokenizer:
    """A token a word, and one a punctuation mark."""
    fast = Fast(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return FastTokenizer("words", fast)


def by_bytes() -> FastTokenizer:
    """A token a byte, so that one character may be several."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    fast = Fast(models.BPE({sign: at for at, sign in enumerate(alphabet)}, []))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return FastTokenizer("bytes", fast)


WORDS, BYTES = by_words(), by_bytes()


def paragraph(text: str) -> Block:
    return Block(kind="paragraph", text=text)


def document(*sections: Section, title: str = "", language: str | None = "en") -> Document:
    source = Source(path="a.xml", sha256="0", reader="grobid", reader_version="1")
    return Document(id="doc-1", title=title, language=language, sections=sections, source=source)


def one(*blocks: Block) -> Document:
    return document(Section(path=("Methods",), blocks=blocks))


def limits(max_tokens: int = 32, overlap: int = 0) -> PassagesBlock:
    return PassagesBlock(max_tokens=max_tokens, overlap=overlap)


def sentences(count: int, words: int = 7) -> str:
    return " ".join(f"S{number} {'w ' * (words - 2)}end." for number in range(count))


def check(source: Document, passages: Sequence[Passage]) -> None:
    """What must hold of every cut."""
    text = source.text
    covered = bytearray(len(text))
    for ordinal, passage in enumerate(passages):
        assert passage.ordinal == ordinal
        assert passage.text == text[passage.start : passage.end] == passage.text.strip() != ""
        covered[passage.start : passage.end] = b"\x01" * (passage.end - passage.start)
    assert not [text[at] for at, held in enumerate(covered) if not held and not text[at].isspace()]
    assert len({passage.id for passage in passages}) == len(passages)
    places = [(at, at + len(block.text), section) for section, block, at in source.placed_blocks]
    for passage in passages:
        owners = {id(section) for low, high, section in places if low < passage.end and passage.start < high}
        assert len(owners) == 1


def test_a_passage_never_crosses_a_section_and_tiny_sections_are_passages() -> None:
    source = document(
        Section(path=("A",), blocks=(paragraph("One two."),)),
        Section(path=("A", "B"), part="back", blocks=(paragraph("Three four."), paragraph("Five."))),
        Section(path=(), blocks=(paragraph("Six."),)),
        Section(path=("Empty",)),
        title="T",
    )
    passages = cut(source, limits(), WORDS)
    assert [passage.text for passage in passages] == ["One two.", "Three four.\n\nFive.", "Six."]
    assert [passage.heading for passage in passages] == ["T / A", "T / A / B", "T"]
    assert [passage.part for passage in passages] == ["body", "back", "body"]
    check(source, passages)


def test_sentences_are_whole_and_overlap_in_whole_sentences() -> None:
    source = one(paragraph(sentences(12)))
    passages = cut(source, limits(33, 8), WORDS)
    assert len(passages) > 2
    for passage in passages:
        assert re.fullmatch(r"S\d+ .*end\.", passage.text)
    firsts = [int(passage.text[1 : passage.text.index(" ")]) for passage in passages]
    lasts = [int(re.findall(r"S(\d+)", passage.text)[-1]) for passage in passages]
    assert firsts[1:] == lasts[:-1]
    check(source, passages)


def test_without_overlap_nothing_is_said_twice() -> None:
    passages = cut(one(paragraph(sentences(12))), limits(33), WORDS)
    assert " ".join(passage.text for passage in passages) == sentences(12)


@pytest.mark.parametrize("overlap", [0, 10, 31])
def test_heading_lead_and_text_together_fit(overlap: int) -> None:
    source = document(Section(path=("A section", "with a path"), blocks=(paragraph(sentences(30)),)), title="A title")
    passages = cut(source, limits(40, overlap), WORDS)
    assert all(passage.n_tokens == WORDS.count(passage.in_context) <= 40 for passage in passages)
    check(source, passages)


def test_a_heading_may_fill_half_and_a_longer_one_comes_on_top() -> None:
    source = document(Section(path=("word " * 100,), blocks=(paragraph(sentences(8)),)))
    passages = cut(source, limits(32), WORDS)
    assert max(WORDS.count(passage.text) for passage in passages) <= 16
    check(source, passages)


@pytest.mark.parametrize("tokenizer", [WORDS, BYTES], ids=["words", "bytes"])
def test_a_sentence_longer_than_a_passage_is_cut_between_tokens_and_named(tokenizer: FastTokenizer) -> None:
    source = one(paragraph("Short one. " + "word " * 300 + "end. Short two."))
    found = cut_document(source, limits(40, 10), tokenizer)
    assert len(found.warnings) == 1
    assert re.fullmatch(r"Methods: a sentence of \d+ tokens is longer than a passage and was cut", found.warnings[0])
    assert all(not re.search(r"\bwor$|^rd", passage.text) for passage in found.passages) or tokenizer is BYTES
    check(source, found.passages)


def table(rows: int, caption: str = "Table 1. Doses of drugs.", width: int = 2) -> Block:
    lines = [caption] if caption else []
    lines += ["| Drug | Dose |", "| --- | --- |"]
    lines += [f"| drug{number} {'x ' * width}| {number} mg |" for number in range(rows)]
    return Block(kind="table", text="\n".join(lines), label="Table 1", caption="Doses of drugs.")


def test_a_table_stays_with_its_caption_in_a_passage_of_its_own() -> None:
    source = one(paragraph("Before."), table(1), paragraph("After."))
    passages = cut(source, limits(64), WORDS)
    assert [passage.kind for passage in passages] == ["paragraph", "table", "paragraph"]
    assert passages[1].text == table(1).text
    assert passages[1].lead == ""
    check(source, passages)


def test_a_long_table_is_cut_between_rows_and_caption_and_header_travel_with_each() -> None:
    source = one(table(20))
    found = cut_document(source, limits(64, 16), WORDS)
    first, *later = found.passages
    assert not found.warnings
    assert first.text.startswith("Table 1. Doses of drugs.\n| Drug | Dose |")
    assert first.lead == ""
    assert {passage.lead for passage in later} == {"Table 1. Doses of drugs.\n| Drug | Dose |\n| --- | --- |"}
    assert all(line.startswith("| drug") for passage in later for line in passage.text.splitlines())
    rows = [line for passage in found.passages for line in passage.text.splitlines() if line.startswith("| drug")]
    assert rows == table(20).text.splitlines()[3:]
    assert all(passage.n_tokens == WORDS.count(passage.in_context) <= 64 for passage in found.passages)
    check(source, found.passages)


def test_a_caption_too_long_to_travel_leaves_label_and_header() -> None:
    source = one(table(20, caption="Table 1. " + sentences(9)))
    found = cut_document(source, limits(64), WORDS)
    assert found.passages[-1].lead == "Table 1\n| Drug | Dose |\n| --- | --- |"
    check(source, found.passages)


def test_a_row_longer_than_a_passage_is_cut_between_cells_and_named() -> None:
    row = "| " + " | ".join(f"cell{number} a\\|b c d" for number in range(20)) + " |"
    source = one(Block(kind="table", text=f"| H |\n| --- |\n{row}\n| last |", label="Table 9"))
    found = cut_document(source, limits(40), WORDS)
    assert [warning for warning in found.warnings if "a table row of" in warning]
    assert all(passage.text.startswith("|") for passage in found.passages)
    check(source, found.passages)


def test_a_long_caption_of_a_figure_is_cut_between_sentences() -> None:
    source = one(Block(kind="figure", text=f"Figure 2. {sentences(20)}", label="Figure 2", caption=sentences(20)))
    passages = cut(source, limits(33), WORDS)
    assert all(passage.text.endswith("end.") for passage in passages)
    assert {passage.lead for passage in passages[1:]} == {"Figure 2"}
    check(source, passages)


def test_a_sentence_that_a_formula_interrupts_stays_whole() -> None:
    formula = Block(kind="formula", text="d = (m1 - m2) / s")
    source = one(paragraph(f"{sentences(3)} The effect is"), formula, paragraph("where s is the deviation. Done."))
    passages = cut(source, limits(34), WORDS)
    assert any("The effect is\n\nd = (m1 - m2) / s\n\nwhere s is the deviation." in one.text for one in passages)
    check(source, passages)


def test_the_parsers_sentences_are_used_and_what_they_leave_out_is_kept() -> None:
    text = "Alpha beta. gamma delta. Left out. Omega."
    spans = (SentenceSpan(start=0, end=24), SentenceSpan(start=35, end=41))
    source = one(Block(kind="paragraph", text=text + " " + "w " * 30, sentences=spans))
    passages = cut(source, limits(32), WORDS)
    check(source, passages)
    assert passages[0].text.startswith("Alpha beta. gamma delta.")


@pytest.mark.parametrize("spans", [[(0, 500)], [(30, 10)], [(5, 9), (2, 7)], [(-3, 4)]])
def test_wrong_sentences_of_a_parser_lose_nothing(spans: list[tuple[int, int]]) -> None:
    marks = tuple(SentenceSpan(start=start, end=end) for start, end in spans)
    source = one(Block(kind="paragraph", text=sentences(9), sentences=marks))
    check(source, cut(source, limits(), WORDS))


def test_ids_follow_from_content_and_a_change_elsewhere_leaves_them() -> None:
    a, b, c = (Section(path=(name,), blocks=(paragraph(sentences(6)),)) for name in "ABC")
    longer = Section(path=("A",), blocks=(paragraph("New. " + sentences(6)),))
    before, after = (cut(document(first, b, c), limits(), WORDS) for first in (a, longer))
    assert [one.id for one in before if one.section_path != ("A",)] == [
        one.id for one in after if one.section_path != ("A",)
    ]
    assert {one.start for one in before} != {one.start for one in after}
    assert not {one.id for one in before if one.section_path == ("A",)} & {one.id for one in after} - {
        one.id for one in before if one.text in {other.text for other in after}
    }


def test_the_same_text_twice_in_a_section_has_two_ids() -> None:
    source = one(table(1), paragraph("Again."), table(1), paragraph("Again."))
    passages = cut(source, limits(64), WORDS)
    assert len({passage.id for passage in passages}) == 4
    assert [passage.id for passage in cut(source, limits(64), WORDS)] == [passage.id for passage in passages]


def test_citations_lead_to_the_passages_that_hold_them() -> None:
    text = sentences(8)
    at = text.index("S7")
    marks = (
        InlineCitation(start=0, end=2, text="S0", ref_id="b0"),
        InlineCitation(start=at, end=at + 2, text="S7", ref_id="b7"),
        InlineCitation(start=3, end=4, text="w"),
    )
    passages = cut(one(Block(kind="paragraph", text=text, citations=marks)), limits(), WORDS)
    assert passages[0].ref_ids == ("b0",)
    assert passages[-1].ref_ids == ("b7",)


def test_a_document_without_text_has_no_passages() -> None:
    assert cut(document(), limits(), WORDS) == []
    assert cut(document(Section(path=("A",), blocks=(paragraph(" \n "),))), limits(), WORDS) == []


TEXT = st.lists(
    st.sampled_from(
        [
            "Word",
            " ",
            ". ",
            "\n",
            "a",
            "é",
            "👩‍⚕️",
            "| x | y |\n",
            "| --- |\n",
            "|",
            "\\",
            "1.5",
            "? ",
            "\u00a0",
            "Fig. 2",
        ]
    ),
    max_size=80,
).map("".join)
BLOCKS = st.builds(
    Block,
    kind=st.sampled_from(["paragraph", "table", "figure", "formula", "list", "note"]),
    text=st.one_of(TEXT, st.text(max_size=60)),
    label=st.sampled_from([None, "Table 1"]),
    sentences=st.lists(st.builds(SentenceSpan, start=st.integers(0, 90), end=st.integers(0, 90)), max_size=4).map(
        tuple
    ),
)
SECTIONS = st.builds(
    Section, path=st.sampled_from([(), ("A",), ("A", "B" * 90)]), blocks=st.lists(BLOCKS, max_size=5).map(tuple)
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(SECTIONS, max_size=4),
    st.sampled_from([(32, 0), (32, 31), (50, 20), (384, 48)]),
    st.sampled_from([WORDS, BYTES]),
    st.sampled_from(["", "T", "Title " * 50]),
)
def test_nothing_is_lost_whatever_the_document(
    sections: list[Section], sizes: tuple[int, int], tokenizer: FastTokenizer, title: str
) -> None:
    source = document(*sections, title=title)
    found = cut_document(source, limits(*sizes), tokenizer)
    check(source, found.passages)
    again = cut_document(source, limits(*sizes), tokenizer)
    assert again == found


def test_llama_index_gets_nodes_with_the_passages_ids_and_exact_offsets() -> None:
    schema = pytest.importorskip("llama_index.core.schema")
    text = f"Again. {sentences(6)}\n\nAgain. Again. {sentences(2)}"
    given_document = schema.Document(text=text, metadata={"file": "a.txt"})
    nodes = node_parser(limits(), WORDS).get_nodes_from_documents([given_document])
    assert len(nodes) > 2
    for node in nodes:
        assert text[node.start_char_idx : node.end_char_idx] == node.get_content()
        assert node.metadata == {"file": "a.txt"}
        assert node.ref_doc_id == given_document.doc_id
    assert len({node.node_id for node in nodes}) == len(nodes)
    assert nodes[0].next_node.node_id == nodes[1].node_id


def test_real_documents_lose_nothing_and_keep_to_the_bound(shared_data: Path) -> None:
    sizes = PassagesBlock(max_tokens=128, overlap=24)
    made = 0
    for path in sorted((shared_data / "tei").glob("*.xml")):
        if "training" in path.name:
            continue
        source = read_document(path)
        passages = cut(source, sizes, WORDS)
        made += len(passages)
        check(source, passages)
        headings = {passage.heading: WORDS.count(passage.heading) for passage in passages}
        assert all(passage.n_tokens <= 128 or headings[passage.heading] > 64 for passage in passages)
    assert made > 2000
