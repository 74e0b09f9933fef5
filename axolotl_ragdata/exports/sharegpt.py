"""ShareGPT conversations: `from` and `value`, with `human` and `gpt` for the speakers."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import Row, RowExport, exports, origin
from axolotl_ragdata.records import Example

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


class ShareGptExport(RowExport):
    """One line: `conversations`, and beside it where the row comes from."""

    def row(self, example: Example) -> Row:
        """Return the line of one example."""
        spoken = [{"from": SPEAKERS[turn.role], "value": turn.content} for turn in example.messages]
        return {"id": example.id, "type": example.type, "conversations": spoken, **origin(example)}

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:`; its own type `sharegpt` is gone, the chat template reads them."""
        return {
            "path": path,
            "ds_type": "json",
            "type": "chat_template",
            "field_messages": "conversations",
            "message_property_mappings": {"role": "from", "content": "value"},
            "roles_to_train": ["assistant"],
        }


exports.register("sharegpt")(ShareGptExport())
