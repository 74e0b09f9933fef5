"""Segments of the rendered conversation with the loss mask written out: what is seen is what is trained on."""

from __future__ import annotations

from typing import Any

from axolotl_ragdata.exports import Material, Row, exports, origin
from axolotl_ragdata.records import Example


class InputOutputExport:
    """One line: `segments`, each a `text` with its `label`; the base model's own chat template is already in them.

    Axolotl joins the segments, adds nothing, and trains on those whose label is true: the answer and its end.
    """

    needs_template = True

    def rows(self, material: Material) -> list[Row]:
        """Return the lines of one split.

        Raises:
            ValueError: There is no template; who calls opens one where `needs_template` says so.
        """
        return [self._row(example, material) for example in material.examples]

    def _row(self, example: Example, material: Material) -> Row:
        if material.template is None:
            raise ValueError("input_output needs the chat template of the base model")
        pieces = material.template.segments(example.messages)
        segments = [{"label": label, "text": text} for label, text in pieces]
        return {"id": example.id, "type": example.type, "segments": segments, **origin(example)}

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:` that reads a file of such lines."""
        return {"path": path, "ds_type": "json", "type": "input_output"}


exports.register("input_output")(InputOutputExport())
