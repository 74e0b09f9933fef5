from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys

import pytest

from axolotl_ragdata.errors import Interrupted
from axolotl_ragdata.interruption import rarely_collected, run_interruptibly


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_work_and_lets_it_clean_up(number: signal.Signals) -> None:
    cleaned = []

    async def work() -> None:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), number)
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        run_interruptibly(work(), "run")
    assert caught.value.exit_code == 128 + number
    assert cleaned == [True]
    assert signal.getsignal(number) == before


def test_garbage_is_collected_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rarely_collected():
        with rarely_collected():
            assert gc.get_threshold() > before
        assert gc.get_threshold() > before, "the inner one leaves the outer one alone"
        assert gc.get_freeze_count() > 0
        raise ZeroDivisionError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_result_comes_back() -> None:
    async def work() -> int:
        return 7

    assert run_interruptibly(work(), "run") == 7


STUBBORN = """
import asyncio, time
from axolotl_ragdata.interruption import rarely_collected, run_interruptibly
async def work():
    print("ready", flush=True)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        await asyncio.sleep(60)
run_interruptibly(work(), "run")
"""


def test_a_second_signal_stops_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "cancelled\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(10) != 0
