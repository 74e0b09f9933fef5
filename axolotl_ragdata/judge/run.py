"""`ragdata judge`: questions → contamination → answers → exact scores → judges → results."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from axolotl_ragdata import __version__
from axolotl_ragdata.attempts import CHARACTERS_A_TOKEN
from axolotl_ragdata.blocks import JudgeBlock, LlmBlock
from axolotl_ragdata.errors import QualityGateFailed, RecipeError, TooManyFailures
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.judge.answering import Answering
from axolotl_ragdata.judge.candidates import NOT_IN_FILE, Candidate, look_up
from axolotl_ragdata.judge.contamination import find_overlaps, references_seen, untraced
from axolotl_ragdata.judge.distractors import with_distractors
from axolotl_ragdata.judge.exact import score_exactly, summarise
from axolotl_ragdata.judge.judgement import Judgement, Verdicts
from axolotl_ragdata.judge.judges import estimated, judged, models_of, refuse_relatives
from axolotl_ragdata.judge.probes import probes_for
from axolotl_ragdata.judge.prompts import Asked, ask
from axolotl_ragdata.judge.questions import load_questions
from axolotl_ragdata.judge.records import JudgeQuestion, Overlap
from axolotl_ragdata.judge.results import evaluate
from axolotl_ragdata.judge.results.records import Cost, Results
from axolotl_ragdata.judge.results.sensitivity import expected_sensitivity, sensitivity_lines
from axolotl_ragdata.judge.results.writing import write_results
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Example, Passage, Record
from axolotl_ragdata.rows import open_retriever
from axolotl_ragdata.store import RunDirectory

if TYPE_CHECKING:
    from axolotl_ragdata.index import Retriever

FOLDER = "judge"
ANSWER_TOKENS = 120
"""What an answer is expected to be long, for the estimate that is shown before anything is spent."""


@dataclass
class Prepared:
    """What is known before anything is spent."""

    block: JudgeBlock
    questions: list[JudgeQuestion]
    candidates: list[Candidate]
    excluded: list[JudgeQuestion] = field(default_factory=list)
    overlaps: list[Overlap] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judged:
    """A finished judgement: what was asked and said, and what follows from it."""

    judgement: Judgement
    results: Results


def judge(recipe: Recipe, progress: Progress | None = None, tuned: Path | None = None) -> Judged:
    """Return the finished judgement of a recipe; its files are in the judge's folder.

    Args:
        recipe: What is compared, in its `judge:` block.
        progress: Who hears of it.
        tuned: The trained weights, in place of the recipe's `output_dir`.

    Raises:
        RecipeError: Something named is missing or wrong: no held-out row, no trained model, an adapter of another base
            model, an empty file; before anything is spent.
        MissingKey: A candidate's or judge's endpoint wants a key and the environment has none.
        RunLocked: Another command writes the run directory.
        EndpointError: An endpoint is down, or refuses the key or the model.
        BudgetReached: The next call would cross a cap.
        StoreError: The run directory cannot be read or written.
        Interrupted: SIGINT or SIGTERM; what was paid for is in the journal.
    """
    heard = progress or Silent()
    if tuned is not None:
        recipe = replace(recipe, axolotl={**recipe.axolotl, "output_dir": str(tuned)})
    prepared = prepare(recipe, heard)
    run = RunDirectory(recipe.output)
    with run.locked(), contextlib.closing(Journal.open(run.journal)) as journal:
        _exclude(recipe, prepared, run, heard)
        prepared.warnings = untraced(prepared.candidates, run)
        for line in prepared.warnings:
            heard.say(f"note: {line}")
        return run_interruptibly(_judge(recipe, prepared, run, journal, heard), str(run.folder))


def prepare(recipe: Recipe, progress: Progress) -> Prepared:
    """Return questions and candidates, looked up; nothing is loaded or spent.

    Raises:
        RecipeError: As `judge`.
        MissingKey: As `judge`.
    """
    block = recipe.ragdata.judge or JudgeBlock()
    questions = [*load_questions(recipe, block, progress), *probes_for(block)]
    candidates = look_up(recipe, block, questions)
    refuse_relatives(recipe, block, candidates)
    return Prepared(block, questions, candidates)


def judge_folder(recipe: Recipe) -> Path:
    """Return where results are written."""
    block = recipe.ragdata.judge or JudgeBlock()
    return recipe.resolve(block.output) if block.output else recipe.output / FOLDER


def _exclude(recipe: Recipe, prepared: Prepared, run: RunDirectory, progress: Progress) -> None:
    """Find the questions that training rows hold, say so, and take them out unless the recipe keeps them."""
    from axolotl_ragdata.embed import open_embedder

    training = [example for example in run.read_table("examples", Example) if example.split == "train"]
    if not training:
        progress.say("contamination: there are no training rows here to compare the questions with")
        return
    embedder = open_embedder(recipe, run.cache)
    rows = {example.id: example.question for example in training}
    progress.start("comparing questions with training rows", len(prepared.questions))
    prepared.overlaps = find_overlaps(prepared.questions, rows, prepared.block, embedder.embed)
    seen = set(references_seen(prepared.questions, [example.answer for example in training]))
    prepared.seen = dict(Counter(question.origin for question in prepared.questions if question.id in seen))
    progress.advance(len(prepared.questions))
    held = {overlap.question_id: overlap for overlap in prepared.overlaps}
    marked = [_marked(question, held.get(question.id)) for question in prepared.questions]
    if prepared.block.contaminated == "exclude":
        prepared.excluded = [question for question in marked if question.contamination]
        marked = [question for question in marked if not question.contamination]
    prepared.questions = marked
    progress.say(_contamination(prepared))
    if not marked:
        what = f"all {len(prepared.excluded)} questions stand in training rows"
        raise RecipeError(recipe.where("judge"), what, "ask other questions, or set contaminated: keep")


def _marked(question: JudgeQuestion, overlap: Overlap | None) -> JudgeQuestion:
    if overlap is None:
        return question
    why = f"{overlap.kind} {overlap.score:.2f}: {overlap.training_question}"
    return question.model_copy(update={"contamination": why})


def _contamination(prepared: Prepared) -> str:
    kinds = Counter(overlap.kind for overlap in prepared.overlaps)
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"
    total = len(prepared.questions) + len(prepared.excluded)
    done = "excluded" if prepared.block.contaminated == "exclude" else "kept and marked"
    line = f"contamination: {len(prepared.overlaps)} of {total} questions stand in training rows ({found}), {done}"
    if prepared.seen:
        shown = ", ".join(f"{count} of {origin}" for origin, count in sorted(prepared.seen.items()))
        line += f"; references that stand word for word in trained answers: {shown}"
    return line


async def _judge(recipe: Recipe, prepared: Prepared, run: RunDirectory, journal: Journal, progress: Progress) -> Judged:
    block = prepared.block
    by_likelihood = any(candidate.is_local for candidate in prepared.candidates)
    compared = with_distractors(prepared.questions, block) if by_likelihood else {}
    answering = Answering(journal, compared, progress)
    asked = await _asked(recipe, prepared, run, progress)
    for line in estimate(prepared, asked, answering):
        progress.say(line)
    answers = await answering.answer(asked)
    exact = score_exactly(plain_questions(prepared.questions), answers)
    verdicts = await judged(recipe, block, prepared.questions, answers, journal, progress)
    judgement = Judgement(
        name=recipe.path.stem,
        folder=judge_folder(recipe),
        candidates=_ordered(block),
        questions=prepared.questions,
        excluded=prepared.excluded,
        overlaps=prepared.overlaps,
        references_seen=prepared.seen,
        answers=answers,
        exact=exact,
        summaries=summarise(plain_questions(prepared.questions), exact),
        usage=answering.spent.usage,
        cost=answering.spent.cost,
        models=models_of(prepared.candidates),
        verdicts=verdicts,
        warnings=prepared.warnings,
        facts={
            "ragdata_version": __version__,
            "dataset_id": (run.read_manifest() or {}).get("dataset_id"),
            "recipe": block.model_dump(mode="json"),
            "generated": answering.spent.generated,
            "answers_from_journal": answering.spent.from_journal,
        },
    )
    results = evaluate(judgement, verdicts.scores, block, judgement.models, judge_costs(verdicts))
    write_tables(judgement)
    write_results(results, judgement.folder)
    return Judged(judgement, results)


async def _asked(recipe: Recipe, prepared: Prepared, run: RunDirectory, progress: Progress) -> list[Asked]:
    retrievers: dict[str, Retriever] = {}
    passages = run.read_table("passages", Passage)
    asked = []
    for candidate in prepared.candidates:
        block = candidate.block
        if block.retrieves and block.search not in retrievers:
            if not passages:
                fix = f"run `ragdata build {recipe.path}` first"
                raise RecipeError(candidate.where, f"there is nothing to retrieve from in {run.folder}", fix)
            retrievers[block.search] = open_retriever(recipe, run, passages, progress, block.search)[0]
        system = block.system if block.system is not None else recipe.ragdata.export.system
        retriever = retrievers.get(block.search) if block.retrieves else None
        asked += [await ask(candidate, question, system, retriever) for question in prepared.questions]
    return asked


def _ordered(block: JudgeBlock) -> list[str]:
    names = [each.label for each in block.candidates]
    first = block.baseline or names[0]
    return [first, *(name for name in names if name != first)]


def estimate(prepared: Prepared, asked: Sequence[Asked], answering: Answering) -> list[str]:
    """Return lines that say what answering can need, less what the journal holds: calls, tokens, cost where priced."""
    origins = Counter(question.origin for question in prepared.questions)
    shown = ", ".join(f"{count} {origin}" for origin, count in origins.items())
    lines = [f"{len(prepared.questions)} questions ({shown}), {len(prepared.candidates)} candidates"]
    for candidate in prepared.candidates:
        own = [each for each in asked if each.candidate is candidate]
        if candidate.given:
            answered = sum(each.text is not None for each in candidate.given)
            line = f"{candidate.name}: {answered} of {len(candidate.given)} questions are answered in its file"
            stray = f"; {candidate.strangers} lines are to none of them" if candidate.strangers else ""
            lines.append(line + stray)
            continue
        missing = answering.missing(own)
        kind = "answers to compute here" if candidate.is_local else "calls"
        lines.append(f"{candidate.name}: {len(missing)} {kind}{_tokens(missing, candidate.block)}")
    if prepared.block.judges:
        lines += estimated(prepared.block, prepared.questions, [each.name for each in prepared.candidates])
        lines += sensitivity_lines(expected_sensitivity(prepared.questions))
    return lines


def plain_questions(questions: Sequence[JudgeQuestion]) -> list[JudgeQuestion]:
    """Return the questions that are no probe."""
    return [question for question in questions if question.probe is None]


def _tokens(missing: Sequence[Asked], block: LlmBlock) -> str:
    if not missing:
        return ", all in the journal"
    tokens_in = sum(len(turn.content) for each in missing for turn in each.turns) / CHARACTERS_A_TOKEN
    tokens_out = ANSWER_TOKENS * len(missing)
    line = f", about {tokens_in:,.0f} tokens in and {tokens_out:,} out"
    if block.price is None:
        return line
    cost = (tokens_in * block.price.input + tokens_out * block.price.output) / 1e6
    return f"{line}, about {cost:.2f} in the currency of `price`"


def refuse_untrustworthy(recipe: Recipe, done: Judged) -> None:
    """Raise where a finished judgement is not to be relied on; its files are written.

    Raises:
        QualityGateFailed: A judge failed its self-test.
        TooManyFailures: More verdicts are missing than `max_unscored_share` allows.
    """
    results, block = done.results, recipe.ragdata.judge or JudgeBlock()
    if results.void:
        fix = "name a stronger judge; its verdicts on planted answers are in results.json"
        raise QualityGateFailed(str(done.judgement.folder), f"judged tables are void: {results.void_reasons[0]}", fix)
    # what a file does not answer is missing there, and no run finds it
    lost = sum(NOT_IN_FILE not in reason for reason in results.verdicts.reasons)
    share = lost / results.asked if results.asked else 0.0
    if share > block.max_unscored_share:
        what = f"{lost} of {results.asked} verdicts are missing; the others are written"
        raise TooManyFailures(str(done.judgement.folder), what, "run the same command again: only those are asked for")


def judge_costs(verdicts: Verdicts) -> list[Cost]:
    """Return what each judge used in this run."""
    return [
        Cost(name=name, role="judge", usage=usage, cost=verdicts.cost.get(name))
        for name, usage in verdicts.usage.items()
    ]


def write_tables(judgement: Judgement) -> None:
    """Write questions, answers, exact scores and overlaps as JSONL into the judge's folder.

    Raises:
        StoreError: It cannot be written.
    """
    tables: dict[str, Sequence[Record]] = {
        "questions": judgement.questions,
        "excluded": judgement.excluded,
        "overlaps": judgement.overlaps,
        "answers": judgement.answers,
        "exact": judgement.exact,
    }
    folder = RunDirectory(judgement.folder)
    for name, records in tables.items():
        folder.write_table(name, records)
