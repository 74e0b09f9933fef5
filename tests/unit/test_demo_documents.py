"""The demonstration corpus: well-formed TEI, references that resolve, a licence and a disclaimer in every file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "recipes" / "demo-documents"
FILES = sorted(FOLDER.glob("*.tei.xml"))
TEI = "{http://www.tei-c.org/ns/1.0}"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
DISCLAIMERS = {"en": r"demonstration.*not clinical guidance", "fr": r"démonstration.*recommandation clinique"}


def parse(path: Path) -> etree._Element:
    """The root of a file, read strictly: no entities, no network, no recovery."""
    return etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True, recover=False)).getroot()


def text_of(element: etree._Element) -> str:
    """All text below an element, with single spaces."""
    return " ".join(" ".join(element.itertext()).split())


@pytest.fixture(params=FILES, ids=lambda path: path.name.removesuffix(".tei.xml"))
def article(request: pytest.FixtureRequest) -> etree._Element:
    """Each article in turn."""
    return parse(request.param)


def find(article: etree._Element, name: str) -> etree._Element:
    """The first element of that name, which must exist."""
    element = article.find(f".//{TEI}{name}")
    assert element is not None, name
    return element


def test_there_are_enough_articles() -> None:
    assert len(FILES) >= 10


def test_every_target_exists_and_ids_are_unique(article: etree._Element) -> None:
    ids = [element.get(XML_ID) for element in article.iter() if element.get(XML_ID)]
    assert len(ids) == len(set(ids))
    targets = [ref.get("target", "") for ref in article.iter(f"{TEI}ref")]
    inside = [target for target in targets if not target.startswith("https://")]
    assert inside
    assert [target for target in inside if target.removeprefix("#") not in ids or target[0] != "#"] == []


def test_every_reference_table_and_figure_is_mentioned(article: etree._Element) -> None:
    targets = {ref.get("target", "").removeprefix("#") for ref in article.iter(f"{TEI}ref")}
    kinds = (f"{TEI}biblStruct", f"{TEI}figure", f"{TEI}note")
    assert {element.get(XML_ID) for element in article.iter(*kinds) if element.get(XML_ID)} <= targets


def test_no_source_markup_is_left(article: etree._Element) -> None:
    assert re.findall(r"\[@|\{[TF^]\d|^\||\n- ", text_of(find(article, "text"))) == []


def test_the_abstract_says_that_it_is_a_demonstration(article: etree._Element) -> None:
    language = find(article, "text").get(XML_LANG, "")
    assert re.search(DISCLAIMERS[language], text_of(find(article, "abstract")))


def test_the_licence_is_cc0(article: etree._Element) -> None:
    licence = find(article, "licence")
    assert licence.get("target") == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert "CC0 1.0" in text_of(licence)


def test_tables_are_rectangular(article: etree._Element) -> None:
    tables = list(article.iter(f"{TEI}table"))
    assert tables
    for table in tables:
        rows = [[text_of(cell) for cell in row] for row in table]
        assert len({len(row) for row in rows}) == 1, rows
        assert all(all(row) for row in rows), rows


def test_an_article_has_a_fair_length_and_sections(article: etree._Element) -> None:
    body = find(article, "body")
    assert len(body.findall(f"{TEI}div")) >= 5
    assert 500 <= len(text_of(body).split()) <= 1800


def test_the_corpus_shows_what_grobid_writes() -> None:
    roots = [parse(path) for path in FILES]
    for name in ("s", "list", "formula", "note", "figure", "table", "keywords"):
        assert any(root.find(f".//{TEI}{name}") is not None for root in roots), name
    assert any(head.get("n") for root in roots for head in root.iter(f"{TEI}head"))
    assert any(len(div) == 1 and div[0].tag == f"{TEI}head" for root in roots for div in root.iter(f"{TEI}div"))


def test_the_files_are_what_their_sources_give() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_demo_documents.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
