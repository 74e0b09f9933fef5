"""Precision and recall of each deterministic filter on the labelled rows of `filters.yml`.

Every filter sees every row. A row that it drops is right where the row was planted with one of its defects, or where
the label says that the filter is right about it too; a good row, or a row with only another defect, that it drops is
wrong. Recall counts the rows that were planted for the filter.

    python benchmarks/filters.py [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from axolotl_ragdata.filters import Evidence, Reason, filters
from axolotl_ragdata.records import Citation, Example, Message, Passage, Provenance

ROWS = Path(__file__).with_suffix(".yml")
# which filter must find which defect
DEFECTS = {
    **dict.fromkeys(("number", "unit", "dose", "code", "name", "quote", "words", "link"), "grounded"),
    "refers": "self_contained",
    "given_away": "answer_in_question",
    **dict.fromkeys(("short", "long", "broken"), "length"),
    "language": "language",
    "refusal": "refusal",
    "leak": "prompt_leak",
    "planted": "injection",
}
NAMES = sorted(set(DEFECTS.values()))


@dataclass(frozen=True)
class Row:
    """A labelled row: its defect (`good` where it has none) and every filter that may drop it."""

    example: Example
    passage: Passage
    defect: str
    right: frozenset[str]


def labelled() -> list[Row]:
    """Return the rows of the file."""
    made = []
    for number, source in enumerate(yaml.safe_load(ROWS.read_text(encoding="utf-8"))):
        text = source["passage"]
        passage = Passage(
            id=f"p-{number}",
            doc_id=f"d-{number}",
            doc_title=source["title"],
            language=source["language"],
            ordinal=0,
            text=text,
            start=0,
            end=len(text),
            n_tokens=len(text.split()),
        )
        for at, entry in enumerate(source["rows"]):
            also = entry.pop("also", [])
            ((defect, (question, answer)),) = entry.items()
            right = frozenset({DEFECTS[defect], *also} if defect in DEFECTS else also)
            made.append(Row(_example(f"{number}-{at}", passage, question, answer, defect), passage, defect, right))
    return made


def _example(key: str, passage: Passage, question: str, answer: str, defect: str) -> Example:
    if answer.startswith("REPEAT "):
        times, sentence = answer.removeprefix("REPEAT ").split(": ", 1)
        answer = " ".join([sentence] * int(times))
    quote = passage.text if defect != "quote" else passage.text.replace("is", "was", 1).replace("the", "a", 1)
    origin = Provenance(
        doc_id=passage.doc_id,
        doc_title=passage.doc_title,
        source_path="labelled",
        source_sha256="0",
        licence=None,
        section_path=(),
        passage_ids=(passage.id,),
        question_id=f"q-{key}",
        answer_id=f"a-{key}",
        citations=(Citation(passage_id=passage.id, doc_id=passage.doc_id, quote=quote, start=0, end=len(quote)),),
        generator="llm",
        question_producer="labelled",
        answer_producer="labelled",
        question_model="labelled",
        answer_model="labelled",
    )
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Example(
        id=f"ex-{key}",
        type="labelled",
        question=question,
        answer=answer,
        messages=turns,
        language=passage.language,
        provenance=origin,
    )


def judged(rows: list[Row]) -> dict[str, list[Reason | None]]:
    """Return what each filter says of every row, with the settings that a recipe has by default."""
    evidence = Evidence({row.passage.id: row.passage for row in rows}, np.eye(1, dtype=np.float32))
    return {
        name: [filters.get(name, "here").from_settings({}, "here").check(row.example, evidence) for row in rows]
        for name in NAMES
    }


def measured(rows: list[Row], said: dict[str, list[Reason | None]]) -> dict[str, Any]:
    """Return the figures of each filter and each defect."""
    figures: dict[str, Any] = {"rows": len(rows), "good": sum(row.defect == "good" for row in rows), "filters": {}}
    found: dict[str, Counter[bool]] = defaultdict(Counter)
    for name in NAMES:
        dropped = [row for row, reason in zip(rows, said[name], strict=True) if reason is not None]
        planted = [row for row in rows if DEFECTS.get(row.defect) == name]
        right = sum(name in row.right for row in dropped)
        hit = sum(row in dropped for row in planted)
        figures["filters"][name] = {
            "planted": len(planted),
            "dropped": len(dropped),
            "precision": round(right / len(dropped), 4) if dropped else None,
            "recall": round(hit / len(planted), 4),
        }
        for row in planted:
            found[row.defect][row in dropped] += 1
    figures["recall_by_defect"] = {
        defect: round(count[True] / (count[True] + count[False]), 4) for defect, count in sorted(found.items())
    }
    kept = [all(said[name][at] is None for name in NAMES) for at in range(len(rows))]
    good = [at for at, row in enumerate(rows) if row.defect == "good"]
    figures["good_rows_kept_by_all"] = round(sum(kept[at] for at in good) / len(good), 4)
    figures["defects_kept_by_all"] = sum(kept[at] for at, row in enumerate(rows) if row.defect != "good")
    return figures


def _mistakes(rows: list[Row], said: dict[str, list[Reason | None]]) -> None:
    for name in NAMES:
        for row, reason in zip(rows, said[name], strict=True):
            shown = f"{row.example.question} → {row.example.answer[:90]}"
            if reason is not None and name not in row.right:
                print(f"  wrong   {name} ({reason.reason}: {reason.detail[:60]}) on {row.defect}: {shown}")
            if reason is None and DEFECTS.get(row.defect) == name:
                print(f"  missed  {name} ({row.defect}): {shown}")


def _shown(figures: dict[str, Any]) -> None:
    kept = figures["good_rows_kept_by_all"]
    print(f"{figures['rows']} rows, {figures['good']} of them good; {kept:.3f} of those kept")
    for name, one in figures["filters"].items():
        print(f"{name:<20}{one['planted']:>4} planted  precision {one['precision']:.3f}  recall {one['recall']:.3f}")
    print("recall by defect: " + ", ".join(f"{key} {value}" for key, value in figures["recall_by_defect"].items()))


def main() -> None:
    """Print the figures, as JSON with --json, and exit with 1 below what the project promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = labelled()
    said = judged(rows)
    figures = measured(rows, said)
    if options.json:
        print(json.dumps(figures))
    else:
        _shown(figures)
        _mistakes(rows, said)
    met = all(one["precision"] >= 0.98 and one["recall"] >= 0.9 for one in figures["filters"].values())
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
