"""Fifty megabytes in any shape are read or refused below a gigabyte, and nothing but the file is opened."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from axolotl_ragdata.readers import read_document

from .tei import tei

HEAD, _, TAIL = tei("|").decode().partition("|")
SIZE = 50_000_000
SENTENCE = "A sentence about mood, sleep and appetite. "
READ = """
import json, sys, time
from pathlib import Path
from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import read_document
start = time.process_time()
try:
    said = str(len(read_document(Path(sys.argv[1])).text))
except DocumentRefused as refusal:
    said = refusal.what
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([said, time.process_time() - start, int(peak[0]) / 1024]))
"""


def filled(piece: str) -> str:
    return HEAD + piece * ((SIZE - len(HEAD) - len(TAIL)) // len(piece.encode())) + TAIL


SHAPES = {
    "short paragraphs": lambda: filled(f"<p>{SENTENCE * 3}</p>"),
    "four bytes a character": lambda: filled(f"<p>{chr(0x1F600) * 200} {SENTENCE * 20}</p>"),
    "one sign that is mended": lambda: filled(f"<p>{SENTENCE * 60}</p>").replace("sleep", "R&D", 1),
    "beyond mending": lambda: filled(f'<p n="1" n="2">{SENTENCE * 60} {chr(0x1F600)}</p>'),
    "page boxes": lambda: HEAD + f'<p coords="{"1,2,3,4,5;" * (SIZE // 10)}">text</p>' + TAIL,
    "targets": lambda: HEAD + f'<p><ref type="bibr" target="{"#b " * (SIZE // 3)}">[1]</ref></p>' + TAIL,
    "tags": lambda: filled("<p><hi>a</hi></p>"),
}
REFUSED = {
    "beyond mending": "too many to recover",
    "page boxes": "more than 500,000 page boxes",
    "targets": "more than 500,000 targets of citations",
    "tags": "more than 1,000,000 tags",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_fifty_megabytes_take_less_than_a_gigabyte(tmp_path: Path, shape: str) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not say how much memory a process took")
    path = tmp_path / "large.tei.xml"
    path.write_text(SHAPES[shape](), encoding="utf-8")
    assert path.stat().st_size > SIZE * 0.95
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    path.unlink()
    said, taken_s, peak_mb = json.loads(done.stdout)
    assert peak_mb < 1024
    assert taken_s < 10
    if shape in REFUSED:
        assert REFUSED[shape] in said
    else:
        assert int(said) > SIZE * 0.6


JSON_SHAPES = {
    "objects": lambda: '{"body_text": [' + "[]," * 3_100_000 + "{}]}",
    "references": lambda: '{"body_text": [], "bib_entries": {' + _many('"B%d": {"title": "a"}', 390_000) + "}}",
    "headings": lambda: '{"body_text": [' + _many('{"section": "H%d", "text": "a"}', 390_000) + "]}",
    "citations": lambda: f'{{"body_text": [{{"text": "{SENTENCE * 900_000}", "cite_spans": [{MARKS}]}}]}}',
    "cells": lambda: (
        '{"body_text": [], "ref_entries": {"T": {"type": "table", "html": "' + "<td>a" * 8_000_000 + '"}}}'
    ),
}
JSON_REFUSED = {"objects": "more than 650,000 objects and lists", "cells": "more than 500,000 tags"}


def _many(piece: str, count: int) -> str:
    return ",".join(piece % number for number in range(count))


MARKS = ",".join(f'{{"start": {at}, "end": {at + 3}}}' for at in range(0, 3_900_000, 10))


@pytest.mark.parametrize("shape", JSON_SHAPES)
def test_json_in_any_shape_takes_less_than_a_gigabyte(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "large.json"
    path.write_text(JSON_SHAPES[shape]())
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    said, taken_s, peak_mb = json.loads(done.stdout)
    assert peak_mb < 1024
    assert taken_s < 15
    assert JSON_REFUSED[shape] in said if shape in JSON_REFUSED else said.isdigit()


PROLOGS = (
    '<!DOCTYPE TEI SYSTEM "{address}">',
    '<!DOCTYPE TEI PUBLIC "-//x" "{address}">',
    '<!DOCTYPE TEI [<!ENTITY x SYSTEM "{address}">]>',
    '<!DOCTYPE TEI [<!ENTITY % x SYSTEM "{address}"> %x;]>',
    '<?xml-stylesheet type="text/xsl" href="{address}"?>',
    '<?xml-model href="{address}"?>',
)
BODY = (
    '<div xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="http://www.tei-c.org/ns/1.0 {address}" xml:base="{address}">'
    '<xi:include href="{address}" parse="text"/><p>Text &x; here<graphic url="{address}"/></p></div>'
)


@pytest.mark.parametrize("prolog", PROLOGS)
@pytest.mark.parametrize("kind", ["file", "network"])
def test_no_file_and_no_address_that_a_document_names_is_opened(tmp_path: Path, prolog: str, kind: str) -> None:
    """The file is a pipe: who opens it waits for ever. The address is a server that hears of every connection."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = pipe.as_uri() if kind == "file" else f"http://127.0.0.1:{server.getsockname()[1]}/x"
        path = tmp_path / "a.tei.xml"
        marked = tei(BODY.format(address=address)).decode()
        path.write_text(marked.replace("<TEI", prolog.format(address=address) + "<TEI", 1))
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_book_of_many_tags_is_read(tmp_path: Path) -> None:
    """Five hundred pages with a box for each sentence stay far below every limit."""
    sentence = f'<s coords="1,72.0,100.1,450.0,10.5;2,72.0,100.1,450.0,10.5">{SENTENCE}</s>'
    path = tmp_path / "book.tei.xml"
    path.write_bytes(tei(f'<div><head n="1">A</head>{f"<p>{sentence * 8}</p>" * 2_500}</div>'))
    document = read_document(path)
    assert sum(len(block.sentences) for section in document.sections for block in section.blocks) == 20_000
