from __future__ import annotations

from axolotl_ragdata.library import cited_documents, resolve_references
from axolotl_ragdata.records import Document, Passage, Reference, Source


def document(name: str, title: str, doi: str | None = None, *references: Reference) -> Document:
    source = Source(path=f"{name}.xml", sha256=name, reader="grobid", reader_version="1")
    return Document(id=name, title=title, doi=doi, references=references, source=source)


KEELS = document("keels", "On the keels of small boats", "10.1000/Keel")
SKEGS = document("skegs", "A history of skegs", None)
SHORT = document("short", "Boats")


def test_a_cited_paper_is_found_by_doi_then_by_title() -> None:
    own = document(
        "own",
        "Hulls and their parts",
        None,
        Reference(id="b0", title="Something else", doi="https://doi.org/10.1000/KEEL"),
        Reference(id="b1", title="A History of Skegs."),
        Reference(id="b2", title="Boats"),
        Reference(id="b3", title="Hulls and their parts"),
        Reference(id="b4", doi="10.1000/other", title="Never read by anyone here"),
        Reference(id="b5"),
    )
    links = resolve_references([own, KEELS, SKEGS, SHORT])
    assert links == {"own": {"b0": "keels", "b1": "skegs"}}, "a title of one word names nothing, nobody cites itself"
    passage = Passage(
        id="p", doc_id="own", ordinal=0, text="x", start=0, end=1, n_tokens=1, ref_ids=("b1", "b9", "b0", "b1")
    )
    assert cited_documents(passage, links) == ("skegs", "keels")


def test_nothing_is_cited_in_a_corpus_of_strangers() -> None:
    assert resolve_references([KEELS, SKEGS]) == {}
