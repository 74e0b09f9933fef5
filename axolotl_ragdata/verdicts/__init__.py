"""Verdicts on rows by a chat model: a strict scale from 1 to 5 with an explicit "cannot tell".

A criterion is a Markdown card here, which states what is looked at and what each score means. "Cannot tell", and a call
that failed, are no verdict: a value of its own, neither a pass nor a 0.
"""

from __future__ import annotations

from axolotl_ragdata.verdicts.cards import read_card
from axolotl_ragdata.verdicts.verification import STAGE, VerifyStage, producers_of

__all__ = ["STAGE", "VerifyStage", "producer_of", "producers_of"]


def producer_of(criterion: str) -> str:
    """Return the name and version under which verdicts by a criterion are kept; a changed prompt is another."""
    return read_card(criterion).producer
