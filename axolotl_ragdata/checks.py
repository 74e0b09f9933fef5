"""`ragdata check`: everything that can be known to be wrong with a recipe before anything runs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from axolotl_ragdata import corpus
from axolotl_ragdata.errors import ModelFileError, RagdataError
from axolotl_ragdata.freshness import staleness
from axolotl_ragdata.pdfs import options_of
from axolotl_ragdata.pipeline import check_names
from axolotl_ragdata.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from axolotl_ragdata.lengths import Lengths


class Finding(BaseModel):
    """One thing that was looked at: ok, wrong, or said for information."""

    status: Literal["ok", "wrong", "info"]
    subject: str
    text: str
    lines: tuple[str, ...] = ()
    """What stands below it where there is more to show: a histogram."""


def check_recipe(path: Path) -> list[Finding]:
    """Return what was found; our block first, then the documents, the dataset and Axolotl's half.

    Raises:
        RecipeError: The file cannot be read as a recipe at all.
    """
    recipe = load_recipe(path)
    findings = [Finding(status="ok", subject="ragdata", text="every key is known and of the right type")]
    findings.append(_tried("names", lambda: _names(recipe)))
    findings.append(_tried("sources", lambda: _sources(recipe)))
    if findings[-1].status == "ok":
        reason = staleness(recipe)
        text = "the dataset is up to date" if reason is None else f"the next build or training builds it ({reason})"
        findings.append(Finding(status="info", subject="dataset", text=text))
    return [*findings, *_axolotl(path), *_tokens(recipe)]


def _tried(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(status="ok", subject=subject, text=look())
    except RagdataError as error:
        return Finding(status="wrong", subject=subject, text=str(error))


def _names(recipe: Recipe) -> str:
    check_names(recipe)
    return "question types, filters, readers and export are known"


def _sources(recipe: Recipe) -> str:
    files = corpus.source_files(recipe)
    n_pdfs = sum(file.is_pdf for file in files)
    if not n_pdfs:
        return f"{len(files):,} files"
    return f"{len(files):,} files, {n_pdfs:,} of them PDF, for the GROBID server at {options_of(recipe).shown_url}"


def _axolotl(path: Path) -> list[Finding]:
    if find_spec("axolotl") is None:
        fix = "not checked, Axolotl is not installed here (pip install 'axolotl-ragdata[train]')"
        return [Finding(status="info", subject="axolotl", text=fix)]
    # torch and Axolotl talk while they are imported; what matters comes back as problems
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        from axolotl_ragdata.plugin import check_axolotl, deprecated_keys

        problems, old = check_axolotl(path), deprecated_keys(path)
    findings = [Finding(status="wrong", subject="axolotl", text=problem) for problem in problems]
    fine = Finding(status="ok", subject="axolotl", text="its schema accepts the recipe and the plugin loads")
    return [*(findings or [fine]), *(Finding(status="info", subject="axolotl", text=line) for line in old)]


def _tokens(recipe: Recipe) -> list[Finding]:
    """Look at rows as the base model reads them: its chat template, and how many are longer than `sequence_len`."""
    if not recipe.axolotl.get("base_model") or find_spec("transformers") is None:
        text = "not counted: no base_model, or transformers is not installed (pip install 'axolotl-ragdata[train]')"
        return [Finding(status="info", subject="tokens", text=text)]
    # transformers talks while it is imported
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            lengths = _measured(recipe)
        except ModelFileError as problem:  # a check without a network is worth something too
            return [Finding(status="info", subject="tokens", text=f"not counted: {problem.what}")]
        except RagdataError as problem:
            return [Finding(status="wrong", subject="tokens", text=str(problem))]
    if lengths is None:
        return [Finding(status="info", subject="tokens", text="counted once there is a finished build with rows")]
    return [_fitting(recipe, lengths)]


def _measured(recipe: Recipe) -> Lengths | None:
    from axolotl_ragdata.chat_template import open_chat_template
    from axolotl_ragdata.lengths import measure

    if find_spec("axolotl") is None:
        return measure(recipe, open_chat_template(recipe))
    from axolotl_ragdata.plugin import template_named

    return measure(recipe, open_chat_template(recipe, template_named))


def _fitting(recipe: Recipe, lengths: Lengths) -> Finding:
    text = (
        f"{lengths.rows:,} rows of {lengths.shortest:,} to {lengths.longest:,} tokens, median {lengths.median:,.0f}; "
    )
    if not lengths.over:
        text += f"none is longer than sequence_len {lengths.sequence_len:,}"
    else:
        share = f"{lengths.over:,} ({100 * lengths.over / lengths.rows:.1f}%)"
        cut = "are cut into several" if recipe.ragdata.export.format == "completion" else "would be dropped by Axolotl"
        text += f"{share} are longer than sequence_len {lengths.sequence_len:,} and {cut}"
    status: Literal["ok", "info"] = "info" if lengths.over else "ok"
    return Finding(status=status, subject="tokens", text=text, lines=tuple(lengths.lines()))
