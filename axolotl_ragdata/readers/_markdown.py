"""Markdown as sections and blocks; markdown-it-py does the parsing."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.readers._numbers import number_in_title
from axolotl_ragdata.readers._tables import markdown_rows
from axolotl_ragdata.readers._text import TextRules

Fields = dict[str, Any]


def markdown_sections(text: str, rules: TextRules) -> tuple[str, list[Fields]]:
    """Return the title and the sections of a Markdown text.

    The path of a section holds the headings above it by their level. A single heading of level 1 at the top is the
    title of the document and stands in no path.
    """
    from markdown_it import MarkdownIt

    walk = _Walk(rules)
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        walk.take(token)
    return walk.finish()


class _Walk:
    """The tokens of a Markdown text as they come by."""

    def __init__(self, rules: TextRules) -> None:
        self.rules = rules
        self.sections: list[Fields] = [{"path": (), "blocks": []}]
        self.levels: list[int] = [0]
        self.titles: list[str] = [""]
        self.items: list[str] | None = None
        self.lists: list[int | None] = []
        self.rows: list[list[Fields]] | None = None
        self.heading: int | None = None
        self.header = False

    def take(self, token: Any) -> None:
        """Take one token of the parser."""
        handler = getattr(self, f"_{token.type}", None)
        if handler is not None:
            handler(token)

    def finish(self) -> tuple[str, list[Fields]]:
        """Return the title and the sections with their paths."""
        title = ""
        if self.levels.count(1) == 1 and self.levels[1:2] == [1] and not self.sections[0]["blocks"]:
            title = self.titles[1]
            self.levels[1] = 0
        above: list[tuple[int, str]] = []
        for section, level, heading in zip(self.sections, self.levels, self.titles, strict=True):
            above = [(other, name) for other, name in above if other < level]
            above += [(level, heading)] if level else []
            section["path"] = tuple(name for _, name in above)
            section["number"] = number_in_title(heading) if level else None
        return title, [section for section in self.sections if section["path"] or section["blocks"]]

    def _heading_open(self, token: Any) -> None:
        self.heading = int(token.tag[1:])

    def _heading_close(self, token: Any) -> None:
        self.heading = None

    def _inline(self, token: Any) -> None:
        text = self.rules.squeeze(inline_text(token))
        if self.rows is not None:
            self.rows[-1].append({"text": text} | ({"header": True} if self.header else {}))
        elif self.items is not None:
            self._line(text)
        elif self.heading is not None:
            self.sections.append({"path": (), "blocks": []})
            self.levels.append(self.heading if text else 0)
            self.titles.append(text)
        else:
            self._put("paragraph", text)

    def _line(self, text: str) -> None:
        """Add text to the last item of the list."""
        items = self.items if self.items is not None else []
        if items:
            items[-1] = f"{items[-1]} {text}".strip()
        else:
            items.append(text)

    def _put(self, kind: str, text: str, **more: Any) -> None:
        if text:
            self.sections[-1]["blocks"].append({"kind": kind, "text": text} | more)

    def _code_block(self, token: Any) -> None:
        self._raw(token)

    def _fence(self, token: Any) -> None:
        self._raw(token)

    def _html_block(self, token: Any) -> None:
        if not token.content.lstrip().startswith("<!--"):
            self._raw(token)

    def _raw(self, token: Any) -> None:
        """Keep code as it stands, line by line."""
        if self.items is not None:
            self._line(self.rules.squeeze(token.content))
        else:
            self._put("paragraph", token.content.strip("\n"))

    def _bullet_list_open(self, token: Any) -> None:
        self.items = self.items if self.items is not None else []
        self.lists.append(None)

    def _ordered_list_open(self, token: Any) -> None:
        self.items = self.items if self.items is not None else []
        self.lists.append(int(token.attrs.get("start", 1)))

    def _list_item_open(self, token: Any) -> None:
        number = self.lists[-1]
        items = self.items if self.items is not None else []
        items.append("" if number is None else f"{number}{token.markup}")
        if number is not None:
            self.lists[-1] = number + 1

    def _bullet_list_close(self, token: Any) -> None:
        self.lists.pop()
        if not self.lists:
            items = [item for item in self.items or () if item]
            self.items = None
            self._put("list", "\n".join(items), items=items)

    def _ordered_list_close(self, token: Any) -> None:
        self._bullet_list_close(token)

    def _table_open(self, token: Any) -> None:
        self.rows = []

    def _thead_open(self, token: Any) -> None:
        self.header = True

    def _thead_close(self, token: Any) -> None:
        self.header = False

    def _tr_open(self, token: Any) -> None:
        if self.rows is not None:
            self.rows.append([])

    def _table_close(self, token: Any) -> None:
        rows, self.rows = self.rows or [], None
        text = markdown_rows(rows)
        if self.items is not None:
            self._line(" ".join(cell["text"] for row in rows for cell in row))
        else:
            self._put("table", text, rows=rows)


def inline_text(token: Any) -> str:
    """Return the text of a paragraph without its marks: of a link its words, of an image its description."""
    parts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type == "image":
            parts.append(inline_text(child))
        elif child.type in ("text", "code_inline", "html_inline", "text_special"):
            parts.append(child.content)
    return "".join(parts)
