"""Caps where calls go in batches: what does not fit waits for all that went before, so that no batch holds a few."""

from __future__ import annotations

import asyncio
from collections import deque

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import BudgetReached
from axolotl_ragdata.limits import Budget
from axolotl_ragdata.records import Usage

WORTH_A_BATCH = 0.25
"""Share of the most calls that were under way below which those that fit are too few for a batch of their own."""


class BatchBudget(Budget):
    """A `Budget` that lets calls in by the batch.

    A call uses less than the worst case that it sets aside: near a cap each answer would make room for another call,
    and each of those would wait for a batch of its own. Here the room is given out again once no call is under way.
    """

    def __init__(self, block: LlmBlock, where: str, before: Usage | None = None) -> None:
        super().__init__(block, where, before)
        self._turns: deque[tuple[Usage, asyncio.Future[None]]] = deque()
        self._most = 0

    async def reserve(self, expected: Usage) -> None:
        """Set a call's worst case aside, with the next batch that has room for it.

        Raises:
            BudgetReached: A cap leaves no room, or for so few of the calls that wait that no batch is made of them.
        """
        if not self._turns and self._crossing(expected) is None:
            self._set_aside(expected)
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append((expected, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in (waiting for _, waiting in self._turns):
                self._turns.remove((expected, turn))
            elif not turn.cancelled() and turn.exception() is None:
                self.settle(expected, Usage())
            raise

    def settle(self, expected: Usage, actual: Usage) -> None:
        """Replace what was set aside by what the call used."""
        super().settle(expected, actual)
        self._let_in()

    def _set_aside(self, expected: Usage) -> None:
        self._reserved = self._reserved + expected
        self._most = max(self._most, self._reserved.calls)

    def _let_in(self) -> None:
        """Give the room to the calls that wait, in turn, once no call is under way."""
        if self._reserved.calls or not self._turns:
            return
        most, fitting, problem = self._most, 0, None
        for expected, _ in self._turns:
            if (problem := self._crossing(expected)) is not None:
                break
            self._set_aside(expected)
            fitting += 1
        if problem is not None and fitting < max(1.0, WORTH_A_BATCH * most):
            self._reserved = Usage()
            self._refuse(problem, fitting)
            return
        for _ in range(fitting):
            self._turns.popleft()[1].set_result(None)

    def _refuse(self, problem: BudgetReached, fitting: int) -> None:
        if fitting:
            what = f"there is room for {fitting:,} of {len(self._turns):,} calls, too few for a batch; {problem.what}"
            problem = BudgetReached(problem.where, what, problem.fix)
        while self._turns:
            _, turn = self._turns.popleft()
            if not turn.done():
                turn.set_exception(problem)
