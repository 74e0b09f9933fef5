"""The contract between a stage and the engine that runs it.

A stage is a picklable object with an async `process`; what it may reach is the context that the engine hands it. Every
outcome is a value: a record, a `Rejected` or a `Failure`. An exception ends the run: it is for what no other record
would survive either (a refused key, an endpoint that is down, a cap that is reached).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Union

from axolotl_ragdata.records import Failure, Hit, Message, Passage, Record, Rejected, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

In = TypeVar("In", bound=Record, contravariant=True)
Outcome = Union[Record, Rejected, Failure]


@dataclass(frozen=True)
class ChatRequest:
    """One call of a chat model.

    Args:
        stage: Name and version of what asks, such as `questions/definition@1`; part of the journal's key.
        subject_id: The record that the call is about; in messages only, not in the key.
        system: The system prompt.
        user: The user prompt.
        schema: A JSON schema that the answer must satisfy, or None for plain text.
        schema_name: Its name, `[a-zA-Z0-9_-]+`.
        max_tokens: Upper bound of the completion.
        seal: A word that the value's key `seal_id` must repeat; what was copied from the prompt's data does not.
        draw: Which draw of the same question this is, from 0; added to the seed and part of the journal's key.
        history: Turns between the system prompt and the user prompt.
    """

    stage: str
    subject_id: str
    system: str
    user: str
    schema: dict[str, Any] | None = None
    schema_name: str = "answer"
    max_tokens: int = 1024
    seal: str | None = None
    draw: int = 0
    history: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Completion:
    """A whole, accepted answer, already in the journal; `value` is the parsed JSON where a schema was asked for."""

    text: str
    value: Any
    model: str
    usage: Usage = field(default_factory=Usage)
    from_journal: bool = False


class Completes(Protocol):
    """A chat model, as a context reaches it."""

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return a completion, or the Failure after the last retry."""
        ...


class Context(Protocol):
    """What a stage may reach while it works on one record."""

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return a journalled completion, or the Failure after the last retry. Raises only what ends the run."""
        ...

    async def retrieve(self, query: str, top_k: int) -> Sequence[tuple[Hit, Passage]]:
        """Return the best passages for a query, best first."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions)."""
        ...

    def passage(self, passage_id: str) -> Passage:
        """Return a passage by its id."""
        ...

    def adjacent(self, passage_id: str, reach: int) -> Sequence[Passage]:
        """Return the passages of the same section up to `reach` places before and behind one, in reading order."""
        ...


class Stage(Protocol[In]):
    """One step of the pipeline: a name, a version that ids depend on, and `process`."""

    name: str
    version: str

    async def process(self, record: In, ctx: Context) -> Sequence[Outcome]:
        """Return the outcomes of one record."""
        ...
