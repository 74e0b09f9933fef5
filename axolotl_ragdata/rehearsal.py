"""What a build would ask, from its actual passages and prompts, less what the journal holds: `build --dry-run`.

The stages run as they would, round by round, against a chat model that looks things up in the journal and asks nothing.
Prompts that can be rendered are counted token by token. What follows of answers that nobody has yet is counted as often
as there can be of it, each prompt as long as those of a sample, and as often as it is expected.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.accounting import by_stage
from axolotl_ragdata.coverage import Cell
from axolotl_ragdata.engines.local import LocalEngine
from axolotl_ragdata.estimates import Estimate, Tally, ToCome, estimated, totals
from axolotl_ragdata.inquiries import STAGE as QUESTIONS
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.previous import Previous
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.questions import Inquiry
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Example, Passage, Question, content_id
from axolotl_ragdata.rows import (
    RunContext,
    open_answerer,
    open_asking,
    open_memory,
    open_retriever,
    open_verifier,
)
from axolotl_ragdata.running import IN_FLIGHT, Finished
from axolotl_ragdata.selection import Rows, candidates, examples_of, rows_so_far
from axolotl_ragdata.shelf import by_id
from axolotl_ragdata.stage import Context, Outcome
from axolotl_ragdata.stand_ins import NOT_ASKED, RehearsalChat, StandInContext
from axolotl_ragdata.store import RunDirectory
from axolotl_ragdata.tokens import open_tokenizer

if TYPE_CHECKING:
    from axolotl_ragdata.embed import Embedder

QUOTA_NOTE = (
    "the build asks in rounds until the rows asked for are there: `expected` is for what is missing, by what came of "
    "questions so far; `at most`, everything that may be asked, is reached only where no row passes"
)
SAMPLE = 24
"""Passages whose answer prompts stand for those of all."""
QUESTION_TOKENS = VERDICT_TOKENS = 450
"""Of a card, beside the passages."""
LOCAL = ("embedded", "sentence-transformers/")


def rehearse(
    recipe: Recipe,
    run: RunDirectory,
    documents: Sequence[Document],
    passages: Sequence[Passage],
    previous: Previous,
    progress: Progress | None = None,
) -> Estimate:
    """Return what a build of these passages would ask.

    Raises:
        RagdataError: As a build, for indexing and for what the recipe names.
    """
    from axolotl_ragdata.journal import Journal

    heard = progress or Silent()
    if not recipe.ragdata.needs_llm:
        return totals(recipe, [], ["no chat model is asked: rules ask, and sentences of the documents answer"])
    with contextlib.closing(Journal.open(run.journal)) as journal:
        for note in journal.notes:
            heard.say(note)
        tokenizer = open_tokenizer(recipe.ragdata.passages.tokenizer, recipe.folder)
        chat = RehearsalChat(recipe.ragdata.llm, journal, tokenizer)
        ctx, embedder, notes = _context(recipe, run, passages, previous, chat, heard)
        played = Rehearsal(recipe, documents, passages, previous, embedder)
        run_interruptibly(played.run(ctx, heard), str(run.folder))
        asked, chat.tallies = chat.tallies, defaultdict(Tally)
        run_interruptibly(_heard([open_answerer(recipe)], _sample(passages), ctx, Silent()), str(run.folder))
    spoken = {spent.stage: spent.usage.output_tokens / max(1, spent.usage.calls) for spent in by_stage(run.journal)}
    to_come = _to_come(recipe, played, asked, chat.tallies, passages)
    if recipe.ragdata.questions.has_quota:
        notes.append(QUOTA_NOTE)
    return estimated(recipe, asked, to_come, spoken, notes)


def nothing_to_ask(recipe: Recipe) -> Estimate:
    """Return the estimate of a build that would do nothing."""
    return totals(recipe, [], ["nothing changed: a build would do nothing"])


class Rehearsal:
    """Plays a build round by round, as far as the journal answers and one round beyond.

    Args:
        recipe: What would be built.
        documents: All of them.
        passages: All of them.
        previous: What the last build left.
        embedder: Of questions, for the filters; None where embedding costs: then every row counts as one that passes.
    """

    def __init__(
        self,
        recipe: Recipe,
        documents: Sequence[Document],
        passages: Sequence[Passage],
        previous: Previous,
        embedder: Embedder | None,
    ) -> None:
        self._recipe, self._documents, self._passages, self._embedder = recipe, documents, passages, embedder
        self._rows = Rows()
        self._judged: set[str] = set()
        self._inquiries: list[Inquiry] = []
        """Those that nobody answered."""
        self.asking = open_asking(recipe, documents, passages, self._rows, previous)
        self.is_open = False
        """Whether something is missing that decides what is asked later."""

    async def run(self, ctx: Context, progress: Progress) -> None:
        """Play it."""
        source, is_last = self.asking.first(), False
        while source:
            heard = await _heard(self.asking.chain, source, ctx, progress)
            for outcome in heard:
                self._rows.add(outcome)
            if source := self.asking.again(self._answered(source), heard):
                continue
            if self._recipe.ragdata.criteria:
                await self._judge(ctx, progress)
            self.is_open = bool(self._inquiries or self._rows.failures) or self._embedder is None
            if self.asking.rounds is not None and self.asking.rounds.has_quota and not is_last:
                source, is_last = self.asking.rounds.next(self._so_far()), self.is_open

    def questions_to_come(self) -> Counter[str]:
        """Return how many inquiries of each type may follow those that were looked up."""
        rounds = self.asking.rounds
        if rounds is None or not rounds.has_quota or not self.is_open:
            return Counter()
        return rounds.left() - Counter(inquiry.type for inquiry in self._inquiries)

    def answers_to_come(self, questions: Mapping[str, int]) -> tuple[int, int]:
        """Return the calls for answers to questions not there yet, at most and expected; `questions` may follow."""
        planner, block = self.asking.planner, self._recipe.ragdata
        if planner is None:
            return 0, 0
        each, samples = block.questions.per_passage, block.answers.samples
        expected = sum(planner.answers(name, count, samples) for name, count in self._unanswered().items())
        later = sum(planner.answers(name, count * each, samples) for name, count in questions.items())
        # of a conversation only the turns up to the first that nobody answered were looked up
        turns = {one.id: len(one.turns) - 1 for one in self._rows.questions if one.turns}
        broken = sum(turns.get(subject, 0) for subject in self._missing("answers"))
        return expected + later + broken, expected + broken

    def verdicts_to_come(self, questions: Mapping[str, int]) -> tuple[int, int]:
        """Return the calls for verdicts on rows that are not there, at most and expected; `questions` may follow."""
        planner, block = self.asking.planner, self._recipe.ragdata
        each, samples = block.questions.per_passage, block.answers.samples
        rows = later = 0
        if planner is not None:
            rows = sum(planner.rows(name, count, samples) for name, count in self._unanswered().items())
            later = sum(planner.rows(name, count * each, samples) for name, count in questions.items())
        rows += len(self._missing("answers")) * samples
        calls = len(block.criteria) + ("round_trip" in block.criteria)
        # a round trip whose second answer is missing was not looked up further
        broken = len(self._missing("verdicts/answer_again"))
        return (rows + later) * calls + broken, rows * calls + broken

    def _missing(self, stage: str) -> set[str]:
        return {one.subject_id for one in self._rows.failures if one.stage.startswith(stage) and one.error == NOT_ASKED}

    def _unanswered(self) -> Counter[str]:
        """Return the questions, by type, that were looked up and that nobody has asked yet."""
        if self.asking.rounds is None or self.asking.rounds.has_quota:
            return sum((Counter({one.type: one.count}) for one in self._inquiries), Counter())
        each = self._recipe.ragdata.questions.per_passage
        stages = (one.stage for one in self._rows.failures if one.stage.startswith(f"{QUESTIONS}/"))
        found = Counter(stage.partition("/")[2].partition("@")[0] for stage in stages)
        return Counter({name: count * each for name, count in found.items()})

    def _answered(self, source: Sequence[Any]) -> Sequence[Any]:
        """Return the inquiries of a round that the journal answered, and keep the others apart."""
        planner, rounds = self.asking.planner, self.asking.rounds
        if planner is None or rounds is None or not rounds.has_quota:
            return []
        missing = {(one.stage, one.subject_id) for one in self._rows.failures}
        unanswered = [one for one in source if (planner.producer(one.type), one.passage.id) in missing]
        self._inquiries += unanswered
        gone = {one.id for one in unanswered}
        return [one for one in source if one.id not in gone]

    async def _judge(self, ctx: Context, progress: Progress) -> None:
        rows = self._examples() if self._embedder is None else self._candidates(self._embedder)
        kept = [example for example in rows if example.id not in self._judged]
        self._judged |= {example.id for example in kept}
        for outcome in await _heard([open_verifier(self._recipe)], kept, ctx, progress):
            self._rows.add(outcome)

    def _candidates(self, embedder: Embedder) -> list[Example]:
        return candidates(self._recipe, self._documents, self._passages, embedder, self._rows)

    def _examples(self) -> list[Example]:
        return examples_of(self._recipe, self._documents, by_id(self._passages), self._rows)

    def _so_far(self) -> Counter[Cell]:
        """Return the rows by cell, what nobody answered yet among them: it is expected to become rows."""
        rounds, passages = self.asking.rounds, by_id(self._passages)
        assert rounds is not None, "rules ask once"
        examples = self._examples()
        waiting = self._missing("answers") | self._missing("verdicts")
        unsure = [one for one in examples if one.id in waiting] if self._embedder else examples
        about = [(one.provenance.passage_ids[0], one.type) for one in unsure]
        about += [(one.passage_ids[0], one.type) for one in self._rows.questions if one.id in waiting]
        found = Counter(rounds.cell(passages[passage_id], name) for passage_id, name in about)
        for inquiry in self._inquiries:
            found[rounds.cell(inquiry.passage, inquiry.type)] += (
                inquiry.count * self._recipe.ragdata.questions.paraphrases
            )
        if self._embedder is not None:
            found += rows_so_far(self._recipe, self._documents, self._passages, self._embedder, self._rows)
        return found


def _context(
    recipe: Recipe,
    run: RunDirectory,
    passages: Sequence[Passage],
    previous: Previous,
    chat: RehearsalChat,
    progress: Progress,
) -> tuple[RunContext, Embedder | None, list[str]]:
    if recipe.ragdata.embed.model.startswith(LOCAL):
        retriever, embedder, _ = open_retriever(recipe, run, passages, progress)
        memory = open_memory(recipe, passages, embedder.name, previous)
        return RunContext(chat, retriever, embedder, passages, memory), embedder, []
    tokens = sum(passage.n_tokens for passage in passages)
    notes = [
        f"embedding {len(passages):,} passages by {recipe.ragdata.embed.model} takes about {tokens:,} tokens, less "
        "what is cached; it is not in the sums",
        "searches are stood in for, because embedding costs: answers may be in the journal that are counted here",
    ]
    memory = open_memory(recipe, passages, recipe.ragdata.embed.model, previous)
    return StandInContext(chat, passages, memory), None, notes


async def _heard(chain: Sequence[Any], source: Sequence[Any], ctx: Context, progress: Progress) -> list[Outcome]:
    progress.start("rehearsing", len(source))
    records = Finished(source, progress, IN_FLIGHT)
    return [outcome async for _, outcome in LocalEngine().run(chain, records, ctx, IN_FLIGHT)]


def _sample(passages: Sequence[Passage]) -> list[Question]:
    step = max(1, len(passages) // SAMPLE)
    return [
        Question(
            id=content_id("q", "rehearsal", passage.id),
            type="definition",
            text=f"{' '.join(passage.text.split()[:14])}?",
            passage_ids=(passage.id,),
            language=passage.language,
            generator="llm",
            producer="rehearsal",
        )
        for passage in passages[::step][:SAMPLE]
    ]


def _to_come(
    recipe: Recipe,
    played: Rehearsal,
    asked: Mapping[str, Tally],
    sampled: Mapping[str, Tally],
    passages: Sequence[Passage],
) -> dict[str, ToCome]:
    mean = sum(passage.n_tokens for passage in passages) / max(1, len(passages))
    later = played.questions_to_come()
    found = {"questions": ToCome(later.total(), 0, _each(asked, "questions") or mean + QUESTION_TOKENS)}
    if recipe.ragdata.answers.mode == "generative":
        found["answers/generative"] = ToCome(*played.answers_to_come(later), _each(sampled, "answers"))
    if recipe.ragdata.criteria:
        tokens_each = _each(asked, "verdicts") or 2 * mean + VERDICT_TOKENS
        found["verdicts"] = ToCome(*played.verdicts_to_come(later), tokens_each)
    return found


def _each(tallies: Mapping[str, Tally], stage: str) -> float:
    """Return the tokens of a prompt of a stage, 0 where none was counted."""
    own = [tally for name, tally in tallies.items() if name.startswith(stage)]
    return sum(tally.tokens for tally in own) / max(1, sum(tally.asked for tally in own))
