"""The declarations of the TEI namespace taken out of a file, where that changes nothing but the names of its elements.

A name in a namespace is put together anew whenever it is looked at: a twentieth of the time that a document takes.
GROBID declares the namespace at the root and again at each division, always in the same words. A file that does
anything else with namespaces is read as it is.
"""

from __future__ import annotations

import re

from axolotl_ragdata.readers._text import holds

URI = "http://www.tei-c.org/ns/1.0"
DECLARATION = f' xmlns="{URI}"'.encode()
ATTRIBUTES = rb"""(?:\s+[A-Za-z][\w:.-]*="[^"<>&]*")*"""
ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^<>]*\?>\s*)*<TEI" + ATTRIBUTES)
TAG = re.compile(rb"<[A-Za-z][\w.-]*" + ATTRIBUTES)
"""A tag up to one of its attributes."""
ENDS = frozenset((b" ", b"\t", b"\r", b"\n", b"/", b">"))
DECLARES = re.compile(b"xmlns")
LITERAL = re.compile(rb"!\[CDATA\[")
ANOTHER = re.compile(b':[A-Za-z][\\w.-]*="(?!%b")[^"<>&]+"' % re.escape(URI.encode()))
"""What may follow on "xmlns": a prefix for another namespace."""


def without_namespace(raw: bytes) -> bytes | None:
    """Return a TEI file without its namespace, None where the tree might not be the same.

    It is the same where the root has the declaration, every one that is taken out stands in a tag, no other one makes
    a namespace the default or gives this one a prefix, and no text is marked to be taken literally.
    """
    pieces = raw.split(DECLARATION)
    if len(pieces) == 1 or not ROOT.fullmatch(pieces[0]) or holds(b"!", LITERAL, raw):
        return None
    if not all(TAG.fullmatch(piece, max(0, piece.rfind(b"<"))) for piece in pieces[1:-1]):
        return None
    if not all(piece[:1] in ENDS for piece in pieces[1:]):
        return None
    bare = b"".join(pieces)
    if not all(ANOTHER.match(bare, found.end()) for found in DECLARES.finditer(bare)):
        return None
    return bare
