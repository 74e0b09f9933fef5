"""PDF → TEI through a GROBID server: every PDF ends as a TEI or in the report, none is sent twice, none is lost."""

from __future__ import annotations

from axolotl_ragdata.grobid.options import DEFAULT_URL, ParseOptions, checked_url, docker_line
from axolotl_ragdata.grobid.parsing import ParseReport, RunStopped, explain, parse_pdfs
from axolotl_ragdata.grobid.records import REPORT, ParseRecord, PartRecord
from axolotl_ragdata.grobid.sources import PdfSource, find_pdfs, finding_nothing

__all__ = [
    "DEFAULT_URL",
    "REPORT",
    "ParseOptions",
    "ParseRecord",
    "ParseReport",
    "PartRecord",
    "PdfSource",
    "RunStopped",
    "checked_url",
    "docker_line",
    "explain",
    "find_pdfs",
    "finding_nothing",
    "parse_pdfs",
]
