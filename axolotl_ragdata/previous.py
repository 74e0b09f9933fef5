"""What the last finished build of a run directory left that the next one need not do again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from axolotl_ragdata import __version__
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Document, Hit, Passage, Record, content_id
from axolotl_ragdata.store import RunDirectory

RETRIEVALS = "retrievals"
Found = Sequence[tuple[Hit, Passage]]


class Retrieval(Record):
    """What a search found: its hits, and the keys of the passages' texts, which outlive a change elsewhere."""

    id: str
    texts: tuple[str, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Previous:
    """The last finished build; empty where there is none or another version made it."""

    documents: Mapping[tuple[str, str], Document] = field(default_factory=dict)
    """By path as it is shown and SHA-256 of the file."""
    passages: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    """By document; those that were cut as the recipe still says."""
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By document: what had to be done to cut it."""
    retrievals: Mapping[str, Retrieval] = field(default_factory=dict)


def previous_build(run: RunDirectory, wanted: Mapping[str, Any]) -> Previous:
    """Return what can be taken over from the last finished build.

    A table that cannot be read is left alone: everything can be made again.

    Args:
        run: The run directory.
        wanted: The fingerprint of the build that is to come.
    """
    try:
        manifest = run.read_manifest() or {}
        if manifest.get("ragdata_version") != __version__:
            return Previous()
        have = manifest.get("fingerprint", {})
        documents = run.read_table("documents", Document)
        same_cut = all(_cutting(have)) and _cutting(have) == _cutting(wanted)
        passages = run.read_table("passages", Passage) if same_cut else []
        retrievals = run.read_table(RETRIEVALS, Retrieval)
    except StoreError:
        return Previous()
    cut: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        cut[passage.doc_id].append(passage)
    said = {about["id"]: about["warnings"] for about in manifest.get("documents", ())}
    return Previous(
        # of a PDF's document a warning may be about its pages: it is read again
        {(each.source.path, each.source.sha256): each for each in documents if each.source.pdf is None},
        cut,
        {each.id: said.get(each.id, ())[len(each.warnings) :] for each in documents},
        {each.id: each for each in retrievals},
    )


def _cutting(fingerprint: Mapping[str, Any]) -> tuple[Any, Any]:
    return fingerprint.get("recipe", {}).get("passages"), fingerprint.get("stages", {}).get("passages")


class Memory:
    """Remembers what each search found, so that an answer is asked for again only when what it was given changed.

    A search is answered from memory while every passage that it found still stands in the corpus with the same text,
    wherever; a new passage that would now rank higher does not count.

    Args:
        passages: The corpus.
        about: What else a search depends on: mode and embedder.
        previous: What searches found last time; {} searches everything anew.
    """

    def __init__(self, passages: Sequence[Passage], about: Sequence[str], previous: Mapping[str, Retrieval]) -> None:
        self._about = list(about)
        self._previous = previous
        self._keys = {passage.id: text_key(passage) for passage in passages} if previous else {}
        self._standing: dict[str, Passage] = {}
        for passage in passages if previous else ():
            self._standing.setdefault(self._keys[passage.id], passage)
        self.found: dict[str, Retrieval] = {}

    def recall(self, query: str, top_k: int) -> Found | None:
        """Return what a search found last time, None where something of it is gone or it was never made."""
        remembered = self._previous.get(self._id(query, top_k))
        if remembered is None or not all(key in self._standing for key in remembered.texts):
            return None
        standing = [self._standing[key] for key in remembered.texts]
        found = [
            (hit.model_copy(update={"passage_id": passage.id}), passage)
            for hit, passage in zip(remembered.hits, standing, strict=True)
        ]
        self.keep(query, top_k, found)
        return found

    def keep(self, query: str, top_k: int, found: Found) -> None:
        """Remember what a search found."""
        name = self._id(query, top_k)
        texts = tuple(self._key(passage) for _, passage in found)
        self.found[name] = Retrieval(id=name, texts=texts, hits=tuple(hit for hit, _ in found))

    def _key(self, passage: Passage) -> str:
        key = self._keys.get(passage.id)
        if key is None:
            # many searches find the same passages
            key = self._keys[passage.id] = text_key(passage)
        return key

    def _id(self, query: str, top_k: int) -> str:
        return content_id("r", query, top_k, *self._about)


def text_key(passage: Passage) -> str:
    """Return the key of what an embedder and a chat model see of a passage, wherever it stands."""
    return content_id("t", passage.in_context)
