"""What every reader promises, the built-in ones and those of third parties; see `axolotl_ragdata.readers.Reader`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import Reader, readers
from axolotl_ragdata.records import Document, content_id

SAMPLES = {
    "grobid": (
        "a.tei.xml",
        b'<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader/><text><body><div><head>Mood</head><p>Hello, reader.</p>'
        b"</div></body></text></TEI>",
    ),
    "s2orc": ("a.json", b'{"paper_id": "1", "body_text": [{"text": "Hello, reader.", "section": "Mood"}]}'),
    "text": ("a.md", b"## Mood\n\nHello, reader.\n"),
}
NAMES = readers.names()


@pytest.fixture(params=NAMES)
def named(request: pytest.FixtureRequest) -> tuple[str, Reader]:
    return request.param, readers.get(request.param, "test")


def test_every_reader_has_a_sample() -> None:
    assert set(SAMPLES) >= {"grobid", "s2orc", "text"}
    assert set(NAMES) <= set(SAMPLES), "add a sample file of the new reader here"


def test_a_reader_says_what_it_reads(named: tuple[str, Reader]) -> None:
    _, reader = named
    assert reader.version
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in reader.suffixes)


def test_a_reader_recognises_and_reads_its_sample(named: tuple[str, Reader]) -> None:
    name, reader = named
    path, raw = SAMPLES[name]
    assert reader.recognises(Path(path), raw[:4096])
    document = reader.read(Path(path), raw)
    assert isinstance(document, Document)
    assert document.text == "Hello, reader."
    assert document.sections[0].path == ("Mood",)
    source = document.source
    assert (source.path, source.reader, source.reader_version) == (path, name, reader.version)
    assert document.id == content_id("doc", name, reader.version, source.sha256)


def test_reading_twice_gives_the_same(named: tuple[str, Reader]) -> None:
    name, reader = named
    path, raw = SAMPLES[name]
    assert reader.read(Path(path), raw) == reader.read(Path(path), raw)


@pytest.mark.parametrize("name", NAMES)
@given(raw=st.binary(max_size=200), cut=st.integers(0, 200))
def test_a_reader_refuses_and_never_fails(name: str, raw: bytes, cut: int) -> None:
    reader = readers.get(name, "test")
    path, sample = SAMPLES[name]
    for data in (raw, sample[:cut] + raw, sample[:cut] + raw + sample[cut:]):
        assert reader.recognises(Path(path), data) in (True, False)
        try:
            assert isinstance(reader.read(Path(path), data), Document)
        except DocumentRefused as refusal:
            assert refusal.where == path
            assert refusal.what
            assert refusal.fix
