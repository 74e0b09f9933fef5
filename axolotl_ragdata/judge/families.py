"""Which models are relatives: a judge should not mark its own family alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from axolotl_ragdata.errors import RecipeError

EMBEDDED = "smollm"
FAMILIES = (
    (r"gpt|chatgpt|davinci|\bo[1-9](?:-|$)", "gpt"),
    (r"claude", "claude"),
    (r"mi[sx]tral|ministral|codestral|magistral|zephyr|devstral", "mistral"),
    (r"llama|vicuna|alpaca|hermes|tulu", "llama"),
    (r"qwen|qwq", "qwen"),
    (r"gemma|gemini|palm", "gemini"),
    (r"deepseek", "deepseek"),
    (r"command|aya", "command"),
    (r"smollm|^embedded$", EMBEDDED),
    (r"\bphi\b|\bphi-", "phi"),
)


def family_of(model: str) -> str:
    """Return the family of a model by its name; of a name nobody knows, its first word.

    >>> [family_of(name) for name in ("mistralai/Mistral-7B-Instruct-v0.2", "gpt-4o-mini", "o3-mini", "Acme-9B")]
    ['mistral', 'gpt', 'gpt', 'acme']
    """
    name = model.rstrip("/").rsplit("/", 1)[-1].lower()
    for pattern, family in FAMILIES:
        if re.search(pattern, name):
            return family
    first = re.match(r"[^\W\d_]+", name)
    return first[0] if first else name


def related(judge: str, candidates: Mapping[str, str]) -> list[str]:
    """Return the names of the candidates that are the judge or of its family, by their models."""
    return [name for name, model in candidates.items() if model and family_of(model) == family_of(judge)]


def check_judges(
    judges: Mapping[str, str], candidates: Mapping[str, str], asked_for: Sequence[str], where: str
) -> dict[str, list[str]]:
    """Return the candidates that each judge is a relative of; those judges are flagged in every table.

    A panel with one judge that is nobody's relative may hold relatives. Judges that are all relatives are refused
    unless each of them was asked for by name.

    Args:
        judges: Model of each judge, by its name.
        candidates: Model of each candidate, by its name; of a tuned model, the model that was tuned.
        asked_for: Judges that the recipe asks for although they are relatives, by judge name or model.
        where: The place of the judges in the recipe, for the error.

    Raises:
        RecipeError: Every judge is a relative of a candidate, and one of them was not asked for.
    """
    flagged = {judge: relatives for judge, model in judges.items() if (relatives := related(model, candidates))}
    if len(flagged) < len(judges):
        return flagged
    for judge, relatives in flagged.items():
        if judge not in asked_for and judges[judge] not in asked_for:
            model = judges[judge]
            what = f"the judge {model!r} is of the family {family_of(model)!r}, as the candidate {relatives[0]!r} is"
            fix = "name a judge of another family, or ask for this one by name; every table will say so"
            raise RecipeError(where, what, fix)
    return flagged
