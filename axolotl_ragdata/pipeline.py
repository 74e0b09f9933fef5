"""Recipe → stages → engine → run directory: the only place where they are wired together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axolotl_ragdata import accounting, corpus
from axolotl_ragdata.decontamination import evaluation_files
from axolotl_ragdata.errors import NoDocuments, QualityGateFailed, TooManyFailures
from axolotl_ragdata.estimates import Estimate
from axolotl_ragdata.freshness import fingerprint, stale_reason, staleness
from axolotl_ragdata.history import Entry, recorded
from axolotl_ragdata.interruption import interruptible, rarely_collected
from axolotl_ragdata.materials import open_template
from axolotl_ragdata.previous import INQUIRIES, RETRIEVALS, Previous, previous_build
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Example, Failure, Passage, Rejected
from axolotl_ragdata.rehearsal import nothing_to_ask, rehearse
from axolotl_ragdata.rows import SearchMode, make_rows, open_retriever, stage_versions
from axolotl_ragdata.selection import open_filters
from axolotl_ragdata.shelf import DocumentShelf, PassageShelf
from axolotl_ragdata.store import RunDirectory
from axolotl_ragdata.writing import write_run

if TYPE_CHECKING:
    from axolotl_ragdata.gaps import Coverage
    from axolotl_ragdata.index import Retriever


@dataclass(frozen=True)
class BuildReport:
    """What a build left behind: the manifest, and whether anything had to be done."""

    folder: Path
    manifest: Mapping[str, Any]
    unchanged: bool = False

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of records by table and split."""
        return dict(self.manifest["counts"])

    @property
    def files(self) -> dict[str, Path]:
        """The exported file of each split that has rows."""
        return exported_files(self.folder, self.manifest)


@dataclass
class Outcomes:
    """What did not become a row, so far."""

    rejected: list[Any] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By document: what had to be done to cut it into passages."""


def build(recipe: Recipe, progress: Progress | None = None, waiting: Callable[[], None] | None = None) -> BuildReport:
    """Return the report of a finished build; nothing is done when nothing changed.

    Args:
        recipe: What to build.
        progress: Who hears of it.
        waiting: Called when another build holds the run directory, which is then waited for; None: an error instead.

    Raises:
        NoDocuments: No file was found, or every one was refused.
        RunLocked: Another build holds the run directory and `waiting` is None.
        StoreError: The run directory cannot be written.
        ModelFileError: An embedded model cannot be had.
        EndpointError: The endpoint is down or refuses the key, the model or the request.
        MissingKey: The endpoint wants a key and the environment has none.
        BudgetReached: The next call would cross a cap of the recipe.
        TooManyFailures: The dataset is written, with more failures than `max_failure_share` allows.
        QualityGateFailed: The build is finished, and not one row came of it.
        Interrupted: SIGINT or SIGTERM; what was paid for is in the journal.
    """
    check_names(recipe)
    open_template(recipe)  # what it lacks is said before anything is paid for
    run = RunDirectory(recipe.output)
    with interruptible(str(run.folder)), run.locked(waiting):
        files = corpus.source_files(recipe)
        wanted = fingerprint(recipe, files)
        unchanged = stale_reason(run, wanted) is None
        if unchanged:
            report = BuildReport(run.folder, run.read_manifest() or {}, unchanged)
        else:
            with recorded(run.folder) as entry, rarely_collected():
                report = _build(recipe, run, files, wanted, progress or Silent(), entry)
                entry.rows = report.counts["examples"]
    _check_failures(recipe, report)
    check_rows(report)
    return report


def dry_run(recipe: Recipe, progress: Progress | None = None) -> Estimate:
    """Return what a build would ask and cost at most; nothing is asked of a chat model.

    Documents are read and, where embedding is free, indexed: the build then finds that done.

    Raises:
        RagdataError: As `build`, for reading and indexing.
    """
    check_names(recipe)
    run, heard = RunDirectory(recipe.output), progress or Silent()
    with run.locked():
        files = corpus.source_files(recipe)
        wanted = fingerprint(recipe, files)
        if stale_reason(run, wanted) is None:
            return nothing_to_ask(recipe)
        previous, outcomes = previous_build(run, wanted), Outcomes()
        documents = _read(recipe, files, outcomes, heard, corpus.Known(files, wanted, previous), run.folder)
        passages = _passages(recipe, documents, outcomes, heard, previous, run.folder)
        return rehearse(recipe, run, documents, passages, previous, heard)


def ensure_built(recipe: Recipe, waiting: Callable[[], None], progress: Progress | None = None) -> dict[str, Path]:
    """Return the exported file of each split that has rows, built first where the dataset is missing or stale.

    Raises:
        RagdataError: As `build`; a dataset without a training row is refused.
    """
    build(recipe, progress, waiting)
    return files_to_train_on(recipe)


def files_to_train_on(recipe: Recipe) -> dict[str, Path]:
    """Return the exported file of each split of a finished build.

    Raises:
        QualityGateFailed: There is no row to train on.
    """
    manifest = RunDirectory(recipe.output).read_manifest() or {}
    files = exported_files(recipe.output, manifest)
    if "train" not in files:
        what = f"no row is left to train on ({_reasons(manifest)})"
        raise QualityGateFailed(str(recipe.output), what, "read rejected.jsonl there, then loosen filters: or split:")
    return files


def check_names(recipe: Recipe) -> None:
    """Look up everything that the recipe names, before anything is read or spent.

    Raises:
        UnknownName: There is no such question type, filter, export or reader.
        RecipeError: A filter's setting is wrong.
    """
    from axolotl_ragdata.exports import exports
    from axolotl_ragdata.readers import readers

    stage_versions(recipe)
    open_filters(recipe)
    evaluation_files(recipe)
    exports.get(recipe.ragdata.export.format, recipe.where("export", "format"))
    for number, source in enumerate(recipe.ragdata.sources):
        if source.reader is not None:
            readers.get(source.reader, recipe.where("sources", number, "reader"))


def open_search(recipe: Recipe, progress: Progress | None = None, mode: SearchMode | None = None) -> Retriever:
    """Return a retriever over the recipe's documents, indexed first where they changed; no LLM is called.

    Args:
        recipe: Whose documents.
        progress: Who hears of the indexing.
        mode: hybrid, dense or text; None: what the recipe says.

    Raises:
        RagdataError: As `build`, for reading, embedding and indexing.
    """
    run = RunDirectory(recipe.output)
    with run.locked():
        outcomes, heard = Outcomes(), progress or Silent()
        documents = _read(recipe, corpus.source_files(recipe), outcomes, heard)
        passages = _passages(recipe, documents, outcomes, heard)
        return open_retriever(recipe, run, passages, heard, mode)[0]


def coverage(recipe: Recipe) -> tuple[Coverage, str | None]:
    """Return the rows of a recipe's build by section and type, and a note where they are not up to date, else None.

    Raises:
        NoDocuments: No file was found, or every one was refused.
        UnknownName: The recipe names a question type that there is not.
        StoreError: The run directory cannot be read.
    """
    from axolotl_ragdata.gaps import coverage_of

    check_names(recipe)
    run = RunDirectory(recipe.output)
    stale = staleness(recipe)
    documents: Sequence[Document]
    passages: Sequence[Passage]
    if run.read_manifest() is not None:
        documents, passages = run.read_table("documents", Document), run.read_table("passages", Passage)
        examples = run.read_table("examples", Example)
    else:
        outcomes = Outcomes()
        documents = _read(recipe, corpus.source_files(recipe), outcomes, Silent())
        passages, examples = _passages(recipe, documents, outcomes, Silent()), []
    return coverage_of(recipe, documents, passages, examples), stale


def sample_examples(report: BuildReport, count: int) -> list[Example]:
    """Return up to `count` training rows of a build, of different types where it has them.

    Raises:
        StoreError: The table of examples cannot be read.
    """
    rows = [row for row in RunDirectory(report.folder).read_table("examples", Example) if row.split == "train"]
    first_of_type = {row.type: row for row in reversed(rows)}
    varied = [*first_of_type.values(), *(row for row in rows if first_of_type[row.type] is not row)]
    return varied[:count]


def exported_files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Path]:
    """Return the exported file of each split that has rows."""
    return {split: folder / name for split, name in manifest.get("files", {}).items()}


def _build(
    recipe: Recipe,
    run: RunDirectory,
    files: list[corpus.SourceFile],
    wanted: Mapping[str, Any],
    progress: Progress,
    entry: Entry,
) -> BuildReport:
    outcomes, previous = Outcomes(), previous_build(run, wanted)
    documents = _read(recipe, files, outcomes, progress, corpus.Known(files, wanted, previous), run.folder)
    passages = _passages(recipe, documents, outcomes, progress, previous, run.folder)
    rows = make_rows(recipe, run, documents, passages, progress, previous)
    rows.rejected[:0] = outcomes.rejected
    rows.failures[:0] = outcomes.failures
    entry.compact()
    wanted = {**wanted, **corpus.fingerprint_of_pdfs(recipe, files)}  # their TEI is there now
    facts = {"fingerprint": wanted, "cutting": outcomes.warnings, "journal": accounting.marks(run.journal)}
    facts["notes"] = {RETRIEVALS: rows.retrievals, INQUIRIES: rows.plan(rows.examples)}
    manifest = write_run(recipe, run, documents, passages, rows, facts)
    return BuildReport(run.folder, manifest)


def read_passages(
    recipe: Recipe, files: list[corpus.SourceFile], previous: Previous, progress: Progress
) -> tuple[Sequence[Passage], list[str]]:
    """Return the passages that a build would work on, and the paths of what it would refuse; nothing is written.

    Raises:
        RagdataError: As `build`, for reading.
    """
    outcomes = Outcomes()
    known = corpus.Known(files, fingerprint(recipe, files), previous)
    documents = _read(recipe, files, outcomes, progress, known)
    passages = _passages(recipe, documents, outcomes, progress, previous)
    return passages, [str(one.subject["path"]) for one in outcomes.rejected if "path" in one.subject]


def _read(
    recipe: Recipe,
    files: list[corpus.SourceFile],
    outcomes: Outcomes,
    progress: Progress,
    known: Mapping[Path, Document] | None = None,
    folder: Path | None = None,
) -> DocumentShelf:
    parsed = corpus.parse_pdfs(recipe, files, progress)
    progress.start("reading", len(files))
    documents = DocumentShelf(folder)
    for outcome in corpus.read_corpus(recipe, files, parsed, known):
        progress.advance()
        if isinstance(outcome, Document):
            documents.append(outcome)
        elif isinstance(outcome, Failure):
            outcomes.failures.append(outcome)
            progress.say(f"failed {outcome.detail}: {outcome.error}")
        else:
            outcomes.rejected.append(outcome)
            progress.say(f"refused {outcome.subject['path']}: {outcome.reason}")
    if not documents:
        raise _nothing_read(recipe, outcomes)
    documents.sort()
    return documents


def _nothing_read(recipe: Recipe, outcomes: Outcomes) -> NoDocuments:
    count = len(outcomes.rejected) + len(outcomes.failures)
    fix = "see `ragdata read` on one of them"
    if outcomes.rejected:
        first = outcomes.rejected[0]
        what, fix = f"{first.subject['path']}: {first.reason}", first.detail or fix
    else:
        what, fix = f"{outcomes.failures[0].detail}: {outcomes.failures[0].error}", "run the same command again"
    return NoDocuments(recipe.where("sources"), f"all {count} files were refused; the first, {what}", fix)


def _passages(
    recipe: Recipe,
    documents: Sequence[Document],
    outcomes: Outcomes,
    progress: Progress,
    previous: Previous | None = None,
    folder: Path | None = None,
) -> PassageShelf:
    from axolotl_ragdata.passages import Cut, cut_document
    from axolotl_ragdata.tokens import open_tokenizer

    block = recipe.ragdata.passages
    tokenizer = open_tokenizer(block.tokenizer, recipe.folder)
    progress.start("cutting passages", len(documents))
    passages = PassageShelf(folder=folder)
    for document in documents:
        taken = previous.cut(document) if previous else None
        made = Cut(list(taken[0]), list(taken[1])) if taken else cut_document(document, block, tokenizer)
        if not made.passages:
            outcomes.rejected.append(Rejected(stage="passages", subject_id=document.id, reason="no text in its body"))
        if made.warnings:
            outcomes.warnings[document.id] = tuple(made.warnings)
        passages.extend(made.passages)
        progress.advance()
    if not passages:
        count = len(documents)
        what = "the only document has no text" if count == 1 else f"the {count} documents have no text"
        raise NoDocuments(recipe.where("sources"), what, "see `ragdata read` on one of them")
    return passages


def _reasons(manifest: Mapping[str, Any]) -> str:
    reasons: Counter[str] = Counter()
    for found in manifest.get("rejected_by_reason", {}).values():
        reasons.update(found)
    return "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(3)) or "nothing was asked"


def check_rows(report: BuildReport) -> None:
    """Refuse a finished run that has no row.

    Raises:
        QualityGateFailed: It has none; the commonest reasons are named.
    """
    if not report.counts["examples"]:
        what = f"the build is finished and has no row ({_reasons(report.manifest)})"
        fix = "read rejected.jsonl there; loosen filters:, or let a chat model ask (questions: {from: llm})"
        raise QualityGateFailed(str(report.folder), what, fix)


def _check_failures(recipe: Recipe, report: BuildReport) -> None:
    counts = report.counts
    tried = counts["questions"] + counts["failures"]
    share = counts["failures"] / tried if tried else 0.0
    if share > recipe.ragdata.max_failure_share:
        reasons = ", ".join(f"{count} × {name}" for name, count in report.manifest["failures_by_reason"].items())
        what = f"{counts['failures']} of {tried} records failed ({reasons}); the others are written"
        fix = "read failures.jsonl there and run the same command again: only what failed is tried"
        raise TooManyFailures(str(report.folder), what, fix)
