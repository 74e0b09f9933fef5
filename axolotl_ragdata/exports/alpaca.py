"""Alpaca: `instruction`, `input`, `output`, with the system prompt in a column of its own."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import Row, RowExport, exports, origin
from axolotl_ragdata.records import Example

SPEAKERS = {"user": "User", "assistant": "Assistant"}


class AlpacaExport(RowExport):
    """One line a row; `input` is empty, and the earlier turns of a conversation stand in front of the last question."""

    def row(self, example: Example) -> Row:
        """Return the line of one example."""
        system = [turn.content for turn in example.messages if turn.role == "system"]
        spoken = [turn for turn in example.messages if turn.role != "system"]
        asked = spoken[:-1]
        # a single question stands as it is; a conversation needs to show who speaks
        named = [turn.content if len(asked) == 1 else f"{SPEAKERS[turn.role]}: {turn.content}" for turn in asked]
        return {
            "id": example.id,
            "type": example.type,
            "system": "\n\n".join(system),
            "instruction": "\n\n".join(named),
            "input": "",
            "output": spoken[-1].content,
            **origin(example),
        }

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:`; plain `alpaca` would put its own words for the system prompt."""
        return {"path": path, "ds_type": "json", "type": "alpaca_w_system.load_instruct"}


exports.register("alpaca")(AlpacaExport())
