"""The chat format that Axolotl, TRL and others read: `messages` with roles and contents."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import exports
from axolotl_ragdata.records import PATH_JOINT, Example


class Messages:
    """`{"messages": [{"role": …, "content": …}, …]}`, with where the row comes from beside it."""

    def row(self, example: Example) -> dict[str, Any]:
        """Return the messages, with id, type, section, source and the first quote."""
        return {
            "messages": [turn.model_dump() for turn in example.messages],
            "id": example.id,
            "type": example.type,
            "source": example.provenance.source_path,
            "section": PATH_JOINT.join(example.provenance.section_path),
            "quotes": [citation.quote for citation in example.provenance.citations],
        }

    def stanza(self, path: str) -> dict[str, Any]:
        """Return an entry of type `chat_template` that trains on the assistant's turns."""
        return {
            "path": path,
            "ds_type": "json",
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
        }


exports.register("messages")(Messages())
