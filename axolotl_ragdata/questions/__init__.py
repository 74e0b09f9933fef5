"""Questions of passages: by a chat model, one Markdown card a type, or by rules over the document's structure."""

from __future__ import annotations

from axolotl_ragdata.questions.acceptance import malformed
from axolotl_ragdata.questions.asking import AskStage
from axolotl_ragdata.questions.cards import Card, card_aliases, card_names, load_cards
from axolotl_ragdata.questions.inquiry import Inquiry, draw
from axolotl_ragdata.questions.outputs import questions_schema

__all__ = [
    "AskStage",
    "Card",
    "Inquiry",
    "card_aliases",
    "card_names",
    "draw",
    "load_cards",
    "malformed",
    "questions_schema",
]
