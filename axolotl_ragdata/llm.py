"""The chat seam: any OpenAI-compatible endpoint, and the embedded model, through one `complete`.

An answer is whole (`finish_reason` stop, not empty, fits the schema) and in the journal before it is returned; what the
journal holds is not asked again. Retries, waits, concurrency and caps are here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import difflib
import math
import time
from types import TracebackType
from typing import Any

from axolotl_ragdata.attempts import (
    Attempt,
    Stats,
    body_of,
    failed_entry,
    journal_entry,
    journal_key,
    kept_answer,
    likely_tokens,
    usage_of,
    what_it_said,
    worst_case,
)
from axolotl_ragdata.batch import BatchTransport, Say, as_batches
from axolotl_ragdata.batch.budget import BatchBudget
from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.endpoints import NO_KEY, base_url_of, ending, key_for
from axolotl_ragdata.errors import BudgetReached, EndpointError
from axolotl_ragdata.forms import Form, Forms
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.limits import (
    DOWN_AFTER,
    LONGEST_ASKED_WAIT_S,
    Budget,
    Circuit,
    Limiter,
    backoff_s,
    exhausted_s,
    is_passing,
    retry_after_s,
)
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Failure, Usage
from axolotl_ragdata.stage import ChatRequest, Completion
from axolotl_ragdata.structured import MISFIT, TRUNCATED, Unusable, accepted
from axolotl_ragdata.transport import Reply, TimedOut, Transport, Unreachable

OVERLOADED = {429, 503, 529}
LARGER = 2
MOST_TOKENS = 16_384
SCOUT_S = 3.0
"""How long the other calls of a run wait for the first."""
SAID_WAIT_S = 10.0
LEAVING_S = 3.0
"""What calls in flight may still take when the run is interrupted or the endpoint gave up."""


def open_chat(
    recipe: Recipe, journal: Journal, base_url: str | None = None, before: Usage | None = None, say: Say | None = None
) -> Chat:
    """Return the recipe's chat model, to be used in an `async with`; see `open_chat_of`."""
    return open_chat_of(recipe.ragdata.llm, recipe.where("llm"), journal, base_url, before, say)


def open_chat_of(
    block: LlmBlock,
    where: str,
    journal: Journal,
    base_url: str | None = None,
    before: Usage | None = None,
    say: Say | None = None,
) -> Chat:
    """Return a chat model, to be used in an `async with`.

    Args:
        block: The model and how it is called.
        where: The place of the block in the recipe, for errors.
        journal: Where answers are kept.
        base_url: An endpoint in place of the block's: that of the embedded model.
        before: What earlier runs of the same work spent; it counts against the caps.
        say: Hears what a user should know of batches.

    Raises:
        MissingKey: The endpoint is not on this machine and the environment holds no key.
    """
    url = base_url or base_url_of(block.base_url)
    return Chat(block, journal, url, key_for(url, block.api_key_env, where), where, before, say)


class Chat:
    """A chat model behind an OpenAI-compatible endpoint; open it with `open_chat`.

    Attributes:
        stats: What its calls did.
    """

    def __init__(
        self,
        block: LlmBlock,
        journal: Journal,
        base_url: str,
        key: str,
        where: str,
        before: Usage | None = None,
        say: Say | None = None,
    ) -> None:
        self._block = block
        self._journal = journal
        self._base_url = base_url
        self._secret = key
        self._where = where
        batched = block.mode == "batch"
        self._limiter = Limiter(as_batches(block) if batched else block)
        self._budget = (BatchBudget if batched else Budget)(block, where, before)
        # what a batch brings back was answered, whatever it says of single requests
        self._circuit = Circuit(block.patience_s, math.inf if batched else min(DOWN_AFTER, block.concurrency + 1))
        self._forms = Forms()
        # the first call finds out how the endpoint wants to be asked; a batch cannot wait for it
        self._scout = asyncio.Event()
        self._is_scouted = batched
        self._refusals = 0
        self._say = say or _unheard
        self._said_until = 0.0
        self._running: dict[str, asyncio.Task[Completion | Failure]] = {}
        self._leaving = False
        self._sending: set[asyncio.Task[Any]] = set()
        self._transport: Transport | BatchTransport
        if batched:
            self._transport = BatchTransport(base_url, key, block, journal, self._say)
        else:
            self._transport = Transport(base_url, key, block.concurrency, block.timeout_s)
        self.stats = Stats()

    @property
    def in_flight(self) -> int:
        """Source records worth working on at once: enough that no call has to wait for another's retrieval."""
        return 2 * self._limiter.most

    @property
    def usage(self) -> Usage:
        """What this run's calls used, answers that were not accepted included."""
        return self._budget.spent

    @property
    def cost(self) -> float | None:
        """What this run spent in the currency of `price`, None without one."""
        return self._budget.cost

    async def __aenter__(self) -> Chat:
        """Open the connections."""
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them; what was sent may still be answered and kept, for it will be paid for."""
        self._leaving = True
        for task in set(self._running.values()) - self._sending:
            task.cancel()
        if self._sending:
            at_leisure = kind is None or issubclass(kind, BudgetReached)
            grace_s = self._block.timeout_s if at_leisure else LEAVING_S
            # what is in a batch waits there for the next run
            await asyncio.wait(self._sending, timeout=0 if self._block.mode == "batch" else grace_s)
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._transport.__aexit__(kind, error, trace)

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return a whole answer that is in the journal, or the `Failure` after the last attempt.

        Raises:
            EndpointError: The endpoint is down, or refuses the key or the model.
            BudgetReached: The call could cross a cap of the recipe.
            StoreError: The journal cannot be written.
        """
        key = self.key(request)
        if (kept := kept_answer(self._journal, key)) is not None:
            self.stats.from_journal += 1
            return kept
        task = self._running.get(key)
        if task is None:
            # equal requests share one call
            task = asyncio.create_task(self._ask(key, request))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        outcome = await asyncio.shield(task)
        return (
            outcome.model_copy(update={"subject_id": request.subject_id}) if isinstance(outcome, Failure) else outcome
        )

    def _forget(self, key: str, task: asyncio.Task[Completion | Failure]) -> None:
        self._running.pop(key, None)
        self._sending.discard(task)
        if not task.cancelled():
            # an error that nobody waits for any more would be printed with all that led to it
            task.exception()

    def key(self, request: ChatRequest) -> str:
        """Return the journal's key of a request: what the answer depends on, and nothing else."""
        return journal_key(self._block, request)

    async def _ask(self, key: str, request: ChatRequest) -> Completion | Failure:
        is_scout, self._is_scouted = not self._is_scouted, True
        if not is_scout and self._block.mode == "live" and not self._scout.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._scout.wait(), SCOUT_S)
            self._scout.set()
        try:
            return await self._asked(key, request)
        finally:
            self._scout.set()

    async def _asked(self, key: str, request: ChatRequest) -> Completion | Failure:
        number, before = 0, ""
        while True:
            await self._limiter.acquire(likely_tokens(request))
            try:
                async with self._circuit.attempt():
                    outcome = await self._journalled(key, request, number)
            finally:
                # once the answer is on the disk, so that a kill costs no more calls than hold a place
                self._limiter.release()
            if isinstance(outcome, Completion):
                return outcome
            self._sending.discard(_this_task())
            number += outcome.counts
            if not outcome.retryable or self._leaving or number == self._block.max_attempts:
                break
            self.stats.retries[outcome.error] += 1
            before = outcome.error
            if before == TRUNCATED:
                request = dataclasses.replace(request, max_tokens=min(MOST_TOKENS, LARGER * request.max_tokens))
            elif outcome.choice is None and not outcome.is_of_the_form and self._block.mode == "live":
                await asyncio.sleep(max(outcome.wait_s or 0.0, backoff_s(max(0, number - 1))))
        # an endpoint that has no more room than it had
        error = TRUNCATED if before == TRUNCATED and not outcome.retryable else outcome.error
        self.stats.failures[error] += 1
        return Failure(stage=request.stage, subject_id=request.subject_id, error=error, detail=outcome.detail)

    async def _journalled(self, key: str, request: ChatRequest, number: int) -> Completion | Attempt:
        form = self._forms.form
        outcome = self._outcome(await self._attempt(key, request, number, form), request, form)
        if isinstance(outcome, Completion):
            await self._journal.append(key, journal_entry(request, outcome))
            self.stats.answered += 1
        else:
            await self._journal.append_failure(key, failed_entry(request, outcome, number))
            if self._forms.is_hopeless:
                what = f"no answer is the JSON that was asked for; the last: {outcome.error} ({outcome.detail[:200]})"
                raise self._gone(what, "name a model that follows a JSON schema")
        self._transport.journalled(key)
        return outcome

    def _outcome(self, attempt: Attempt, request: ChatRequest, form: Form) -> Completion | Attempt:
        if attempt.choice is None:
            return attempt
        found = accepted(attempt.choice, request)
        if isinstance(found, Unusable):
            anew = found.reason in MISFIT and self._forms.is_misfit(form)
            failed = dataclasses.replace(attempt, error=found.reason, detail=found.detail)
            return dataclasses.replace(failed, counts=not anew, is_of_the_form=anew)
        text, value = found
        if request.schema is not None:
            self._forms.fits()
        return Completion(text, value, attempt.model or self._block.model, attempt.usage)

    async def _attempt(self, key: str, request: ChatRequest, number: int, form: Form) -> Attempt:
        if self._leaving:
            raise asyncio.CancelledError
        self._journal.check()
        expected = worst_case(request)
        await self._budget.reserve(expected)
        # until its answer is in the journal
        self._sending.add(_this_task())
        used = Usage()
        try:
            attempt = await self._sent(key, body_of(self._block, request, number, form), request, form)
            used = attempt.usage
            return attempt
        finally:
            self._budget.settle(expected, used)

    async def _sent(self, key: str, body: dict[str, Any], request: ChatRequest, form: Form) -> Attempt:
        sent_at = time.monotonic()
        try:
            reply = await self._transport.post("chat/completions", body, key)
        except TimedOut:
            self._limiter.overloaded(sent_at)
            return self._unanswered(f"no answer in {self._block.timeout_s:g} s", "")
        except Unreachable as problem:
            return self._unanswered("connection lost", str(problem), is_of_the_call=False)
        if reply.status != 200:
            return await self._refused(reply, request, form)
        try:
            choice = dict(reply.payload["choices"][0])
            usage = usage_of(reply.payload.get("usage"), request, choice)
            attempt = Attempt(choice, str(reply.payload.get("model") or ""), usage)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return self._unanswered("the endpoint's answer is not a chat completion", reply.text[:200])
        self._heard()
        self._limiter.succeeded()
        if wait_s := exhausted_s(reply.headers):
            self._limiter.pause(wait_s)
            self._say_wait(wait_s)
        return attempt

    def _say_wait(self, wait_s: float) -> None:
        until = time.monotonic() + wait_s
        if wait_s > SAID_WAIT_S and until > self._said_until + 1:
            self._said_until = until
            self._say(f"{self._base_url} asks to wait {wait_s:,.0f} s")

    def _heard(self) -> None:
        if self._circuit.is_open():
            self._say(f"{self._base_url} answers again")
        self._circuit.answered()

    def _unanswered(self, error: str, detail: str, wait_s: float | None = None, is_of_the_call: bool = True) -> Attempt:
        circuit, was_open, detail = self._circuit, self._circuit.is_open(), self._safe(detail)
        circuit.unanswered(wait_s)
        what = f"{circuit.silent} attempts in a row got no answer; the last: {error}{f' ({detail})' if detail else ''}"
        if circuit.is_given_up():
            raise self._gone(what, "start or repair the endpoint, or correct base_url")
        if circuit.silent == DOWN_AFTER and circuit.is_alive:
            self._say(f"{self._base_url}: {what}; waiting for it up to {self._block.patience_s:g} s (patience_s)")
        # while no call is answered, that is no fault of this one
        return Attempt(error=error, detail=detail, wait_s=wait_s, counts=is_of_the_call or not was_open)

    async def _refused(self, reply: Reply, request: ChatRequest, form: Form) -> Attempt:
        status, said = reply.status, self._safe(what_it_said(reply))
        if not is_passing(status):
            self._heard()
        if status == 404:
            raise await self._no_model(said)
        has_answered = bool(self.stats.answered or len(self._journal))
        location = reply.headers.get("Location", "")
        if found := ending(status, said, location, self._block.api_key_env, has_answered):
            raise self._gone(*found)
        if self._forms.is_refused(form, status, said, request.schema is not None):
            error = f"status {status}: asked in another form"
            return Attempt(error=error, detail=said, counts=False, is_of_the_form=True)
        if not is_passing(status):
            return self._refused_for_good(status, said)
        wait_s = retry_after_s(reply.headers)
        if wait_s is not None and wait_s > LONGEST_ASKED_WAIT_S:
            wait = datetime.timedelta(seconds=round(wait_s))
            raise self._gone(f"asks to wait {wait} (status {status}): {said}", "wait as long")
        if status in OVERLOADED and self._block.mode == "live":
            self._limiter.turned_away(wait_s)
        if wait_s is not None:
            self._say_wait(wait_s)
        return self._unanswered(f"status {status}", said, wait_s, is_of_the_call=status not in OVERLOADED)

    def _refused_for_good(self, status: int, said: str) -> Attempt:
        self._refusals += 1
        # refusals come faster than answers, so that the first of a good run may be many
        if self._refusals >= DOWN_AFTER * self._limiter.most and not len(self._journal):
            what = f"refuses every call so far ({self._refusals:,}); the last with status {status}: {said}"
            raise self._gone(what, "correct what it says in the recipe's llm: block")
        return Attempt(error=f"refused with status {status}", detail=said, retryable=False)

    def _gone(self, what: str, fix: str) -> EndpointError:
        """Return the error that ends the run, with what is kept."""
        kept = f"; {len(self._journal):,} answers are kept in the journal" if len(self._journal) else ""
        again = "" if "run the same command again" in fix else "; then run the same command again: it goes on here"
        return EndpointError(self._base_url, f"{what}{kept}", f"{fix}{again}")

    async def _no_model(self, said: str) -> EndpointError:
        name = self._block.model
        fix = "correct ragdata.llm.model, and see that base_url ends in /v1"
        try:
            served = [str(model["id"]) for model in (await self._transport.get("models")).payload["data"]]
        except (Unreachable, TimedOut, KeyError, TypeError):
            # the list is a courtesy of the error; not every endpoint has one
            served = []
        if served:
            near = difflib.get_close_matches(name, served, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            fix = f"{hint}it serves: {', '.join(served[:8])}{', …' if len(served) > 8 else ''}"
        return self._gone(f"knows no model {name!r} (404): {said}", fix)

    def _safe(self, text: str) -> str:
        line = " ".join(text.split())[:400]
        return line if self._secret == NO_KEY else line.replace(self._secret, "…")


def _unheard(line: str) -> None:
    """Say nothing."""


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task
