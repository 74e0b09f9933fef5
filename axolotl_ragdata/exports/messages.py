"""Chat messages, as Axolotl's `chat_template` and most other trainers read them."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import exports
from axolotl_ragdata.records import PATH_JOINT, Example


class MessagesExport:
    """One line: `messages`, and beside it where the row comes from.

    Axolotl removes every column but its own when it tokenises, so the others are there for people; none is named as a
    column that its chat template would read (`system`, `tools`).
    """

    def row(self, example: Example) -> dict[str, Any]:
        """Return the line of one example."""
        origin = example.provenance
        return {
            "id": example.id,
            "type": example.type,
            "messages": [{"role": turn.role, "content": turn.content} for turn in example.messages],
            "section": PATH_JOINT.join(origin.section_path),
            "source": origin.source_path,
            "title": origin.doc_title,
            "licence": origin.licence or "",
            "language": example.language or "",
            "generator": origin.generator,
            "quotes": [citation.quote for citation in origin.citations],
            "places": [f"{citation.doc_id}:{citation.start}-{citation.end}" for citation in origin.citations],
        }

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
