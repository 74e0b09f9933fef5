"""What the last finished build of a run directory left that the next one need not do again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from axolotl_ragdata import __version__
from axolotl_ragdata.errors import StoreError
from axolotl_ragdata.records import Document, Hit, Passage, Record, content_id
from axolotl_ragdata.shelf import by_id
from axolotl_ragdata.store import RunDirectory, sha256_of

RETRIEVALS = "retrievals"
INQUIRIES = "inquiries"
Found = Sequence[tuple[Hit, Passage]]


class Retrieval(Record):
    """What a search found: its hits, and the keys of the passages' texts, which outlive a change elsewhere."""

    id: str
    texts: tuple[str, ...]
    hits: tuple[Hit, ...]


class Asked(Record):
    """What a build with a quota asked of a passage for one question type, and what of it became rows."""

    id: str
    passage_id: str
    text: str
    """The key of the passage's text, which outlives a change elsewhere."""
    type: str
    producer: str
    """The card that asked, with its version."""
    counts: tuple[int, ...]
    """Questions asked for, each time."""
    rows: int = 0
    """Rows of the dataset that came of them."""


class Taken(NamedTuple):
    """A document that can be taken over: its id, and the reader that made it, with its version."""

    id: str
    reader: str
    reader_version: str


@dataclass(frozen=True)
class Previous:
    """The last finished build; empty where there is none or another version made it.

    Documents and passages stay in its tables until they are asked for.
    """

    sources: Mapping[tuple[str, str], Taken] = field(default_factory=dict)
    """What can be taken over, by path as it is shown and SHA-256 of the file."""
    documents: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    """By id."""
    passages: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    """By document; those that were cut as the recipe still says."""
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By document: its own, then what had to be done to cut it."""
    retrievals: Mapping[str, Retrieval] = field(default_factory=dict)
    asked: Sequence[Asked] = ()
    """Under a quota; () where a chat model would be asked otherwise now."""
    same_plan: bool = False
    """Whether the quota is shared among sections and types as the recipe still says."""

    def cut(self, document: Document) -> tuple[Sequence[Passage], Sequence[str]] | None:
        """Return the passages of a document and what had to be done to cut it, None where it is to be cut anew."""
        taken = self.passages.get(document.id)
        return (taken, self.warnings.get(document.id, ())[len(document.warnings) :]) if taken else None


def previous_build(run: RunDirectory, wanted: Mapping[str, Any]) -> Previous:
    """Return what can be taken over from the last finished build.

    A table that is not as it was written is left alone: everything can be made again.

    Args:
        run: The run directory.
        wanted: The fingerprint of the build that is to come.
    """
    try:
        manifest = run.read_manifest() or {}
        if manifest.get("ragdata_version") != __version__:
            return Previous()
        have = manifest.get("fingerprint", {})
        same_cut = all(_cutting(have)) and _cutting(have) == _cutting(wanted)
        read, cut = (_stands(run, manifest, f"{name}.jsonl") for name in ("documents", "passages"))
        about = manifest.get("documents", ()) if read else ()
        retrievals = run.read_table(RETRIEVALS, Retrieval)
        return Previous(
            # of a PDF's document a warning may be about its pages: it is read again
            {(one["path"], one["sha256"]): Taken(one["id"], *one["reader"]) for one in about if one["pdf"] is None},
            run.open_parts("documents", "id", Document) if read else {},
            run.open_parts("passages", "doc_id", Passage) if read and cut and same_cut else {},
            {one["id"]: one["warnings"] for one in about},
            {one.id: one for one in retrievals},
            run.read_table(INQUIRIES, Asked) if _asking(have) == _asking(wanted) else (),
            _planning(have) == _planning(wanted),
        )
    except (StoreError, KeyError):
        return Previous()


def _stands(run: RunDirectory, manifest: Mapping[str, Any], name: str) -> bool:
    path = run.folder / name
    return path.is_file() and sha256_of(path) == manifest.get("sha256", {}).get(name)


def _cutting(fingerprint: Mapping[str, Any]) -> tuple[Any, Any]:
    return fingerprint.get("recipe", {}).get("passages"), fingerprint.get("stages", {}).get("passages")


def _asking(fingerprint: Mapping[str, Any]) -> list[Any]:
    """Return what every question of a chat model depends on; its card has a version of its own."""
    recipe = fingerprint.get("recipe", {})
    llm, questions = recipe.get("llm", {}), recipe.get("questions", {})
    of_model = [llm.get(key) for key in ("model", "temperature", "seed")]
    return [*of_model, *(questions.get(key) for key in ("from", "paraphrases", "personas", "difficulty"))]


def _planning(fingerprint: Mapping[str, Any]) -> list[Any]:
    questions = fingerprint.get("recipe", {}).get("questions", {})
    return [questions.get(key) for key in ("types", "weights", "section_depth")]


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
        self._keys: dict[str, str] = {}
        self._passages = by_id(passages)
        wanted = {key for one in previous.values() for key in one.texts}
        self._standing: dict[str, str] = {}
        """Of the texts that were found last time: the first passage that has each."""
        for passage in passages if wanted else ():
            if (key := text_key(passage)) in wanted:
                self._standing.setdefault(key, passage.id)
        self.found: dict[str, Retrieval] = {}

    def recall(self, query: str, top_k: int) -> Found | None:
        """Return what a search found last time, None where something of it is gone or it was never made."""
        remembered = self._previous.get(self._id(query, top_k))
        if remembered is None or not all(key in self._standing for key in remembered.texts):
            return None
        standing = [self._passages[self._standing[key]] for key in remembered.texts]
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
