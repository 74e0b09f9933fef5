"""What a dataset depends on, and whether a finished run still is what a recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from axolotl_ragdata import __version__, corpus
from axolotl_ragdata.decontamination import fingerprint_of
from axolotl_ragdata.materials import needs_template
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.rows import stage_versions
from axolotl_ragdata.store import RunDirectory, sha256_of
from axolotl_ragdata.writing import unfinished

# what decides how a build runs or what it may cost, not what comes out
NOT_CONTENT: dict[str, Any] = {
    "output": True,
    "build": True,
    "max_failure_share": True,
    "judge": True,
    "llm": {"base_url", "api_key_env", "concurrency", "timeout_s", "max_attempts", "patience_s", "price"}
    | {"max_cost", "max_tokens_total", "requests_per_minute", "tokens_per_minute", "mode", "batch"},
    "embed": {"base_url", "api_key_env", "batch_size"},
    "grobid": {"url", "concurrency", "timeout_s"},
}


def staleness(recipe: Recipe) -> str | None:
    """Return why a build would do something, None where the dataset is up to date.

    Raises:
        NoDocuments: A source names no file.
        StoreError: A source file or the manifest cannot be read.
    """
    return stale_reason(RunDirectory(recipe.output), fingerprint(recipe, corpus.source_files(recipe)))


def fingerprint(recipe: Recipe, files: Sequence[corpus.SourceFile]) -> dict[str, Any]:
    """Return what the dataset depends on: version, recipe, cards and the bytes of every source."""
    return {
        "ragdata": __version__,
        "recipe": recipe.ragdata.model_dump(mode="json", by_alias=True, exclude=NOT_CONTENT),
        "stages": stage_versions(recipe),
        "sources": corpus.fingerprint(list(files), recipe.folder),
        **({"decontaminate": fingerprint_of(recipe)} if recipe.ragdata.decontaminate else {}),
        **corpus.fingerprint_of_pdfs(recipe, files),
        **({"base_model": recipe.axolotl.get("base_model")} if needs_template(recipe) else {}),
    }


def stale_reason(run: RunDirectory, wanted: Mapping[str, Any]) -> str | None:
    """Return why a finished run is not what is wanted, None where it is."""
    manifest = run.read_manifest()
    if manifest is None:
        return "there is no finished build"
    have = manifest.get("fingerprint", {})
    changed = [key for key in wanted if have.get(key) != wanted[key]]
    if changed:
        return f"changed since the last build: {', '.join(changed)}"
    if reason := unfinished(manifest):
        return reason
    return damage(run)


def damage(run: RunDirectory) -> str | None:
    """Return which file of a finished run is missing or changed, None where all are as they were written."""
    manifest = run.read_manifest()
    if manifest is None:
        return "there is no finished build"
    for name, sha256 in manifest.get("sha256", {}).items():
        if not (run.folder / name).exists():
            return f"{name} is missing"
        if sha256_of(run.folder / name) != sha256:
            return f"{name} was changed"
    return None
