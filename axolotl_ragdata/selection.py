"""Answers and verdicts → examples, filtered and split: the free half of a build, which can be done again at will."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.contexts import add_contexts
from axolotl_ragdata.coverage import Cell, Held
from axolotl_ragdata.decontamination import open_decontaminated
from axolotl_ragdata.division import divide, rows_by_cell
from axolotl_ragdata.errors import QualityGateFailed
from axolotl_ragdata.examples import make_example
from axolotl_ragdata.filters import Evidence, Filter, filters
from axolotl_ragdata.injection import planted_orders
from axolotl_ragdata.places import add_places
from axolotl_ragdata.previous import Asked, Retrieval
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Answer, Document, Example, Failure, Passage, Question, Rejected, Verdict
from axolotl_ragdata.shelf import by_id as records_by_id
from axolotl_ragdata.shelf import heads
from axolotl_ragdata.stage import Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from axolotl_ragdata.embed import Embedder


SELECTED = ("filters/", "splits", "coverage")
"""How the stages begin whose rejections `select` makes; it makes them anew each time."""


@dataclass
class Rows:
    """Everything that came of the passages, and what was used to make it."""

    questions: list[Question] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    passed_over: Callable[[], Iterable[Rejected]] = tuple
    """Returns a `Rejected` for each passage that nothing was asked of, by their ids; made anew each time."""
    flagged: list[dict[str, str]] = field(default_factory=list)
    """Passages that give a model orders: `passage_id`, `doc_id`, `kind` and `excerpt`, one an order."""
    retrievals: list[Retrieval] = field(default_factory=list)
    """What each search found, for the next build."""
    held: Held = field(default_factory=Held)
    """Rows of the last dataset, by cell: a quota leaves them where they are as far as it can."""
    plan: Callable[[Sequence[Example]], list[Asked]] = lambda examples: []
    """Returns what was asked under a quota, with the rows that came of it, for the next build."""
    index: dict[str, Any] = field(default_factory=dict)
    llm: dict[str, Any] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """File an outcome under its kind."""
        kinds: dict[type, list[Any]] = {
            Question: self.questions,
            Answer: self.answers,
            Verdict: self.verdicts,
            Rejected: self.rejected,
            Failure: self.failures,
        }
        kinds[type(outcome)].append(outcome)


def select(
    recipe: Recipe,
    documents: Sequence[Document],
    passages: Sequence[Passage],
    embedder: Embedder,
    rows: Rows,
    progress: Progress,
) -> None:
    """Turn answers into examples, filter and split them; what falls out joins `rows.rejected`.

    Raises:
        UnknownName: There is no filter of that name.
        RecipeError: A filter's setting is wrong, or an evaluation file cannot be read.
        QualityGateFailed: A split holds what it must not; nothing was written.
    """
    by_id = records_by_id(passages)
    examples = examples_of(recipe, documents, by_id, rows)
    progress.start("filtering and splitting", len(examples))
    vectors = embedder.embed([example.question for example in examples])
    rules = open_rules(recipe, embedder)
    kept, dropped = _filtered(rules, examples, Evidence(by_id, vectors, {one.subject_id: one for one in rows.verdicts}))
    rows.rejected.extend(dropped)
    division = divide(recipe, [examples[at] for at in kept], vectors[kept], by_id, rows.held)
    block = recipe.ragdata
    rows.examples = add_contexts(add_places(division.rows, documents), passages, block.export, block.split.unseen_by)
    rows.rejected.extend(division.rejected)
    rows.flagged = flagged(passages)
    _check_splits(recipe, rows.examples, vectors[_places_in(examples, rows.examples)], passages)
    progress.advance(len(examples))


def examples_of(
    recipe: Recipe, documents: Sequence[Document], passages: Mapping[str, Passage], rows: Rows
) -> list[Example]:
    """Return what the answers of a build become before anything is filtered, by id."""
    questions = {question.id: question for question in rows.questions}
    sources = records_by_id(heads(documents))
    made = {}
    for answer in rows.answers:
        question = questions[answer.question_id]
        document = sources[passages[question.passage_ids[0]].doc_id]
        example = make_example(question, answer, document, passages, recipe.ragdata.export.system)
        made[example.id] = example
    return [made[key] for key in sorted(made)]


def _places_in(examples: Sequence[Example], some: Sequence[Example]) -> list[int]:
    at = {example.id: number for number, example in enumerate(examples)}
    return [at[example.id] for example in some]


def _check_splits(
    recipe: Recipe, examples: Sequence[Example], vectors: NDArray[np.float32], passages: Sequence[Passage]
) -> None:
    """Refuse rows whose splits hold what they must not, before anything of them is written."""
    from axolotl_ragdata.splits import split_problems

    problems = list(split_problems(examples, vectors, passages, recipe.ragdata.split.unseen_by))
    if problems:
        what = f"{len(problems)} rows are in a split that they must not be in; the first: {problems[0]}"
        raise QualityGateFailed(str(recipe.output), what, "nothing was written; please report it with the recipe")


def rows_so_far(
    recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage], embedder: Embedder, rows: Rows
) -> Counter[Cell]:
    """Return how many rows each section and type would have if the build ended now.

    Raises:
        UnknownName: There is no filter of that name.
        RecipeError: A filter's setting is wrong.
    """
    by_id = records_by_id(passages)
    examples = examples_of(recipe, documents, by_id, rows)
    vectors = embedder.embed([example.question for example in examples])
    evidence = Evidence(by_id, vectors, {one.subject_id: one for one in rows.verdicts})
    kept, _ = _filtered(open_rules(recipe, embedder), examples, evidence)
    division = divide(recipe, [examples[at] for at in kept], vectors[kept], by_id, rows.held)
    return rows_by_cell(recipe, division, by_id)


def flagged(passages: Sequence[Passage]) -> list[dict[str, str]]:
    """Return what the scan for planted orders found, in the order of the passages."""
    return [
        {"passage_id": passage.id, "doc_id": passage.doc_id, "kind": order.kind, "excerpt": order.excerpt}
        for passage in passages
        for order in planted_orders(passage.in_context)
    ]


def candidates(
    recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage], embedder: Embedder, rows: Rows
) -> list[Example]:
    """Return the rows that pass every free filter: those that a chat model is asked to judge.

    Raises:
        UnknownName: There is no filter of that name.
        RecipeError: A filter's setting is wrong.
    """
    by_id = records_by_id(passages)
    examples = examples_of(recipe, documents, by_id, rows)
    vectors = embedder.embed([example.question for example in examples])
    free = [(use, rule) for use, rule in open_rules(recipe, embedder) if rule.criterion is None]
    return [examples[at] for at in _filtered(free, examples, Evidence(by_id, vectors))[0]]


def _filtered(
    rules: Sequence[tuple[str, Filter]], examples: Sequence[Example], evidence: Evidence
) -> tuple[list[int], list[Rejected]]:
    """Return which rows pass all rules, by index, and why the others do not."""
    kept, rejected = list(range(len(examples))), []
    for use, rule in rules:
        left = [examples[at] for at in kept]
        reasons = rule.check_all(left, replace(evidence, vectors=evidence.vectors[kept]))
        rejected += [
            _rejection(f"filters/{use}", example, reason)
            for example, reason in zip(left, reasons, strict=True)
            if reason is not None
        ]
        kept = [at for at, reason in zip(kept, reasons, strict=True) if reason is None]
    return kept, rejected


def open_rules(recipe: Recipe, embedder: Embedder) -> list[tuple[str, Filter]]:
    """Return (name, rule) for all that rows must pass, in order: decontamination, then the filters.

    Raises:
        UnknownName: There is no filter of that name.
        RecipeError: A setting is unknown or of the wrong type, or an evaluation file cannot be read.
    """
    return [*open_decontaminated(recipe, embedder), *open_filters(recipe)]


def open_filters(recipe: Recipe) -> list[tuple[str, Filter]]:
    """Return (name, filter) for each `filters:` entry: the free ones in order, then those over verdicts.

    Raises:
        UnknownName: There is no filter of that name.
        RecipeError: A setting is unknown or of the wrong type.
    """
    opened: list[tuple[str, Filter]] = []
    for number, block in enumerate(recipe.ragdata.filters):
        where = recipe.where("filters", number)
        opened.append((block.use, filters.get(block.use, f"{where}.use").from_settings(block.settings, where)))
    return sorted(opened, key=lambda each: each[1].criterion is not None)


def _rejection(stage: str, example: Example, reason: Any) -> Rejected:
    return Rejected(
        stage=stage,
        subject_id=example.id,
        reason=reason.reason,
        detail=reason.detail,
        score=reason.score,
        threshold=reason.threshold,
        subject={
            "question_id": example.provenance.question_id,
            "passage_ids": list(example.provenance.passage_ids),
            "question": example.question,
            "answer": example.answer,
        },
    )
