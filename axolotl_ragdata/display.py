"""What the terminal shows: progress on stderr, tables and samples on stdout, errors with their fix."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.errors import RagdataError
from axolotl_ragdata.records import PATH_JOINT

if TYPE_CHECKING:
    from rich.console import Console

    from axolotl_ragdata.records import Document, Example, Hit, Passage
    from axolotl_ragdata.trace import Trace, TracedQuote

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it: control characters, and those that turn the direction of writing."""
SAMPLE_WIDTH = 100
FILE_WIDTH = 160


def show_error(error: RagdataError, debug: bool) -> None:
    """Print an error and its fix on stderr; the traceback only with `--debug`."""
    if debug:
        traceback.print_exception(error)
    print(f"error: {printable(str(error))}", file=sys.stderr)  # noqa: T201


def printable(text: str) -> str:
    r"""Return text of a document or a model as a terminal may have it: what would be obeyed is written out.

    >>> printable("a" + chr(27) + "[2Jb")
    'a\\x1b[2Jb'
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def stdout() -> Console:
    """Return a console on stdout that never interprets what a document says as markup."""
    from rich.console import Console

    # a file has no width: what is cut there cannot be read
    width = None if sys.stdout.isatty() else FILE_WIDTH
    return Console(markup=False, highlight=False, soft_wrap=True, width=width)


def show_document(document: Document) -> None:
    """Print what was read of a document: file, title, language, counts, warnings."""
    console = stdout()
    kinds = [block.kind for _, block, _ in document.placed_blocks]
    numbers = {
        "sections": len(document.sections),
        "words": len(document.text.split()),
        "tables": kinds.count("table"),
        "figures": kinds.count("figure"),
        "references": len(document.references),
    }
    counted = ", ".join(f"{number:,} {name}" for name, number in numbers.items())
    console.print(printable(document.source.path), style="bold")
    console.print(f"  {printable(document.title) or '(no title)'}", style="cyan")
    console.print(f"  {printable(document.language or 'language not known')}; {counted}")
    for warning in document.warnings:
        console.print(f"  warning: {printable(warning)}", style="yellow")


def show_hits(found: Sequence[tuple[Hit, Passage]]) -> None:
    """Print search results: rank, score, section, text."""
    console = stdout()
    for hit, passage in found:
        scores = [f"score {hit.score:.4f}"]
        scores += [f"dense {hit.dense_score:.3f} (#{hit.dense_rank})"] if hit.dense_score is not None else []
        scores += [f"text {hit.text_score:.2f} (#{hit.text_rank})"] if hit.text_score is not None else []
        console.print(f"{hit.rank}. {'  '.join(scores)}", style="bold")
        console.print(f"   {printable(passage.heading)}", style="cyan")
        console.print(f"   {printable(' '.join(passage.text.split()))}\n")


def show_build(manifest: Mapping[str, Any], folder: str, unchanged: bool, samples: Sequence[Example]) -> None:
    """Print what a build made: counts, what was dropped and why, where it lies, and some rows."""
    console = stdout()
    counts = manifest["counts"]
    console.print(f"{folder}: {'nothing changed' if unchanged else 'built'}", style="bold")
    line = ("documents", "refused", "passages", "questions", "answers", "examples", "rejected", "failures")
    console.print("  " + "  ".join(f"{name} {counts[name]:,}" for name in line))
    console.print("  " + "  ".join(f"{split} {counts[split]:,}" for split in manifest["files"]))
    for stage, reasons in manifest["rejected_by_reason"].items():
        for reason, count in reasons.items():
            console.print(f"  dropped {count:,} at {stage}: {reason}", style="dim")
    for reason, count in manifest["failures_by_reason"].items():
        console.print(f"  failed {count:,}: {reason}", style="red")
    if llm := manifest.get("llm"):
        console.print(f"  {_spent(llm)}")
    for split, name in manifest["files"].items():
        console.print(f"  {split:<12}{name}")
    for example in samples:
        show_example(console, example)


def _spent(llm: Mapping[str, Any]) -> str:
    """Return a line: what this run asked and cost, and what all runs of the build did where there were several."""
    usage = llm["usage_of_this_run"]
    asked = f"{usage['calls']:,} calls, {usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out"
    cost = llm.get("cost_of_this_run")
    parts = [f"{llm['model']}: {asked}", *([] if cost is None else [f"{cost:,.4f} spent"])]
    if cost is not None and llm["usage"] != usage:
        parts.append(f"{llm['cost']:,.4f} over all runs of this build")
    return "; ".join([*parts, f"{llm['calls_answered_by_the_journal']:,} from the journal"])


def show_example(console: Console, example: Example) -> None:
    """Print a row with its quote and where it stands."""
    console.print(f"\n  Q  {printable(example.question)}", style="bold")
    console.print(f"  A  {printable(' '.join(example.answer.split()))}")
    for citation in example.provenance.citations[:2]:
        place = " / ".join((example.provenance.source_path, *example.provenance.section_path))
        console.print(printable(f"     “{' '.join(citation.quote.split())[:SAMPLE_WIDTH]}”  {place}"), style="dim")


def show_trace(found: Trace) -> None:
    """Print the way back of a row, a line for each step."""
    console = stdout()
    console.print(f"{found.id}  {found.split}  {printable(found.type)}", style="bold")
    for name, text in _steps(found):
        if name.startswith("quote"):
            console.print()
        style = "cyan" if name.startswith("quote") else "red" if name == "wrong" else None
        console.print(f"{name:<11}{printable(' '.join(text.split()))}", style=style)


def _steps(found: Trace) -> Iterator[tuple[str, str]]:
    """Yield what leads from a row to its quotes, and from each quote to its file."""
    yield from ((turn.role, turn.content) for turn in found.earlier)
    yield "question", found.question
    yield "answer", found.answer if found.answerable else f"{found.answer} (not answerable from the documents)"
    yield "made by", f"{found.question_by} asked, {found.answer_by} answered"
    for number, quote in enumerate(found.quotes, 1):
        yield f"quote {number}", f"“{quote.quote}”"
        yield from _steps_of_quote(quote)
    if not found.quotes:
        yield "passage", f"{', '.join(found.passage_ids) or 'none'} (the row has no quote)"


def _steps_of_quote(quote: TracedQuote) -> Iterator[tuple[str, str]]:
    if not quote.found:
        yield "wrong", "the quote does not stand where the row says: run `ragdata verify`"
    yield from (("sentence", sentence) for sentence in quote.sentences)
    heading = PATH_JOINT.join(quote.section_path) or "(no heading)"
    yield "section", f"{heading} [{quote.block}, characters {quote.start:,} to {quote.end:,}]"
    for reference in quote.references:
        shown = f"{reference.text} {reference.title or '(no title)'}"
        yield "cites", f"{shown}, https://doi.org/{reference.doi}" if reference.doi else shown
    for box in quote.boxes:
        yield "page", f"{box.page}: {box.width:g} × {box.height:g} pt at x {box.x:g}, y {box.y:g}"
    if not quote.boxes:
        yield "page", "not known: the file gives this passage no coordinates"
    yield "passage", quote.passage_id
    facts = (", ".join(quote.authors[:3]), str(quote.year or ""), quote.doi or "", quote.licence or "")
    yield "document", "; ".join(filter(None, (quote.title or "(no title)", *facts)))
    state = f", {quote.file.state}" if quote.file.state else ""
    yield "file", f"{quote.file.path} (SHA-256 {quote.file.sha256[:16]}…{state})"
    if quote.file.pdf:
        yield "made from", f"{quote.file.pdf} (SHA-256 {str(quote.file.pdf_sha256)[:16]}…)"
