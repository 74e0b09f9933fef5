"""What a rehearsal asks in the place of what costs: a chat model that looks things up, a search without an index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from axolotl_ragdata.blocks import LlmBlock
from axolotl_ragdata.estimates import Tally
from axolotl_ragdata.previous import Memory
from axolotl_ragdata.records import Failure, Hit, Passage
from axolotl_ragdata.rows import RunContext
from axolotl_ragdata.stage import ChatRequest, Completes, Completion
from axolotl_ragdata.tokens import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from axolotl_ragdata.journal import Journal

NOT_ASKED = "not asked: this is a dry run"
COUNTED = 200
"""Prompts of a stage that are counted token by token; the others by their characters, at the same ratio."""


class RehearsalChat:
    """A chat model that answers from the journal alone, and counts what it would be asked."""

    def __init__(self, block: LlmBlock, journal: Journal, tokenizer: Tokenizer) -> None:
        self._block = block
        self._journal = journal
        self._tokenizer = tokenizer
        self.tallies: dict[str, Tally] = defaultdict(Tally)

    @property
    def in_flight(self) -> int:
        """Source records worked on at once."""
        return 64

    async def complete(self, request: ChatRequest) -> Completion | Failure:
        """Return what the journal holds, else a Failure; the prompt is counted."""
        from axolotl_ragdata.attempts import journal_key, kept_answer

        tally = self.tallies[request.stage.split("@")[0]]
        kept = kept_answer(self._journal, journal_key(self._block, request))
        if kept is not None:
            tally.in_journal += 1
            return kept
        text = f"{request.system}\n{request.user}" + "".join(turn.content for turn in request.history)
        tally.characters += len(text)
        if tally.asked < COUNTED:
            tally.counted_characters += len(text)
            tally.counted_tokens += self._tokenizer.count(text)
        tally.asked += 1
        return Failure(stage=request.stage, subject_id=request.subject_id, error=NOT_ASKED)


class StandInContext(RunContext):
    """A context without an index, for an embedder that costs: a search finds passages of the usual length."""

    def __init__(self, chat: Completes, passages: Sequence[Passage], memory: Memory | None) -> None:
        super().__init__(chat, None, None, passages, memory)
        self._every = passages

    async def retrieve(self, query: str, top_k: int) -> Sequence[tuple[Hit, Passage]]:
        """Return what the last build found, else passages spread evenly over the corpus."""
        if self._memory and (found := self._memory.recall(query, top_k)) is not None:
            return found
        step = max(1, len(self._every) // top_k)
        chosen = self._every[::step][:top_k]
        return [
            (Hit(passage_id=passage.id, rank=rank, score=1.0, dense_score=1.0), passage)
            for rank, passage in enumerate(chosen, 1)
        ]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return equal vectors."""
        import numpy as np

        return np.ones((len(texts), 1), dtype=np.float32)
