"""Pairs for DPO: the answer that passed every check, and one to the same question that failed one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from axolotl_ragdata.exports import Material, Row, exports, origin, turns
from axolotl_ragdata.records import Example, Rejected, content_id

ANSWER_FAULTS = {"answers/generative", "filters/grounded", "filters/faithful", "filters/round_trip"}
NO_VERDICT = "no verdict"
"""Where an answer is turned away for what it says; other filters drop a row for its question or its neighbours."""


class PreferenceExport:
    """One line: `prompt`, `chosen` and `rejected` as chat messages.

    The rejected half is what the build itself turned away: an answer without a quote, with a quote that stands nowhere,
    or with a number that the evidence does not hold. `answers: {samples: 2}` asks for the second answer that a pair
    needs.
    """

    needs_template = False

    def rows(self, material: Material) -> list[Row]:
        """Return the lines of one split; none where no question has an answer of either kind."""
        refused = _refused(material.rejected)
        return [
            self._row(example, record)
            for example in material.examples
            for record in refused.get(example.provenance.question_id, {}).values()
            if record.subject["answer"].strip() != example.answer.strip()
        ]

    def _row(self, example: Example, record: Rejected) -> Row:
        *prompt, chosen = turns(example)
        return {
            "id": content_id("pair", example.id, record.subject["answer"]),
            "type": example.type,
            "prompt": prompt,
            "chosen": [chosen],
            "rejected": [{"role": "assistant", "content": record.subject["answer"]}],
            "rejected_for": f"{record.stage}: {record.reason}",
            **origin(example),
        }

    def stanza(self, path: str) -> dict[str, Any]:
        """Return the entry of Axolotl's `datasets:` for `rl: dpo`."""
        return {
            "path": path,
            "ds_type": "json",
            "type": "chat_template.default",
            "field_messages": "prompt",
            "field_chosen": "chosen",
            "field_rejected": "rejected",
        }


def _refused(rejected: Iterable[Rejected]) -> dict[str, dict[str, Rejected]]:
    """Return by question the answers that were turned away for what they say, each text once."""
    found: dict[str, dict[str, Rejected]] = defaultdict(dict)
    for record in rejected:
        answer = str(record.subject.get("answer") or "").strip()
        if answer and record.stage in ANSWER_FAULTS and not record.reason.startswith(NO_VERDICT):
            found[str(record.subject.get("question_id"))].setdefault(answer, record)
    return found


exports.register("preference")(PreferenceExport())
