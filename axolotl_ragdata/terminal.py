"""Progress in a terminal: a bar, what is spent below it; without a terminal a line for each stage, and one a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bars

PLAIN_INTERVAL_S = 60.0


class TerminalProgress:
    """Bars on stderr; without a terminal a line for each stage and one a minute, whether or not anything finishes."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._bars: Bars | None = None
        self._task: Any = None
        self._stage = self._note = ""
        self._done = 0
        self._total: int | None = None
        self._said = self._started = time.monotonic()
        self._is_over = threading.Event()
        self._ticking = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> TerminalProgress:
        """Start."""
        if self._console.is_terminal:
            self._bars = _bars(self._console, lambda: self._note)
            self._bars.start()
        else:
            self._ticking.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Take the bars away."""
        self._is_over.set()
        if self._bars is not None:
            self._bars.stop()
        else:
            self._ticking.join()

    def start(self, stage: str, total: int | None = None) -> None:
        """Show a new stage."""
        self._stage, self._note, self._done, self._total = stage, "", 0, total
        self._started = time.monotonic()
        if self._bars is None:
            self._line(f"{stage}{'' if total is None else f': {total:,}'}")
            return
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(stage, total=total)

    def advance(self, records: int = 1, note: str | None = None) -> None:
        """Move the bar; a note stays until another one comes."""
        self._done += records
        self._note = self._note if note is None else note
        if self._bars is not None and records:
            self._bars.update(self._task, advance=records)

    def say(self, line: str) -> None:
        """Print one line above the bars."""
        self._line(line)

    def _tick(self) -> None:
        """Say where it stands once a minute: while one call or one batch takes long, nobody advances."""
        while not self._is_over.wait(max(0.01, self._said + PLAIN_INTERVAL_S - time.monotonic())):
            if self._stage and time.monotonic() >= self._said + PLAIN_INTERVAL_S:
                where = f"{self._stage}: {self._done:,} of {self._total or '?'}{self._left()}"
                self._line("; ".join(filter(None, (where, self._note))))
            elif not self._stage:
                self._said = time.monotonic()

    def _left(self) -> str:
        if not self._total or not self._done:
            return ""
        seconds = (time.monotonic() - self._started) * (self._total - self._done) / self._done
        return f", {seconds / 60:.0f} min left" if seconds >= 60 else f", {max(0.0, seconds):.0f} s left"

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text, markup=False, soft_wrap=True)


def _bars(console: Console, note: Callable[[], str]) -> Bars:
    """Return bars with a line below them, as long as it is: beside the bar a narrow terminal would cut it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Bars(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            yield self.make_tasks_table(self.tasks)
            if said := note():
                yield Text(said, style="dim")

    left = (TimeRemainingColumn(compact=True), TextColumn("left"))
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), *left)
    # calls may take long: what was done in the last ten minutes says how fast it goes
    return Bars(*columns, console=console, transient=True, speed_estimate_period=600.0)
