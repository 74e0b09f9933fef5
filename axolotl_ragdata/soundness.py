"""What the rows of a finished run must hold, asked of its tables for `verify`: '' for what does, else what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from axolotl_ragdata.blocks import CRITERIA
from axolotl_ragdata.examples import answer_of
from axolotl_ragdata.filters import Evidence, filters
from axolotl_ragdata.filters.grounded import unsupported_numbers
from axolotl_ragdata.injection import planted_orders
from axolotl_ragdata.records import Example, Passage, Verdict


def numbers(examples: Sequence[Example], passages: Mapping[str, Passage]) -> Iterator[str]:
    """Yield '' for a row whose answer's numbers stand, with their units, in what it cites.

    Of a row that abstains the question counts too: what is missing is named as the question names it.
    """
    for example in examples:
        cited = [citation.passage_id for citation in example.provenance.citations]
        if not cited and not example.answerable:
            continue
        sources = [passages[key].in_context for key in dict.fromkeys(cited) if key in passages]
        sources += [] if example.answerable else [example.question]
        wrong = next(unsupported_numbers(answer_of(example), sources), None)
        shown = "" if wrong is None else f"{wrong.value} {wrong.unit}".strip()
        yield f"{example.id} says {shown}, which is in no passage that it cites" if wrong is not None else ""


def judged(examples: Sequence[Example], verdicts: Sequence[Verdict], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield '' for a row with the verdict that a filter of the run's recipe asks for; nothing without such a filter."""
    evidence = Evidence({}, np.zeros((0, 0), dtype=np.float32), {verdict.subject_id: verdict for verdict in verdicts})
    for block in manifest.get("recipe", {}).get("filters", []):
        if block.get("use") in CRITERIA:
            settings = {key: value for key, value in block.items() if key != "use"}
            rule = filters.get(block["use"], "manifest.json").from_settings(settings, "manifest.json")
            for example in examples:
                reason = rule.check(example, evidence)
                yield f"{example.id}: {reason.reason}" if reason is not None else ""


def flagged(passages: Sequence[Passage], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield '' for a passage that gives a model orders and is named in the manifest; else what is missing there."""
    found = {one.id for one in passages if planted_orders(one.in_context)}
    listed = {str(flag.get("passage_id")) for flag in manifest.get("flagged_passages", [])}
    for key in sorted(found | listed):
        if key not in listed:
            yield f"{key} gives a model orders, and the manifest does not say so"
        else:
            yield "" if key in found else f"{key} is flagged and gives no order"
