"""Markdown and plain text → Document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import MAGIC, readers, source_of
from axolotl_ragdata.readers._language import settle_language
from axolotl_ragdata.readers._markdown import markdown_sections
from axolotl_ragdata.readers._numbers import number_in_title
from axolotl_ragdata.readers._outline import Outline
from axolotl_ragdata.readers._text import UNWANTED, TextRules, clean
from axolotl_ragdata.records import Document, content_id

NAME = "text"
MARKDOWN = (".md", ".markdown", ".mdown", ".qmd", ".rmd")
MAX_CONTROL_SHARE = 0.05
LONGEST_HEADING = 100
BULLET = re.compile(r"\s*(?:[-*•‣◦–]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s+(?=\S)")
FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
FRONT_KEY = re.compile(r"^(title|language|lang|licen[cs]e|doi|year|date|author)[ \t]*:[ \t]*(\S[^\n]*)$", re.M | re.I)


class TextReader:
    """Reads Markdown (`.md` and its like) and plain text."""

    suffixes: tuple[str, ...] = (".txt", ".text", *MARKDOWN)
    version = "1"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return whether a file has the name of a text file and no bytes that text never has."""
        if head.startswith(tuple(MAGIC)):
            return False
        is_utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff")
        return path.name.lower().endswith(self.suffixes) and (is_utf16 or b"\0" not in head)

    def read(self, path: Path, raw: bytes) -> Document:
        """Return the document of a text file.

        Raises:
            DocumentRefused: It is no text.
        """
        text, warnings = _decoded(raw, str(path))
        about, text = _front_matter(text)
        rules = TextRules(text.encode())
        if path.name.lower().endswith(MARKDOWN):
            title, sections = markdown_sections(text, rules)
        else:
            title, sections = plain_sections(text, rules)
        sample = " ".join(block["text"] for section in sections for block in section["blocks"])
        language, doubt = settle_language(about.get("language"), sample)
        warnings += [doubt] if doubt else []
        warnings += [] if sample else ["body is empty"]
        source = source_of(path, raw, NAME, self.version)
        fields = {"title": title} | about | {"language": language, "sections": sections, "warnings": warnings}
        return Document.model_validate(
            fields | {"id": content_id("doc", NAME, self.version, source.sha256), "source": source}
        )


def plain_sections(text: str, rules: TextRules) -> tuple[str, list[dict[str, Any]]]:
    """Return the title and the sections of plain text.

    Empty lines part the paragraphs. A line alone is a heading where it is in capitals or begins with a section number,
    and the title where it comes first and does not end like a sentence.
    """
    title, sections, outline = "", [_section(())], Outline()
    for at, paragraph in enumerate(re.split(r"\n[ \t]*\n+", text.strip("\n"))):
        lines = [line for line in paragraph.splitlines() if line.strip()]
        line = rules.squeeze(lines[0]) if len(lines) == 1 else ""
        if at == 0 and line and len(line) <= LONGEST_HEADING and line[-1] not in ".!?:;,":
            title = line
        elif _is_heading(line):
            path, number = outline.place(line, None, alone=False)
            sections.append(_section(path, number))
        elif lines:
            sections[-1]["blocks"].append(_block(lines, rules))
    kept = [section for section in sections if section["path"] or section["blocks"]]
    if not kept and title:
        return "", [_section(()) | {"blocks": [{"kind": "paragraph", "text": title}]}]
    return title, kept


def _section(path: tuple[str, ...], number: str | None = None) -> dict[str, Any]:
    return {"path": path, "number": number, "blocks": []}


def _is_heading(line: str) -> bool:
    if not line or len(line) > LONGEST_HEADING or line[-1] in ".!?;,":
        return False
    return (line.isupper() and sum(map(str.isalpha, line)) > 3) or number_in_title(line) is not None


def _block(lines: list[str], rules: TextRules) -> dict[str, Any]:
    """Return a list where every paragraph line begins an item or goes on with one, else a paragraph."""
    if len(lines) > 1 and BULLET.match(lines[0]) and sum(bool(BULLET.match(line)) for line in lines) > 1:
        items: list[str] = []
        for line in lines:
            if BULLET.match(line):
                items.append(line)
            else:
                items[-1] += f"\n{line}"
        texts = [rules.squeeze(re.sub(r"^\s*[-*•‣◦–]\s+", "", item)) for item in items]
        return {"kind": "list", "text": "\n".join(texts), "items": texts}
    return {"kind": "paragraph", "text": rules.squeeze("\n".join(lines))}


def _decoded(raw: bytes, where: str) -> tuple[str, list[str]]:
    """Return the text with LF line ends, and a warning where it is not UTF-8."""
    warnings = []
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeError:
        text = raw.decode("cp1252", "replace")
        warnings.append("it is not UTF-8: read as Windows-1252")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    n_control = sum(1 for _ in UNWANTED.finditer(text))
    if n_control > MAX_CONTROL_SHARE * len(text) + 1:
        raise DocumentRefused(where, "it is binary, not text", "give Markdown, plain text, TEI or JSON")
    if n_control > 0:
        warnings.append(f"control characters taken out: {n_control}")
    return clean(text), warnings


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Return what a block of `key: value` lines between `---` says about the document, and the text without it."""
    found = FRONT_MATTER.match(text)
    if found is None or not FRONT_KEY.search(found[1]):
        return {}, text
    said = {key.lower(): value.strip().strip("\"'") for key, value in FRONT_KEY.findall(found[1])}
    year = re.match(r"\d{4}", said.get("year") or said.get("date") or "")
    about: dict[str, Any] = {
        "title": said.get("title"),
        "language": said.get("language") or said.get("lang"),
        "licence": said.get("licence") or said.get("license"),
        "doi": said.get("doi"),
        "year": int(year[0]) if year else None,
        "authors": [said["author"]] if "author" in said else None,
    }
    return {key: value for key, value in about.items() if value}, text[found.end() :]


readers.register(NAME)(TextReader())
