"""The passages themselves, for continued pretraining: plain text, every token trained on."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import Material, Row, exports
from axolotl_ragdata.records import PATH_JOINT, Passage


class CompletionExport:
    """One line: `text`, a passage under its heading. What test_unseen keeps out stays out of `train` here too."""

    needs_template = False

    def rows(self, material: Material) -> list[Row]:
        """Return the lines of one split: train and test_unseen have some, the others none."""
        return [self._row(passage) for passage in material.passages]

    def _row(self, passage: Passage) -> Row:
        return {
            "id": passage.id,
            "text": passage.in_context,
            "section": PATH_JOINT.join(passage.section_path),
            "title": passage.doc_title,
            "language": passage.language or "",
            "places": [f"{passage.doc_id}:{passage.start}-{passage.end}"],
        }

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:` that reads a file of such lines."""
        return {"path": path, "ds_type": "json", "type": "completion", "field": "text"}


exports.register("completion")(CompletionExport())
