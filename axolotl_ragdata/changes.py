"""What a build would do and why: `ragdata diff`. Nothing is asked, embedded or indexed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from axolotl_ragdata import corpus
from axolotl_ragdata.pipeline import fingerprint, read_passages, stale_reason
from axolotl_ragdata.previous import previous_build, text_key
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example, Passage, Record
from axolotl_ragdata.store import RunDirectory

ASKED = "its question is asked anew"
ANSWERED = "its answer is asked for anew"
KEPT = "kept"
ANEW = ((("passages", "sources"), "cut anew"), (("embed",), "embedded anew"))
QUESTION_KEYS = ("llm.model", "llm.temperature", "llm.seed", "questions")
ANSWER_KEYS = ("answers",)


class Diff(Record):
    """What a build would do; documents by path, rows by what becomes of them and why."""

    reason: str | None
    """Why a build would do something; None: it would do nothing."""
    documents: dict[str, tuple[str, ...]]
    """added, changed, removed, moved and refused."""
    unchanged_documents: int
    settings: dict[str, str]
    """Keys of the recipe, cards and stages that changed, and what follows."""
    passages: dict[str, int]
    """new, gone and standing."""
    rows: dict[str, int]
    retried: int
    """Failures of the last build that would be tried again."""

    @property
    def changes_nothing(self) -> bool:
        """Whether a build would do nothing."""
        return self.reason is None


def diff(recipe: Recipe, progress: Progress | None = None) -> Diff:
    """Return what a build of a recipe would do now.

    Raises:
        NoDocuments: A source names no file, or every file was refused.
        StoreError: The run directory or a source cannot be read.
    """
    run = RunDirectory(recipe.output)
    files = corpus.source_files(recipe)
    wanted = fingerprint(recipe, files)
    reason = stale_reason(run, wanted)
    manifest = run.read_manifest() or {}
    have = manifest.get("fingerprint", {})
    documents = _documents(have.get("sources", []), wanted["sources"])
    settings = dict(_settings(have, wanted)) if have else {}
    before = run.read_table("passages", Passage) if have else []
    if reason is None:
        now: Sequence[Passage] = before
    else:
        now, refused = read_passages(recipe, files, previous_build(run, wanted), progress or Silent())
        documents["refused"] = tuple(refused)
    old, new = {one.id: text_key(one) for one in before}, {text_key(one) for one in now}
    rows = run.read_table("examples", Example) if have else []
    return Diff(
        reason=reason,
        documents={kind: names for kind, names in documents.items() if names and kind != "unchanged"},
        unchanged_documents=len(documents["unchanged"]),
        settings=settings,
        passages={
            "new": len(new - set(old.values())),
            "gone": len(set(old.values()) - new),
            "standing": len(new & set(old.values())),
        },
        rows=dict(Counter(_fate(row, old, new, settings) for row in rows).most_common()),
        retried=int(manifest.get("retryable_failures") or 0),
    )


def _documents(have: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]]) -> dict[str, tuple[str, ...]]:
    old = {name: sha256 for name, sha256, _ in have}
    new = {name: sha256 for name, sha256, _ in wanted}
    gone, came = set(old) - set(new), set(new) - set(old)
    moved = {name for name in came if new[name] in {old[other] for other in gone}}
    left = {name for name in gone if old[name] in {new[other] for other in moved}}
    return {
        "added": tuple(sorted(came - moved)),
        "changed": tuple(sorted(name for name in set(old) & set(new) if old[name] != new[name])),
        "removed": tuple(sorted(gone - left)),
        "moved": tuple(sorted(moved)),
        "unchanged": tuple(sorted(name for name in set(old) & set(new) if old[name] == new[name])),
    }


def _settings(have: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    old, new = dict(_flat(have.get("recipe", {}))), dict(_flat(wanted["recipe"]))
    for key in sorted(set(old) | set(new)):
        if old.get(key) != new.get(key) and not key.startswith("sources"):
            yield f"{key}: {_shown(old, key)} → {_shown(new, key)}", _consequence(key)
    stages, others = have.get("stages", {}), wanted["stages"]
    for name in sorted(set(stages) | set(others)):
        if stages.get(name) != others.get(name):
            yield f"{name}: {stages.get(name, 'none')} → {others.get(name, 'none')}", _consequence(name)
    if have.get("ragdata") != wanted["ragdata"]:
        yield f"ragdata: {have.get('ragdata')} → {wanted['ragdata']}", "everything is read and cut anew"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flat(below, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return str(values[key])[:80] if key in values else "not set"


def _consequence(key: str) -> str:
    if key.startswith("passages"):
        return "passages are cut anew; what stands in another passage is asked anew"
    if key.startswith("embed"):
        return "passages are embedded and searched anew; answers whose passages change are asked for anew"
    if key.startswith(QUESTION_KEYS):
        return ASKED
    if key.startswith(ANSWER_KEYS):
        return ANSWERED
    return "rows are filtered, split and exported anew, without a call"


def _fate(row: Example, old: Mapping[str, str], new: set[str], settings: Mapping[str, str]) -> str:
    own = [old.get(name) for name in row.provenance.passage_ids]
    if not all(key in new for key in own):
        return "retired: its passage changed or went"
    for what, consequence in settings.items():
        if consequence == ASKED:
            return f"{ASKED}: {what}"
    given = [old.get(hit.passage_id) for hit in row.provenance.hits]
    if not all(key in new for key in given):
        return f"{ANSWERED}: a passage that it was given changed or went"
    for what, consequence in settings.items():
        if consequence == ANSWERED:
            return f"{ANSWERED}: {what}"
    return KEPT
