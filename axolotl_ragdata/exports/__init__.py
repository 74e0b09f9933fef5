"""Exports: a finished build → the files of the tool that reads them.

A row format (`exports`) turns one split into lines of JSONL and knows the `datasets:` entry that makes Axolotl read
them: it may stand in a recipe (`export: {format: alpaca}`). A bundle (`bundles`) writes the whole folder that another
tool wants, for `ragdata export`; there every row format is one too, as plain JSONL.

Either is one module here that registers an object, or an entry point of the group `ragdata.exports` or
`ragdata.bundles`. Rows must be plain JSON whose every field has one type in all rows, without nulls: readers of JSONL
infer a column's type from its first lines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from axolotl_ragdata.records import PATH_JOINT, Example, Message, Passage, Rejected, Split
from axolotl_ragdata.registry import Registry

Row = dict[str, Any]
SPLITS: tuple[Split, ...] = ("train", "validation", "test_seen", "test_unseen")


class Template(Protocol):
    """The chat template of the base model."""

    def segments(self, messages: Sequence[Message]) -> list[tuple[bool, str]]:
        """Return the rendered conversation in pieces, each with whether it is trained on."""
        ...


@dataclass(frozen=True)
class Material:
    """What an export may use of one split.

    Args:
        split: Which one.
        examples: Its rows.
        passages: The passages that are its own: what test_unseen keeps out is test_unseen's, all others are train's.
        rejected: Every record that did not become a row, of all splits.
        template: The chat template of the recipe's base model, for exports with `needs_template`.
    """

    split: Split
    examples: Sequence[Example]
    passages: Iterable[Passage] = ()
    rejected: Sequence[Rejected] = ()
    template: Template | None = None


@dataclass(frozen=True)
class Dataset:
    """A finished build on its way into a bundle.

    Args:
        name: Of the dataset: the recipe's stem.
        splits: What there is of each split.
        card: Returns the dataset card of a folder with these files, by split.
        recipe: Axolotl's keys of the recipe.
    """

    name: str
    splits: Mapping[Split, Material]
    card: Callable[[Mapping[str, str]], str]
    recipe: Mapping[str, Any]


class Export(Protocol):
    """What a row format offers."""

    @property
    def needs_template(self) -> bool:
        """Whether it needs `Material.template`."""
        ...

    def rows(self, material: Material) -> list[Row]:
        """Return the lines of one split; each has an `id`."""
        ...

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:` that reads a file of such lines."""
        ...


class Bundle(Protocol):
    """What a bundle offers."""

    @property
    def needs_template(self) -> bool:
        """Whether it needs `Material.template`."""
        ...

    def write(self, dataset: Dataset, folder: Path) -> list[Path]:
        """Write the files below a folder; return them.

        Raises:
            StoreError: One of them cannot be written.
        """
        ...


class RowExport:
    """An export whose every example is a line of its own: `row` and `stanza` are left to write."""

    needs_template = False

    def row(self, example: Example) -> Row:
        """Return the line of one example; its `id` is the example's."""
        raise NotImplementedError

    def rows(self, material: Material) -> list[Row]:
        """Return the lines of one split."""
        return [self.row(example) for example in material.examples]


exports: Registry[Export] = Registry("export", "axolotl_ragdata.exports", "ragdata.exports")
bundles: Registry[Bundle] = Registry("export", "axolotl_ragdata.exports", "ragdata.bundles")


def materials(
    examples: Sequence[Example],
    passages: Sequence[Passage],
    rejected: Sequence[Rejected],
    unseen: Collection[str],
    template: Template | None = None,
) -> dict[Split, Material]:
    """Return what an export may use of each split.

    Args:
        examples: Every row of the build, sorted by id.
        passages: Every passage.
        rejected: Every record that did not become a row.
        unseen: Ids of the passages that test_unseen keeps out of training.
        template: The chat template of the base model, where the export needs one.
    """
    own: dict[Split, Iterable[Passage]] = {
        "train": _Own(passages, unseen, False),
        "test_unseen": _Own(passages, unseen, True),
    }
    return {
        split: Material(split, [row for row in examples if row.split == split], own.get(split, ()), rejected, template)
        for split in SPLITS
    }


@dataclass(frozen=True)
class _Own:
    """The passages of a split, picked out each time they are read: few exports do, and there may be many."""

    passages: Sequence[Passage]
    unseen: Collection[str]
    is_unseen: bool

    def __iter__(self) -> Iterator[Passage]:
        return (one for one in self.passages if (one.id in self.unseen) == self.is_unseen)


def origin(example: Example) -> Row:
    """Return the columns that lead a line back to its source, for people; no trainer reads them."""
    provenance = example.provenance
    return {
        "section": PATH_JOINT.join(provenance.section_path),
        "source": provenance.source_path,
        "title": provenance.doc_title,
        "licence": provenance.licence or "",
        "language": example.language or "",
        "generator": provenance.generator,
        "quotes": [citation.quote for citation in provenance.citations],
        "places": [f"{citation.doc_id}:{citation.start}-{citation.end}" for citation in provenance.citations],
    }


def turns(example: Example) -> list[dict[str, str]]:
    """Return the conversation as plain mappings."""
    return [{"role": turn.role, "content": turn.content} for turn in example.messages]
