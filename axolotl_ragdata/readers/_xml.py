"""XML from anywhere: parsed strictly, mended first where it is broken, recovered last; no entity is ever expanded.

The order matters. After its first error libxml2's recovery drops every `&lt;` and `&gt;` without a word, so the text is
mended (encoding, illegal characters, stray signs, tags that do not match) and parsed strictly again; only what is still
broken is recovered, and then the words that were kept are counted. No DOCTYPE reaches the parser: it is cut off, its
entities are named in the warnings, and entities inside entities are refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import _mend

MAX_TAGS = 1_000_000
"""More tags than this are refused: the tree of so many does not fit into a gigabyte."""
MAX_MARKS = 500_000
"""More page boxes, or more targets of citations, than this are refused: they take several hundred bytes each."""
MAX_RECOVERED = 16 * 2**20
"""Characters of broken XML that are recovered; recovery needs the text in several copies."""
PROLOG_BYTES = 8192
TOO_DEEP = "Excessive depth"
"""How the parser says that elements are nested too deeply; it has no code of its own for that."""
LEAST_KEPT = 0.9
"""The least share of the words that recovery must keep."""
DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z][\w.:-]{1,30})""")
SAFE_ENCODING = re.compile(
    r"(utf[-_]?(8|16|32)|iso[-_]?8859|latin|windows|cp\d|us-ascii|ascii|koi8|big5|gb|shift|euc|mac)"
)
UTF8_NAMES = (b"utf-8", b"utf8", b"us-ascii", b"ascii")
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
PUA_START = 0xF0000
DOCTYPE_PARTS = re.compile(r""""[^"]*"|'[^']*'|<!--|\[|\]|>""")
ENTITY = re.compile(
    r"""<!ENTITY\s+(%\s+)?([^\s"'<>&;]{1,100})\s+(?:(SYSTEM|PUBLIC)\b[^>]{0,2000}|("[^"]*"|'[^']*'))\s*(?:NDATA[^>]*)?>"""
)
BOXES = re.compile(rb"""coords\s*=\s*(?:"([^"]*)"|'([^']*)')""")
TARGETS = re.compile(rb"""target\s*=\s*(?:"([^"]*)"|'([^']*)')""")
NESTED = re.compile(r"[&%](?!#)[^\s;]{1,100};")


def parse_xml(raw: bytes, where: str) -> tuple[Any, bytes, list[str]]:
    """Return the root element, the bytes in UTF-8 that it was parsed from, and what had to be done to them.

    Args:
        raw: The bytes of the file.
        where: Its name, for errors.

    Raises:
        DocumentRefused: No tree can be had: the file is not XML, holds an entity bomb, or too little can be recovered.
    """
    if len(raw) > 3 * MAX_TAGS and raw.count(b"<") > MAX_TAGS:
        raise DocumentRefused(where, f"it has more than {MAX_TAGS:,} tags", "split the file")
    root, data, warnings = _parsed(raw, where)
    _check_marks(data, where)
    return root, data, warnings


def _check_marks(data: bytes, where: str) -> None:
    """Refuse more page boxes or targets than fit into a gigabyte as records; an article has a few thousand."""
    if len(data) < 2 * MAX_MARKS:
        return
    for pattern, sign, what in ((BOXES, b";", "page boxes"), (TARGETS, b" ", "targets of citations")):
        if sum(1 + found[0].count(sign) for found in pattern.finditer(data)) > MAX_MARKS:
            raise DocumentRefused(where, f"it has more than {MAX_MARKS:,} {what}", "split the file")


def _parsed(raw: bytes, where: str) -> tuple[Any, bytes, list[str]]:
    """Do the work of `parse_xml`."""
    if _is_plain(raw):
        root = _strict(raw, where)
        if root is not None:
            return root, raw, []
    warnings: list[str] = []
    text = _decoded(raw, warnings)
    if declaration := DECLARATION.match(text):
        text = text[declaration.end() :]
    text, entities = _without_doctype(text, where, warnings)
    if not entities:
        encoded = text.encode("utf-8", "replace")
        root = _strict(encoded, where)
        if root is not None:
            return root, encoded, warnings
    return _mended(text, entities, where, warnings)


def _is_plain(raw: bytes) -> bool:
    """Return whether the bytes may go to the parser as they are: UTF-8 by their own account and without a DOCTYPE."""
    if raw.startswith(tuple(bom for bom, _ in BOMS if bom != codecs.BOM_UTF8)):
        return False
    first = _mend.first_tag(raw[:PROLOG_BYTES].decode("latin-1"))
    if b"<!DOCTYPE" in (raw[: first[1]] if first else raw):
        return False
    declared = DECLARED.search(raw[:300])
    return declared is None or declared[1].lower() in UTF8_NAMES


def _strict(data: bytes, where: str) -> Any:
    """Return the root of well-formed XML, None of anything else.

    Raises:
        DocumentRefused: Its elements are nested more deeply than the parser goes; to mend it is of no use.
    """
    from lxml import etree

    try:
        return etree.fromstring(data, _parser(recover=False))
    except etree.XMLSyntaxError as problem:
        if TOO_DEEP in str(problem):
            raise DocumentRefused(where, "its elements are nested too deeply", "flatten the file") from None
        return None
    except ValueError:
        return None


@lru_cache(maxsize=2)
def _parser(recover: bool) -> Any:
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        collect_ids=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


def _decoded(raw: bytes, warnings: list[str]) -> str:
    """Return the text; where it is not in the encoding that it declares, a warning names the one that was used."""
    encoding = next((encoding for bom, encoding in BOMS if raw.startswith(bom)), None)
    if encoding is None:
        declared = DECLARED.search(raw[:300])
        encoding = declared[1].decode().lower() if declared else "utf-8"
        if not SAFE_ENCODING.match(encoding):
            warnings.append(f"the declared encoding {encoding!r} is not known: read as UTF-8")
            encoding = "utf-8"
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except (UnicodeError, LookupError):
        return _forced(raw, encoding, warnings).removeprefix("\ufeff")


def _forced(raw: bytes, encoding: str, warnings: list[str]) -> str:
    """Return the text of bytes that are not what they declare, each wrong byte as its ISO-8859-1 character."""
    if encoding.startswith(("utf-16", "utf-32")):
        text = raw.decode(encoding, "replace")
        warnings.append(f"{text.count(chr(0xFFFD))} places are not {encoding.upper()} as declared")
        return text
    codecs.register_error("ragdata.latin", _latin)
    text = raw.decode("utf-8", "ragdata.latin")
    wrong = len(raw) - len(raw.decode("utf-8", "ignore").encode("utf-8"))
    name = "Windows-1252" if any(character in text for character in _mend.CP1252_ONLY) else "ISO-8859-1"
    warnings.append(f"{wrong} bytes are not {encoding.upper()} as declared: read as {name}")
    return text


def _latin(problem: UnicodeError) -> tuple[str, int]:
    """Return the Windows-1252 or else ISO-8859-1 characters of bytes that could not be decoded."""
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    wrong = problem.object[problem.start : problem.end]
    return "".join(_mend.CP1252.get(byte, chr(byte)) for byte in wrong), problem.end


def _without_doctype(text: str, where: str, warnings: list[str]) -> tuple[str, frozenset[str]]:
    """Return the text without its DOCTYPE, and the names of the entities that it declared.

    Raises:
        DocumentRefused: The DOCTYPE has no end, or declares entities inside entities.
    """
    start = text.find("<!DOCTYPE")
    first = _mend.first_tag(text)
    if start < 0 or (first is not None and first[1] < start):
        return text, frozenset()
    end = _doctype_end(text, start)
    if end is None:
        raise DocumentRefused(where, "its DOCTYPE has no end", "remove the DOCTYPE from the file")
    names = _entities(text[start:end], where, warnings)
    return text[:start] + text[end:], names


def _doctype_end(text: str, start: int) -> int | None:
    depth, at = 0, start
    while found := DOCTYPE_PARTS.search(text, at):
        at = found.end()
        sign = found[0]
        if sign == "<!--":
            at = text.find("-->", at)
            if at < 0:
                return None
        elif sign in "[]":
            depth += 1 if sign == "[" else -1
        elif sign == ">" and depth <= 0:
            return at
    return None


def _entities(doctype: str, where: str, warnings: list[str]) -> frozenset[str]:
    """Return the names of the entities that a DOCTYPE declares; each is named in a warning."""
    names = set()
    for parameter, name, external, value in ENTITY.findall(doctype):
        if parameter or NESTED.search(value):
            what = f"its DOCTYPE declares entities inside entities ({name}): an entity bomb"
            raise DocumentRefused(where, what, "remove the DOCTYPE and the entities from the file")
        names.add(name)
        kind = "stands for an external file, which was not opened" if external else "was not expanded"
        warnings.append(f"entity &{name}; {kind}; its text is missing")
    return frozenset(names)


def _mended(text: str, entities: frozenset[str], where: str, warnings: list[str]) -> tuple[Any, bytes, list[str]]:
    """Return the tree of a text that is not well formed: mended, or else recovered."""
    mended, repairs = _mend.mend(text, entities)
    encoded = mended.encode("utf-8", "replace")
    root = _strict(encoded, where)
    warnings += repairs
    if root is None:
        root = _recovered(mended, where, warnings)
    return root, encoded, warnings


def _recovered(text: str, where: str, warnings: list[str]) -> Any:
    """Return what the parser can recover; a warning says how much of the words that is."""
    from lxml import etree

    if len(text) > MAX_RECOVERED:
        what = f"it is broken XML that cannot be mended, and {len(text):,} characters are too many to recover"
        raise DocumentRefused(where, what, "make the file again, or split it")
    stand_ins = _stand_ins(text)
    for name, stand_in in stand_ins:
        text = text.replace(name, stand_in)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), _parser(recover=True))
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        raise DocumentRefused(where, "it is not XML, and nothing of it can be recovered", "make the file again")
    wanted = len(_mend.bare_text(text).split())
    kept = min(1.0, len(" ".join(root.itertext()).split()) / wanted) if wanted else 1.0
    if kept < LEAST_KEPT:
        raise DocumentRefused(where, f"it is broken XML: only {kept:.0%} of the words can be kept", "make it again")
    _restore(root, stand_ins)
    warnings.append(f"the XML is broken in a way that could not be mended: recovered with {kept:.1%} of the words")
    return root


def _stand_ins(text: str) -> list[tuple[str, str]]:
    """Return private characters that the text does not hold, for the references that recovery would drop."""
    free = (chr(code) for code in range(PUA_START, PUA_START + 0xFFF0) if chr(code) not in text)
    return list(zip(("&lt;", "&gt;", "&amp;", "&quot;", "&apos;"), free, strict=False))


def _restore(root: Any, stand_ins: Sequence[tuple[str, str]]) -> None:
    """Put the signs back that `_stand_ins` stood for."""
    import html

    table = {ord(stand_in): html.unescape(name) for name, stand_in in stand_ins}
    for element in root.iter():
        if element.text:
            element.text = element.text.translate(table)
        if element.tail:
            element.tail = element.tail.translate(table)
