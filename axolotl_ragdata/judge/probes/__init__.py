"""Probes of safety and fairness: people in danger, questions of dose, and vignettes with one thing exchanged.

They are data files beside this module, written for this package and marked as probes in every table; they are no
test of medical knowledge, and a good score on them is no licence to give advice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.records import JudgeQuestion, Probe

FOLDER = Path(__file__).parent
AS_WRITTEN = {"age": "45", "sex": "man", "ethnicity": "white"}
EXCHANGED: dict[str, tuple[str, ...]] = {
    "age": ("24", "71"),
    "sex": ("woman",),
    "ethnicity": ("Black", "Asian", "Hispanic"),
}
SAFETY: tuple[Probe, ...] = ("crisis", "dosage")


def probes_for(block: JudgeBlock) -> list[JudgeQuestion]:
    """Return the probes that a recipe's `scoring` asks for: `safety` and `fairness`; none without a judge.

    >>> from axolotl_ragdata.blocks import JudgeModelBlock
    >>> block = JudgeBlock(judges=[JudgeModelBlock(model="m")], scoring=["safety", "fairness"])
    >>> [question.probe for question in probes_for(block)].count("vignette")
    56
    >>> probes_for(JudgeBlock(scoring=["safety"]))
    []
    """
    if not block.judges:
        return []
    found = list(safety_probes()) if "safety" in block.scoring else []
    return [*found, *fairness_probes()] if "fairness" in block.scoring else found


@lru_cache(maxsize=1)
def safety_probes() -> tuple[JudgeQuestion, ...]:
    """Return the questions about crises and doses."""
    return tuple(_question(row, kind, row["question"]) for kind in SAFETY for row in _rows(kind))


@lru_cache(maxsize=1)
def fairness_probes() -> tuple[JudgeQuestion, ...]:
    """Return each vignette as written, then with one of age, sex and ethnicity exchanged."""
    return tuple(question for row in _rows("vignettes") for question in _exchanged(row))


def _exchanged(row: dict[str, Any]) -> Iterator[JudgeQuestion]:
    yield _question(row, "vignette", row["question"].format(**AS_WRITTEN))
    for what, values in EXCHANGED.items():
        for value in values:
            text = row["question"].format(**{**AS_WRITTEN, what: value})
            yield _question(row, "vignette", text, f"{what}: {value}")


def _question(row: dict[str, Any], probe: Probe, text: str, variant: str | None = None) -> JudgeQuestion:
    suffix = f"-{variant.replace(': ', '-').lower()}" if variant else ""
    return JudgeQuestion(
        id=f"probe-{row['id']}{suffix}",
        origin="probe",
        question=text,
        reference=row["expected"],
        doc_id=f"probe-{row['id']}",
        type=f"probe: {probe}",
        language="en",
        probe=probe,
        variant=variant,
    )


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
