"""The cells of HTML tables, by the parser of the standard library: it opens nothing and never fails."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from axolotl_ragdata.readers._tables import span_of
from axolotl_ragdata.readers._text import clean


class TableParser(HTMLParser):
    """Collects rows of cells; text outside cells is a cell of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[dict[str, Any]]] = []
        self.cell: dict[str, Any] | None = None

    @classmethod
    def rows_of(cls, html: str) -> list[list[dict[str, Any]]]:
        """Return the rows of all tables in the HTML, without rows that have no text."""
        parser = cls()
        parser.feed(html)
        parser.close()
        for row in parser.rows:
            for cell in row:
                cell["text"] = " ".join(clean(cell["text"]).split())
        return [row for row in parser.rows if any(cell["text"] for cell in row)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell."""
        if tag in ("tr", "row"):
            self.rows.append([])
            self.cell = None
        elif tag in ("td", "th", "cell"):
            self.cell = {"text": ""} | ({"header": True} if tag == "th" else {})
            for name, key in (("colspan", "col_span"), ("rowspan", "row_span")):
                span = span_of(dict(attrs).get(name))
                self.cell |= {key: span} if span > 1 else {}
            self._row().append(self.cell)
        elif self.cell is not None and tag in ("br", "p", "div"):
            self.cell["text"] += " "

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in ("td", "th", "tr", "row", "cell"):
            self.cell = None

    def handle_data(self, data: str) -> None:
        """Add text to the cell; outside of one it makes its own."""
        if self.cell is not None:
            self.cell["text"] += data
        elif data.strip():
            self._row().append({"text": data})

    def _row(self) -> list[dict[str, Any]]:
        if not self.rows:
            self.rows.append([])
        return self.rows[-1]
