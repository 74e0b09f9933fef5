"""How fast an endpoint may be asked: adaptive concurrency, rates, waits that it names, and caps on spending."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import BudgetReached
from axolotl_ragdata.records import Usage

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
DECREASE = 0.7
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Limiter:
    """Lets at most `limit` calls run; the limit falls by a factor when the endpoint is overloaded and rises by one.

    Additive increase, multiplicative decrease, as in TCP (Chiu and Jain, 1989). It starts at the recipe's concurrency.
    """

    def __init__(self, block: LlmBlock) -> None:
        self.most = block.concurrency
        self.limit = float(block.concurrency)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self._decreased_at = 0.0
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
        if self.limit < self.most:
            self.limit = min(self.most, self.limit + 1 / self.limit)
            self._wake()

    def overloaded(self) -> None:
        """Lower the limit, once a second at most: the calls of one burst fail together."""
        now = time.monotonic()
        if now - self._decreased_at > 1.0:
            self.limit = max(1.0, self.limit * DECREASE)
            self._decreased_at = now

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


def backoff_s(attempt: int) -> float:
    """Return a random wait before the next attempt: full jitter under an exponential ceiling, 0 to 60 s."""
    return random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))  # noqa: S311


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, None where it does not say.

    Reads `retry-after-ms`, `retry-after` (seconds or an HTTP date) and `x-ratelimit-reset-*` where nothing remains.

    >>> retry_after_s({"retry-after-ms": "1500"}), retry_after_s({"retry-after": "2"}), retry_after_s({})
    (1.5, 2.0, None)
    """
    if (value := headers.get("retry-after-ms")) and _number(value) is not None:
        return max(0.0, float(value) / 1000)
    if value := headers.get("retry-after"):
        seconds = _number(value)
        return max(0.0, seconds if seconds is not None else _date_s(value))
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
    """Return a duration such as `6m0s`, `20ms` or `1.5` in seconds, 0 where it is none.

    >>> duration_s("6m0s"), duration_s("20ms"), duration_s("1.5"), duration_s("soon")
    (360.0, 0.02, 1.5, 0.0)
    """
    if (number := _number(text)) is not None:
        return number
    return float(sum(float(value) * UNITS_S[unit] for value, unit in DURATION.findall(text)))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _date_s(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0
