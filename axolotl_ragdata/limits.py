"""How fast an endpoint may be asked: adaptive concurrency, rates, waits that it names, and caps on spending."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import BudgetReached
from axolotl_ragdata.records import Usage

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
DECREASE = 0.7
REMEMBERED = 32
"""Replies over which the share of calls that are turned away is averaged."""
TOLERATED = 0.1
"""Share of calls turned away that is no reason to ask less: a call is then lost in five attempts once in 100,000."""
DOWN_AFTER = 10
"""Attempts in a row without any answer after which the endpoint counts as down."""
LONGEST_PROBE_WAIT_S = 15.0
LONGEST_ASKED_WAIT_S = 3600.0
"""What an endpoint may ask to wait; a run that would wait longer ends, and goes on when it is started again."""
A_DATE_S = 1e8
"""Seconds above which a number is a date, since 1970."""
PASSING = {408, 409, 425, 429}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Limiter:
    """Lets at most `limit` calls run; the limit falls by a factor when the endpoint is overloaded and rises by one.

    Additive increase, multiplicative decrease, as in TCP (Chiu and Jain, 1989); where calls are turned away the factor
    is the share of them (as in DCTCP, RFC 8257). It starts at the recipe's concurrency.
    """

    def __init__(self, block: LlmBlock) -> None:
        self.most = block.concurrency
        self.limit = float(block.concurrency)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self._decreased_at = 0.0
        self._turned_away = 0.0
        self._rates = [(60.0 / rate, False) for rate in (block.requests_per_minute,) if rate] + [
            (60.0 / rate, True) for rate in (block.tokens_per_minute,) if rate
        ]
        self._slots = [0.0] * len(self._rates)

    async def acquire(self, tokens: int) -> None:
        """Return when a call of about so many tokens may start."""
        while self.in_flight >= max(1, int(self.limit)):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()
                raise
        self.in_flight += 1
        try:
            # what has to be waited for may have grown in the meantime
            while (wait_s := self._wait_s(tokens)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait_s)
        except asyncio.CancelledError:
            self.release()
            raise

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self) -> None:
        """Raise the limit by one for each round of calls that went well."""
        self._turned_away -= self._turned_away / REMEMBERED
        if self._turned_away <= TOLERATED and self.limit < self.most:
            self.limit = min(self.most, self.limit + 1 / self.limit)
            self._wake()

    def overloaded(self, sent_at: float) -> None:
        """Lower the limit by a third, unless it was lowered since the call was sent: those of one burst fail together.

        Args:
            sent_at: When a call was sent that was not answered in time, by the monotonic clock.
        """
        if sent_at > self._decreased_at:
            self.limit = max(1.0, self.limit * DECREASE)
            self._decreased_at = time.monotonic()

    def turned_away(self, wait_s: float | None) -> None:
        """Lower the limit by the share of calls that is turned away, and start none before what the endpoint asks for.

        Single refusals among answers change nothing: only their own call waits.
        """
        self._turned_away += (1 - self._turned_away) / REMEMBERED
        if self._turned_away > TOLERATED:
            # one less for each that did not get in: what is left is what the endpoint had room for
            self.limit = max(1.0, self.limit - 1)
            if wait_s is not None:
                self.pause(wait_s)

    def pause(self, wait_s: float) -> None:
        """Start no call for so many seconds."""
        self._not_before = max(self._not_before, time.monotonic() + wait_s)

    def _wait_s(self, tokens: int) -> float:
        now = time.monotonic()
        if now < self._not_before:
            return self._not_before - now
        late = max(self._slots, default=0.0)
        if now < late:
            return late - now
        for number, (interval_s, by_token) in enumerate(self._rates):
            self._slots[number] = max(now, self._slots[number]) + interval_s * (tokens if by_token else 1)
        return 0.0

    def _wake(self) -> None:
        free = max(1, int(self.limit)) - self.in_flight
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


class Circuit:
    """Keeps calls from an endpoint that is down: once it is open they wait, and one at a time tries whether it answers.

    A circuit breaker (Nygard, Release It!, 2007). It closes with the first answer. `silent` counts the attempts in a
    row without one, and `is_alive` says whether there ever was a sign of life.

    Args:
        patience_s: How long an endpoint that has answered may be down before it is given up.
        opens_after: Attempts in a row without an answer; infinite where a lost answer says nothing of the next.
    """

    def __init__(self, patience_s: float, opens_after: float = DOWN_AFTER) -> None:
        self.silent = 0
        self._patience_s = patience_s
        self._opens_after = opens_after
        self.is_alive = False
        self._since = 0.0
        self._not_before = 0.0
        self._probes = 0
        self._under_way = 0
        self._probe = asyncio.Lock()

    def is_open(self) -> bool:
        """Return whether so many attempts in a row got no answer that calls wait."""
        return self.silent >= self._opens_after

    def is_given_up(self) -> bool:
        """Return whether nothing under way can still answer, and the endpoint was waited for long enough.

        What it asked to wait is no part of the patience.
        """
        now = time.monotonic()
        waited_s = now - max(self._since, self._not_before)
        too_long = waited_s >= (self._patience_s if self.is_alive else 0.0)
        too_long = too_long or now - self._since >= LONGEST_ASKED_WAIT_S
        return self.silent >= max(DOWN_AFTER, self._opens_after) and self._under_way <= 1 and too_long

    @contextlib.asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Hold while an attempt is made; it begins at once or, while the circuit is open, as the only one, in turn."""
        async with contextlib.AsyncExitStack() as probing:
            if self.is_open():
                await probing.enter_async_context(self._probe)
                if self.is_open():
                    await asyncio.sleep(self._probe_wait_s())
                else:
                    await probing.aclose()
            self._under_way += 1
            try:
                yield
            finally:
                self._under_way -= 1

    def answered(self) -> None:
        """Hear that there was an answer."""
        self.silent, self._probes, self.is_alive = 0, 0, True

    def unanswered(self, wait_s: float | None = None) -> None:
        """Hear that an attempt got no answer, or only that it should come again in so many seconds."""
        now = time.monotonic()
        if not self.silent:
            self._since = self._not_before = now
        self.silent += 1
        if wait_s is not None:
            self.is_alive = True
            self._not_before = max(self._not_before, now + wait_s)

    def _probe_wait_s(self) -> float:
        self._probes += 1
        ceiling_s = min(LONGEST_PROBE_WAIT_S, FIRST_WAIT_S * 2**self._probes)
        wait_s = random.uniform(ceiling_s / 2, ceiling_s)  # noqa: S311
        return max(wait_s, self._not_before - time.monotonic())


class Budget:
    """What a run has spent, and the caps that it may not cross. A call reserves its worst case before it is made.

    Args:
        block: Its caps and prices.
        where: Its place in the recipe, for errors.
        before: What earlier runs of the same unfinished build spent: it counts against the caps.
    """

    def __init__(self, block: LlmBlock, where: str, before: Usage | None = None) -> None:
        self._block = block
        self._where = where
        self._reserved = Usage()
        self._settled = asyncio.Event()
        self._before = before or Usage()
        self.spent = Usage()

    @property
    def cost(self) -> float | None:
        """What was spent in the currency of `price`, None without one."""
        return self._cost(self.spent)

    async def reserve(self, expected: Usage) -> None:
        """Set a call's worst case aside, once what others have set aside leaves room for it.

        Raises:
            BudgetReached: It would cross a cap even with no other call in flight.
        """
        while (problem := self._crossing(expected)) is not None:
            if not self._reserved.calls:
                raise problem
            self._settled.clear()
            await self._settled.wait()
        self._reserved = self._reserved + expected

    def _crossing(self, expected: Usage) -> BudgetReached | None:
        total = self._before + self.spent + self._reserved + expected
        block, tokens = self._block, total.input_tokens + total.output_tokens
        fix = "raise the cap and run the same command again; it goes on where it stopped"
        if block.max_tokens_total is not None and tokens > block.max_tokens_total:
            what = f"the next call could cross max_tokens_total: {block.max_tokens_total:,} ({self._shown()})"
            return BudgetReached(f"{self._where}.max_tokens_total", what, fix)
        cost = self._cost(total)
        if block.max_cost is not None and cost is not None and cost > block.max_cost:
            what = f"the next call could cross max_cost: {block.max_cost:g} ({self._shown()})"
            return BudgetReached(f"{self._where}.max_cost", what, fix)
        return None

    def settle(self, expected: Usage, actual: Usage) -> None:
        """Replace what was set aside by what the call used."""
        self._reserved = Usage(
            calls=self._reserved.calls - expected.calls,
            input_tokens=self._reserved.input_tokens - expected.input_tokens,
            output_tokens=self._reserved.output_tokens - expected.output_tokens,
        )
        self.spent = self.spent + actual
        self._settled.set()

    def _cost(self, usage: Usage) -> float | None:
        price = self._block.price
        if price is None:
            return None
        return (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6

    def _shown(self) -> str:
        spent = self._before + self.spent
        tokens = f"spent so far: {spent.calls:,} calls, {spent.input_tokens + spent.output_tokens:,} tokens"
        cost = self._cost(spent)
        return tokens if cost is None else f"{tokens}, {cost:.4f}"


def is_passing(status: int) -> bool:
    """Return whether a call that is answered with this status may go well later.

    >>> [status for status in (400, 401, 404, 408, 429, 500, 503, 521) if is_passing(status)]
    [408, 429, 500, 503, 521]
    """
    return status >= 500 or status in PASSING


def backoff_s(attempt: int) -> float:
    """Return a random wait before the next attempt: full jitter under an exponential ceiling, 0 to 60 s."""
    return random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))  # noqa: S311


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, None where it does not say.

    Reads `retry-after-ms`, `retry-after` (seconds or an HTTP date) and `x-ratelimit-reset-*` where nothing remains.

    >>> retry_after_s({"retry-after-ms": "1500"}), retry_after_s({"retry-after": "2"}), retry_after_s({})
    (1.5, 2.0, None)
    >>> retry_after_s({"retry-after": "soon"}), retry_after_s({"retry-after": "-3"})
    (None, 0.0)
    """
    if (value := headers.get("retry-after-ms")) and (milliseconds := _number(value)) is not None:
        return max(0.0, milliseconds / 1000)
    if (value := headers.get("retry-after")) and (seconds := _asked_s(value)) is not None:
        return max(0.0, seconds)
    return exhausted_s(headers)


def exhausted_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a rate whose remainder is 0 is filled again, None where every rate has some left.

    >>> exhausted_s({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"})
    62.0
    """
    waits = [
        duration_s(headers.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max(waits) if waits else None


def duration_s(text: str) -> float:
    """Return a duration such as `6m0s`, `20ms` or `1.5` in seconds, 0 where it is none; a Unix time is one until then.

    >>> duration_s("6m0s"), duration_s("20ms"), duration_s("1.5"), duration_s("1000000000"), duration_s("soon")
    (360.0, 0.02, 1.5, 0.0, 0.0)
    """
    if (number := _number(text)) is not None:
        return max(0.0, number - time.time()) if number > A_DATE_S else number
    return float(sum(float(value) * UNITS_S[unit] for value, unit in DURATION.findall(text)))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _asked_s(text: str) -> float | None:
    if _number(text) is not None:
        return duration_s(text)
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError):
        return None
