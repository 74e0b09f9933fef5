"""What follows for the rows of a finished build when a key of its recipe, a card or a stage changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from axolotl_ragdata.blocks import CRITERIA
from axolotl_ragdata.recipe import Recipe

ASKED = "its question is asked anew"
ANSWERED = "its answer is asked for anew"
PLANNED = "what is asked is planned anew: more may be asked, what is paid for is not asked again"
COUNTED = "what is asked is planned anew, and passages may be asked for other numbers of questions"
SEARCHED = "passages are searched for anew; answers whose passages change are asked for anew"
SAMPLED = "more answers may be asked for; those that are there stay"
JUDGED = "verdicts are asked for"
FREE = "rows are filtered, split and exported anew, without a call"
MADE = "rows are made anew by rules, without a call"
RULES = "questions/structure"
OF_MODEL = ("llm.model", "llm.temperature", "llm.seed")
OF_QUESTIONS = ("questions.from", "questions.paraphrases", "questions.personas", "questions.difficulty")
OF_ANSWERS = ("answers.mode", "answers.top_k", "answers/generative")
OF_SEARCHES = ("answers.search", "answers.min_score", "answers.neighbours", "answers.refresh", "search")
QUOTAS = ("questions.target", "questions.per_section")
Values = Mapping[str, Any]


def consequences(recipe: Recipe, have: Values, wanted: Values) -> Iterator[tuple[str, str]]:
    """Yield what changed between two fingerprints, a key with its values, and what follows from it.

    Args:
        recipe: The recipe as it is now.
        have: The fingerprint of the last build; {} where there is none, and nothing changed.
        wanted: That of the build to come.
    """
    if not have:
        return
    old, new = dict(_flat(have.get("recipe", {}))), dict(_flat(wanted["recipe"]))
    for key in sorted(set(old) | set(new)):
        if old.get(key) != new.get(key) and not key.startswith("sources"):
            yield f"{key}: {_shown(old, key)} → {_shown(new, key)}", _of_key(recipe, key, old, new)
    stages, others = have.get("stages", {}), wanted["stages"]
    for name in sorted(set(stages) | set(others)):
        if stages.get(name) != others.get(name):
            what = f"{name}: {stages.get(name, 'none')} → {others.get(name, 'none')}"
            yield what, _of_stage(recipe, name, name in stages, name in others)
    if have.get("ragdata") != wanted["ragdata"]:
        yield f"ragdata: {have.get('ragdata')} → {wanted['ragdata']}", "everything is read and cut anew"


def _of_key(recipe: Recipe, key: str, old: Values, new: Values) -> str:
    if key.startswith("passages"):
        return "passages are cut anew; what stands in another passage is asked anew"
    if key.startswith("embed"):
        return f"passages are embedded anew; {SEARCHED}"
    if key == "filters":
        return _of_filters(old.get(key) or (), new.get(key) or ())
    if key in OF_MODEL:
        return _of_model(recipe)
    if key.startswith("questions"):
        return _of_questions(recipe, key, old, new)
    return _of_answers(recipe, key, new) if key.startswith("answers") else FREE


def _of_stage(recipe: Recipe, name: str, was: bool, is_there: bool) -> str:
    kind, _, own = name.partition("/")
    if name == "passages":
        return "passages are cut anew; what stands in another passage is asked anew"
    if kind == "questions" and recipe.ragdata.questions.origin == "structure":
        return MADE
    if name == RULES:
        return ASKED
    if kind == "questions":
        changed = f"{ASKED} where {own} is its type" if was else f"questions of the type {own} are asked"
        return changed if is_there else f"rows of the type {own} are left out"
    if kind == "verdicts":
        return f"{JUDGED}: {own}" if is_there else FREE
    return _of_answers(recipe, name, {})


def _of_model(recipe: Recipe) -> str:
    block = recipe.ragdata
    if block.questions.origin == "llm":
        return ASKED
    if block.answers.mode == "generative":
        return ANSWERED
    return f"{JUDGED}: {', '.join(block.criteria)}" if block.criteria else FREE


def _of_questions(recipe: Recipe, key: str, old: Values, new: Values) -> str:
    block = recipe.ragdata.questions
    if block.origin == "structure":
        return MADE
    if key in OF_QUESTIONS or (key == "questions.per_passage" and not block.has_quota):
        return ASKED
    had_quota = any(old.get(quota) is not None for quota in QUOTAS)
    # without a quota each passage is asked for as many questions as it may be; under one, for as many as are missing
    return COUNTED if had_quota != block.has_quota and block.per_passage > 1 else PLANNED


def _of_answers(recipe: Recipe, key: str, new: Values) -> str:
    if recipe.ragdata.answers.mode == "extractive":
        return "answers are picked anew, without a call"
    if key in OF_ANSWERS:
        return ANSWERED
    if key == "answers.samples":
        return SAMPLED
    if key == "answers.refresh" and new.get(key) == "changed":
        return "answers stay while what they were given stands, without a call"
    return SEARCHED if key in OF_SEARCHES else FREE


def _of_filters(old: Sequence[Values], new: Sequence[Values]) -> str:
    before, after = ([each["use"] for each in filters if each["use"] in CRITERIA] for filters in (old, new))
    added = [name for name in after if name not in before]
    return f"{JUDGED}: {', '.join(added)}; then {FREE}" if added else FREE


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flat(below, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _shown(values: Values, key: str) -> str:
    return str(values[key])[:80] if key in values else "not set"
