"""What a build would do and why: `ragdata diff`. Nothing is asked, embedded or indexed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from axolotl_ragdata import corpus
from axolotl_ragdata.consequences import ANSWERED, ASKED, COUNTED, JUDGED, PLANNED, SEARCHED, consequences
from axolotl_ragdata.freshness import fingerprint, stale_reason
from axolotl_ragdata.pipeline import read_passages
from axolotl_ragdata.previous import previous_build, text_key
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example, Passage, Record
from axolotl_ragdata.rows import question_producers
from axolotl_ragdata.store import RunDirectory

KEPT = "kept"
GENERATED = "answers/generative@"


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
    settings = dict(consequences(recipe, have, wanted))
    before = run.read_table("passages", Passage) if have else []
    if reason is None:
        now: Sequence[Passage] = before
    else:
        now, refused = read_passages(recipe, files, previous_build(run, wanted), progress or Silent())
        documents["refused"] = tuple(refused)
    old, new = {one.id: text_key(one) for one in before}, {text_key(one) for one in now}
    rows = run.read_table("examples", Example) if have else []
    fates = Counter(map(_Fates(recipe, old, new, settings), rows))
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
        rows=dict(fates.most_common()),
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


class _Fates:
    """Says what becomes of a row and why: the first thing that its question, its answer or its verdicts ask for.

    Args:
        recipe: The recipe as it is now.
        old: The key of each passage's text in the last build, by the passage's id.
        new: The keys of the texts that stand now.
        settings: What changed, and what follows.
    """

    def __init__(self, recipe: Recipe, old: Mapping[str, str], new: set[str], settings: Mapping[str, str]) -> None:
        self._old, self._new = old, new
        self._settings = settings
        self._producers = question_producers(recipe)
        self._has_quota = recipe.ragdata.questions.has_quota
        refreshes = recipe.ragdata.answers.refresh == "retrieved"
        self._may_find_others = refreshes and not new <= set(old.values())

    def __call__(self, row: Example) -> str:
        """Return what becomes of a row."""
        if not self._stand(row.provenance.passage_ids):
            return "retired: its passage changed or went"
        if self._producers and row.type not in self._producers:
            return "left out: its type is not asked for any more"
        return self._question(row) or self._answer(row) or self._kept()

    def _stand(self, passage_ids: Iterable[str]) -> bool:
        return all(self._old.get(name) in self._new for name in passage_ids)

    def _question(self, row: Example) -> str | None:
        if what := self._first(ASKED):
            return f"{ASKED}: {what}"
        producer = self._producers.get(row.type)
        if producer and producer != row.provenance.question_producer:
            return f"{ASKED}: the card {producer.partition('@')[0]} changed"
        what = self._first(COUNTED)
        return f"its question may be asked anew: {what}" if what else None

    def _answer(self, row: Example) -> str | None:
        if not row.provenance.answer_producer.startswith(GENERATED):
            return None  # it came with its question, or is picked: neither is asked for
        if not self._stand(hit.passage_id for hit in row.provenance.hits):
            return f"{ANSWERED}: a passage that it was given changed or went"
        if what := self._first(ANSWERED):
            return f"{ANSWERED}: {what}"
        what = self._first(SEARCHED, f"passages are embedded anew; {SEARCHED}")
        if self._may_find_others:
            what = "answers.refresh is retrieved, and passages came"
        return f"{KEPT}, unless other passages are found for its answer: {what}" if what else None

    def _kept(self) -> str:
        judged = [consequence for consequence in self._settings.values() if consequence.startswith(JUDGED)]
        if judged:
            return f"{KEPT}; {judged[0].partition(';')[0]}"
        moves = self._has_quota and (bool(set(self._old.values()) ^ self._new) or self._first(PLANNED, COUNTED))
        return f"{KEPT}, unless the share of its section or type is smaller now" if moves else KEPT

    def _first(self, *wanted: str) -> str | None:
        return next((what for what, consequence in self._settings.items() if consequence in wanted), None)
