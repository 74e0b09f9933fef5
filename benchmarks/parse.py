"""PDFs a second of `ragdata parse` against PDFs x latency / concurrency, the shortest possible time, and a book.

    python benchmarks/parse.py [-n 300] [-c 10] [--latency 0.5] [--pages 500] [--json]

The server is a process of its own on loopback that answers each PDF with a TEI after `--latency`; GROBID itself takes
seconds for a PDF. CPU is this process's: hashing, looking at the PDF, sending it, checking the TEI, keeping it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from axolotl_ragdata.grobid import ParseOptions, find_pdfs, parse_pdfs

SERVER = Path(__file__).parent.parent / "tests" / "servers" / "grobid.py"
SERVE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("server", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["server"] = module
spec.loader.exec_module(module)
lines = [f"Line {line} of a page of running text about a disorder." for line in range(40)]
answer = module.tei_of(["\\n".join(lines)] * 10)
server = module.GrobidServer(latency_s=float(sys.argv[2]), canned=answer)
print(server.start().url, flush=True)
sys.stdin.read()
"""


def server_module() -> ModuleType:
    """Return the module of the loopback server, for the PDFs that it makes."""
    spec = importlib.util.spec_from_file_location("server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["server"] = module
    spec.loader.exec_module(module)
    return module


def timed(folder: Path, pdfs: Path, options: ParseOptions) -> tuple[float, float, int]:
    """Return wall and CPU seconds of a run, and how many PDFs it parsed."""
    started, cpu = time.perf_counter(), time.process_time()
    report = parse_pdfs(find_pdfs([pdfs]), folder, options)
    return time.perf_counter() - started, time.process_time() - cpu, report.count("parsed")


def measure(folder: Path, url: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures."""
    made = server_module()
    pdfs = folder / "pdfs"
    pdfs.mkdir()
    page = "# Diagnosis\n" + "\n".join(f"Line {line} of a page of running text about a disorder." for line in range(40))
    for number in range(args.pdfs):
        (pdfs / f"{number:05}.pdf").write_bytes(made.pdf_of([f"{page}\nPaper {number}."] * 10))
    options = ParseOptions(url=url, concurrency=args.concurrency)
    wall_s, cpu_s, parsed = timed(folder / "tei", pdfs, options)
    again_s, _, _ = timed(folder / "tei", pdfs, options)
    book = folder / "book.pdf"
    book.write_bytes(made.pdf_of([f"{page}\nPage {number}." for number in range(args.pages)]))
    book_s, book_cpu_s, books = timed(folder / "books", book, options)
    assert (parsed, books) == (args.pdfs, 1)
    bound_s = args.pdfs * args.latency / args.concurrency
    return {
        "pdfs": args.pdfs,
        "seconds": round(wall_s, 2),
        "of_the_bound": round(bound_s / wall_s, 3),
        "cpu_ms_a_pdf": round(1000 * cpu_s / args.pdfs, 1),
        "again_ms_a_pdf": round(1000 * again_s / args.pdfs, 2),
        "book_pages": args.pages,
        "book_seconds": round(book_s, 2),
        "book_cpu_ms_a_page": round(1000 * book_cpu_s / args.pages, 2),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--pdfs", type=int, default=300)
    parser.add_argument("-c", "--concurrency", type=int, default=10)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    command = [sys.executable, "-c", SERVE, str(SERVER), str(args.latency)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            found = measure(Path(folder), server.stdout.readline().strip(), args)
        finally:
            server.terminate()
    if args.json:
        print(json.dumps(found))
        return 0
    print(f"{found['pdfs']} PDFs of 10 pages in {found['seconds']} s: {found['of_the_bound']} of the bound, ", end="")
    print(f"{found['cpu_ms_a_pdf']} CPU-ms a PDF; again, with nothing to do: {found['again_ms_a_pdf']} ms a PDF")
    print(f"a book of {found['book_pages']} pages in {found['book_seconds']} s", end="")
    print(f", {found['book_cpu_ms_a_page']} CPU-ms a page")
    return 0


if __name__ == "__main__":
    sys.exit(main())
