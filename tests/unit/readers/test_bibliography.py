"""Names and DOIs of the bibliography and the header, in whatever elements they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.readers import readers
from axolotl_ragdata.records import Document, Reference

from .tei import tei

AUTHORS = [
    ("<persName><forename>Ada</forename><surname>Lovelace</surname></persName>", "Ada Lovelace"),
    ("<forename>Ada</forename><surname>Lovelace</surname>", "Ada Lovelace"),
    ("<persName>Lovelace A</persName>", "Lovelace A"),
    ("<name>Ada <hi>Lovelace</hi></name>", "Ada Lovelace"),
    ("<orgName>World Health\n Organization</orgName>", "World Health Organization"),
    ("Lovelace A", "Lovelace A"),
    ("<persName/><orgName>A Consortium</orgName>", "A Consortium"),
    ("<affiliation><orgName>A University</orgName></affiliation>", None),
    ("<persName/>", None),
]


def read(header: str = "", entries: str = "") -> Document:
    back = f'<div type="references"><listBibl>{entries}</listBibl></div>'
    return readers.get("grobid", "test").read(Path("a.tei.xml"), tei("<div><p>Text.</p></div>", header, back))


def reference(inner: str) -> Reference:
    (found,) = read(
        entries=f'<biblStruct><analytic><title level="a">T</title>{inner}</analytic></biblStruct>'
    ).references
    return found


@pytest.mark.parametrize(("written", "name"), AUTHORS)
def test_a_name_in_any_element_is_that_of_an_author(written: str, name: str | None) -> None:
    first, last = (f"<author><persName><surname>{one}</surname></persName></author>" for one in ("Byron", "Chopin"))
    authors = f"{first}<author>{written}</author>{last}"
    wanted = tuple(one for one in ("Byron", name, "Chopin") if one)
    assert reference(authors).authors == wanted
    source = f"<sourceDesc><biblStruct><analytic>{authors}</analytic></biblStruct></sourceDesc>"
    assert read(f"<fileDesc>{source}</fileDesc>").authors == wanted


def test_the_names_of_editors_and_of_entries_within_an_entry_stay_theirs() -> None:
    inner = (
        "<author><orgName>A Consortium</orgName></author><editor><persName>No Author</persName></editor>"
        '<relatedItem><biblStruct><analytic><title level="a">U</title><author><orgName>Another</orgName></author>'
        "</analytic></biblStruct></relatedItem>"
    )
    entries = f'<biblStruct><analytic><title level="a">T</title>{inner}</analytic></biblStruct>'
    found = read(entries=entries).references
    assert [(one.title, one.authors) for one in found] == [("T", ("A Consortium",)), ("U", ("Another",))]


@pytest.mark.parametrize("kind", ["DOI", "doi", "Doi"])
def test_a_doi_is_one_however_its_type_is_written(kind: str) -> None:
    idno = f'<idno type="{kind}"> 10.1000/x182 </idno>'
    assert reference(idno).doi == "10.1000/x182"
    source = f"<sourceDesc><biblStruct><analytic/>{idno}</biblStruct></sourceDesc>"
    assert read(f"<fileDesc>{source}</fileDesc>").doi == "10.1000/x182"


@pytest.mark.parametrize(
    ("address", "doi"),
    [
        ("https://doi.org/10.1000/x182", "10.1000/x182"),
        (" http://dx.doi.org/10.1016/S0166-4328(02)00318-2 ", "10.1016/S0166-4328(02)00318-2"),
        ("https://doi.org/10.1000/x182PMID:20685706", "10.1000/x182"),
        ("https://doi.org/10.1000/s", None),  # cut short
        ("https://doi.org/10.1000/journal", None),
        ("https://doi.org/10.1000/", None),
        ("https://example.org/10.1000/x182", None),
        ("https://example.org/", None),
        ("", None),
    ],
)
def test_a_doi_is_taken_from_an_address_that_can_be_one(address: str, doi: str | None) -> None:
    ptr = f'<ptr target="{address}"/>'
    assert reference(f'<ptr target="https://example.org/a"/>{ptr}').doi == doi
    assert reference(f'{ptr}<idno type="DOI">10.1000/y183</idno>').doi == "10.1000/y183"


def test_the_texts_of_an_entry_stay_apart() -> None:
    entry = (
        '<biblStruct xml:id="b0"><analytic><title level="a"> Sleep\n and\u00ad </title></analytic><monogr>'
        '<title level="j">\u0301 Mood-\n</title><imprint><date when="1999"/></imprint></monogr>'
        '<note type="raw_reference">1. Sleep  and Mood</note></biblStruct>'
    )
    found = read(entries=entry).references[0]
    assert (found.title, found.venue, found.raw) == ("Sleep and", "\u0301 Mood-", "1. Sleep and Mood")
