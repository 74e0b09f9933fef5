"""A finished build on its way to another tool: the files of a bundle, and the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from axolotl_ragdata.base_model import EMBEDDED, ORIGIN
from axolotl_ragdata.errors import QualityGateFailed, RagdataError, RecipeError, StoreError
from axolotl_ragdata.exports import Dataset, materials
from axolotl_ragdata.freshness import staleness
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example, Passage, Rejected
from axolotl_ragdata.splits import held_out_passages
from axolotl_ragdata.store import RunDirectory, write_atomically

FOLDER = "exports"
UNCLEAR = ("unknown", "other")


@dataclass(frozen=True)
class Delivered:
    """The files of a bundle, and why they may be older than the recipe (None: they are not)."""

    folder: Path
    files: tuple[Path, ...]
    stale: str | None


def deliver(recipe: Recipe, format_name: str, folder: Path | None = None) -> Delivered:
    """Write a finished build in the form that a tool reads.

    Args:
        recipe: Whose run directory.
        format_name: A row format or a bundle.
        folder: Where to; None: `exports/<format>` in the run directory.

    Raises:
        UnknownName: There is no such format.
        StoreError: There is no finished build, or a file cannot be read or written.
        QualityGateFailed: The build has nothing of that kind, such as pairs for `preference`.
        RecipeError: The base model has no chat template, for a format that needs one.
        ModelFileError: Its tokenizer cannot be had, for a format that needs it.
    """
    from axolotl_ragdata.exports.jsonl import open_bundle

    bundle = open_bundle(format_name, "--format")
    dataset = open_dataset(recipe, bundle.needs_template)
    target = folder or recipe.output / FOLDER / format_name
    files = bundle.write(dataset, target)
    if not files:
        what = f"the build has no rows for {format_name!r}"
        fix = "preference needs `answers: {mode: generative, samples: 2}` and an answer that failed a check"
        raise QualityGateFailed(str(recipe.output), what, fix)
    return Delivered(target, tuple(files), _stale(recipe))


def open_dataset(recipe: Recipe, needs_template: bool = False) -> Dataset:
    """Return a finished build as bundles take it.

    Raises:
        StoreError: There is none, or it cannot be read.
        RecipeError: The base model has no chat template, where it is needed.
        ModelFileError: Its tokenizer cannot be had, where it is needed.
    """
    run = RunDirectory(recipe.output)
    manifest = run.read_manifest()
    if manifest is None:
        raise StoreError(str(run.folder), "there is no finished build here", f"run `ragdata build {recipe.path}` first")
    examples = run.read_table("examples", Example)
    passages = run.read_table("passages", Passage)
    unseen_by = str(manifest.get("recipe", {}).get("split", {}).get("unseen_by", "section"))
    unseen = held_out_passages(examples, passages, unseen_by)
    template = None
    if needs_template:
        from axolotl_ragdata.chat_template import open_chat_template

        template = open_chat_template(recipe)
    return Dataset(
        name=str(manifest["name"]),
        splits=materials(examples, passages, run.read_table("rejected", Rejected), unseen, template),
        card=lambda files: _card(manifest, examples, files),
        recipe=_named(recipe.axolotl),
    )


def _card(manifest: Mapping[str, Any], examples: Sequence[Example], files: Mapping[str, str]) -> str:
    from axolotl_ragdata.card import dataset_card

    return dataset_card({**manifest, "files": dict(files)}, examples)


def _named(axolotl: Mapping[str, Any]) -> dict[str, Any]:
    # nobody else knows `embedded`
    return {**axolotl, **({"base_model": ORIGIN} if axolotl.get("base_model") == EMBEDDED else {})}


def _stale(recipe: Recipe) -> str | None:
    try:
        return staleness(recipe)
    except RagdataError as problem:  # the documents may be gone; what was built from them is still there
        return problem.what


@dataclass(frozen=True)
class Pushed:
    """What was uploaded, or would be: file names with their sizes in bytes, the licence, and where (None: nowhere)."""

    files: dict[str, int]
    licence: str
    url: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"files": self.files, "licence": self.licence, "url": self.url}


def push(recipe: Recipe, repo_id: str, licence: str | None, private: bool, dry_run: bool) -> Pushed:
    """Upload a finished build as a dataset of the Hugging Face hub.

    Args:
        recipe: Whose run directory.
        repo_id: `name` or `organisation/name`.
        licence: The hub's identifier of the licence; None: what the documents state, where all of them do.
        private: Whether a new repository can only be seen by its owners.
        dry_run: Prepare everything and upload nothing.

    Raises:
        RecipeError: There is no licence, or no such repository name.
        MissingKey: There is no token.
        EndpointError: The hub refuses, or cannot be reached.
        StoreError: There is no finished build, or the folder cannot be written.
    """
    made = deliver(recipe, "huggingface")
    card = made.folder / "README.md"
    stated = _license(card, licence)
    url = None
    if not dry_run:
        from axolotl_ragdata.hub import upload

        dataset = (RunDirectory(recipe.output).read_manifest() or {}).get("dataset_id")
        url = upload(made.folder, made.files, repo_id, private, f"ragdata push of {dataset}")
    sizes = {path.relative_to(made.folder).as_posix(): path.stat().st_size for path in made.files}
    return Pushed(sizes, stated, url)


def _license(card: Path, licence: str | None) -> str:
    """Return the licence that a card states; one that is given takes the place of what the documents say."""
    _, front, rest = card.read_text(encoding="utf-8").split("---\n", 2)
    keys = yaml.safe_load(front)
    found = [licence] if licence else keys.get("license", [])
    stated = [found] if isinstance(found, str) else list(found)
    unclear = [name for name in stated if name in UNCLEAR] or (["none"] if not stated else [])
    if unclear:
        what = f"no licence to publish under: the documents' are {', '.join(stated) or 'not stated'}"
        raise RecipeError("--licence", what, "name the one that you may publish under, such as --licence cc-by-4.0")
    keys["license"] = stated[0] if len(stated) == 1 else stated
    text = yaml.safe_dump(keys, sort_keys=False, allow_unicode=True)
    write_atomically(card, f"---\n{text}---\n{rest}".encode())
    return ", ".join(stated)
