"""What a long run says while it works; the command line shows it, a library user may leave it out."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears what a run is doing."""

    def start(self, stage: str, total: int | None = None) -> None:
        """Hear that a stage begins; `total` is None where the number of records is not known."""

    def advance(self, records: int = 1, note: str | None = None) -> None:
        """Hear that records of the running stage are done; `note` stands beside the bar until another one comes."""

    def say(self, line: str) -> None:
        """Hear one line that the user should see."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, stage: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, records: int = 1, note: str | None = None) -> None:
        """Say nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""
