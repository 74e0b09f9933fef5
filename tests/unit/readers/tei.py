"""TEI documents for the tests, by hand and by hypothesis."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

TAGS = """
    p div head note ref figure figDesc label table row cell list item formula s hi lb quote ab graphic
    listBibl biblStruct author persName orgName surname forename title date idno ptr abstract text body back front
    group fw pb desc unknown
""".split()  # noqa: SIM905
ATTRIBUTES = ("type", "target", "n", "coords", "cols", "rows", "role", "place", "xml:lang", "level", "when")
VALUES = st.sampled_from(
    [
        "bibr",
        "figure",
        "table",
        "#b0",
        "#fig_0 #b1",
        "1",
        "2.1.",
        "IV",
        "1,2,3,4,5",
        "1,2,x;9e999,1,1,1,1",
        "99999999",
        "",
    ]
)
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12
)


def tei(body: str, header: str = "", back: str = "", lang: str = "en") -> bytes:
    """Return a TEI file."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader>{header}</teiHeader>'
        f'<text xml:lang="{lang}"><body>{body}</body><back>{back}</back></text></TEI>'
    ).encode()


def bibliography(*ids: str) -> str:
    """Return a bibliography with an entry of each id."""
    entries = "".join(
        f'<biblStruct xml:id="{id_}"><analytic><title level="a">Title {id_}</title><author><persName>'
        f"<forename>Ada</forename><surname>Lovelace</surname></persName></author>"
        f'<idno type="DOI">10.1/{id_}</idno></analytic><monogr><title level="j">Journal</title><imprint>'
        f'<date when="1999-01-02"/></imprint></monogr></biblStruct>'
        for id_ in ids
    )
    return f'<div type="references"><listBibl>{entries}</listBibl></div>'


def _element(tag: str, attributes: dict[str, str], children: list[tuple[str, str]], text: str) -> str:
    shown = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    inner = "".join(f"{child}{escape(tail)}" for child, tail in children)
    return f"<{tag}{shown}>{escape(text)}{inner}</{tag}>"


ELEMENTS = st.recursive(
    st.builds(_element, st.sampled_from(TAGS), st.just({}), st.just([]), WORDS),
    lambda inner: st.builds(
        _element,
        st.sampled_from(TAGS),
        st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES, max_size=3),
        st.lists(st.tuples(inner, WORDS), max_size=4),
        WORDS,
    ),
    max_leaves=25,
)
DOCUMENTS = st.builds(
    lambda body, header, back: tei("".join(body), "".join(header), "".join(back) + bibliography("b0")),
    st.lists(ELEMENTS, max_size=4),
    st.lists(ELEMENTS, max_size=2),
    st.lists(ELEMENTS, max_size=2),
)
