"""The text of a TEI document as sections and blocks.

One walk over the elements: what is a block ends the run of text before it, everything else adds to the run, so that no
text is lost whatever element holds it. GROBID hangs figures, tables and notes under `<body>`: they go to the section
that mentions them first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from axolotl_ragdata.readers._cited import Targets
from axolotl_ragdata.readers._headings import joined, place_parts
from axolotl_ragdata.readers._mentions import Mentions, is_own_id, label_key, mention_of
from axolotl_ragdata.readers._outline import Heading, Outline
from axolotl_ragdata.readers._tables import cell_of
from axolotl_ragdata.readers._tei_blocks import Fields, Float, Part, Raw, list_block, text_block
from axolotl_ragdata.readers._text import Piece, TextRules, settle

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
DIVS = ("div", *(f"div{level}" for level in range(1, 8)))
TOPS = ("body", "front", "back", "abstract")
LINE_ENDS = ("lb", "pb", "cb")
SPACED = ("row", "cell", "quote", "lg", "l", "item", "label", "figDesc", "gap", "milestone", "graphic")
FLOAT_PARTS = ("head", "label", "figDesc", "table", "graphic")
SKIPPED = ("listBibl", "biblStruct", "listOrg", "teiHeader")


class Body:
    """The sections of a document as its elements come by.

    Args:
        ns: The namespace of the tags, "{…}" or "".
        rules: What is done to the text.
        known: What citations may point to.
    """

    def __init__(self, ns: str, rules: TextRules, known: Targets) -> None:
        self.ns = ns
        self.rules = rules
        self.known = known
        self.parts: list[Part] = []
        self.mentions = Mentions()
        self.hung: Part | None = None
        self.n_running_heads = 0
        self.warnings: list[str] = []
        self.nested = 0
        self.items: list[list[Piece]] | None = None
        self.outline = Outline()
        self.inner: Outline | None = None
        self.holders = frozenset(ns + name for name in (*DIVS, *TOPS))
        self.hangers = (f"{ns}body", f"{ns}text")
        self.handlers = _handlers(ns)
        self.float_parts = {ns + name: name for name in FLOAT_PARTS}
        self.part = Part(self.outline, "body", None)
        self.parts.append(self.part)
        self.renew()

    def read(self, element: Any, where: str) -> None:
        """Take an abstract, or a text with its front, its body, its back and what stands beside them."""
        self.outline, self.inner = Outline(), Outline()
        self.renew()
        self.begin(self.inner, where)
        self.walk(element)
        self.flush()

    def holds_text(self) -> bool:
        """Return whether there is anything of a body so far."""
        return bool(self.mentions.hanging) or any(part.holds() for part in self.parts if part.where == "body")

    def begin(self, outline: Outline, where: str, heading: Heading | None = None) -> None:
        """Begin a section; the one before is used again where it has stayed empty.

        The running block is empty. It moves into the section, and with it what the heading mentions.
        """
        part = self.part
        if not part.holds() and part is not self.hung:
            part.outline, part.where, part.heading = outline, where, heading
            return
        self.part = self.raw.part = Part(outline, where, heading)
        self.parts.append(self.part)

    def renew(self) -> None:
        """Begin a block."""
        self.raw = Raw("paragraph", self.part)
        self.pieces = self.raw.pieces

    def running(self) -> bool:
        """Return whether the running block has text."""
        for piece in self.pieces:  # noqa: SIM110 - a generator takes three times as long, and this runs all the time
            if type(piece) is str and not piece.isspace():
                return True
        return False

    def flush(self) -> None:
        """End the running block."""
        if self.pieces:
            if self.running():
                self.keep()
            else:
                self.pieces.clear()

    def keep(self) -> None:
        """Take the running block into the section, and begin the next."""
        self.raw.kept = True
        self.part.raws.append(self.raw)
        self.renew()

    def walk(self, element: Any) -> None:
        """Take what an element holds."""
        if text := element.text:
            self.pieces.append(text)
        if not len(element):
            return
        handlers = self.handlers
        for child in element:
            handler = handlers.get(child.tag)
            if handler is not None:
                handler(self, child)
            elif len(child):
                self.walk(child)
            elif text := child.text:
                self.pieces.append(text)
            if text := child.tail:
                self.pieces.append(text)

    def take(self, element: Any) -> None:
        """Take an element itself."""
        handler = self.handlers.get(element.tag, Body.walk)
        handler(self, element)

    def gathered(self, element: Any) -> list[Piece]:
        """Return the pieces of an element that is taken apart from the running block."""
        kept = self.pieces, self.items
        collected: list[Piece] = []
        self.pieces, self.items = collected, None
        self.nested += 1
        self.walk(element)
        self.nested -= 1
        self.pieces, self.items = kept
        return collected

    def _paragraph(self, element: Any) -> None:
        if self.nested:
            self._spaced(element)
            return
        self.flush()
        if coords := element.get("coords"):
            self.raw.coords = (coords,)
        self.walk(element)
        self.flush()
        self.raw.coords = ()

    def _spaced(self, element: Any) -> None:
        self.pieces.append(" ")
        self.walk(element)
        self.pieces.append(" ")

    def _line_end(self, element: Any) -> None:
        self.pieces.append("\n")
        self.walk(element)

    def _sentence(self, element: Any) -> None:
        self.pieces += (" ", ("s", element.get("coords") or ""))
        self.walk(element)
        self.pieces += (None, " ")

    def _ref(self, element: Any) -> None:
        target, kind = element.get("target") or "", element.get("type")
        if kind == "bibr":
            if len(element):
                self.pieces.append(("c", target))
                self.walk(element)
                self.pieces.append(None)
            else:
                self.pieces += (("c", target), element.text or "", None)
            return
        if self.raw.kind != "note" and (name := mention_of(target, kind, element)):
            self.mentions.add(name, self.raw)
        if is_own_id(target, element.text):
            self.pieces.append(element.get("n") or "")
            return
        self.walk(element)

    def _running_head(self, element: Any) -> None:
        self.n_running_heads += 1

    def _head(self, element: Any) -> None:
        holder = element.getparent()
        if self.nested or holder is None or holder.tag not in self.holders:
            self._paragraph(element)
            return
        self.flush()
        title, _ = settle(self.gathered(element), self.rules)
        number = element.get("n")
        if not title and not number:
            return
        alone = len(holder) == 1 and not (element.tail or "").strip()
        heading = Heading(title or str(number), number, alone, element.get("coords"))
        self.begin(self.outline, self.part.where, heading)
        self.inner = None

    def _top(self, element: Any) -> None:
        """Take a front, a body or a back; anywhere but in a text they are no parts of it."""
        holder = element.getparent()
        if self.nested or holder is None or holder.tag != f"{self.ns}text":
            self.walk(element)
            return
        self.flush()
        outer = self.outline, self.inner
        self.read(element, "back" if element.tag == f"{self.ns}back" else "body")
        self.outline, self.inner = outer
        self.begin(self.outline, "body")

    def _div(self, element: Any) -> None:
        """Take a division: its head stands in the outline of the element around it."""
        if self.nested:
            self._spaced(element)
            return
        self.flush()
        where = self.part.where
        if self.inner is None:
            holder = self.part.heading
            self.inner = Outline(holder or self.part.outline.below)
            if holder is not None:
                holder.holds_sections = True
        outer = self.outline, self.inner
        self.outline, self.inner = self.inner, None
        self.begin(self.outline, where)
        self.walk(element)
        self.flush()
        self.outline, self.inner = outer
        self.begin(self.inner, where)

    def _formula(self, element: Any) -> None:
        if self.nested or self.running():
            self._spaced(element)
            return
        self.pieces.clear()
        self.raw.kind = "formula"
        self.raw.coords = tuple(filter(None, [element.get("coords")]))
        self.part.has_formula = True
        self.walk(element)
        self.flush()
        self.raw.kind, self.raw.coords = "paragraph", ()

    def _note(self, element: Any) -> None:
        if self.nested:
            self._spaced(element)
            return
        around, raw = self.raw, Raw("note", self.part)
        self.raw = raw
        pieces = self.gathered(element)
        self.raw = around
        block = text_block("note", pieces, [element.get("coords")], self.rules, self.known)
        if block is not None:
            block["label"] = element.get("n")
            self._place(element, raw, block)

    def _place(self, element: Any, raw: Raw, block: Fields) -> None:
        """Put a note or a float where it belongs; what hangs under the body waits until all mentions are known."""
        raw.kept, raw.block = True, block
        holder = element.getparent()
        if holder is not None and holder.tag in self.hangers:
            raw.part = self.hung = self.last_part()
            self.mentions.hang(raw, element.get(XML_ID) or "", label_key(block))
        elif self.running():
            self.raw.beside += (raw,)
        else:
            self.part.raws.append(raw)

    def last_part(self) -> Part:
        """Return the last section that holds something, the running one where none of the body does."""
        for part in reversed(self.parts):
            if part.where == self.part.where and part.holds():
                return part
        return self.part

    def _list(self, element: Any) -> None:
        if self.items is not None:
            self._items(element)
            return
        if self.nested:
            self._spaced(element)
            return
        self.flush()
        self.items, self.nested = [], 1
        self._items(element)
        items, self.items, self.nested = self.items, None, 0
        self.pieces = self.raw.pieces
        block = list_block(items, [element.get("coords")], self.rules, self.known)
        if block is not None:
            self.raw.kind, self.raw.block = "list", block
            self.keep()

    def _items(self, element: Any) -> None:
        """Collect the items of a list and of the lists in it, in order; `@n` and a `<label>` lead their item."""
        self._begin_item(element.text)
        labelled = False
        for child in element:
            if not labelled:
                self._begin_item(None)
            labelled = child.tag == f"{self.ns}label"
            if number := child.get("n"):
                self.pieces.append(f"{number} ")
            self.take(child)
            if child.tail and not child.tail.isspace():
                self._begin_item(child.tail)
        self._begin_item(None)

    def _begin_item(self, text: str | None) -> None:
        items = self.items if self.items is not None else []
        self.pieces = [text] if text else []
        items.append(self.pieces)

    def _float(self, element: Any) -> None:
        """Take a figure or a table."""
        if self.nested:
            self._spaced(element)
            return
        is_table = element.tag == f"{self.ns}table" or element.get("type") == "table"
        float_ = Float("table" if is_table else "figure")
        float_.coords.append(element.get("coords"))
        around, raw = self.raw, Raw(float_.kind, self.part)
        self.raw = raw
        if element.tag == f"{self.ns}table":
            self._table(element, float_)
        else:
            self._float_parts(element, float_)
        self.raw = around
        block = float_.block(self.rules, self.known)
        if block is not None:
            raw.kind = float_.kind
            self._place(element, raw, block)

    def _float_parts(self, element: Any, float_: Float) -> None:
        float_.stray(element.text)
        for child in element:
            name = self.float_parts.get(child.tag)
            if name == "head":
                float_.head += self.gathered(child)
            elif name == "label":
                float_.label += self.gathered(child)
            elif name == "figDesc":
                float_.caption += self.gathered(child)
            elif name == "table":
                self._table(child, float_)
            elif name == "graphic":
                float_.graphics.append(child.get("coords"))
                if len(child) or child.text:
                    float_.caption += (" ", *self.gathered(child), " ")
            else:
                float_.note(self.gathered(child), self.rules)
            float_.stray(child.tail)

    def _table(self, element: Any, float_: Float) -> None:
        """Take the rows of a table, in whatever groups they come."""
        float_.kind = "table"
        float_.stray(element.text)
        for child in element:
            if child.tag == f"{self.ns}row":
                float_.rows.append(self._row(child))
            elif child.tag == f"{self.ns}head":
                float_.caption += self.gathered(child)
            elif child.find(f".//{self.ns}row") is not None:
                self._table(child, float_)
            else:
                float_.notes.append(self.gathered(child))
            float_.stray(child.tail)

    def _row(self, element: Any) -> list[Fields]:
        header = element.get("role") == "label"
        cells = [self._cell(child, header) for child in element]
        stray = [text for text in (element.text, *(child.tail for child in element)) if text and not text.isspace()]
        return cells + [{"text": self.rules.squeeze(text)} for text in stray]

    def _cell(self, element: Any, header: bool) -> Fields:
        text = settle(self.gathered(element), self.rules)[0] if len(element) else self.rules.squeeze(element.text or "")
        return cell_of(text, element.attrib, header)

    def sections(self, journal: str = "") -> list[Fields]:
        """Return the sections as fields of `Section`, of a document from a journal with this title."""
        self.mentions.settle()
        self.warnings = place_parts(self.parts, journal)
        return joined(self.parts, [part.settled(self.rules, self.known) for part in self.parts])


def _skip(body: Body, element: Any) -> None:
    """Leave an element out; its text is bibliography or data."""


@lru_cache(maxsize=8)
def _handlers(ns: str) -> Mapping[Any, Callable[[Body, Any], None]]:
    """Return what takes which element; an element that is not here adds its text to the running block."""
    named: dict[str, Callable[[Body, Any], None]] = {
        "p": Body._paragraph,
        "ab": Body._paragraph,
        "sp": Body._paragraph,
        "ref": Body._ref,
        "s": Body._sentence,
        "head": Body._head,
        "formula": Body._formula,
        "list": Body._list,
        "table": Body._float,
        "figure": Body._float,
        "note": Body._note,
        "fw": Body._running_head,
    }
    named |= dict.fromkeys(("front", "body", "back"), Body._top)
    named |= dict.fromkeys(DIVS, Body._div)
    named |= dict.fromkeys(LINE_ENDS, Body._line_end)
    named |= dict.fromkeys(SPACED, Body._spaced)
    named |= dict.fromkeys(SKIPPED, _skip)
    return {ns + name: handler for name, handler in named.items()}
