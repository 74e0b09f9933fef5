"""The blocks `questions:` and `answers:` of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from axolotl_ragdata.block import Block


class QuestionsBlock(Block):
    """What is asked."""

    origin: Literal["llm", "structure"] = Field(
        "llm", alias="from", description="llm: the chat model asks; structure: rules ask, without a model"
    )
    types: list[str] = Field(["definition", "criteria", "comparison"], min_length=1, description="question cards")
    per_passage: int = Field(2, ge=1, le=20, description="questions of each type asked of one passage, at most")
    per_section: int | None = Field(None, ge=1, description="rows of each section, once filtered; null: no quota")
    target: int | None = Field(None, ge=1, description="rows in all, shared by the tokens of the sections; null: none")
    section_depth: int | None = Field(
        None,
        ge=0,
        le=10,
        description="titles of a section's path that count for a quota, 0: whole documents; null: all",
    )
    weights: dict[str, float] = Field({}, description="shares of a quota by question type; 1 where a type is left out")
    rounds: int = Field(3, ge=1, le=20, description="times that a passage is asked for one type while rows are missing")
    paraphrases: int = Field(1, ge=1, le=8, description="phrasings of each question; all of them stay in one split")
    personas: list[str] = Field([], description="who asks, such as `a nurse on her first ward`; one for each call")
    difficulty: list[str] = Field(
        [], description="how hard questions are, such as easy, medium, hard; one for each call"
    )

    @property
    def has_quota(self) -> bool:
        """Whether sections are asked for a number of rows; else every passage is asked once for each type."""
        return self.per_section is not None or self.target is not None

    @model_validator(mode="after")
    def _quota_is_one(self) -> QuestionsBlock:
        if self.per_section is not None and self.target is not None:
            raise ValueError("per_section and target exclude each other; give one of them")
        if unknown := sorted(set(self.weights) - set(self.types)):
            raise ValueError(f"weights names {unknown[0]!r}, which is not among types")
        if light := [name for name, weight in self.weights.items() if weight <= 0]:
            raise ValueError(f"the weight of {light[0]!r} must be above 0; leave the type out of types instead")
        needy = {"weights": self.weights, "section_depth": self.section_depth is not None}
        if unused := [name for name, is_set in needy.items() if is_set and not self.has_quota]:
            raise ValueError(f"{unused[0]} needs per_section or target beside it")
        return self

    @model_validator(mode="after")
    def _rules_ask_once(self) -> QuestionsBlock:
        llm_only = {"paraphrases": self.paraphrases > 1, "personas": self.personas, "difficulty": self.difficulty}
        for name, is_set in llm_only.items():
            if self.origin == "structure" and is_set:
                raise ValueError(f"{name} needs from: llm; the rules ask each thing in one way")
        return self

    @field_validator("personas", "difficulty")
    @classmethod
    def _something_is_said(cls, values: list[str]) -> list[str]:
        if any(not value.strip() for value in values):
            raise ValueError("holds an empty text")
        return values


EMBEDDED_FLOOR = 0.2
"""Cosine below which a passage is not about a question, on the scale of the embedded embedder: of the hits of 120
questions of the quickstart, 2 of their own passages are below it and 1 in 20 of the others."""


class AnswersBlock(Block):
    """How questions are answered."""

    mode: Literal["generative", "extractive"] = Field(
        "generative", description="generative: the chat model answers; extractive: sentences picked by the embedder"
    )
    top_k: int = Field(5, ge=1, le=50, description="passages that an answer is given")
    search: Literal["hybrid", "dense", "text"] = Field("hybrid", description="how they are found")
    min_score: float | None = Field(
        None, ge=-1, le=1, description="least cosine of question and passage; null: 0.2 with the embedded embedder"
    )
    refresh: Literal["changed", "retrieved"] = Field(
        "changed",
        description="when a rebuild answers again: a passage it was given changed; or also: a new one would be found",
    )
    neighbours: int = Field(0, ge=0, le=5, description="passages of its section that each one brings, on either side")
    samples: int = Field(1, ge=1, le=8, description="answers asked for each question; one that passes is kept")

    def floor(self, embedder: str) -> float | None:
        """Return the relevance floor with an embedder; one of unknown scale has none unless the recipe names it."""
        return EMBEDDED_FLOOR if self.min_score is None and embedder == "embedded" else self.min_score

    @model_validator(mode="after")
    def _samples_differ(self) -> AnswersBlock:
        if self.samples > 1 and self.mode == "extractive":
            raise ValueError(f"samples: {self.samples} needs mode: generative; sentences are picked the same each time")
        return self
