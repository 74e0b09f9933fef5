"""Question + passages → an answer with checked citations: by a chat model, or of the passages' own sentences."""

from __future__ import annotations

from axolotl_ragdata.answers.extraction import ExtractStage
from axolotl_ragdata.answers.generation import AnswerStage

__all__ = ["AnswerStage", "ExtractStage"]
