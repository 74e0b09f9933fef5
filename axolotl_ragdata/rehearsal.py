"""What a build would ask, from its actual passages and prompts, less what the journal holds: `build --dry-run`.

The stages run as they would, against a chat model that looks things up in the journal and asks nothing. Prompts that
can be rendered are counted token by token; answers to questions that nobody has asked yet are counted as many as there
can be, each as long as the prompts of a sample.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.accounting import by_stage
from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.overview import cost_of
from axolotl_ragdata.previous import Memory, Previous
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Document, Failure, Hit, Passage, Question, Record, Usage, content_id
from axolotl_ragdata.rows import Asking, RunContext, open_answerer, open_asking, open_memory, open_retriever
from axolotl_ragdata.selection import Rows
from axolotl_ragdata.stage import ChatRequest, Completes, Completion
from axolotl_ragdata.store import RunDirectory
from axolotl_ragdata.tokens import Tokenizer, open_tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from axolotl_ragdata.journal import Journal

NOT_ASKED = "not asked: this is a dry run"
SAMPLE = 24
"""Passages whose answer prompts stand for those of all."""
COUNTED = 200
"""Prompts of a stage that are counted token by token; the others by their characters, at the same ratio."""
OUTPUT_TOKENS = {"questions": 160, "answers": 140, "verdicts": 60}
"""Of a call, until the journal knows better."""
VERDICT_TOKENS = 450
LOCAL = ("embedded", "sentence-transformers/")


class StageEstimate(Record):
    """The calls that one stage still has to make, at most."""

    stage: str
    calls: int
    in_journal: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    counted: bool
    """Whether its prompts were rendered and counted; else they are like those of a sample."""


class Estimate(Record):
    """What a build would ask at most; costs in the currency of `price`, None without one."""

    stages: tuple[StageEstimate, ...]
    calls: int
    in_journal: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    notes: tuple[str, ...]


@dataclass
class Tally:
    """What one stage asked in the rehearsal."""

    asked: int = 0
    in_journal: int = 0
    characters: int = 0
    counted_characters: int = 0
    counted_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all its prompts."""
        return round(self.characters * self.counted_tokens / max(1, self.counted_characters))


class RehearsalChat:
    """A chat model that answers from the journal alone, and counts what it would be asked."""

    def __init__(self, block: LlmBlock, journal: Journal, tokenizer: Tokenizer) -> None:
        self._block = block
        self._journal = journal
        self._tokenizer = tokenizer
        self.tallies: dict[str, Tally] = defaultdict(Tally)

    @property
    def in_flight(self) -> int:
        """Source records worked on at once."""
        return 64

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return what the journal holds, else a Failure; the prompt is counted."""
        from axolotl_ragdata.attempts import journal_key

        tally = self.tallies[request.stage.split("@")[0]]
        entry = self._journal.get(journal_key(self._block, request))
        if entry is not None:
            tally.in_journal += 1
            return Completion(entry["text"], entry["value"], entry["model"], Usage(**entry["usage"]), from_journal=True)
        text = f"{request.system}\n{request.user}" + "".join(turn.content for turn in request.history)
        tally.characters += len(text)
        if tally.asked < COUNTED:
            tally.counted_characters += len(text)
            tally.counted_tokens += self._tokenizer.count(text)
        tally.asked += 1
        return Failure(stage=request.stage, subject_id=request.subject_id, error=NOT_ASKED)


class StandInContext(RunContext):
    """A context without an index, for an embedder that costs: a search finds passages of the usual length."""

    def __init__(self, chat: Completes, passages: Sequence[Passage], memory: Memory | None) -> None:
        super().__init__(chat, None, None, passages, memory)
        self._every = passages

    async def retrieve(self, query: str, top_k: int) -> Sequence[tuple[Hit, Passage]]:
        """Return what the last build found, else passages spread evenly over the corpus."""
        if self._memory and (found := self._memory.recall(query, top_k)) is not None:
            return found
        step = max(1, len(self._every) // top_k)
        chosen = self._every[::step][:top_k]
        return [
            (Hit(passage_id=passage.id, rank=rank, score=1.0, dense_score=1.0), passage)
            for rank, passage in enumerate(chosen, 1)
        ]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return equal vectors."""
        import numpy as np

        return np.ones((len(texts), 1), dtype=np.float32)


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
        return _totals(recipe, [], ["no chat model is asked: rules ask, and sentences of the documents answer"])
    with contextlib.closing(Journal.open(run.journal)) as journal:
        tokenizer = open_tokenizer(recipe.ragdata.passages.tokenizer, recipe.folder)
        chat = RehearsalChat(recipe.ragdata.llm, journal, tokenizer)
        ctx, notes = _context(recipe, run, passages, previous, chat, heard)
        asking = open_asking(recipe, documents, passages, Rows(), previous)
        run_interruptibly(_run(asking.chain, asking.first(), ctx, heard), str(run.folder))
        asked, chat.tallies = chat.tallies, defaultdict(Tally)
        run_interruptibly(_run([open_answerer(recipe)], _sample(passages), ctx, Silent()), str(run.folder))
    spoken = {spent.stage: spent.usage.output_tokens / max(1, spent.usage.calls) for spent in by_stage(run.journal)}
    return _estimate(recipe, asking, asked, chat.tallies, passages, spoken, notes)


def nothing_to_ask(recipe: Recipe) -> Estimate:
    """Return the estimate of a build that would do nothing."""
    return _totals(recipe, [], ["nothing changed: a build would do nothing"])


def _context(
    recipe: Recipe,
    run: RunDirectory,
    passages: Sequence[Passage],
    previous: Previous,
    chat: RehearsalChat,
    progress: Progress,
) -> tuple[RunContext, list[str]]:
    if recipe.ragdata.embed.model.startswith(LOCAL):
        retriever, embedder, _ = open_retriever(recipe, run, passages, progress)
        memory = open_memory(recipe, passages, embedder.name, previous)
        return RunContext(chat, retriever, embedder, passages, memory), []
    tokens = sum(passage.n_tokens for passage in passages)
    notes = [
        f"embedding {len(passages):,} passages by {recipe.ragdata.embed.model} takes about {tokens:,} tokens, less "
        "what is cached; it is not in the sums",
        "searches are stood in for, because embedding costs: answers may be in the journal that are counted here",
    ]
    return StandInContext(chat, passages, open_memory(recipe, passages, recipe.ragdata.embed.model, previous)), notes


async def _run(chain: Sequence[Any], source: Sequence[Any], ctx: RunContext, progress: Progress) -> None:
    from axolotl_ragdata.engines.local import LocalEngine

    progress.start("rehearsing", len(source))

    def counted() -> Any:
        for record in source:
            yield record
            progress.advance()

    async for _ in LocalEngine().run(chain, counted(), ctx, 64):
        pass


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


def _estimate(
    recipe: Recipe,
    asking: Asking,
    asked: Mapping[str, Tally],
    sampled: Mapping[str, Tally],
    passages: Sequence[Passage],
    spoken: dict[str, float],
    notes: list[str],
) -> Estimate:
    stages = [_stage(recipe, name, tally, spoken, True) for name, tally in sorted(asked.items())]
    asks = [tally for name, tally in asked.items() if name.startswith("questions")]
    missing, known = sum(tally.asked for tally in asks), sum(tally.in_journal for tally in asks)
    share = missing / max(1, missing + known)
    to_come = round(asking.most.answers * share) if asks else 0
    answers = [tally for name, tally in sampled.items() if name.startswith("answers")]
    if to_come and answers and recipe.ragdata.answers.mode == "generative":
        each = sum(tally.tokens for tally in answers) / max(1, sum(tally.asked for tally in answers))
        stages.append(_guessed(recipe, "answers/generative", to_come, each, spoken))
    criteria = recipe.ragdata.criteria
    if criteria:
        mean = sum(passage.n_tokens for passage in passages) / max(1, len(passages))
        calls = asking.most.answers * (len(criteria) + ("round_trip" in criteria))
        stages.append(_guessed(recipe, "verdicts", calls, 2 * mean + VERDICT_TOKENS, spoken))
    if recipe.ragdata.questions.has_quota:
        notes.append("the build stops asking once the rows asked for are there, and asks again where they are not")
    return _totals(recipe, stages, notes)


def _stage(recipe: Recipe, name: str, tally: Tally, spoken: dict[str, float], counted: bool) -> StageEstimate:
    each = spoken.get(name) or OUTPUT_TOKENS.get(name.split("/")[0], 120)
    usage = Usage(calls=tally.asked, input_tokens=tally.tokens, output_tokens=round(each * tally.asked))
    return _of_usage(recipe, name, usage, tally.in_journal, counted)


def _guessed(recipe: Recipe, name: str, calls: int, tokens_each: float, spoken: dict[str, float]) -> StageEstimate:
    each = spoken.get(name) or OUTPUT_TOKENS[name.split("/")[0]]
    usage = Usage(calls=calls, input_tokens=round(calls * tokens_each), output_tokens=round(calls * each))
    return _of_usage(recipe, name, usage, 0, False)


def _of_usage(recipe: Recipe, name: str, usage: Usage, in_journal: int, counted: bool) -> StageEstimate:
    return StageEstimate(
        stage=name,
        calls=usage.calls,
        in_journal=in_journal,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=cost_of(usage, recipe.ragdata.llm.price),
        counted=counted,
    )


def _totals(recipe: Recipe, stages: Sequence[StageEstimate], notes: Sequence[str]) -> Estimate:
    usage = sum(
        (Usage(calls=one.calls, input_tokens=one.input_tokens, output_tokens=one.output_tokens) for one in stages),
        Usage(),
    )
    return Estimate(
        stages=tuple(stages),
        calls=usage.calls,
        in_journal=sum(one.in_journal for one in stages),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=cost_of(usage, recipe.ragdata.llm.price),
        notes=tuple(notes),
    )
