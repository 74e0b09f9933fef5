"""What is compared, looked up before anything is spent: weights on this machine, endpoints with their keys, answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.base_model import EMBEDDED, ORIGIN, base_model_folder
from axolotl_ragdata.blocks import CandidateBlock, JudgeBlock, LlmBlock
from axolotl_ragdata.endpoints import base_url_of, key_for
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.judge.questions import read_lines
from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.wording import normalised

AXOLOTLS_OUTPUT = "./model-out"
LOCAL = ("base", "adapter")


NOT_IN_FILE = "no answer in the file"


@dataclass(frozen=True)
class Candidate:
    """A candidate that was looked up. `base` and `adapter` are of a model on this machine, `given` of a file."""

    block: CandidateBlock
    where: str
    base: str | None = None
    adapter: Path | None = None
    given: tuple[CandidateAnswer, ...] = ()
    strangers: int = 0
    """Lines of a file of answers that are to none of the questions."""

    @property
    def name(self) -> str:
        """How tables name it."""
        return self.block.label

    @property
    def trained(self) -> Path | None:
        """The folder of what was trained, None of every other candidate."""
        if self.block.source != "adapter" or self.base is None:
            return None
        return self.adapter or Path(self.base)

    @property
    def is_local(self) -> bool:
        """Whether its weights are on this machine, so that log-likelihoods can be had."""
        return self.base is not None


def look_up(recipe: Recipe, block: JudgeBlock, questions: Sequence[JudgeQuestion]) -> list[Candidate]:
    """Return the candidates of a judgement; nothing is loaded and nothing is spent.

    Raises:
        RecipeError: Nothing was trained yet, an adapter is of another base model, or a file of answers is empty, wrong
            or answers none of the questions.
        MissingKey: A candidate's or judge's endpoint wants a key and the environment has none.
    """
    found = [
        _candidate(recipe, each, recipe.where("judge", "candidates", number), questions)
        for number, each in enumerate(block.candidates)
    ]
    for number, judge in enumerate(block.judges):
        require_key(judge, recipe.where("judge", "judges", number))
    return found


def require_key(block: LlmBlock, where: str) -> None:
    """Refuse an endpoint beyond this machine without a key.

    Raises:
        MissingKey: The environment holds none.
    """
    if block.model != EMBEDDED:
        key_for(base_url_of(block.base_url), block.api_key_env, where)


def _candidate(recipe: Recipe, block: CandidateBlock, where: str, questions: Sequence[JudgeQuestion]) -> Candidate:
    if block.source == "answers":
        path = recipe.resolve(str(block.path))
        given, strangers = read_answers(path, block.label, questions, where)
        probes = {question.id for question in questions if question.probe is not None}
        if probes and not any(answer.text for answer in given if answer.question_id in probes):
            what = f"{path} answers none of the {len(probes)} probes of `safety` and `fairness`"
            raise RecipeError(where, what, "leave both out of `scoring:`, or compare models that can be asked")
        return Candidate(block, where, given=given, strangers=strangers)
    if block.source == "endpoint":
        require_key(block, where)
    if block.source not in LOCAL:
        return Candidate(block, where)
    base = str(recipe.axolotl.get("base_model") or "")
    if not base:
        raise RecipeError(f"{recipe.path}: base_model", "is missing", "name the model that is fine-tuned")
    if block.source == "base":
        return Candidate(block, where, base=base)
    return _trained(recipe, block, where, base)


def _trained(recipe: Recipe, block: CandidateBlock, where: str, base: str) -> Candidate:
    """Return the trained model: an adapter on its base, or weights of its own (merged, or all of them tuned)."""
    if block.path:
        folder = recipe.resolve(block.path)
    else:  # Axolotl's own paths are relative to where it is started
        folder = Path(str(recipe.axolotl.get("output_dir") or AXOLOTLS_OUTPUT)).expanduser().absolute()
    for place in (folder, folder / "merged"):
        if (place / "adapter_config.json").exists() and _weights(place, "adapter_model*"):
            refuse_other_base(place, base, where)
            return Candidate(block, where, base=base, adapter=place)
        if (place / "config.json").exists() and _weights(place, "*model*"):
            return Candidate(block, where, base=str(place))
    what = f"there is no trained model in {folder}"
    fix = f"run `axolotl train {recipe.path}` first (where you start it decides where output_dir is), or give `path:`"
    raise RecipeError(f"{where}.path" if block.path else where, what, fix)


def _weights(folder: Path, pattern: str) -> bool:
    return any(folder.glob(f"{pattern}.safetensors")) or any(folder.glob(f"{pattern}.bin"))


def refuse_other_base(adapter: Path, base: str, where: str) -> None:
    """Refuse an adapter whose configuration names another base model than the recipe does.

    Raises:
        RecipeError: It does, or the configuration cannot be read.
    """
    path = adapter / "adapter_config.json"
    try:
        named = str(json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    except (OSError, ValueError, AttributeError):
        raise RecipeError(
            where, f"{path} cannot be read", "train again, or name another adapter with `path:`"
        ) from None
    if named and not _same_base(named, base):
        what = f"the adapter in {adapter} is for the base model {named}, the recipe's is {base}"
        raise RecipeError(where, what, "name the adapter that this recipe trained, or correct `base_model`")


def _same_base(named: str, base: str) -> bool:
    if base == EMBEDDED:
        return named == ORIGIN or Path(named).name == base_model_folder().name
    # a model may have been moved, or fetched from the hub into a folder of its name
    return named == base or Path(named).name == Path(base).name


def read_answers(
    path: Path, candidate: str, questions: Sequence[JudgeQuestion], where: str
) -> tuple[tuple[CandidateAnswer, ...], int]:
    """Return an answer or a failure for each question, and how many lines of the file are to none of them.

    The file is JSONL of `question_id` (or `question`) and `answer`.

    Raises:
        RecipeError: The file is empty or wrong, answers a question twice, or answers none of the questions.
    """
    by_text = {normalised(question.question): question.id for question in questions}
    known = {question.id for question in questions}
    texts: dict[str, str] = {}
    strangers = 0
    for number, line in read_lines(path, where):
        at = f"{path}:{number}"
        text, name = line.get("answer"), line.get("question_id")
        if not isinstance(text, str):
            raise RecipeError(at, "answer: is missing or no text", 'write {"question_id": "…", "answer": "…"}')
        if name is None and isinstance(line.get("question"), str):
            name = by_text.get(normalised(line["question"]))
        elif isinstance(name, int):
            name = str(name)
        elif not isinstance(name, str):
            raise RecipeError(at, "names no question", 'write {"question_id": "…", "answer": "…"}')
        if name in texts:
            raise RecipeError(at, f"answers the question {name!r} a second time", "keep one answer a question")
        if name in known:
            texts[str(name)] = text
        else:
            strangers += 1
    if not texts:
        what = f"none of the answers in {path} is to one of the {len(questions)} questions"
        shown = ", ".join(repr(question.id) for question in questions[:3])
        fix = f"give `question`, a question's text, or `question_id`: {shown}{', …' if len(questions) > 3 else ''}"
        raise RecipeError(where, what, fix)
    return tuple(_given(question.id, candidate, texts.get(question.id)) for question in questions), strangers


def _given(question_id: str, candidate: str, text: str | None) -> CandidateAnswer:
    failure = NOT_IN_FILE if text is None else None
    return CandidateAnswer(question_id=question_id, candidate=candidate, text=text, failure=failure)
