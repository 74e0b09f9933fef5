"""Every candidate's answer to every question, from the journal where it is there: a rerun computes nothing again.

A chat model's answers are calls of its own `Chat`. A local model is loaded only if something is missing; what it writes
and the log-likelihoods it gives are journalled like calls, under a key of its weights, the sampling and the prompt.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from axolotl_ragdata.accounting import failed_attempts
from axolotl_ragdata.attempts import journal_key
from axolotl_ragdata.base_model import EMBEDDED, ORIGIN, prepare_base_model
from axolotl_ragdata.blocks import CandidateBlock
from axolotl_ragdata.embedded import LlmServer
from axolotl_ragdata.endpoints import base_url_of
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.judge.candidates import Candidate
from axolotl_ragdata.judge.local import Generated, LocalModel, TooLong, Weights, weights_of
from axolotl_ragdata.judge.prompts import Asked, Turns
from axolotl_ragdata.judge.records import CandidateAnswer
from axolotl_ragdata.llm import Chat, open_chat_of
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.records import Failure, Usage, content_id

ANSWER = "judge/answer@1"
LIKELIHOOD = "judge/likelihood@1"
Item = TypeVar("Item")
Pair = tuple[Turns, str]


@dataclass
class Spent:
    """What the candidates' answers cost in this run."""

    usage: dict[str, Usage] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    from_journal: int = 0
    generated: int = 0


@dataclass
class Answering:
    """One pass over all candidates.

    Args:
        journal: Where answers are kept.
        compared: By question, the options whose log-likelihoods are compared, the right one first.
        progress: Who hears of it.
    """

    journal: Journal
    compared: Mapping[str, Sequence[str]]
    progress: Progress
    spent: Spent = field(default_factory=Spent)
    _weights: dict[tuple[str, Path | None], Weights] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)

    async def answer(self, asked: Sequence[Asked]) -> list[CandidateAnswer]:
        """Return the answers of all candidates, by candidate, in the order of the questions.

        Raises:
            RagdataError: What ends a run: an endpoint that is down or refuses the key, a cap, a model that cannot be
                loaded, a journal that cannot be written.
        """
        groups: dict[str, list[Asked]] = {}
        for each in asked:
            groups.setdefault(each.candidate.name, []).append(each)
        answers: dict[str, list[CandidateAnswer]] = {}
        local = [group for group in groups.values() if group[0].candidate.is_local]
        for name, group in groups.items():
            if not group[0].candidate.is_local and not _is_batched(group[0].candidate):
                answers[name] = await self._answer_by_chat(group)
        # a batch may take a day: all of them wait together
        batched = [group for group in groups.values() if _is_batched(group[0].candidate)]
        waiting = [asyncio.create_task(self._answer_by_chat(group)) for group in batched]
        try:
            for group, task in zip(batched, waiting, strict=True):
                answers[group[0].candidate.name] = await task
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        # candidates that share weights follow each other, so that these are loaded once
        local.sort(key=lambda group: self.weights(group[0].candidate).identity)
        with _Loaded() as loaded:
            for group in local:
                answers[group[0].candidate.name] = await self._answer_locally(group, loaded)
        return [answer for name in groups for answer in answers[name]]

    def weights(self, candidate: Candidate) -> Weights:
        """Return the weights of a local candidate, identified by their bytes; the embedded one is made on first use."""
        key = (str(candidate.base), candidate.adapter)
        if key not in self._weights:
            base = str(prepare_base_model()) if candidate.base == EMBEDDED else str(candidate.base)
            self._weights[key] = weights_of(base, candidate.adapter)
        return self._weights[key]

    def missing(self, asked: Sequence[Asked]) -> list[Asked]:
        """Return what the journal does not answer yet, of one candidate."""
        candidate = asked[0].candidate
        if candidate.given:
            return []
        if candidate.is_local:
            weights = self.weights(candidate)
            return [each for each in asked if self.journal.get(_answer_key(each, weights)) is None]
        stage = chat_stage(candidate)
        return [each for each in asked if journal_key(candidate.block, each.request(stage)) not in self.journal]

    async def _answer_by_chat(self, group: Sequence[Asked]) -> list[CandidateAnswer]:
        candidate = group[0].candidate
        if candidate.given:
            by_id = {answer.question_id: answer for answer in candidate.given}
            return [by_id[each.question.id] for each in group]
        self.progress.start(f"answers of {candidate.name}", len(group))
        async with _opened(candidate, self.journal, self._before(group), self.progress) as chat:
            answers = await asyncio.gather(*(self._complete(each, chat) for each in group))
            self.spent.usage[candidate.name] = chat.usage
            if chat.cost is not None:
                self.spent.cost[candidate.name] = chat.cost
            self.spent.from_journal += chat.stats.from_journal
        return answers

    def _before(self, group: Sequence[Asked]) -> Usage:
        """Return what earlier runs paid for the answers of a chat candidate, failed attempts included."""
        candidate = group[0].candidate
        stage, used = chat_stage(candidate), Usage()
        failed = failed_attempts(self.journal.folder)
        for each in group:
            key = journal_key(candidate.block, each.request(stage))
            entry = self.journal.get(key)
            used += failed.pop(key, Usage())
            used += Usage(**entry["usage"]) if entry is not None else Usage()
        return used

    async def _complete(self, asked: Asked, chat: Chat) -> CandidateAnswer:
        outcome = await chat.complete(asked.request(chat_stage(asked.candidate)))
        self.progress.advance()
        named = {
            "question_id": asked.question.id,
            "candidate": asked.candidate.name,
            "passage_ids": asked.passage_ids,
        }
        if isinstance(outcome, Failure):
            return CandidateAnswer(**named, failure=f"{outcome.error} {outcome.detail}".strip())
        return CandidateAnswer(**named, text=outcome.text, model=outcome.model, usage=outcome.usage)

    async def _answer_locally(self, group: Sequence[Asked], loaded: _Loaded) -> list[CandidateAnswer]:
        candidate = group[0].candidate
        weights, block = self.weights(candidate), candidate.block
        keys = [_answer_key(each, weights) for each in group]
        pairs = self._pairs(group, weights)
        unwritten = [at for at, key in enumerate(keys) if self.journal.get(key) is None]
        unscored = [key for key in pairs if self.journal.get(key) is None]
        self.spent.from_journal += len(keys) - len(unwritten)
        self.progress.start(f"answers of {candidate.name}", len(unwritten) + len(unscored))
        if unwritten:
            model = await self._load(loaded, weights, block)
            made = model.generate(
                [group[at].turns for at in unwritten], block.max_tokens, block.temperature or 0.0, block.seed or 0
            )
            async for at, text in _in_thread(made, model):
                await self._keep(keys[unwritten[at]], _written_entry(group[unwritten[at]], text, weights))
                self.spent.generated += 1
        if unscored:
            model = await self._load(loaded, weights, block)
            async for at, found in _in_thread(model.log_likelihoods([pairs[key] for key in unscored]), model):
                await self._keep(unscored[at], _scored_entry(found, weights))
        return [self._local_answer(each, key, weights) for each, key in zip(group, keys, strict=True)]

    async def _keep(self, key: str, entry: dict[str, Any]) -> None:
        if "error" in entry:
            self._failed[key] = entry["error"]
            await self.journal.append_failure(key, entry)
        else:
            await self.journal.append(key, entry)
        self.progress.advance()

    async def _load(self, loaded: _Loaded, weights: Weights, block: CandidateBlock) -> LocalModel:
        model, new = await asyncio.to_thread(loaded.get, weights, block)
        for note in model.notes if new else ():
            self.progress.say(f"{_shown(weights)}: {note}")
        return model

    def _pairs(self, group: Sequence[Asked], weights: Weights) -> dict[str, Pair]:
        found = {}
        for each in group:
            for text in self._likely_texts(each):
                found[_likelihood_key(each, text, weights)] = (each.plain, text)
        return found

    def _likely_texts(self, asked: Asked) -> list[str]:
        reference = [asked.question.reference] if asked.question.reference else []
        return list(dict.fromkeys([*reference, *self.compared.get(asked.question.id, ())]))

    def _local_answer(self, asked: Asked, key: str, weights: Weights) -> CandidateAnswer:
        entry = self.journal.get(key) or {}
        reference = asked.question.reference
        options = tuple(self.compared.get(asked.question.id, ()))
        sums = [self._likelihood(asked, option, weights) for option in options]
        whole = all(each is not None for each in sums)
        likely = self._likelihood(asked, reference, weights) if reference else None
        return CandidateAnswer(
            question_id=asked.question.id,
            candidate=asked.candidate.name,
            text=entry.get("text"),
            failure=None if entry else self._failed.get(key, "no answer"),
            truncated=bool(entry.get("truncated")),
            model=_shown(weights),
            usage=Usage(**entry.get("usage", {})),
            passage_ids=asked.passage_ids,
            reference_log_likelihood=likely[0] if likely else None,
            reference_tokens=likely[1] if likely else None,
            compared_options=options if whole else (),
            option_log_likelihoods=tuple(each[0] for each in sums if each is not None) if whole else (),
        )

    def _likelihood(self, asked: Asked, text: str, weights: Weights) -> tuple[float, int] | None:
        entry = self.journal.get(_likelihood_key(asked, text, weights)) or {}
        return (entry["sum"], entry["tokens"]) if entry else None


class _Loaded:
    """The one local model in memory."""

    def __init__(self) -> None:
        self._settings: tuple[Weights, int, str] | None = None
        self._model: LocalModel | None = None

    def __enter__(self) -> _Loaded:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._model is not None:
            self._model.close()

    def get(self, weights: Weights, block: CandidateBlock) -> tuple[LocalModel, bool]:
        """Return the model of some weights, and whether it was loaded for this."""
        wanted = (weights, block.batch_tokens, block.dtype)
        if self._model is not None and self._settings == wanted:
            return self._model, False
        if self._model is not None:
            self._model.close()
        self._model, self._settings = LocalModel(*wanted), wanted
        return self._model, True


def chat_stage(candidate: Candidate) -> str:
    """Return what stands for a chat candidate in the journal's keys: two endpoints may serve models of one name."""
    return ANSWER if candidate.block.source == EMBEDDED else f"{ANSWER} {base_url_of(candidate.block.base_url)}"


def _is_batched(candidate: Candidate) -> bool:
    return not candidate.is_local and not candidate.given and candidate.block.mode == "batch"


@contextlib.asynccontextmanager
async def _opened(candidate: Candidate, journal: Journal, before: Usage, progress: Progress) -> AsyncIterator[Chat]:
    with contextlib.ExitStack() as stack:
        embedded = candidate.block.model == EMBEDDED
        base_url = stack.enter_context(LlmServer()).base_url if embedded else None
        async with open_chat_of(candidate.block, candidate.where, journal, base_url, before, progress.say) as chat:
            yield chat


async def _in_thread(source: Iterator[Item], model: LocalModel) -> AsyncIterator[Item]:
    end = object()
    try:
        while (item := await asyncio.to_thread(next, source, end)) is not end:
            yield item  # type: ignore[misc]
    except asyncio.CancelledError:
        # the thread cannot be cancelled, and the process would wait for its batch
        model.stop()
        raise


def _answer_key(asked: Asked, weights: Weights) -> str:
    block = asked.candidate.block
    sampling = {
        "max_tokens": block.max_tokens,
        "temperature": block.temperature,
        "seed": block.seed,
        "dtype": block.dtype,
    }
    return content_id("c", ANSWER, weights.identity, sampling, _said(asked.turns))


def _likelihood_key(asked: Asked, text: str, weights: Weights) -> str:
    dtype = asked.candidate.block.dtype
    return content_id("c", LIKELIHOOD, weights.identity, dtype, _said(asked.plain), text)


def _said(turns: Turns) -> list[list[str]]:
    return [[turn.role, turn.content] for turn in turns]


def _shown(weights: Weights) -> str:
    name = (
        ORIGIN if Path(weights.base).is_dir() and "smollm2-135m-instruct" in Path(weights.base).name else weights.base
    )
    return f"{Path(name).name if Path(name).is_absolute() else name}@{weights.identity}"


def _written_entry(asked: Asked, made: Generated | TooLong, weights: Weights) -> dict[str, Any]:
    entry: dict[str, Any] = {"stage": ANSWER, "subject": asked.question.id, "model": _shown(weights)}
    if isinstance(made, TooLong):
        return {**entry, "error": f"the prompt has {made.tokens:,} tokens, and the model takes {made.most:,}"}
    usage = Usage(calls=1, input_tokens=made.input_tokens, output_tokens=made.output_tokens)
    return {**entry, "text": made.text, "truncated": not made.ended, "usage": usage.model_dump()}


def _scored_entry(found: tuple[float, int] | TooLong, weights: Weights) -> dict[str, Any]:
    entry: dict[str, Any] = {"stage": LIKELIHOOD, "model": _shown(weights)}
    if isinstance(found, TooLong):
        return {**entry, "error": f"{found.tokens:,} tokens, and the model takes {found.most:,}"}
    return {**entry, "sum": found[0], "tokens": found[1]}
