"""Caps where calls go in batches: what does not fit waits for all that went before, so that no batch holds a few."""

from __future__ import annotations

import asyncio

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.errors import BudgetReached
from axolotl_ragdata.limits import Budget
from axolotl_ragdata.records import Usage

WORTH_A_BATCH = 0.25
"""Share of the most calls that were under way below which those that fit are too few for a batch of their own."""
FEWEST = 8
"""Calls that are too few in any case, while others wait: what takes a day is not done for them."""


class BatchBudget(Budget):
    """A `Budget` that lets calls in by the batch.

    A call uses less than the worst case that it sets aside: near a cap each answer would make room for another call,
    and each of those would wait for a batch of its own. Here the room is given out again once no call is under way.
    """

    def __init__(self, block: LlmBlock, where: str, before: Usage | None = None) -> None:
        super().__init__(block, where, before)
        self._turns: dict[asyncio.Future[None], Usage] = {}
        self._most = 0
        self._fewest = max(1, min(FEWEST, block.batch.max_requests // 2))

    async def reserve(self, expected: Usage) -> None:
        """Set a call's worst case aside, with the next batch that has room for it.

        Raises:
            BudgetReached: A cap leaves no room, or for so few of the calls that wait that no batch is made of them.
        """
        if not self._turns and self._crossing(expected) is None:
            self._set_aside(expected)
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns[turn] = expected
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            # one that was let in in the same moment gives its room back
            if self._turns.pop(turn, None) is None and not turn.cancelled() and turn.exception() is None:
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
        if self._reserved.calls:
            return
        # who was cancelled in this turn of the loop has not left yet
        self._turns = {turn: expected for turn, expected in self._turns.items() if not turn.done()}
        most, fitting, problem = self._most, 0, None
        for expected in self._turns.values():
            if (problem := self._crossing(expected)) is not None:
                break
            self._set_aside(expected)
            fitting += 1
        if problem is not None and fitting < max(self._fewest, WORTH_A_BATCH * most):
            self._reserved = Usage()
            self._refuse(problem, fitting)
            return
        for turn in list(self._turns)[:fitting]:
            del self._turns[turn]
            turn.set_result(None)

    def _refuse(self, problem: BudgetReached, fitting: int) -> None:
        if fitting:
            what = f"there is room for {fitting:,} of {len(self._turns):,} calls, too few for a batch; {problem.what}"
            fix = "raise the cap, or set llm.mode: live for the rest, and run the same command again: it goes on here"
            problem = BudgetReached(problem.where, what, fix)
        turns, self._turns = self._turns, {}
        for turn in turns:
            turn.set_exception(problem)
