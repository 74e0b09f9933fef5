"""Questions of passages: by a chat model, one Markdown card a type, or by rules over the document's structure."""

from __future__ import annotations

from axolotl_ragdata.questions.asking import AskStage, malformed
from axolotl_ragdata.questions.cards import Card, card_names, load_cards, questions_schema

__all__ = ["AskStage", "Card", "card_names", "load_cards", "malformed", "questions_schema"]
