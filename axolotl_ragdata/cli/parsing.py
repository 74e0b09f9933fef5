"""`ragdata parse`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axolotl_ragdata.cli.arguments import AS_JSON
from axolotl_ragdata.errors import NoDocuments, TooManyFailures

if TYPE_CHECKING:
    from axolotl_ragdata.grobid import ParseOptions, ParseReport, PdfSource, RunStopped
    from axolotl_ragdata.progress import Progress


NOT_SENT = "NOT_SENT"


@click.command()
@click.argument("pdfs", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for TEI.")
@click.option(
    "--grobid",
    "url",
    envvar="GROBID_URL",
    default="http://localhost:8070",
    show_default=True,
    show_envvar=True,
    help="The GROBID server.",
)
@click.option(
    "--concurrency", default=10, show_default=True, type=click.IntRange(1, 1024), help="Most requests at once."
)
@click.option("--timeout", "timeout_s", default=300.0, show_default=True, type=click.FloatRange(0.1), help="Seconds.")
@click.option(
    "--part-pages",
    default=60,
    show_default=True,
    type=click.IntRange(1),
    help="A longer PDF is cut along its bookmarks, else by pages, and joined again.",
)
@click.option("--force", is_flag=True, help="Send everything again.")
@click.option("--retry-failed", is_flag=True, help="Send again what the server has refused for good.")
@AS_JSON
def parse(
    pdfs: tuple[str, ...],
    output: Path,
    url: str,
    concurrency: int,
    timeout_s: float,
    part_pages: int,
    force: bool,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Turn PDFS (files, folders or globs) into TEI with a GROBID server.

    Each PDF ends as a TEI in the output folder or, with code, pages and advice, in parse-report.jsonl there; then the
    exit code is 3. What was parsed is not sent again while the PDF and the options stay the same; an interrupted run
    goes on where it was. With --json one line of the report for each PDF is printed.
    """
    from axolotl_ragdata.grobid import ParseOptions, checked_url, find_pdfs, finding_nothing
    from axolotl_ragdata.terminal import TerminalProgress

    if nothing := finding_nothing(pdfs):
        raise NoDocuments(", ".join(nothing), "no PDF there", "name a file, a folder or a glob of .pdf files")
    options = ParseOptions(
        url=checked_url(url, "--grobid"),
        concurrency=concurrency,
        timeout_s=timeout_s,
        part_pages=part_pages,
        force=force,
        retry_failed=retry_failed,
    )
    with TerminalProgress() as progress:
        report, stopped = _parsed(find_pdfs(pdfs), output, options, progress)
    _print(report, as_json)
    if stopped is not None:
        raise stopped
    if report.missing:
        what = f"{len(report.missing)} of {len(report.records)} PDFs have no TEI, or miss pages in it"
        fix = f"see the lines above, or {output / 'parse-report.jsonl'}: each has its advice"
        raise TooManyFailures(str(output), what, fix)


def _parsed(
    pdfs: Sequence[PdfSource], output: Path, options: ParseOptions, progress: Progress
) -> tuple[ParseReport, RunStopped | None]:
    """Return what became of the PDFs, also where the server went away, and why it ended early."""
    from axolotl_ragdata.grobid import RunStopped, parse_pdfs

    try:
        return parse_pdfs(pdfs, output, options, progress), None
    except RunStopped as stopped:
        return stopped.report, stopped


def _print(report: ParseReport, as_json: bool) -> None:
    from axolotl_ragdata.display import printable
    from axolotl_ragdata.grobid import REPORT, explain

    if as_json:
        for record in report.records:
            click.echo(json.dumps(record.model_dump(mode="json"), ensure_ascii=False))
        return
    counts = {
        "parsed": report.count("parsed"),
        "in part": report.count("partial"),
        "failed": sum(record.status == "failed" and record.code != NOT_SENT for record in report.records),
        "not sent": sum(record.status == "failed" and record.code == NOT_SENT for record in report.records),
        "copies": report.count("copy"),
    }
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    unchanged = len(report.records) - report.sent
    done = f"; {unchanged:,} of them done before" if unchanged else ""
    click.echo(f"{report.folder}: {len(report.records):,} PDFs: {shown}{done}")
    for record in report.missing:
        if record.code != NOT_SENT:
            click.echo(printable(f"  {record.status} {explain(record, report.folder)}"))
    silent = [record for record in report.records if record.suspicious_pages]
    if silent:
        told = f"{os.path.normpath(report.folder / silent[0].pdf)}: {silent[0].suspicious_pages}" + (
            "; …" if len(silent) > 1 else ""
        )
        what = "of which no text came, blank, images, references alone, or lost"
        click.echo(printable(f"  {len(silent):,} have pages {what} ({told}): silent_pages in {REPORT}"))
