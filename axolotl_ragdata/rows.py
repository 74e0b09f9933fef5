"""Documents and passages → questions → answers → examples, filtered and split: the middle of a build."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from axolotl_ragdata.accounting import spent_since
from axolotl_ragdata.boilerplate import skipped_as
from axolotl_ragdata.carrying import carried_over
from axolotl_ragdata.coverage import Held
from axolotl_ragdata.errors import RagdataError
from axolotl_ragdata.gaps import canonical_weights, shortfall, type_names
from axolotl_ragdata.inquiries import Most, Planner, skipped_passages
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.overview import cost_of
from axolotl_ragdata.previous import Asked, Memory, Previous
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Example, Failure, Hit, Passage, Question, Rejected
from axolotl_ragdata.rounds import Rounds
from axolotl_ragdata.running import Part, run_stages
from axolotl_ragdata.selection import Rows, candidates, rows_so_far, select
from axolotl_ragdata.shelf import PassageShelf, on_shelf
from axolotl_ragdata.stage import ChatRequest, Completes, Completion, Outcome, Stage
from axolotl_ragdata.store import RunDirectory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from axolotl_ragdata.embed import Embedder
    from axolotl_ragdata.index import Retriever
    from axolotl_ragdata.llm import Chat

SearchMode = Literal["hybrid", "dense", "text"]
PROMPT_TOKENS = 450
"""A card's own length, for the estimate that is shown before anything is spent."""


class RunContext:
    """What the stages of a build may reach; see `axolotl_ragdata.stage.Context`."""

    def __init__(
        self,
        chat: Completes | None,
        retriever: Retriever | None,
        embedder: Embedder | None,
        passages: Sequence[Passage],
        memory: Memory | None = None,
    ) -> None:
        self._chat = chat
        self._retriever = retriever
        self._memory = memory
        self._embedder = embedder
        self._shelf = on_shelf(passages)
        self._passages = self._shelf.by_id

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return a journalled completion, or the Failure after the last retry."""
        if self._chat is None:
            raise RagdataError(request.stage, "asks for a chat model in a build without one", "report this as a bug")
        return await self._chat.complete(request)

    async def retrieve(self, query: str, top_k: int) -> Sequence[tuple[Hit, Passage]]:
        """Return the best passages for a query, best first."""
        found = self._memory.recall(query, top_k) if self._memory else None
        if found is None:
            assert self._retriever is not None, "a context without an index searches in its own way"
            found = await self._retriever.search(query, top_k)
            if self._memory:
                self._memory.keep(query, top_k, found)
        return found

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions)."""
        assert self._embedder is not None, "a context without an embedder embeds in its own way"
        return await asyncio.to_thread(self._embedder.embed, texts)

    def passage(self, passage_id: str) -> Passage:
        """Return a passage by its id."""
        return self._passages[passage_id]

    def adjacent(self, passage_id: str, reach: int) -> Sequence[Passage]:
        """Return the passages of the same section up to `reach` places before and behind one, in reading order."""
        own = self._passages[passage_id]
        section = (other for other in self._shelf.part(own.doc_id) if other.section_path == own.section_path)
        return [other for other in section if 0 < abs(other.ordinal - own.ordinal) <= reach]


def stage_versions(recipe: Recipe) -> dict[str, str]:
    """Return the version of every stage that a build of this recipe runs, of each card where a stage has several.

    Raises:
        UnknownName: The recipe names a question type that there is not.
    """
    from axolotl_ragdata.index import FUSION_VERSION
    from axolotl_ragdata.passages import VERSION
    from axolotl_ragdata.verdicts import producers_of

    asker, answerer = _asker(recipe), open_answerer(recipe)
    asking = [*question_producers(recipe).values()] or [f"{asker.name}@{asker.version}"]
    versions = [*asking, f"{answerer.name}@{answerer.version}", *producers_of(recipe.ragdata.criteria)]
    return {"passages": VERSION, "search": FUSION_VERSION, **dict(each.split("@", 1) for each in versions)}


def question_producers(recipe: Recipe) -> dict[str, str]:
    """Return the name and version of the card behind each question type of a recipe; {} where rules ask.

    Raises:
        UnknownName: The recipe names a question type that there is not.
    """
    from axolotl_ragdata.questions import load_cards

    block = recipe.ragdata.questions
    cards = load_cards(block.types, recipe.where("questions", "types")) if block.origin == "llm" else []
    return {card.name: card.producer for card in cards}


def make_rows(
    recipe: Recipe,
    run: RunDirectory,
    documents: Sequence[Document],
    passages: Sequence[Passage],
    progress: Progress,
    previous: Previous | None = None,
) -> Rows:
    """Return the rows of a build; the errors are those of `axolotl_ragdata.pipeline.build`."""
    retriever, embedder, tag = open_retriever(recipe, run, passages, progress)
    rows = Rows(index={"tag": tag, "embedder": embedder.name, "dimensions": embedder.dimensions})
    work = _generate(recipe, run, documents, passages, retriever, embedder, rows, progress, previous or Previous())
    run_interruptibly(work, str(run.folder))
    select(recipe, documents, passages, embedder, rows, progress)
    _say_gaps(recipe, documents, passages, rows, progress)
    return rows


def _say_gaps(
    recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage], rows: Rows, progress: Progress
) -> None:
    if recipe.ragdata.questions.has_quota:
        wanted, missing = shortfall(recipe, documents, passages, rows.examples)
        if missing:
            asked = f"{len(rows.examples):,} rows of {wanted:,} asked for, {missing:,} missing"
            progress.say(f"{asked}: nothing is left to ask; `ragdata coverage {recipe.path.name}` shows where")


def open_memory(recipe: Recipe, passages: Sequence[Passage], embedder: str, previous: Previous) -> Memory | None:
    """Return what searches found in the last build, None where a build asks no chat model."""
    if not recipe.ragdata.needs_llm:
        # searching costs nothing then, and neither does answering anew
        return None
    block = recipe.ragdata.answers
    found = previous.retrievals if block.refresh == "changed" else {}
    return Memory(passages, (block.search, embedder), found)


def open_retriever(
    recipe: Recipe,
    run: RunDirectory,
    passages: Sequence[Passage],
    progress: Progress,
    mode: SearchMode | None = None,
) -> tuple[Retriever, Embedder, str]:
    """Return a retriever over exactly these passages, its embedder and the index's tag."""
    from axolotl_ragdata.embed import open_embedder
    from axolotl_ragdata.index import Index, Retriever

    embedded = Part(progress, len(passages))
    embedder = open_embedder(recipe, run.cache, embedded.advance)
    progress.start("embedding and indexing", len(passages))
    index = Index.open(run.index, embedder)
    index.update(passages)
    if index.note:
        progress.say(f"the index is made anew: {index.note}")
    embedded.finish()
    return Retriever(index, mode or recipe.ragdata.answers.search), embedder, index.tag()


async def _generate(
    recipe: Recipe,
    run: RunDirectory,
    documents: Sequence[Document],
    passages: Sequence[Passage],
    retriever: Retriever,
    embedder: Embedder,
    rows: Rows,
    progress: Progress,
    previous: Previous,
) -> None:
    asking = open_asking(recipe, documents, passages, rows, previous)
    memory = open_memory(recipe, passages, embedder.name, previous)
    if recipe.ragdata.needs_llm:
        progress.say(estimate(recipe, passages, asking.most))
    async with _opened_chat(recipe, run, rows, progress) as chat:
        ctx = RunContext(chat, retriever, embedder, passages, memory)
        source = asking.first()
        while source:
            heard = await run_stages(asking.chain, source, "questions and answers", ctx, chat, rows, progress)
            if source := asking.again(source, heard):
                continue
            if chat and recipe.ragdata.criteria:
                judged = {verdict.subject_id for verdict in rows.verdicts}
                free = await asyncio.to_thread(candidates, recipe, documents, passages, embedder, rows)
                kept = [example for example in free if example.id not in judged]
                await run_stages([open_verifier(recipe)], kept, "verifying", ctx, chat, rows, progress)
            if asking.rounds is not None and asking.rounds.has_quota:
                so_far = await asyncio.to_thread(rows_so_far, recipe, documents, passages, embedder, rows)
                source = asking.rounds.next(so_far)
    rows.passed_over, rows.plan = asking.passed_over, asking.plan
    rows.retrievals = sorted(memory.found.values(), key=lambda one: one.id) if memory else []


@dataclass(frozen=True)
class Asking:
    """What runs, over what: the inquiries of rounds, or the questions that rules asked."""

    chain: list[Stage[Any]]
    rounds: Rounds | None = None
    planner: Planner | None = None
    questions: Sequence[Question] = ()
    most: Most = field(default_factory=Most)
    corpus: PassageShelf | None = None

    def first(self) -> Sequence[Any]:
        """Return the records of the first round."""
        return self.questions if self.rounds is None else self.rounds.first()

    def again(self, source: Sequence[Any], heard: Sequence[Outcome]) -> Sequence[Any]:
        """Take in what a round came to; return what the last build asked next, [] when all that stands was asked."""
        if self.rounds is None or not self.rounds.has_quota:
            return []  # everything was asked in one round
        self.rounds.hear(source, heard)
        return self.rounds.again()

    def plan(self, examples: Sequence[Example]) -> list[Asked]:
        """Return what was asked under a quota, with the rows that came of it, for the next build."""
        return [] if self.rounds is None else self.rounds.plan(examples)

    def passed_over(self) -> Iterator[Rejected]:
        """Yield a `Rejected` for each passage that nothing was asked of, by their ids."""
        if self.rounds is not None:
            yield from self.rounds.passed_over()
        elif self.corpus is not None:
            yield from skipped_passages(self.corpus.in_order_of_ids())


def open_asking(
    recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage], rows: Rows, previous: Previous
) -> Asking:
    """Return what a build asks; the questions that rules ask join `rows`, and what a quota keeps to."""
    block = recipe.ragdata.questions
    if block.origin == "llm":
        planner = open_planner(recipe, documents, passages)
        carried = carried_over(block, planner, previous)
        rows.held = Held(carried.rows, carried.new)
        rounds = Rounds(block, planner, canonical_weights(recipe), carried)
        most = planner.most(recipe.ragdata.answers.samples)
        return Asking([_asker(recipe), open_answerer(recipe)], rounds, planner, most=most)
    asker = _asker(recipe)
    shelf = on_shelf(passages)
    for document in documents:
        own = [passage for passage in shelf.part(document.id) if skipped_as(passage) is None]
        for outcome in asker.ask(document, own):
            rows.add(outcome)
    made = len(rows.questions) * recipe.ragdata.answers.samples
    most = Most(answers=made, rows=made)
    return Asking([open_answerer(recipe)], questions=list(rows.questions), most=most, corpus=shelf)


def _asker(recipe: Recipe) -> Any:
    from axolotl_ragdata.questions import AskStage, load_cards
    from axolotl_ragdata.questions.structure import StructureAsker

    block = recipe.ragdata.questions
    where = recipe.where("questions", "types")
    if block.origin == "structure":
        return StructureAsker(type_names(recipe), block.per_passage, where)
    return AskStage(load_cards(block.types, where), recipe.ragdata.llm.model, block.paraphrases)


def open_planner(recipe: Recipe, documents: Sequence[Document], passages: Sequence[Passage]) -> Planner:
    """Return what decides which card is asked of which passage.

    Raises:
        UnknownName: The recipe names a question type that there is not.
    """
    from axolotl_ragdata.questions import load_cards

    block = recipe.ragdata.questions
    return Planner(block, load_cards(block.types, recipe.where("questions", "types")), documents, passages)


def open_answerer(recipe: Recipe) -> Stage[Any]:
    """Return the stage that answers."""
    from axolotl_ragdata.answers import AnswerStage, ExtractStage

    block = recipe.ragdata.answers
    if block.mode == "extractive":
        return ExtractStage(block.top_k, block.floor(recipe.ragdata.embed.model))
    floor = block.floor(recipe.ragdata.embed.model)
    return AnswerStage(block.top_k, recipe.ragdata.llm.model, block.samples, floor, block.neighbours)


def open_verifier(recipe: Recipe) -> Stage[Any]:
    """Return the stage that judges rows."""
    from axolotl_ragdata.verdicts import VerifyStage

    return VerifyStage(recipe.ragdata.criteria, recipe.ragdata.llm.model)


@contextlib.asynccontextmanager
async def _opened_chat(recipe: Recipe, run: RunDirectory, rows: Rows, progress: Progress) -> AsyncIterator[Chat | None]:
    if not recipe.ragdata.needs_llm:
        yield None
        return
    from axolotl_ragdata.embedded import LlmServer
    from axolotl_ragdata.journal import Journal
    from axolotl_ragdata.llm import open_chat

    started, cpu_before_s = time.monotonic(), time.process_time()
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(contextlib.closing(Journal.open(run.journal)))
        embedded = recipe.ragdata.llm.model == "embedded"
        base_url = stack.enter_context(LlmServer()).base_url if embedded else None
        _say_all(progress, journal.notes)
        # and what is found wrong later
        stack.callback(lambda known: _say_all(progress, journal.notes[known:]), len(journal.notes))
        before = spent_since(run.journal, (run.read_manifest() or {}).get("journal", {}))
        async with open_chat(recipe, journal, base_url, before, progress.say) as chat:
            yield chat
        rows.llm = {
            "model": recipe.ragdata.llm.model,
            "usage": (before + chat.usage).model_dump(),
            "usage_of_this_run": chat.usage.model_dump(),
            "calls_answered_by_the_journal": chat.stats.from_journal,
            "cost": cost_of(before + chat.usage, recipe.ragdata.llm.price),
            "cost_of_this_run": chat.cost,
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(time.process_time() - cpu_before_s, 1),
        }


def _say_all(progress: Progress, lines: Sequence[str]) -> None:
    for line in lines:
        progress.say(line)


def estimate(recipe: Recipe, passages: Sequence[Passage], most: Most) -> str:
    """Return one line: the most calls and tokens that a build of these passages can need, with the cost if priced."""
    block = recipe.ragdata
    asked = most.inquiries
    answered = most.answers if block.answers.mode == "generative" else 0
    judged = most.rows * (len(block.criteria) + ("round_trip" in block.criteria))
    mean = sum(passage.n_tokens for passage in passages) / max(1, len(passages))
    tokens_in = asked * (mean + PROMPT_TOKENS) + answered * (block.answers.top_k * mean + PROMPT_TOKENS)
    tokens_in += judged * (2 * mean + PROMPT_TOKENS)
    tokens_out = 120 * (asked + answered) + 60 * judged
    calls = f"at most {asked + answered + judged:,} calls"
    line = f"{calls}, about {tokens_in / 1e6:.2f} M tokens in and {tokens_out / 1e6:.2f} M out"
    if price := block.llm.price:
        line += f", about {(tokens_in * price.input + tokens_out * price.output) / 1e6:.2f} in the currency of `price`"
    stops = ", fewer once the rows asked for are there" if block.questions.has_quota else ""
    return f"{line}, less what the journal already holds{stops}"
