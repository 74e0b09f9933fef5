"""Where people's results go: `human.json`, `human.md`, `calibration.json` and `calibration.md`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from axolotl_ragdata.card import escaped
from axolotl_ragdata.judge.people.records import Calibration, HumanResults, JudgeCalibration
from axolotl_ragdata.judge.results.markdown import table
from axolotl_ragdata.judge.results.records import Coefficient
from axolotl_ragdata.judge.results.sections import Shown, pair_table
from axolotl_ragdata.judge.results.wording import interval, number, signed
from axolotl_ragdata.records import Record
from axolotl_ragdata.store import write_atomically

PARTINGS_SHOWN = 20


def write_human(found: HumanResults, folder: Path) -> list[Path]:
    """Write what raters said and return the paths.

    Raises:
        StoreError: They cannot be written.
    """
    return _write(folder, "human", found, human_markdown(found))


def write_calibration(found: Calibration, folder: Path) -> list[Path]:
    """Write how far judges agree with people and return the paths.

    Raises:
        StoreError: They cannot be written.
    """
    return _write(folder, "calibration", found, calibration_markdown(found))


def human_markdown(found: HumanResults) -> str:
    """Return raters' results as Markdown."""
    lines = [
        f"- raters: {escaped(', '.join(found.raters))}",
        f"- choices: {found.rated}; pairs left empty: {found.unrated}; questions on which raters differ: "
        f"{len(found.disputed)}",
    ]
    parts = ["# What people chose", "\n".join(lines), table(pair_table("Pairs", found.pairs))]
    if found.agreement:
        parts.append(table(_coefficients("Agreement", found.agreement)))
    return "\n\n".join(parts) + "\n"


def calibration_markdown(found: Calibration) -> str:
    """Return a calibration as Markdown."""
    parts = ["# Judges and people"]
    parts += [f"**VOID: {escaped(reason)}.**" for reason in found.void_reasons]
    parts.append(f"- answers: {found.items}\n- raters: {escaped(', '.join(found.raters))}")
    if found.people:
        parts.append(table(_coefficients("People among themselves", found.people)))
    for judge in found.judges:
        parts += [table(_coefficients(f"{judge.judge}", judge.coefficients, _bias(judge)))]
        if judge.partings:
            parts.append(table(_partings(judge)))
    return "\n\n".join(parts) + "\n"


def _bias(judge: JudgeCalibration) -> str:
    points = f"{signed(judge.bias)} ({interval(judge.bias_interval)})"
    return f"{judge.n} answers judged, {judge.unscored} unscored; the judge gives {points} points against people."


def _partings(judge: JudgeCalibration) -> Shown:
    rows = tuple(
        (one.question[:200], one.answer[:300], number(one.people, 1), number(one.judge, 1), one.reason[:300])
        for one in judge.partings[:PARTINGS_SHOWN]
    )
    note = f"{len(judge.partings)} answers lie 3 points or more apart; all are in calibration.json."
    header = ("question", "answer", "people", judge.judge, "its reason")
    return Shown(f"Where {judge.judge} and people part", header, rows, note)


def _coefficients(title: str, found: Sequence[Coefficient], note: str = "") -> Shown:
    rows = tuple((one.name, one.between, number(one.value), interval(one.interval), str(one.n)) for one in found)
    return Shown(title, ("coefficient", "between", "value", "95% interval", "n"), rows, note)


def _write(folder: Path, stem: str, found: Record, text: str) -> list[Path]:
    payload = json.dumps(found.model_dump(mode="python"), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    files = {f"{stem}.json": payload, f"{stem}.md": text}
    for name, content in files.items():
        write_atomically(folder / name, content.encode("utf-8", "replace"))
    return [folder / name for name in files]
