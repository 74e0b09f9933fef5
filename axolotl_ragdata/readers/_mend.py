"""Broken XML made well formed without losing text: one pass over the tags, in linear time."""

from __future__ import annotations

import html
import html.entities
import re
from collections import Counter

CP1252_UNUSED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
CP1252 = {byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0) if byte not in CP1252_UNUSED}
CP1252_ONLY = frozenset(CP1252.values())
TAG = re.compile(
    r"""<(/?)([A-Za-z_][\w.:-]{0,200})((?:\s+[A-Za-z_][\w.:-]{0,200}\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(/?)>"""
)
NAME = re.compile(r"<([A-Za-z_][\w.:-]{0,200})")
REFERENCE = re.compile(r"&(?:(#\d{1,10}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z_][\w.-]{0,99});)?")
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SPECIAL = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))
PREDEFINED = frozenset({"lt", "gt", "amp", "quot", "apos"})


def first_tag(text: str) -> tuple[str, int] | None:
    """Return the name of the first element and where its tag begins; None where there is none.

    >>> first_tag("<?xml version='1.0'?><!-- a --> <TEI><p/>")
    ('TEI', 32)
    """
    at = 0
    while (at := text.find("<", at)) >= 0:
        found = NAME.match(text, at)
        if found:
            return found[1].rpartition(":")[2], at
        ends = [end for start, end in SPECIAL if text.startswith(start, at)]
        at = text.find(ends[0], at) if ends else at + 1
        if at < 0:
            return None
    return None


def bare_text(text: str) -> str:
    """Return the text between the tags."""
    return TAG.sub(" ", text)


def mend(text: str, entities: frozenset[str]) -> tuple[str, list[str]]:
    """Return well-formed XML with the same text, and what was done to get there.

    Args:
        text: The text of the file, without declaration and DOCTYPE.
        entities: The entities that its DOCTYPE declared; references to them are taken out.
    """
    without = ILLEGAL.sub("", text)
    mending = _Mending(without, entities)
    mending.repairs["control characters taken out"] = len(text) - len(without)
    mending.run()
    notes = [f"{what}: {count}" for what, count in mending.repairs.items() if count]
    return "".join(mending.out), mending.cut + [f"mended: {note}" for note in notes]


class _Mending:
    """One pass over the tags of a text."""

    def __init__(self, text: str, entities: frozenset[str]) -> None:
        self.text = text
        self.entities = entities
        self.out: list[str] = []
        self.open: list[str] = []
        self.n_open: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        self.cut: list[str] = []
        self.missing = {end: False for _, end in SPECIAL}
        self.rooted = False
        self.last_end = text.rfind(">")

    def run(self) -> None:
        """Go through the text."""
        text, at = self.text, 0
        while (tag := text.find("<", at)) >= 0:
            self._characters(text[at:tag])
            at = self._markup(tag)
            if self.rooted and not self.open:
                self._after_root(text[at:])
                return
        self._characters(text[at:])
        self._finish()

    def _markup(self, at: int) -> int:
        """Take what begins with `<`; return where it ends."""
        if found := TAG.match(self.text, at):
            self._tag(found)
            return found.end()
        for start, end in SPECIAL:
            if self.text.startswith(start, at) and not self.missing[end]:
                stop = self.text.find(end, at + len(start))
                if stop >= 0:
                    self._special(at, stop + len(end), start)
                    return stop + len(end)
                self.missing[end] = True
        if at > self.last_end and self.open:
            return len(self.text)
        self.out.append("&lt;")
        self.repairs["stray < in the text"] += 1
        return at + 1

    def _special(self, at: int, stop: int, start: str) -> None:
        """Keep a CDATA section as text; leave comments and instructions out."""
        if start == "<![CDATA[":
            self.out.append(html.escape(self.text[at + len(start) : stop - 3], quote=False))

    def _tag(self, found: re.Match[str]) -> None:
        closing, name, attributes, empty = found.groups()
        if closing:
            self._close(name)
            return
        self.rooted = True
        self.out.append(f"<{name}{self._references(attributes) if '&' in attributes else attributes}{empty}>")
        if not empty:
            self.open.append(name)
            self.n_open[name] += 1

    def _close(self, name: str) -> None:
        """Close an element with those that are still open in it; drop a closing tag without an opening one."""
        if not self.n_open[name]:
            self.repairs["closing tags without an opening one, left out"] += 1
            return
        while True:
            last = self.open.pop()
            self.n_open[last] -= 1
            self.out.append(f"</{last}>")
            if last == name:
                return
            self.repairs["elements without a closing tag, closed"] += 1

    def _characters(self, text: str) -> None:
        if self.open:
            self.out.append(self._references(text) if "&" in text else text)
        elif text.strip():
            self.repairs["pieces of text before the root element, left out"] += 1

    def _references(self, text: str) -> str:
        return REFERENCE.sub(self._reference, text)

    def _reference(self, found: re.Match[str]) -> str:
        """Return a reference that XML knows, a character for one that HTML knows, and `&amp;` for a bare `&`."""
        name = found[1]
        if name is None:
            self.repairs["bare & in the text"] += 1
            return "&amp;"
        if name in PREDEFINED:
            return found[0]
        if name[0] == "#":
            return self._character(found[0], name)
        if name in self.entities:
            return " "
        if character := html.entities.html5.get(f"{name};"):
            self.repairs["entities of HTML, replaced by their characters"] += 1
            return html.escape(character)
        self.repairs["references to undeclared entities, kept as text"] += 1
        return f"&amp;{name};"

    def _character(self, reference: str, name: str) -> str:
        code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        if code > 0x10FFFF or ILLEGAL.match(chr(code)):
            self.repairs["references to illegal characters, taken out"] += 1
            return ""
        return reference

    def _after_root(self, rest: str) -> None:
        """Say that something stands behind the root element."""
        if rest.strip():
            self.cut.append(f"{len(rest.strip())} characters behind the end of the root element were left out")

    def _finish(self) -> None:
        """Close what the end of the file leaves open."""
        if self.open:
            where = self.open[-1].rpartition(":")[2]
            self.cut.append(f"the end of the file is missing: it stops inside <{where}>; all text up to there is kept")
        self.out += [f"</{name}>" for name in reversed(self.open)]
