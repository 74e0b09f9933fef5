"""Every error that a user can reach, and the exit code of each.

    RagdataError                 1    the run could not go on
    ├── RecipeError              2    the recipe or the command line is wrong
    │   ├── UnknownName          2    no reader, card, filter or export of that name
    │   ├── NoDocuments          2    the sources name no file, or every file was refused
    │   └── MissingKey           2    the endpoint wants a key and the environment has none
    ├── DocumentRefused          1    one file is not a document that can be read
    ├── ModelFileError           1    an embedded model is missing, cannot be fetched or has the wrong hash
    ├── EndpointError            1    an endpoint is down, or refuses the key, the model or the request
    ├── FailedElsewhere          any  another process of this launch failed; message, fix and exit code are that one's
    ├── StaleDataset             1    the dataset is missing or stale, and the recipe forbids to build it
    ├── StoreError               1    the run directory cannot be read or written
    │   └── RunLocked            1    another build holds the run directory
    ├── TooManyFailures          3    the run finished, with more failures than the recipe allows
    ├── BudgetReached            3    the next call would cross a cap of the recipe
    └── QualityGateFailed        4    `ragdata verify` or a quality gate found something wrong

An interrupted run exits with 130 (SIGINT) or 143 (SIGTERM).
"""

from __future__ import annotations

PAID = "every finished call is in the journal"
"""What an interrupted run keeps."""


class RagdataError(Exception):
    """An error with a place, a fact and a way out.

    Args:
        where: The place: a file, `file:key`, a URL or a command.
        what: What is wrong there, with the value.
        fix: One line that says what to do.
    """

    exit_code = 1

    def __init__(self, where: str, what: str, fix: str) -> None:
        super().__init__(where, what, fix)
        self.where = where
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        """Return `where: what` and, on the next line, `fix: …`."""
        return f"{self.where}: {self.what}\nfix: {self.fix}"


class RecipeError(RagdataError):
    """The recipe or the command line is wrong."""

    exit_code = 2


class UnknownName(RecipeError):
    """No reader, question type, filter or export has that name."""


class NoDocuments(RecipeError):
    """The sources name no file, or every file was refused."""


class MissingKey(RecipeError):
    """The endpoint wants a key and the environment has none."""


class DocumentRefused(RagdataError):
    """One file is not a document that can be read; the others go on."""


class ModelFileError(RagdataError):
    """An embedded model is missing, cannot be fetched or has the wrong hash."""


class EndpointError(RagdataError):
    """An endpoint is down, or refuses the key, the model or the request."""


class FailedElsewhere(RagdataError):
    """Another process of this launch failed; message, fix and exit code are that one's."""

    def __init__(self, where: str, what: str, fix: str, exit_code: int = 1) -> None:
        super().__init__(where, what, fix)
        self.exit_code = exit_code


class StaleDataset(RagdataError):
    """The dataset is missing or stale, and the recipe forbids to build it."""


class StoreError(RagdataError):
    """The run directory cannot be read or written."""


class RunLocked(StoreError):
    """Another build holds the run directory."""


class TooManyFailures(RagdataError):
    """The run finished, with more failures than the recipe allows."""

    exit_code = 3


class BudgetReached(RagdataError):
    """The next call would cross a cap of the recipe."""

    exit_code = 3


class QualityGateFailed(RagdataError):
    """A finished run does not hold what it promises."""

    exit_code = 4


class Interrupted(RagdataError):
    """A signal ended the run; the next one goes on from there.

    Args:
        where: The run directory.
        signal_number: Which signal; the exit code is 128 more.
        kept: What is not lost.
    """

    def __init__(self, where: str, signal_number: int, kept: str = PAID) -> None:
        super().__init__(where, f"interrupted; {kept}", "run the same command to go on")
        self.kept = kept
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[type[Interrupted], tuple[str, int, str]]:
        """Return how to pickle it."""
        return type(self), (self.where, self.signal_number, self.kept)
