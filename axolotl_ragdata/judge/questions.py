"""What every candidate is asked: held-out rows of a finished build, and questions from files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.judge.records import JudgeQuestion, SourcePassage
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import PATH_JOINT, Example, Message, Passage, content_id
from axolotl_ragdata.store import RunDirectory

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class QuestionLine(BaseModel):
    """One line of a file of questions."""

    model_config = ConfigDict(extra="ignore", strict=True)
    id: str | None = None
    question: str = Field(min_length=1)
    reference: str | None = None
    section: str | None = None
    type: str | None = None
    language: str | None = None
    doc_id: str | None = None
    options: list[str] = []
    label: str | None = None
    answerable: bool = True
    passages: list[str] = []

    @field_validator("id", mode="before")
    @classmethod
    def _numbers_are_names(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value


def load_questions(recipe: Recipe, block: JudgeBlock, progress: Progress) -> list[JudgeQuestion]:
    """Return the questions of a judgement, sorted by origin and id.

    Raises:
        RecipeError: No row is held out, a file is missing, empty or wrong, two questions have one id, or options have
            no label.
        StoreError: A table of the build cannot be read.
    """
    questions = _held_out(recipe, block, progress) if block.splits else []
    for number, name in enumerate(block.questions):
        questions += read_questions(recipe.resolve(name), recipe.where("judge", "questions", number), progress)
    _refuse_duplicate_ids(questions, recipe.where("judge", "questions"))
    if not questions:
        what = "there is no question: `splits` is empty and `questions` names no file"
        raise RecipeError(recipe.where("judge"), what, "name a split, or a JSONL file of questions")
    return _limited(questions, block)


def _held_out(recipe: Recipe, block: JudgeBlock, progress: Progress) -> list[JudgeQuestion]:
    run = RunDirectory(recipe.output)
    if run.read_manifest() is None:
        fix = f"run `ragdata build {recipe.path}` first; or judge other questions with splits: [] and questions: […]"
        raise RecipeError(recipe.where("output"), f"there is no finished build in {run.folder}", fix)
    examples = run.read_table("examples", Example)
    passages = {passage.id: passage for passage in run.read_table("passages", Passage)}
    found = [question_of(each, passages) for each in examples if each.split in block.splits]
    counts = Counter(question.origin for question in found)
    missing = [split for split in block.splits if not counts[split]]
    if not found and not block.questions:
        what = f"no row is held out as {' or '.join(block.splits)}"
        fix = "raise ragdata.split.test_seen and test_unseen and build again, or name `questions:` of your own"
        raise RecipeError(recipe.where("judge", "splits"), what, fix)
    for split in missing:
        progress.say(f"{split} has no row: nothing is asked from it")
    return found


def question_of(example: Example, passages: Mapping[str, Passage]) -> JudgeQuestion:
    """Return a held-out row as a question, with the passages that its reference rests on, whole."""
    origin = example.provenance
    names = dict.fromkeys([*(each.passage_id for each in origin.citations), *origin.passage_ids])
    turns = tuple(turn for turn in example.messages[:-1] if turn.role != "system")
    spoken = turns if len(turns) > 1 or (turns and turns[0].content != example.question) else ()
    return JudgeQuestion(
        id=example.id,
        origin="test_seen" if example.split == "test_seen" else "test_unseen",
        question=example.question,
        turns=spoken,
        reference=example.answer,
        passages=tuple(_source(passages[name]) for name in names if name in passages),
        doc_id=origin.doc_id,
        section=PATH_JOINT.join(origin.section_path) or None,
        type=example.type,
        language=example.language,
        options=example.options,
        label=example.label,
        answerable=example.answerable,
    )


def _source(passage: Passage) -> SourcePassage:
    text = "\n".join(part for part in (passage.lead, passage.text) if part)
    return SourcePassage(passage_id=passage.id, heading=passage.heading, text=text)


def read_questions(path: Path, where: str, progress: Progress) -> list[JudgeQuestion]:
    """Return the questions of a JSONL file; keys that mean nothing here are named to `progress`.

    Raises:
        RecipeError: The file is missing or empty, or a line is wrong; the error names the line.
    """
    lines = read_lines(path, where)
    unknown = sorted({key for _, line in lines for key in line if key not in QuestionLine.model_fields})
    if unknown:
        progress.say(f"{path.name}: keys that mean nothing here are ignored: {', '.join(unknown)}")
    return [_question(line, f"{path}:{number}") for number, line in lines]


def read_lines(path: Path, where: str) -> list[tuple[int, dict[str, Any]]]:
    """Return (line number, object) of each line of a JSONL file that is not blank.

    Raises:
        RecipeError: The file cannot be read, is empty, or a line is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8"
        raise RecipeError(
            where, f"{path} cannot be read: {reason}", "correct the path; one JSON object a line"
        ) from None
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            found.append((number, _object(line, f"{path}:{number}")))
    if not found:
        raise RecipeError(where, f"{path} holds no line", "write one JSON object a line")
    return found


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise RecipeError(where, f"not JSON: {problem}", "write one JSON object a line") from None
    if not isinstance(value, dict):
        raise RecipeError(where, f"a line is an object, not {type(value).__name__}", 'write {"question": "…"}')
    return value


def _question(line: Mapping[str, Any], where: str) -> JudgeQuestion:
    try:
        read = QuestionLine.model_validate(line)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RecipeError(
            where,
            f"{key}: {first['msg'].lower()}, not {first['input']!r}"[:300],
            f"the keys are {', '.join(QuestionLine.model_fields)}",
        ) from None
    if not read.question.strip():
        raise RecipeError(where, "question: is blank", "write the question")
    label = _label(read, where)
    return JudgeQuestion(
        id=read.id or content_id("jq", read.question, read.options),
        origin="file",
        question=read.question,
        reference=read.reference if read.reference and read.reference.strip() else None,
        passages=tuple(SourcePassage(passage_id=content_id("sp", text), text=text) for text in read.passages),
        doc_id=read.doc_id,
        section=read.section,
        type=read.type,
        language=read.language,
        options=tuple(read.options),
        label=label,
        answerable=read.answerable,
    )


def _label(read: QuestionLine, where: str) -> str | None:
    """Return the label as one of the options where there are any: its text, or what its letter stands for."""
    if not read.options:
        return read.label
    if read.label is None:
        raise RecipeError(
            where, f"{len(read.options)} options without a label", "add `label`: the right option, or its letter"
        )
    if not 2 <= len(read.options) <= len(LETTERS) or len({option.strip() for option in read.options}) < len(
        read.options
    ):
        what = f"{len(read.options)} options, {len(set(read.options))} of them different"
        raise RecipeError(where, what, f"give 2 to {len(LETTERS)} options that all differ")
    if read.label in read.options:
        return read.label
    letter = read.label.strip().upper()
    if len(letter) == 1 and letter in LETTERS[: len(read.options)]:
        return read.options[LETTERS.index(letter)]
    raise RecipeError(where, f"label {read.label!r} is none of the options", "give an option's text, or its letter")


def _refuse_duplicate_ids(questions: Sequence[JudgeQuestion], where: str) -> None:
    for name, count in Counter(question.id for question in questions).items():
        if count > 1:
            same = [question.question for question in questions if question.id == name]
            what = f"{count} questions have the id {name!r}: {same[0][:80]!r}, {same[1][:80]!r}"
            raise RecipeError(where, what, "give each question an `id` of its own, and ask each once")


def _limited(questions: Sequence[JudgeQuestion], block: JudgeBlock) -> list[JudgeQuestion]:
    kept: list[JudgeQuestion] = []
    for origin in ("test_seen", "test_unseen", "file"):
        own = [question for question in questions if question.origin == origin]
        if block.limit is not None:
            own = sorted(own, key=lambda question: shuffled(question.id, block.seed))[: block.limit]
        kept += sorted(own, key=lambda question: question.id)
    return kept


def shuffled(name: str, seed: int) -> bytes:
    """Return a sort key that orders names as if by chance, the same way each time."""
    return hashlib.blake2b(f"{seed}\x00{name}".encode(), digest_size=8).digest()


def asked_turns(question: JudgeQuestion, text: str) -> tuple[Message, ...]:
    """Return the turns that ask a question: its own where it has some, else the text."""
    return question.turns or (Message(role="user", content=text),)


def with_options(question: JudgeQuestion) -> str:
    """Return a question with its options, lettered, and how to answer it."""
    if not question.options:
        return question.question
    lettered = [f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=False)]
    return "\n".join([question.question, *lettered, "Answer with the letter of the right option and nothing else."])
