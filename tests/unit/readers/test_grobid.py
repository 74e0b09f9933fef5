from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import read_document, readers
from axolotl_ragdata.readers.structured import from_json, to_json
from axolotl_ragdata.records import Block, Document

from .tei import DOCUMENTS, bibliography, tei

REFUSED = {
    "billion_laughs.tei.xml": "entity bomb",
    "empty_file.tei.xml": "empty file",
    "whitespace_only.tei.xml": "empty file",
    "html_error_page.tei.xml": "root element is `html`, not `TEI`",
    "grobid_error.txt": "[NO_BLOCKS] PDF parsing resulted in empty content",
}
WARNED = {
    "no_namespace.tei.xml": "not in the TEI namespace",
    "bare_ampersand.tei.xml": "bare & in the text: 2",
    "control_char.tei.xml": "control characters taken out: 3",
    "nul_byte.tei.xml": "control characters taken out: 1",
    "latin1_declared_utf8.tei.xml": "read as ISO-8859-1",
    "truncated.tei.xml": "the end of the file is missing",
    "xxe.tei.xml": "entity &xxe; stands for an external file, which was not opened",
}
SILENT = ("bom", "utf16", "windows_crlf", "decomposed_unicode", "body_only_flat", "nested_divs_lists")


def read(raw: bytes, name: str = "a.tei.xml") -> Document:
    return readers.get("grobid", "test").read(Path(name), raw)


def blocks(document: Document) -> list[Block]:
    return [block for section in document.sections for block in section.blocks]


def paths(document: Document) -> list[tuple[str, ...]]:
    return [section.path for section in document.sections if section.part == "body"]


def check_invariants(document: Document) -> None:
    known = {reference.id for reference in document.references}
    for block in blocks(document):
        assert unicodedata.is_normalized("NFC", block.text)
        assert "\r" not in block.text
        for citation in block.citations:
            assert block.text[citation.start : citation.end] == citation.text != ""
            assert citation.ref_id is None or citation.ref_id in known
        for sentence in block.sentences:
            assert 0 <= sentence.start < sentence.end <= len(block.text)
    assert Document.model_validate(from_json(json.loads(json.dumps(to_json(document))))) == document
    checked = Document.model_validate(document.model_dump())
    assert checked == document, "the reader made a record that pydantic would have changed or refused"
    assert checked.model_dump_json() == document.model_dump_json()


# Real files


def test_reads_all_real_files_but_the_training_one(shared_data: Path) -> None:
    files = sorted((shared_data / "tei").glob("*.xml"))
    assert len(files) == 26
    for path in files:
        if "training" in path.name:
            with pytest.raises(DocumentRefused, match="GROBID training format"):
                read_document(path)
            continue
        document = read_document(path)
        check_invariants(document)
        assert document.source.sha256
        assert ("header only: the file has no body" in document.warnings) == (".header." in path.name)
        assert ("body is empty" in document.warnings) == (path.name == "article-withdrawn.tei.xml")


@pytest.mark.parametrize(("folder", "least"), [("tei", 0.999), ("odd", 0.9999)])
def test_keeps_the_text(shared_data: Path, folder: str, least: float) -> None:
    """The independent check of shared/bench, as the command line would feed it."""
    lines = []
    files = sorted(path for path in (shared_data / folder).iterdir() if path.suffix in (".xml", ".txt"))
    refused = []
    for path in files:
        try:
            lines.append(json.dumps(to_json(read_document(path))))
        except DocumentRefused:
            refused.append(path.name)
    script = shared_data.parent / "bench" / "tei_retention.py"
    done = subprocess.run(
        [sys.executable, str(script), "--tei", str(shared_data / folder), "--json", "--refused", *refused],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert report["overall"] >= least
    assert all(found["recall"] >= 0.995 for found in report["categories"].values())
    assert report["words_written_per_word"] < 1.1
    assert set(refused) == ({"autism-2019.training.tei.xml"} if folder == "tei" else set(REFUSED))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refuses_odd_files(shared_data: Path, name: str) -> None:
    start = time.process_time()
    with pytest.raises(DocumentRefused) as refusal:
        read_document(shared_data / "odd" / name)
    assert REFUSED[name] in refusal.value.what
    assert refusal.value.where.endswith(name)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", sorted(WARNED))
def test_warns_of_odd_files(shared_data: Path, name: str) -> None:
    document = read_document(shared_data / "odd" / name)
    assert any(WARNED[name] in warning for warning in document.warnings), document.warnings


@pytest.mark.parametrize("name", SILENT)
def test_reads_odd_files_in_silence(shared_data: Path, name: str) -> None:
    assert read_document(shared_data / "odd" / f"{name}.tei.xml").warnings == ()


def test_gives_the_same_text_whatever_the_bytes(shared_data: Path) -> None:
    wanted = read_document(shared_data / "tei" / "kluger-2019-prediction.tei.xml")
    for name in ("bom", "utf16", "windows_crlf", "decomposed_unicode", "no_namespace", "control_char", "nul_byte"):
        assert read_document(shared_data / "odd" / f"{name}.tei.xml").text == wanted.text, name
    mended = read_document(shared_data / "odd" / "bare_ampersand.tei.xml").text
    assert mended.count("R&D <0.05") == 2
    assert mended.replace(" R&D <0.05", "").replace("R&D <0.05 ", "").replace("R&D <0.05", "") == wanted.text
    latin = read_document(shared_data / "odd" / "latin1_declared_utf8.tei.xml").text
    assert "±" in latin
    assert "\ufffd" not in latin
    cut = read_document(shared_data / "odd" / "truncated.tei.xml")
    assert len(cut.text) > 20_000
    assert all(block.text in wanted.text for block in blocks(cut))
    xxe = read_document(shared_data / "odd" / "xxe.tei.xml").text
    assert "&xxe;" not in xxe
    assert "root:" not in xxe


def test_nested_divisions(shared_data: Path) -> None:
    document = read_document(shared_data / "odd" / "nested_divs_lists.tei.xml")
    assert paths(document) == [("Mood disorders",), ("Mood disorders", "Depressive episode")]
    _, listed, note = document.sections[1].blocks
    assert listed.items == ("A. First criterion", "1. nested", "B. Second criterion")
    assert listed.text == "\n".join(listed.items)
    assert (note.kind, note.label, note.text) == ("note", "1", "A footnote")


def test_a_namespace_with_a_brace_is_refused() -> None:
    with pytest.raises(DocumentRefused, match=r"its namespace is `a}\(b`, with a brace in it"):
        readers.get("grobid", "test").read(
            Path("a.tei.xml"), b'<TEI xmlns="a}(b"><teiHeader/><text><body/></text></TEI>'
        )


def test_other_xml_is_refused_by_its_root(shared_data: Path) -> None:
    with pytest.raises(DocumentRefused, match="root element is `chapter`, not `TEI`"):
        read_document(shared_data / "icd10cm" / "icd10cm_2026_chapter5_mental.xml")


def test_a_very_long_file(shared_data: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.tei.xml"
    command = [sys.executable, str(shared_data / "make_long.py"), str(long)]
    subprocess.run(command, check=True, capture_output=True)
    start = time.process_time()
    document = read_document(long)
    assert time.process_time() - start < 10
    assert len(document.text) > 3_000_000
    assert any("repetitions were left out" in warning for warning in document.warnings)


# Structure


def test_hierarchy_from_numbers_in_attributes() -> None:
    heads = [("1", "Introduction"), ("2", "Methods"), ("2.1", "People"), ("2.1.1.", "Age"), ("3", "Results")]
    body = "".join(f'<div><head n="{n}">{title}</head><p>Text of {title}.</p></div>' for n, title in heads)
    assert paths(read(tei(body))) == [
        ("Introduction",),
        ("Methods",),
        ("Methods", "People"),
        ("Methods", "People", "Age"),
        ("Results",),
    ]


def test_hierarchy_from_numbers_in_titles_without_inventing_any() -> None:
    titles = ["1. Methods", "1.1 Datasets", "2. Results", "2 patients relapsed"]
    document = read(tei("".join(f"<div><head>{title}</head><p>Text.</p></div>" for title in titles)))
    assert paths(document)[:3] == [("1. Methods",), ("1. Methods", "1.1 Datasets"), ("2. Results",)]
    assert [section.number for section in document.sections] == ["1", "1.1", "2", None]


def test_a_heading_alone_is_the_parent_of_what_follows() -> None:
    body = (
        "<div><head>METHODS</head></div><div><head>People</head><p>A.</p></div><div><head>Tests</head><p>B.</p></div>"
        "<div><head>RESULTS</head></div><div><head>People</head><p>C.</p></div>"
        "<div><head>Discussion</head><p>D.</p></div>"
    )
    document = read(tei(body))
    assert paths(document) == [
        ("METHODS",),
        ("METHODS", "People"),
        ("METHODS", "Tests"),
        ("RESULTS",),
        ("RESULTS", "People"),
        ("Discussion",),
    ]
    assert document.sections[0].blocks == ()


def test_floats_and_notes_go_where_they_are_mentioned() -> None:
    body = (
        '<div><head>One</head><p>See <ref type="table" target="#tab_0">Table 1</ref><ref type="foot" target="#foot_0">1'
        "</ref>.</p><p>More.</p></div>"
        '<div><head>Two</head><p>See <ref type="figure">Figure 7</ref>.</p></div>'
        '<figure xml:id="fig_0"><head>Figure 7 :</head><label>7</label><figDesc>A caption.</figDesc></figure>'
        '<figure type="table" xml:id="tab_0"><head>Table 1 .</head><label>1</label><figDesc>Means.</figDesc>'
        '<table><row role="label"><cell>Drug</cell><cell cols="2">Dose</cell></row><row><cell>A|B</cell><cell>1</cell>'
        "<cell>2</cell></row></table><note><p>In mg.</p></note></figure>"
        '<note place="foot" n="1" xml:id="foot_0"><p>A note.</p></note>'
        '<figure xml:id="fig_1"><figDesc>Nothing mentions this.</figDesc></figure>'
    )
    one, two = read(tei(body)).sections
    assert [block.kind for block in one.blocks] == ["paragraph", "note", "paragraph", "table"]
    assert [block.kind for block in two.blocks] == ["paragraph", "figure", "figure"]
    table = one.blocks[3]
    assert (table.label, table.caption) == ("Table 1", "Means.")
    assert table.text == ("Table 1. Means.\n| Drug | Dose |  |\n| --- | --- | --- |\n| A\\|B | 1 | 2 |\nIn mg.")
    assert [[(cell.text, cell.col_span, cell.header) for cell in row] for row in table.rows] == [
        [("Drug", 1, True), ("Dose", 2, True)],
        [("A|B", 1, False), ("1", 1, False), ("2", 1, False)],
    ]
    assert two.blocks[1].text == "Figure 7. A caption."


def test_a_formula_goes_back_into_the_sentence_that_it_splits() -> None:
    body = (
        "<div><head>M</head><p>The density is (</p><formula>D = m / v</formula><p>where m is the mass.</p>"
        "<p>It was high.</p><formula>E = mc2</formula><p>Then we stopped.</p></div>"
    )
    texts = [(block.kind, block.text) for block in blocks(read(tei(body)))]
    assert texts == [
        ("paragraph", "The density is ( D = m / v where m is the mass."),
        ("paragraph", "It was high."),
        ("formula", "E = mc2"),
        ("paragraph", "Then we stopped."),
    ]


def test_citations_sentences_and_boxes_count_in_the_final_text() -> None:
    body = (
        '<div><p coords="3,1,2,3,4;4,1.5,2,3,4"><s coords="3,1,2,3,4">As\n  <ref type="bibr" target="#b1"> [2] </ref>\n'
        'says.</s><s>So do <ref type="bibr" target="#b0 #b9">both</ref> and <ref type="bibr">none</ref>.</s></p></div>'
    )
    document = read(tei(body, back=bibliography("b0", "b1")))
    (block,) = blocks(document)
    assert block.text == "As [2] says. So do both and none."
    assert [(c.text, c.ref_id) for c in block.citations] == [
        ("[2]", "b1"),
        ("both", "b0"),
        ("both", None),
        ("none", None),
    ]
    assert [block.text[s.start : s.end] for s in block.sentences] == ["As [2] says.", "So do both and none."]
    assert block.sentences[0].boxes[0].page == 3
    assert [box.page for box in block.boxes] == [3, 4]
    assert "1 citations point to no entry of the bibliography" in document.warnings
    first = document.references[0]
    assert (first.id, first.title, first.authors, first.year, first.venue, first.doi) == (
        "b0",
        "Title b0",
        ("Ada Lovelace",),
        1999,
        "Journal",
        "10.1/b0",
    )


def test_text_is_healed_and_offsets_stay_exact() -> None:
    body = (
        "<div><p>The e\u0301tude of con-\nfounding \ufb01nds co\u00adhort "
        '<ref type="bibr" target="#b0">(Mu\u0308ller)</ref>, well-\nknown as confounding and well-known.</p></div>'
    )
    (block,) = blocks(read(tei(body, back=bibliography("b0"))))
    assert block.text == "The étude of confounding finds cohort (Müller), well-known as confounding and well-known."
    (citation,) = block.citations
    assert block.text[citation.start : citation.end] == "(Müller)" == citation.text


def test_a_mark_that_says_only_where_it_points_says_nothing() -> None:
    body = (
        '<div><p>So<ref type="foot" target="#foot_0">foot_0</ref> it is'
        '<ref type="foot" target="#foot_1" n="2">foot_1</ref> and foot_0.</p></div>'
        '<note place="foot" n="1" xml:id="foot_0">Why.</note>'
    )
    assert [block.text for block in blocks(read(tei(body)))] == ["So it is2 and foot_0.", "Why."]


def test_no_text_is_lost_outside_of_paragraphs() -> None:
    body = (
        "Loose <div>stray <p>one <list><item>two</item></list> three <note>four</note> five</p> tail <unknown>six"
        "<p>seven</p></unknown></div> end <quote>eight</quote>"
    )
    words = " ".join(block.text for block in blocks(read(tei(body)))).split()
    assert sorted(words) == sorted("Loose stray one two three four five tail six seven end eight".split())  # noqa: SIM905


def test_what_describes_a_graphic_is_part_of_the_caption() -> None:
    body = (
        '<div><p>See <graphic url="b.png"><desc>a tree</desc></graphic> here.</p></div>'
        '<figure><head>Figure 1</head><figDesc>Means.</figDesc><graphic url="a.png"/>'
        "<graphic><desc>Two bars, the left one higher.</desc></graphic></figure>"
    )
    paragraph, figure = blocks(read(tei(body)))
    assert paragraph.text == "See a tree here."
    assert figure.caption == "Means. Two bars, the left one higher."


def test_running_lines_are_left_out_once_they_are_sure() -> None:
    line = "<p>Downloaded from https://example.org on 2 May</p>"
    body = "".join(f"<div><head>S{at}</head><p>Text {at}.</p>{line}<p>Yes, they did.</p></div>" for at in range(4))
    document = read(tei(body))
    assert document.text.count("Downloaded") == 1
    assert document.text.count("Yes, they did.") == 4
    assert any("3 repetitions were left out" in warning for warning in document.warnings)


def test_what_is_said_again_and_again_is_no_running_line() -> None:
    said = "T: How are you doing?", "P: No.", "P: On page two of my journal.", "T: No. Is that a copyright?"
    turns = "".join(f"<p>T: This is week {week}.</p>" + "".join(f"<p>{line}</p>" for line in said) for week in range(5))
    document = read(tei(f"<div><head>Session</head>{turns}</div>"))
    assert document.warnings == ()
    assert all(document.text.count(line) == 5 for line in said)


def test_running_lines_may_differ_in_the_number_of_the_page_where_they_stand_at_one_height() -> None:
    head = "<note place='headnote' coords='{page},72,24,400,9'>Article https://doi.org/10.1/x {page}</note>"
    body = "".join(
        f"<div><head>S{page}</head>{head.format(page=page)}<p>Text {page}.</p></div>" for page in range(1, 6)
    )
    document = read(tei(body))
    assert document.text.count("https://doi.org") == 1
    assert "running line 'Article https://doi.org/10.1/x 1': 4 repetitions were left out" in document.warnings
    unplaced = read(tei(re.sub(r" coords='[^']*'", "", body)))
    assert unplaced.text.count("https://doi.org") == 5, "without a place it may be a list of different addresses"


def test_lone_stops_are_left_out_and_counted() -> None:
    document = read(tei("<div><p>Text.</p><note>.</note><note> - </note><note>3</note><p>More.</p></div>"))
    assert [block.text for block in blocks(document)] == ["Text.", "3", "More."]
    assert "2 blocks of a full stop or a dash alone were left out" in document.warnings


def test_a_citation_is_linked_by_author_and_year_where_the_file_links_it_wrongly_or_not() -> None:
    body = (
        '<div><p>As <ref type="bibr">(Lovelace, 1999)</ref> and '
        '<ref type="bibr" target="#b1">Lovelace et al. (1999)</ref> say.</p></div>'
    )
    other = bibliography("b1").replace("Lovelace", "Byron")
    back = bibliography("b0").replace("</listBibl></div>", "") + other.split("<listBibl>")[1]
    document = read(tei(body, back=back))
    assert [mark.ref_id for mark in blocks(document)[0].citations] == ["b0", "b0"]
    assert document.references[0].doi == "10.1/b0"
    assert len(document.warnings) == 2


def test_a_wrong_declared_language_is_replaced_with_a_warning() -> None:
    text = "La dépression est un trouble de l'humeur qui se traduit par une tristesse et une perte de plaisir. "
    document = read(tei(f"<div><p>{text * 4}</p></div>", lang="en"))
    assert document.language == "fr"
    assert any("declared language 'en'" in warning for warning in document.warnings)
    assert read(tei(f"<div><p>{text * 4}</p></div>", lang="fr-FR")).language == "fr-FR"


def test_a_title_that_is_journal_furniture() -> None:
    header = (
        '<fileDesc><titleStmt><title level="a">Research Article</title></titleStmt><sourceDesc><biblStruct><analytic>'
        '<title level="a">Sleep and mood</title></analytic></biblStruct></sourceDesc></fileDesc>'
    )
    document = read(tei("<div><p>Text.</p></div>", header))
    assert document.title == "Sleep and mood"
    assert any("journal furniture" in warning for warning in document.warnings)


# Broken and hostile input


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("<p>a <hi>b</p>", "without a closing tag"),
        ("<p>a</hi> b</p>", "closing tags without an opening one"),
        ("<p>a &nbsp; b</p>", "entities of HTML"),
        ("<p>a &#0; b</p>", "illegal characters"),
        ("<p>a &unheard; b</p>", "undeclared entities"),
        ('<p n="1" n="2">a b &lt; c</p>', "recovered with 100.0% of the words"),
        ("<p>a</p></div></body></text></TEI><p>b</p>", "behind the end of the root element"),
    ],
)
def test_mends_and_says_so(broken: str, said: str) -> None:
    document = read(tei(f"<div>{broken}</div>"))
    assert document.text.startswith("a")
    assert any(said in warning for warning in document.warnings), document.warnings
    assert "&lt;" not in broken or "<" in document.text


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    doctype = f'<!DOCTYPE TEI [<!ENTITY x SYSTEM "{secret.as_uri()}"><!ENTITY y "EXPANDED">]>'
    raw = tei('<div><p n="&x;&y;">a &x; b &y; c</p></div>').replace(b"<TEI", doctype.encode() + b"<TEI")
    document = read(raw)
    assert document.text == "a b c"
    assert "SECRET" not in document.model_dump_json()
    assert "EXPANDED" not in document.model_dump_json()
    assert sum("entity &" in warning for warning in document.warnings) == 2


def test_an_external_doctype_and_a_stylesheet_are_not_opened() -> None:
    prolog = b'<?xml-stylesheet href="http://192.0.2.1/x.xsl"?><!DOCTYPE TEI SYSTEM "http://192.0.2.1/tei.dtd"><TEI'
    assert read(tei("<div><p>Text.</p></div>").replace(b"<TEI", prolog)).text == "Text."


def test_a_bomb_behind_a_comment_is_refused() -> None:
    bomb = b'<!-- <TEI> --><!DOCTYPE TEI [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><TEI'
    with pytest.raises(DocumentRefused, match="entity bomb"):
        read(tei('<div n="&b;"><p>Text.</p></div>').replace(b"<TEI", bomb, 1))


def test_depth_and_number_of_tags_are_bounded(tmp_path: Path) -> None:
    deep = tmp_path / "deep.tei.xml"
    deep.write_bytes(tei("<div>" * 1500 + "<p>a</p>" + "</div>" * 1500))
    with pytest.raises(DocumentRefused, match="nested too deeply"):
        read_document(deep)
    with pytest.raises(DocumentRefused, match="nested too deeply"):
        read(tei("<p>" + "<hi>" * 5000 + "a" + "</hi>" * 5000 + "</p>"))
    with pytest.raises(DocumentRefused, match="nested too deeply"):
        read(tei("<p>R&D " + "<hi>a " * 5000 + "</p>"))
    with pytest.raises(DocumentRefused, match="more than 1,000,000 tags"):
        read(tei("<a/>" * 1_100_000))


@pytest.mark.parametrize("piece", ["<!--&<", "<a ", "<hi>a", "ab-\ncd ", '<a b="', "&", "]]>", "<![CDATA[", "<?", " "])
def test_time_is_linear_in_the_size(piece: str) -> None:
    """A thousandfold repetition that made a pattern look back would take minutes."""
    raw = tei(f"<div><p>{piece * (400_000 // len(piece))}</p></div>")
    start = time.process_time()
    try:
        read(raw)
    except DocumentRefused:
        pass
    except RecursionError:
        pass
    assert time.process_time() - start < 5


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_any_tree_is_read_or_refused(raw: bytes) -> None:
    check_invariants(read(raw))


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 100_000),
        st.integers(0, 60),
        st.sampled_from(
            (
                *(b"", b"<", b"&", b"<!--", b"]]>", b"<![CDATA[", b"</div>", b"\0", b"&#0;", b"&foo;", b"\xff"),
                *(b"\xcc\x81", b'<!DOCTYPE x [<!ENTITY a "b">]>', b"\xff\xfe", b' xmlns:a="\xe9"', b"<a:b/>"),
            )
        ),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(MUTATIONS)
@example([(0, 40, b"")])
def test_mutated_bytes_are_read_or_refused(mutations: list[tuple[int, int, bytes]]) -> None:
    raw = tei(
        '<div><head n="1">A</head><p>One <ref type="bibr" target="#b0">[1]</ref> &lt; two.</p></div>'
        '<figure type="table"><table><row><cell cols="2">a</cell></row></table></figure>',
        back=bibliography("b0"),
    )
    for at, length, new in mutations:
        at %= len(raw) + 1
        raw = raw[:at] + new + raw[at + length :]
    try:
        check_invariants(read(raw))
    except DocumentRefused as refusal:
        assert refusal.what
        assert refusal.fix
