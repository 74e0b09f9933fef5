"""TEI as GROBID, ScienceBeam and Pub2TEI write it → Document; the only door to lxml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import Fields, readers, source_of
from axolotl_ragdata.readers._cited import Targets
from axolotl_ragdata.readers._furniture import drop_furniture
from axolotl_ragdata.readers._language import SAMPLE_CHARACTERS, settle_language
from axolotl_ragdata.readers._tei_body import Body
from axolotl_ragdata.readers._tei_header import Header, references
from axolotl_ragdata.readers._tei_namespace import URI, without_namespace
from axolotl_ragdata.readers._text import TextRules, clean
from axolotl_ragdata.readers._xml import parse_xml
from axolotl_ragdata.records import Document, content_id

NAME = "grobid"
TEI_NS = f"{{{URI}}}"
GROBID_ERROR = re.compile(
    rb"\s*(\[(?:BAD_INPUT_DATA|TAGGING_ERROR|PARSING_ERROR|TIMEOUT|TOO_MANY_BLOCKS|NO_BLOCKS|"
    rb"PDFALTO_CONVERSION_FAILURE|TOO_MANY_TOKENS|GENERAL|[A-Z]+(?:_[A-Z]+)+)\][^\r\n]{0,300})"
)
TEI_TAG = re.compile(rb"<(?:[\w.-]+:)?TEI[\s>/]", re.I)
MAKE_AGAIN = "run the PDF through GROBID again, or leave the file out"


class GrobidReader:
    """Reads TEI; refuses what GROBID writes besides (error messages, training data) by name."""

    suffixes: tuple[str, ...] = (".xml", ".tei")
    version = "3"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return whether a file is TEI, an error of GROBID, or anything under the name of an XML file."""
        flat = head.replace(b"\0", b"")
        if GROBID_ERROR.match(flat) or path.name.lower().endswith(self.suffixes):
            return True
        return flat.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<") and bool(TEI_TAG.search(flat))

    def read(self, path: Path, raw: bytes) -> Document:
        """Return the document of a TEI file.

        Raises:
            DocumentRefused: It is an error message of GROBID, training data, another kind of XML, or no XML.
        """
        return Document.model_validate(self.fields(path, raw))

    def fields(self, path: Path, raw: bytes) -> Fields:
        """Return the same in plain values."""
        where = str(path)
        if error := GROBID_ERROR.match(raw[:1000].replace(b"\0", b"")):
            message = error[1].decode("utf-8", "replace").strip()
            raise DocumentRefused(where, f"it is an error message of GROBID: {message}", MAKE_AGAIN)
        if (root := _bare_root(raw, where)) is not None:
            return _fields(path, raw, root, "", raw, [])
        root, data, warnings = parse_xml(raw, where)
        ns = _namespace(root, where, warnings)
        return _fields(path, raw, root, ns, data, warnings)


def _bare_root(raw: bytes, where: str) -> Any:
    """Return the root of well-formed TEI whose names are bare; None where they cannot be, or it is anything else."""
    bare = without_namespace(raw)
    if bare is None:
        return None
    try:
        root, data, _ = parse_xml(bare, where)
    except DocumentRefused:
        return None  # said in the words of the file as it is
    return root if data is bare and root.tag == "TEI" else None


def _namespace(root: Any, where: str, warnings: list[str]) -> str:
    """Return the namespace of a TEI root, "{…}" or "".

    Raises:
        DocumentRefused: The root is another element, or its namespace is none.
    """
    space, _, name = root.tag.rpartition("}")
    if name == "tei":
        what = "GROBID training format (root element `tei`)"
        raise DocumentRefused(where, what, "use the TEI that processFulltextDocument gives")
    if name != "TEI":
        raise DocumentRefused(where, f"root element is `{clean(name)[:60]}`, not `TEI`", MAKE_AGAIN)
    if "}" in space:
        # a path in an XML tree has no way to write it
        raise DocumentRefused(where, f"its namespace is `{clean(space[1:])[:60]}`, with a brace in it", MAKE_AGAIN)
    ns = f"{space}}}" if space else ""
    if ns != TEI_NS:
        warnings.append(f"the root element is not in the TEI namespace ({ns.strip('{}') or 'it has none'})")
    return ns


def _fields(path: Path, raw: bytes, root: Any, ns: str, data: bytes, warnings: list[str]) -> Fields:
    header = Header(root, ns)
    rules = TextRules(data)
    entries = references(header.texts, ns, rules)
    targets = Targets(entries)
    body = Body(ns, rules, targets)
    _walk(body, header, warnings)
    sections = body.sections(header.journal())
    title, doubt = header.titles()
    language, other = settle_language(header.language(), _sample(sections))
    running = _said("running heads (`fw`) were left out", body.n_running_heads)
    found = (doubt, other, *body.warnings, *drop_furniture(sections), running)
    warnings += [warning for warning in found if warning]
    warnings += targets.warnings()
    source = source_of(path, raw, NAME, GrobidReader.version, header.grobid_version())
    return {
        "id": content_id("doc", NAME, GrobidReader.version, source.sha256),
        "title": title,
        "language": language,
        "licence": header.licence(),
        "authors": header.authors(),
        "year": header.year(),
        "doi": header.doi(),
        "sections": sections,
        "references": entries,
        "source": source.model_dump(),
        "warnings": warnings,
    }


def _walk(body: Body, header: Header, warnings: list[str]) -> None:
    """Take the abstracts, then the text; say what is missing."""
    ns = header.ns
    for abstract in header.header.iter(f"{ns}abstract"):
        body.read(abstract, "abstract")
    for text in header.texts:
        body.read(text, "body")
    has_text = body.holds_text()
    loose = has_text and not header.text_has("front")
    if not loose and not header.text_has("body"):
        warnings.append("header only: the file has no body")
    elif not has_text:
        warnings.append("body is empty")


def _sample(sections: list[dict[str, Any]]) -> str:
    """Return text that the language can be told from: paragraphs of the body, or else of whatever there is."""
    body = [section for section in sections if section["part"] == "body"]
    pieces: list[str] = []
    size = 0
    for section in body or sections:
        for block in section["blocks"]:
            if block["kind"] == "paragraph" and size < SAMPLE_CHARACTERS:
                pieces.append(block["text"])
                size += len(block["text"])
    return " ".join(pieces)


def _said(what: str, count: int) -> str | None:
    return f"{count} {what}" if count else None


readers.register(NAME)(GrobidReader())
