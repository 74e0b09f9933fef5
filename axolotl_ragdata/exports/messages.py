"""Chat messages, as Axolotl's `chat_template` and most other trainers read them."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import Row, RowExport, exports, origin, turns
from axolotl_ragdata.records import Example


class MessagesExport(RowExport):
    """One line: `messages`, and beside it where the row comes from.

    Axolotl removes every column but its own when it tokenises, so the others are there for people; none is named as a
    column that its chat template would read (`system`, `tools`).
    """

    def row(self, example: Example) -> Row:
        """Return the line of one example."""
        return {"id": example.id, "type": example.type, "messages": turns(example), **origin(example)}

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:` that reads a file of such lines."""
        return {
            "path": path,
            "ds_type": "json",
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
        }


exports.register("messages")(MessagesExport())
