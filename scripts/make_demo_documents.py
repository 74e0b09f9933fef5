"""Turn the hand-written sources in ``scripts/demo_documents`` into the TEI of ``recipes/demo-documents``.

Run ``python scripts/make_demo_documents.py`` to write the files, with ``--check`` to only say whether they are current.

A source is a text file: ``key: value`` lines, a line ``---``, then blocks separated by blank lines.

=================  =========================================================================================
``# Title``        a section; ``# 2.1 Title`` a numbered one; the section ``# abstract`` goes into the header
plain lines        a paragraph, one sentence a line
``- item`` lines   a list
``$ text``         a formula
``^ text``         a foot note, marked in the text as ``{^1}``
``|F caption``     a figure
``|T caption``     a table; the lines after it are rows, their cells between ``|``
``[@key]``         a citation of ``references.yml``; ``{T1}`` and ``{F1}`` refer to a table or figure by number
=================  =========================================================================================
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import yaml

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "demo_documents"
TARGET = HERE.parent / "recipes" / "demo-documents"
NS = 'xmlns="http://www.tei-c.org/ns/1.0"'
DIV = f"<div {NS}>"
GROBID = "GROBID - A machine learning software for extracting information from scholarly documents"
COLLECTIVE = "axolotl-ragdata demonstration corpus"
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
INLINE = re.compile(r"\[@(?P<cite>[\w;@ -]+)\]|\{(?P<kind>[TF^])(?P<number>\d+)\}")
HEADING = re.compile(r"#\s+(?:(?P<n>\d[\d.]*)\s+)?(?P<title>.+)")
TABLE_WORD = {"en": "Table", "fr": "Tableau"}


@dataclass
class Article:
    """One source, read: its header fields, its blocks, and what rendering has collected so far."""

    meta: dict[str, str]
    blocks: list[list[str]]
    library: dict[str, dict[str, Any]]
    cited: list[str] = field(default_factory=list)
    floats: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: int = 0
    figures: int = 0
    formulas: int = 0

    @property
    def language(self) -> str:
        """The language code, ``en`` where the source names none."""
        return self.meta.get("language", "en")


def read_article(path: Path, library: dict[str, dict[str, Any]]) -> Article:
    """Return the article of one source file, not rendered yet."""
    head, body = path.read_text(encoding="utf-8").split("\n---\n", 1)
    meta = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
    blocks = [block.strip().splitlines() for block in re.split(r"\n\s*\n", body) if block.strip()]
    return Article(meta, blocks, library)


def render_inline(text: str, article: Article) -> str:
    """Return ``text`` escaped, its citations and cross-references as GROBID's ``ref`` elements."""
    parts: list[str] = []
    position = 0
    for match in INLINE.finditer(text):
        parts.append(escape(text[position : match.start()]))
        parts.append(_citations(match["cite"], article) if match["cite"] else _pointer(match))
        position = match.end()
    return "".join(parts) + escape(text[position:])


def _citations(keys: str, article: Article) -> str:
    found = [key.strip().lstrip("@") for key in keys.split(";")]
    for key in found:
        if key not in article.cited:
            article.cited.append(key)
    if article.meta.get("citations") == "authors":
        inner = "; ".join(_bibr(article, key, _author_year(article.library[key])) for key in found)
        return f"({inner})"
    return "".join(_bibr(article, key, f"[{article.cited.index(key) + 1}]") for key in found)


def _bibr(article: Article, key: str, label: str) -> str:
    return f'<ref type="bibr" target="#b{article.cited.index(key)}">{escape(label)}</ref>'


def _author_year(work: dict[str, Any]) -> str:
    names = [name.split(",")[0] for name in work.get("authors", [])] or [work["short"]]
    who = names[0] if len(names) == 1 else f"{names[0]} and {names[1]}" if len(names) == 2 else f"{names[0]} et al."
    return f"{who}, {work['year']}"


def _pointer(match: re.Match[str]) -> str:
    number = int(match["number"])
    kind, prefix = {"T": ("table", "tab"), "F": ("figure", "fig"), "^": ("foot", "foot")}[match["kind"]]
    return f'<ref type="{kind}" target="#{prefix}_{number - 1}">{number}</ref>'


def render_paragraph(lines: list[str], article: Article) -> str:
    """Return a ``p``, with ``s`` around each sentence unless the source says ``sentences: no``."""
    sentences = [render_inline(line.strip(), article) for line in lines]
    if article.meta.get("sentences") == "no":
        return f"<p>{' '.join(sentences)}</p>"
    return "<p>" + "".join(f"<s>{sentence}</s>" for sentence in sentences) + "</p>"


def render_list(lines: list[str], article: Article) -> str:
    """Return a ``list`` with one ``item`` a line."""
    items = "".join(f"<item>{render_inline(line[2:].strip(), article)}</item>" for line in lines)
    return f"<list>{items}</list>"


def render_formula(lines: list[str], article: Article) -> str:
    """Return a ``formula`` with its number as the label."""
    article.formulas += 1
    text = escape(" ".join(lines)[1:].strip())
    return f'<formula xml:id="formula_{article.formulas - 1}">{text}<label>({article.formulas})</label></formula>'


def add_table(lines: list[str], article: Article) -> None:
    """Append a table to the floats, which GROBID puts behind the text."""
    article.tables += 1
    rows = "".join(_row(line) for line in lines[1:])
    number, word = article.tables, TABLE_WORD[article.language]
    article.floats.append(
        f'<figure {NS} type="table" xml:id="tab_{number - 1}"><head>{word} {number}.</head><label>{number}</label>'
        f"<figDesc>{escape(lines[0][2:].strip())}</figDesc><table>{rows}</table></figure>"
    )


def _row(line: str) -> str:
    cells = "".join(f"<cell>{escape(cell.strip())}</cell>" for cell in line.strip().strip("|").split("|"))
    return f"<row>{cells}</row>"


def add_figure(lines: list[str], article: Article) -> None:
    """Append a figure, which is its caption alone, to the floats."""
    article.figures += 1
    number, caption = article.figures, escape(" ".join(lines)[2:].strip())
    article.floats.append(
        f'<figure {NS} xml:id="fig_{number - 1}"><head>Figure {number}.</head><label>{number}</label>'
        f"<figDesc>Figure {number}. {caption}</figDesc></figure>"
    )


def add_note(lines: list[str], article: Article) -> None:
    """Append a foot note."""
    number = len(article.notes) + 1
    article.notes.append(
        f'\t\t\t<note {NS} place="foot" n="{number}" xml:id="foot_{number - 1}">'
        f"<p>{render_inline(' '.join(lines)[1:].strip(), article)}</p></note>"
    )


TEXT_BLOCKS = {"- ": render_list, "$ ": render_formula}
FLOATING_BLOCKS = {"|T": add_table, "|F": add_figure, "^ ": add_note}


def render_body(article: Article) -> tuple[str, str]:
    """Return the abstract and the body: flat divs, then figures and tables, then notes, as GROBID orders them."""
    divisions: list[str] = []
    abstract = ""
    for lines in article.blocks:
        if lines[0].startswith("#"):
            divisions.append(_open_division(lines[0], article))
            continue
        mark = lines[0][:2]
        if mark in FLOATING_BLOCKS:
            FLOATING_BLOCKS[mark](lines, article)
            continue
        text = TEXT_BLOCKS.get(mark, render_paragraph)(lines, article)
        if divisions[-1] == "abstract":
            abstract += text
        else:
            divisions[-1] += text
    body = [f"{division}</div>" for division in divisions if division != "abstract"]
    return f"{DIV}{abstract}</div>", "\n".join([*body, *article.floats, *article.notes])


def _open_division(line: str, article: Article) -> str:
    match = HEADING.match(line)
    if match is None:
        raise SystemExit(f"{article.meta['title']}: not a heading: {line!r}")
    if match["title"] == "abstract":
        return "abstract"
    number = f" n={quoteattr(match['n'])}" if match["n"] else ""
    return f"{DIV}<head{number}>{escape(match['title'])}</head>"


def render_reference(position: int, work: dict[str, Any]) -> str:
    """Return the ``biblStruct`` of one cited work."""
    people = "".join(_person(name) for name in work.get("authors", []))
    people = people or f"<author><orgName>{escape(work['organisation'])}</orgName></author>"
    doi = f'<idno type="DOI">{escape(work["doi"])}</idno>' if "doi" in work else ""
    title = escape(work["title"])
    if "journal" in work:
        head = f'<analytic><title level="a" type="main">{title}</title>{people}{doi}</analytic>'
        inside = f'<title level="j">{escape(work["journal"])}</title>'
    else:
        head, inside = "", f'<title level="m" type="main">{title}</title>{people}{doi}'
    monogr = f"<monogr>{inside}<imprint>{_imprint(work)}</imprint></monogr>"
    return f'<biblStruct xml:id="b{position}">{head}{monogr}<note type="raw_reference">{_raw(work)}</note></biblStruct>'


def _person(name: str) -> str:
    surname, _, initials = (part.strip() for part in name.partition(","))
    kinds = ["first"] + ["middle"] * len(initials)
    given = "".join(
        f'<forename type="{kind}">{initial}</forename>' for kind, initial in zip(kinds, initials, strict=False)
    )
    return f"<author><persName>{given}<surname>{escape(surname)}</surname></persName></author>"


def _imprint(work: dict[str, Any]) -> str:
    scopes = [f'<biblScope unit="{unit}">{work[unit]}</biblScope>' for unit in ("volume", "issue") if unit in work]
    if "pages" in work:
        first, _, last = str(work["pages"]).partition("-")
        scopes.append(f'<biblScope unit="page" from="{first}" to="{last or first}" />')
    if "publisher" in work:
        scopes.append(f"<publisher>{escape(work['publisher'])}</publisher>")
    return "".join(scopes) + f'<date type="published" when="{work["year"]}">{work["year"]}</date>'


def _raw(work: dict[str, Any]) -> str:
    who = ", ".join(name.replace(",", "") for name in work.get("authors", [])) or work["organisation"]
    who += ", et al" if work.get("others") else ""
    place = work.get("journal") or work.get("publisher", "")
    numbers = f" {work['volume']}:{work['pages']}" if "volume" in work else ""
    return escape(f"{who}. {work['title']}. {place}{numbers}, {work['year']}.")


def render_header(article: Article, abstract: str) -> str:
    """Return the ``teiHeader``."""
    title = f'<title level="a" type="main">{escape(article.meta["title"])}</title>'
    date = article.meta["date"]
    terms = "\n".join(f"\t\t\t\t\t<term>{escape(term.strip())}</term>" for term in article.meta["keywords"].split(";"))
    return f"""\t<teiHeader xml:lang="{article.language}">
		<fileDesc>
			<titleStmt>
				{title}
			</titleStmt>
			<publicationStmt>
				<publisher>{COLLECTIVE}</publisher>
				<availability status="free">
					<licence target="{CC0}">CC0 1.0 Universal: no rights reserved</licence>
				</availability>
				<date type="published" when="{date}">{date}</date>
			</publicationStmt>
			<sourceDesc>
				<biblStruct>
					<analytic>
						<author>
							<orgName type="collaboration">{COLLECTIVE}</orgName>
						</author>
						{title}
					</analytic>
					<monogr>
						<imprint>
							<date type="published" when="{date}">{date}</date>
						</imprint>
					</monogr>
					<note type="submission">Written by hand in the format of GROBID; there is no PDF behind it.</note>
				</biblStruct>
			</sourceDesc>
		</fileDesc>
		<encodingDesc>
			<appInfo>
				<application version="0.8.2" ident="GROBID" when="{date}T09:00+0000">
					<desc>{GROBID}</desc>
					<ref target="https://github.com/kermitt2/grobid"/>
				</application>
			</appInfo>
		</encodingDesc>
		<profileDesc>
			<textClass>
				<keywords>
{terms}
				</keywords>
			</textClass>
			<abstract>
{abstract}
			</abstract>
		</profileDesc>
	</teiHeader>"""


def render_article(article: Article) -> str:
    """Return the whole TEI document."""
    abstract, body = render_body(article)
    references = "\n".join(render_reference(i, article.library[key]) for i, key in enumerate(article.cited))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<TEI xml:space="preserve" {NS}
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
xsi:schemaLocation="http://www.tei-c.org/ns/1.0 https://raw.githubusercontent.com/kermitt2/grobid/master/grobid-home/schemas/xsd/Grobid.xsd"
 xmlns:xlink="http://www.w3.org/1999/xlink">
{render_header(article, abstract)}
	<text xml:lang="{article.language}">
		<body>
{body}
		</body>
		<back>
			<div type="references">
				<listBibl>
{references}
				</listBibl>
			</div>
		</back>
	</text>
</TEI>
"""


def main() -> int:
    """Write the files, or with ``--check`` compare them; the exit status is 1 when a file is not current."""
    parser = argparse.ArgumentParser(description="Write recipes/demo-documents from scripts/demo_documents.")
    parser.add_argument("--check", action="store_true", help="write nothing, only say which files are not current")
    check = parser.parse_args().check
    library = yaml.safe_load((SOURCES / "references.yml").read_text(encoding="utf-8"))
    stale = 0
    for source in sorted(SOURCES.glob("*.txt")):
        text = render_article(read_article(source, library))
        target = TARGET / f"{source.stem}.tei.xml"
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(f"{target.name}: {'not current' if check else 'written'}")
        if not check:
            target.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
