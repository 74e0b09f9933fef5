from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from axolotl_ragdata.errors import Interrupted
from axolotl_ragdata.interruption import interruptible, rarely_collected, run_interruptibly

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
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


@BOTH
def test_a_signal_ends_what_runs_outside_a_loop_and_no_handler_of_errors_keeps_it(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleaned = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(30)
        except Exception:
            pytest.fail("a signal is not an error")
        finally:
            cleaned.append(True)

    with pytest.raises(Interrupted, match="run: interrupted") as caught, interruptible("run"):
        work()
    assert caught.value.exit_code == 128 + number
    assert cleaned == [True]
    assert signal.getsignal(number) == before


def test_what_is_not_interrupted_ends_as_it_would() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interruptible("run"), interruptible("run"):
        pass
    with pytest.raises(ZeroDivisionError), interruptible("run"):
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_signals_are_left_alone_outside_the_main_thread() -> None:
    found = []

    def work() -> None:
        with interruptible("run"):
            found.append(run_interruptibly(asyncio.sleep(0, 7), "run"))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    assert signal.getsignal(signal.SIGTERM) == before
    thread.join()
    assert found == [7]


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
        return await asyncio.to_thread(sum, [3, 4])

    assert run_interruptibly(work(), "run") == 7


def test_more_work_than_threads_is_all_done_and_an_error_is_the_callers() -> None:
    async def work() -> list[int | BaseException]:
        asked = [asyncio.to_thread(divmod, 100, number) for number in range(100)]
        return [
            found if isinstance(found, BaseException) else found[0]
            for found in await asyncio.gather(*asked, return_exceptions=True)
        ]

    found = run_interruptibly(work(), "run")
    assert isinstance(found[0], ZeroDivisionError)
    assert found[1:] == [100 // number for number in range(1, 100)]


def run_and_signal(program: str, number: signal.Signals, said: str, times: int = 1) -> tuple[int, str, float]:
    """Signal a program once it says `ready`, and again once it says what it should; code, stderr, seconds from then."""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        if times == 2:
            assert child.stdout.readline() == said
            child.send_signal(number)
        signalled = time.monotonic()
        _, err = child.communicate(timeout=30)
        return child.returncode, err, time.monotonic() - signalled


STUBBORN_LOOP = """
import asyncio
from axolotl_ragdata.interruption import run_interruptibly
async def work():
    print("ready", flush=True)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        await asyncio.sleep(60)
run_interruptibly(work(), "run")
"""
STUBBORN_CODE = """
import time
from axolotl_ragdata.interruption import interruptible
with interruptible("run"):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cancelled", flush=True)
        time.sleep(60)
"""
STUBBORN_AFTERWARDS = """
import asyncio, time
from axolotl_ragdata.interruption import interruptible, run_interruptibly
async def work():
    print("ready", flush=True)
    await asyncio.sleep(60)
with interruptible("run"):
    try:
        run_interruptibly(work(), "run")
    finally:
        print("cancelled", flush=True)
        time.sleep(60)
"""
BUSY_LOOP = """
import asyncio, time
from axolotl_ragdata.interruption import run_interruptibly
async def work():
    print("ready", flush=True)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if time.monotonic() > until - 59.5:
            print("cancelled", flush=True)
            time.sleep(60)
run_interruptibly(work(), "run")
"""


@BOTH
@pytest.mark.parametrize("program", [STUBBORN_LOOP, STUBBORN_CODE, STUBBORN_AFTERWARDS, BUSY_LOOP])
def test_a_second_signal_stops_at_once_and_without_a_traceback(program: str, number: signal.Signals) -> None:
    code, err, seconds = run_and_signal(program, number, "cancelled\n", times=2)
    assert code == 128 + number
    assert seconds < 2
    assert "Traceback" not in err
    assert "fix: run the same command to go on" in err


COMPUTING = """
import asyncio, sys, time
from axolotl_ragdata.errors import Interrupted
from axolotl_ragdata.interruption import end_interrupted, interruptible, run_interruptibly
def compute():
    print("ready", flush=True)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        sum(range(1000))
async def work():
    await asyncio.to_thread(compute)
try:
    with interruptible("run"):
        run_interruptibly(work(), "run")
except Interrupted as stop:
    print("told", stop.exit_code, flush=True)
    end_interrupted(stop.exit_code)
"""


def test_an_error_waits_for_the_threads_that_it_leaves() -> None:
    # a process that ends while they are inside of a library could crash
    ended = threading.Event()

    def compute() -> None:
        time.sleep(0.3)
        ended.set()

    async def work() -> None:
        beside = asyncio.create_task(asyncio.to_thread(compute))
        await asyncio.sleep(0.05)
        beside.cancel()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_interruptibly(work(), "run")
    assert ended.is_set()


@BOTH
def test_a_thread_that_computes_is_not_waited_for(number: signal.Signals) -> None:
    code, err, seconds = run_and_signal(COMPUTING, number, "")
    assert (code, err) == (128 + number, "")
    assert seconds < 3
