"""A file is read the same with the declarations of its namespace taken out as with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import grobid, readers
from axolotl_ragdata.readers._tei_namespace import DECLARATION, URI, without_namespace

TEI = DECLARATION.decode()
OTHER = "http://www.w3.org/1998/Math/MathML"
BODY = """<TEI xml:space="preserve"{0} xmlns:xlink="http://www.w3.org/1999/xlink"{1}>
<teiHeader{2}><fileDesc><titleStmt><title{3}>A title</title></titleStmt></fileDesc></teiHeader>
<text xml:lang="en"><body{4}><div{5}><head n="1">One</head><p{6}>Some text <hi{7}>marked</hi> and{8} <ref type="bibr"
target="#b0">[1]</ref>.</p><figure{9}><head>Figure 1</head><label>1</label><figDesc>What is{10} seen.</figDesc>{11}
</figure></div></body><back><div type="references"><listBibl><biblStruct{12} xml:id="b0"><analytic>
<title level="a">A work</title><author><persName><surname>Doe</surname></persName></author>
</analytic></biblStruct></listBibl></div></back></text></TEI>"""
PLACES = BODY.count("{")
IN_TAGS = (2, 3, 4, 5, 6, 7, 9, 12)
INSERTED = (
    *("", "", "", "", TEI, TEI, TEI + TEI, TEI.strip(), TEI + "x"),
    *(
        ' xmlns=""',
        f' xmlns="{OTHER}"',
        f" xmlns='{URI}'",
        f' xmlns = "{URI}"',
        f' xmlns:t="{URI}"',
        f' xmlns:m="{OTHER}"',
    ),
    *(f' xmlns:t="{URI.replace("-", "&#45;")}"', f" n='{TEI}'", f' n="a"{TEI}', f' n="&lt;p{TEI.strip()}"'),
    *(
        f"<![CDATA[<p{TEI}>]]>",
        f"<!-- <p{TEI}> -->",
        f"<?a <p{TEI}>?>",
        f"&lt;p{TEI}&gt;",
        f"<p{TEI}>more</p>",
        " a < b ",
    ),
    *(
        f'<m:p xmlns:m="{OTHER}">x</m:p>',
        f'<m:head xmlns:m="{OTHER}">y</m:head>',
        f'<t:p xmlns:t="{URI}">z</t:p>',
        "xmlns",
    ),
    *(f'<p xmlns="{OTHER}">foreign</p>', '<head xmlns="">bare</head>', "&", f'<p{TEI}n="1">a</p>', f"<p{TEI}x>b</px>"),
)


def outcome(raw: bytes) -> object:
    try:
        return readers.get("grobid", "test").read(Path("a.tei.xml"), raw).model_dump()
    except DocumentRefused as refusal:
        return str(refusal)


@settings(max_examples=1_000, deadline=None)
@given(
    st.sets(st.sampled_from(IN_TAGS)),
    st.dictionaries(st.integers(1, PLACES - 1), st.sampled_from(INSERTED), max_size=2),
    st.sampled_from((TEI, TEI, TEI, "")),
)
def test_a_file_is_read_as_it_is_with_its_namespace(declared: set[int], odd: dict[int, str], root: str) -> None:
    inserted = [root, *(TEI if place in declared else "" for place in range(1, PLACES))]
    for place, piece in odd.items():
        inserted[place] = piece
    raw = BODY.format(*inserted).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grobid, "without_namespace", lambda raw: None)
        expected = outcome(raw)
    event("read without its namespace" if without_namespace(raw) is not None else "read as it is")
    assert outcome(raw) == expected


def test_what_grobid_writes_is_read_without() -> None:
    raw = BODY.format(*(TEI if at in (0, 5, 12) else "" for at in range(PLACES))).encode()
    bare = without_namespace(raw)
    assert bare is not None
    assert URI.encode() not in bare
    assert len(bare) == len(raw) - 3 * len(TEI)


@pytest.mark.parametrize(
    "inserted",
    [' xmlns=""', f' xmlns="{OTHER}"', f' xmlns:t="{URI}"', f" xmlns='{URI}'", f' xmlns:t="{URI}&amp;"', TEI + TEI],
)
def test_other_declarations_leave_a_file_as_it_is(inserted: str) -> None:
    raw = BODY.format(*(TEI if at == 0 else inserted if at == 5 else "" for at in range(PLACES))).encode()
    assert without_namespace(raw) is None


@pytest.mark.parametrize("text", [f"<![CDATA[<p{TEI}>]]>", f"&lt;p{TEI}&gt;", TEI, "xmlns", f"<p{TEI}x>"])
def test_what_text_says_of_namespaces_stays(text: str) -> None:
    raw = BODY.format(*(TEI if at == 0 else text if at == 8 else "" for at in range(PLACES))).encode()
    assert without_namespace(raw) is None


def test_the_files_are_read_the_same(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [path.read_bytes() for name in ("tei", "odd") for path in sorted((shared_data / name).glob("*.xml"))]
    read = [outcome(raw) for raw in files]
    assert sum(without_namespace(raw) is not None for raw in files) > 20
    monkeypatch.setattr(grobid, "without_namespace", lambda raw: None)
    assert [outcome(raw) for raw in files] == read
