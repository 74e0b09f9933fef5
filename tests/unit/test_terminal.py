"""What is said of a run while it works, with a terminal and without one."""

from __future__ import annotations

import asyncio
import io
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from axolotl_ragdata import running, terminal
from axolotl_ragdata.attempts import Stats
from axolotl_ragdata.engines.local import LocalEngine
from axolotl_ragdata.records import Passage, Record, Usage


class Told:
    """Hears what a run says."""

    def __init__(self) -> None:
        self.done = 0
        self.notes: list[str] = []
        self.at: list[int] = []

    def start(self, stage: str, total: int | None = None) -> None:
        """Hear nothing of it."""

    def advance(self, records: int = 1, note: str | None = None) -> None:
        self.done += records
        if note is not None:
            self.notes.append(note)

    def say(self, line: str) -> None:
        """Hear nothing of it."""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "PLAIN_INTERVAL_S", 0.1)


def test_without_a_terminal_a_line_comes_while_nothing_is_finished(often: None, capsys: Any) -> None:
    with terminal.TerminalProgress() as progress:
        progress.start("asking", 40)
        progress.advance(0, "3 calls (1.0/s)")
        time.sleep(0.5)
        progress.advance(10)
        time.sleep(0.25)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "asking: 40"
    assert lines.count("asking: 0 of 40; 3 calls (1.0/s)") >= 2
    assert lines[-1].startswith("asking: 10 of 40, ")
    assert lines[-1].endswith(" left; 3 calls (1.0/s)"), "a note stays until another comes"


@pytest.mark.parametrize("width", [80, 120])
def test_a_narrow_terminal_shows_all_of_it(width: int) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=width, color_system=None)
    note = "1,200 rows answered, 12,345 calls (310.0/s), 12.3 M tokens (310.1 k/s), 3.10 spent, 12 × status 429"
    bars = terminal._bars(console, lambda: note)
    task = bars.add_task("questions and answers", total=4000)
    bars.update(task, advance=1200)
    console.print(bars.get_renderable())
    text = " ".join(shown.getvalue().split())
    assert "questions and answers" in text
    assert "1200/4000" in text
    assert "left" in text
    assert all(part in text for part in note.replace(",", "").split() if part.isalpha())
    assert all(len(line) <= width for line in shown.getvalue().splitlines())


class Slow:
    """A stage that takes as many turns of the loop as the record says."""

    name, version = "slow", "1"

    async def process(self, record: Passage, ctx: Any) -> list[Record]:
        for _ in range(record.ordinal):
            await asyncio.sleep(0)
        return []


def test_a_record_counts_when_it_is_finished_and_not_when_it_is_begun() -> None:
    told = Told()
    records = [Passage(id=str(at), doc_id="d", ordinal=50, text="", start=0, end=0, n_tokens=0) for at in range(20)]

    async def run() -> int:
        engine = LocalEngine().run([Slow()], running.Finished(records, told, 8), SimpleNamespace(), 8)
        work = asyncio.create_task(_through(engine))
        for _ in range(20):
            await asyncio.sleep(0)
        begun = told.done
        await work
        return begun

    assert asyncio.run(run()) == 0, "eight are worked on, none is finished"
    assert told.done == 20


async def _through(outcomes: Any) -> None:
    async for _ in outcomes:
        pass


def test_rates_are_of_the_stage_and_totals_of_the_run() -> None:
    chat: Any = SimpleNamespace(stats=Stats(answered=1000), usage=Usage(input_tokens=900_000), cost=0.125)
    spending = running._Spending(chat)
    spending.started -= 10
    chat.stats.answered += 50
    chat.stats.retries["status 429"] += 7
    chat.usage = Usage(input_tokens=905_000)
    assert spending.shown(12) == (
        "12 rows answered, 1,050 calls (5.0/s), 905.0 k tokens (500/s), 0.1250 spent, 7 × status 429, tried again"
    )
