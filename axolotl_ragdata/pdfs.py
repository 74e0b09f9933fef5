"""The PDFs among the sources of a recipe → TEI in its run directory."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from axolotl_ragdata.grobid.options import DEFAULT_URL, ParseOptions, checked_url
from axolotl_ragdata.grobid.records import REPORT, read_report
from axolotl_ragdata.grobid.refusals import SEEN_HERE
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.readers import known_suffixes
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import content_id

if TYPE_CHECKING:
    from axolotl_ragdata.grobid import ParseRecord

__all__ = [
    "REPORT",
    "SUFFIX",
    "advice_of",
    "fingerprint",
    "is_for_grobid",
    "options_of",
    "parse_sources",
    "silence_of",
    "tei_beside",
    "tei_folder",
]

SUFFIX = ".pdf"
FOLDER = "tei"
BESIDE = (".tei.xml", ".grobid.tei.xml", ".pdf.tei.xml")


def tei_folder(recipe: Recipe) -> Path:
    """Return where the TEI of the recipe's PDFs is, with `parse-report.jsonl` beside."""
    return recipe.output / FOLDER


def is_for_grobid(path: Path, reader: str | None) -> bool:
    """Return whether a file is a PDF that GROBID parses: no other reader is asked for, and none takes PDFs."""
    return path.suffix.lower() == SUFFIX and reader in (None, "grobid") and SUFFIX not in known_suffixes()


def tei_beside(path: Path, files: set[Path]) -> Path | None:
    """Return the TEI of a PDF that is a source too, under the same name in the same folder."""
    named = (path.with_name(f"{path.stem}{suffix}") for suffix in BESIDE)
    return next((tei for tei in named if tei in files), None)


def options_of(recipe: Recipe) -> ParseOptions:
    """Return how the recipe's PDFs are parsed; without `url` the server is that of GROBID_URL.

    Raises:
        RecipeError: The URL is none.
    """
    block = recipe.ragdata.grobid
    if block.url is not None:
        url = checked_url(block.url, recipe.where("grobid", "url"))
    else:
        url = checked_url(os.environ.get("GROBID_URL") or DEFAULT_URL, "GROBID_URL")
    return ParseOptions(url=url, concurrency=block.concurrency, timeout_s=block.timeout_s, part_pages=block.part_pages)


def fingerprint(recipe: Recipe) -> list[str]:
    """Return what the documents of PDFs depend on besides their bytes: the options, and the TEI that there is.

    A PDF that was refused may have been parsed since, by `ragdata parse`.
    """
    records = read_report(tei_folder(recipe) / REPORT)
    teis = {record.pdf: record.tei_sha256 for record in records if record.tei}
    return [options_of(recipe).fingerprint, content_id("tei", sorted(teis.items()))]


def silence_of(record: ParseRecord) -> tuple[str, ...]:
    """Return a warning about pages of a PDF that went through and of which nothing may have come."""
    if not record.suspicious_pages:
        return ()
    return (f"no text came of pages {record.suspicious_pages}: blank, images, references alone, or lost",)


def advice_of(record: ParseRecord, shown: str, recipe: Recipe) -> str:
    """Return what to do about a PDF that was refused for good; a build does not send it again by itself."""
    if record.code in SEEN_HERE:
        return str(record.advice)
    options, folder = options_of(recipe), Path(os.path.relpath(tei_folder(recipe), recipe.folder)).as_posix()
    server = "" if options.url == DEFAULT_URL else f" --grobid {options.shown_url}"
    parts = "" if options.part_pages == ParseOptions.part_pages else f" --part-pages {options.part_pages}"
    command = f"ragdata parse {shlex.quote(shown)} -o {shlex.quote(folder)}{server}{parts} --retry-failed"
    return f"{record.advice}; to send it again: `{command}` in the recipe's folder, then build"


def parse_sources(recipe: Recipe, pdfs: Sequence[Path], progress: Progress) -> Mapping[Path, ParseRecord]:
    """Return what became of each PDF; only what is new or changed since the last time goes to the server.

    Raises:
        EndpointError: There is something to parse and no GROBID server; the fix is the line that starts one.
        RecipeError: The server's URL is none.
        Interrupted: SIGINT or SIGTERM; what is parsed is kept.
        StoreError: The run directory cannot be written.
    """
    if not pdfs:
        return {}
    from axolotl_ragdata.grobid import find_pdfs, parse_pdfs

    wanted = {path.absolute() for path in pdfs}
    named = find_pdfs([recipe.resolve(source.path) for source in recipe.ragdata.sources])
    chosen = [source for source in named if source.path.absolute() in wanted]
    report = parse_pdfs(chosen, tei_folder(recipe), options_of(recipe), progress)
    return {source.path: record for source, record in zip(chosen, report.records, strict=True)}
