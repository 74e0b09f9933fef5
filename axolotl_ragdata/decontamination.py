"""Rows that hold what a model will be evaluated on: by shared n-grams, or as near-duplicate questions.

Every row is compared with the files that the recipe names, because any row may be trained on. The run's own held-out
rows need no file: `splits` keeps what repeats them out of training.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.duplicates import find_repeats_of
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.examples import answer_of
from axolotl_ragdata.filters import Evidence, Filter, Reason
from axolotl_ragdata.overlap import OverlapIndex
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example
from axolotl_ragdata.store import sha256_of

if TYPE_CHECKING:
    from axolotl_ragdata.embed import Embedder

NAME = "decontaminate"
JUDGE = "judge"
"""In place of a file: the question files of the recipe's `judge:` block."""
FIELDS = ("question", "prompt", "instruction", "input")


@dataclass(frozen=True)
class Evaluated:
    """A text that a model is evaluated on, and where it stands: `file:line`, or the row's id."""

    text: str
    place: str


def evaluation_files(recipe: Recipe) -> list[tuple[Path, str]]:
    """Return the files that rows are compared with, each with its place in the recipe.

    Raises:
        RecipeError: `judge` is named and there is no `judge:` block, or a file is not there.
    """
    block = recipe.ragdata.decontaminate
    found: list[tuple[Path, str]] = []
    for number, name in enumerate(block.against if block is not None else ()):
        where = recipe.where("decontaminate", "against", number)
        if name != JUDGE:
            found.append((recipe.resolve(name), where))
        elif recipe.ragdata.judge is None:
            raise RecipeError(where, "there is no `judge:` block", "add one, or name the files of questions")
        else:
            found += [(recipe.resolve(path), where) for path in recipe.ragdata.judge.questions]
    for path, where in found:
        if not path.is_file():
            raise RecipeError(where, f"there is no file {path}", "name a JSONL file with `question`, or a text file")
    return found


def fingerprint_of(recipe: Recipe) -> dict[str, str]:
    """Return the hash of each file that rows are compared with, {} where there is none.

    Raises:
        RecipeError: As `evaluation_files`.
    """
    return {path.name: sha256_of(path) for path, _ in evaluation_files(recipe)}


def open_decontaminated(recipe: Recipe, embedder: Embedder) -> list[tuple[str, Filter]]:
    """Return the rule that keeps evaluation questions out, [] where the recipe names none.

    Raises:
        RecipeError: A file is missing or not UTF-8, or a line of JSONL has no question.
    """
    block = recipe.ragdata.decontaminate
    evaluated = [one for path, where in evaluation_files(recipe) for one in _read(path, where)]
    if block is None or not evaluated:
        return []
    rule = Decontaminated(ngram=block.ngram, containment=block.containment, threshold=block.threshold)
    return [(NAME, rule.against(evaluated, embedder))]


class Decontaminated(Filter):
    """Keeps a row whose question and answer hold no text that a model is evaluated on."""

    ngram: int = 8
    containment: float = 0.8
    threshold: float = 0.9
    _evaluated: tuple[Evaluated, ...] = ()
    _vectors: Any = None

    def against(self, evaluated: Sequence[Evaluated], embedder: Embedder) -> Decontaminated:
        """Return the rule with what it compares rows with."""
        rule = self.model_copy()
        rule._evaluated = tuple(evaluated)
        rule._vectors = embedder.embed([one.text for one in evaluated])
        return rule

    def check_all(self, examples: Sequence[Example], evidence: Evidence) -> list[Reason | None]:
        """Return for each row the evaluation text that it holds, by its place, with the share or the cosine."""
        texts = [one.text for one in self._evaluated]
        index = OverlapIndex(texts, self.ngram)
        asked = [example.question for example in examples]
        repeats = find_repeats_of(texts, self._vectors, asked, evidence.vectors, self.threshold)
        return [self._reason(row, index, repeat) for row, repeat in zip(examples, repeats, strict=True)]

    def _reason(self, row: Example, index: OverlapIndex, repeat: tuple[int, float] | None) -> Reason | None:
        held = [index.nearest(text) for text in (row.question, answer_of(row))]
        at, share = max((one for one in held if one is not None), key=lambda one: one[1], default=(0, 0.0))
        if share >= self.containment:
            return Reason("shares its words with an evaluation text", self._shown(at), share, self.containment)
        if repeat is not None:
            return Reason("repeats an evaluation question", self._shown(repeat[0]), repeat[1], self.threshold)
        return None

    def _shown(self, at: int) -> str:
        return f"{self._evaluated[at].place}: {self._evaluated[at].text[:300]}"


def _read(path: Path, where: str) -> Iterator[Evaluated]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise RecipeError(where, f"{path} cannot be read: {problem}", "save it as UTF-8 text") from None
    as_json = path.suffix.lower() in (".jsonl", ".ndjson", ".json")
    for number, line in enumerate(lines, 1):
        if line.strip():
            text = _question(line, f"{path}:{number}") if as_json else line.strip()
            yield Evaluated(text, f"{path.name}:{number}")


def _question(line: str, place: str) -> str:
    fix = "write one JSON object a line, each with a `question`"
    try:
        row: Any = json.loads(line)
    except ValueError as problem:
        raise RecipeError(place, f"is not JSON: {problem}", fix) from None
    found = next((row[key] for key in FIELDS if isinstance(row, dict) and isinstance(row.get(key), str)), "")
    if not found.strip():
        raise RecipeError(place, "has no `question`", fix)
    return str(found).strip()
