"""A finished run, filtered and split again by the recipe as it is now: no document is read and no chat model called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from axolotl_ragdata import corpus
from axolotl_ragdata.carrying import rows_of
from axolotl_ragdata.errors import RecipeError, StoreError
from axolotl_ragdata.freshness import fingerprint
from axolotl_ragdata.pipeline import BuildReport, check_names, check_rows
from axolotl_ragdata.previous import INQUIRIES, Asked
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Answer, Document, Failure, Passage, Question, Rejected, Verdict
from axolotl_ragdata.selection import SELECTED, Rows, select
from axolotl_ragdata.store import RunDirectory, sha256_of
from axolotl_ragdata.writing import write_run

SELECTING = ("filters", "split", "decontaminate", "export")
"""Keys of the recipe that decide what is made of the answers, and nothing before."""
READ = ("documents", "passages", "questions", "answers", "verdicts", "rejected", "failures")
VERIFYING = "verdicts/"
LATER = ("ragdata", "recipe", "stages", "base_model", "decontaminate")
"""Keys of a fingerprint that are compared otherwise, or not at all."""


def filter_again(recipe: Recipe, progress: Progress | None = None) -> BuildReport:
    """Return the report of a run whose rows were chosen anew, as a build of this recipe would choose them.

    Args:
        recipe: The recipe of the run, with other filters, thresholds, splits or export.
        progress: Who hears of it.

    Raises:
        RecipeError: More than these was changed, or a filter needs verdicts that the run does not hold.
        UnknownName: There is no filter or export of that name.
        RunLocked: A build holds the run directory.
        StoreError: There is no finished run, or it cannot be read or written.
        QualityGateFailed: Not one row is left; or a split holds what it must not, and nothing was written.
    """
    check_names(recipe)
    run = RunDirectory(recipe.output)
    with run.locked():
        manifest = run.read_manifest()
        if manifest is None:
            raise StoreError(str(run.folder), "there is no finished build here", "run `ragdata build` first")
        wanted = fingerprint(recipe, corpus.source_files(recipe))
        _check_untouched(run, manifest)
        _check_same(recipe, manifest["fingerprint"], wanted)
        _check_verdicts(recipe, manifest)
        report = _selected(recipe, run, manifest, wanted, progress or Silent())
    check_rows(report)
    return report


def _selected(
    recipe: Recipe, run: RunDirectory, manifest: Mapping[str, Any], wanted: Mapping[str, Any], progress: Progress
) -> BuildReport:
    from axolotl_ragdata.embed import open_embedder

    documents, passages = run.read_table("documents", Document), run.read_table("passages", Passage)
    rows = _rows(run, manifest)
    depth = recipe.ragdata.questions.section_depth
    rows.held = rows_of(run.read_table(INQUIRIES, Asked), {passage.id: passage for passage in passages}, depth)
    select(recipe, documents, passages, open_embedder(recipe, run.cache), rows, progress)
    warned = {about["id"]: about["warnings"] for about in manifest["documents"]}
    cutting = {document.id: warned[document.id][len(document.warnings) :] for document in documents}
    asked = recipe.ragdata.questions
    fewer = len(rows.examples) < manifest["counts"]["examples"] or bool(manifest.get("below_quota"))
    facts = {
        "fingerprint": wanted,
        "cutting": cutting,
        "journal": manifest["journal"],
        "below_quota": fewer and (asked.target is not None or asked.per_section is not None),
    }
    return BuildReport(run.folder, write_run(recipe, run, documents, passages, rows, facts))


def _rows(run: RunDirectory, manifest: Mapping[str, Any]) -> Rows:
    """Return what the run holds, without what its own selection made of it."""
    rejected = [one for one in run.read_table("rejected", Rejected) if not one.stage.startswith(SELECTED)]
    return Rows(
        questions=run.read_table("questions", Question),
        answers=run.read_table("answers", Answer),
        verdicts=run.read_table("verdicts", Verdict),
        rejected=rejected,
        failures=run.read_table("failures", Failure),
        index=dict(manifest["index"]),
        llm=dict(manifest["llm"]),
    )


def _check_same(recipe: Recipe, have: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse what changed before the answers were there: only a build can follow that."""
    before, after = (dict(_earlier(each)) for each in (have, wanted))
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if changed:
        what = f"{', '.join(changed)} changed since the build; only {', '.join(SELECTING)} can be applied again"
        places = [recipe.where(key) for key in changed if key in type(recipe.ragdata).model_fields]
        where = places[0] if places else str(recipe.path)
        raise RecipeError(where, what, "run `ragdata build`: what did not change is not paid again")


def _earlier(fingerprint: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what answers depend on: keys of the recipe, files, stages."""
    yield "the version of ragdata", fingerprint.get("ragdata")
    # of the base model only the template of the export is used, which is rendered again
    yield from ((key, value) for key, value in fingerprint.items() if key not in LATER)
    yield from ((key, value) for key, value in fingerprint.get("recipe", {}).items() if key not in SELECTING)
    for name, version in fingerprint.get("stages", {}).items():
        if not name.startswith(VERIFYING):
            yield f"the stage {name}", version


def _check_verdicts(recipe: Recipe, manifest: Mapping[str, Any]) -> None:
    from axolotl_ragdata.verdicts import producer_of

    held = manifest.get("verdicts", {})
    for number, each in enumerate(recipe.ragdata.filters):
        if each.use in recipe.ragdata.criteria and held.get(each.use, {}).get("producer") != producer_of(each.use):
            what = f"{each.use!r} needs verdicts that this run does not hold"
            raise RecipeError(recipe.where("filters", number), what, "run `ragdata build`: only they are asked for")


def _check_untouched(run: RunDirectory, manifest: Mapping[str, Any]) -> None:
    for name in (f"{table}.jsonl" for table in READ):
        path = run.folder / name
        if not path.is_file() or sha256_of(path) != manifest.get("sha256", {}).get(name):
            raise StoreError(str(path), "is not what the build wrote", "run `ragdata build`: it is made anew, unpaid")
