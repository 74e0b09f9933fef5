"""Every row format as a bundle of its own: one JSONL file a split. TRL and Unsloth read `messages`."""

from __future__ import annotations

import json
from pathlib import Path

from axolotl_ragdata.errors import UnknownName
from axolotl_ragdata.exports import Bundle, Dataset, Export, Row, bundles, exports
from axolotl_ragdata.registry import nearest_fix
from axolotl_ragdata.store import write_atomically


class JsonLines:
    """One file a split, `train.jsonl` and so on, in a row format.

    Args:
        name: The row format.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def export(self) -> Export:
        """The row format."""
        return exports.get(self._name, "export")

    @property
    def needs_template(self) -> bool:
        """Whether the row format needs the base model's chat template."""
        return self.export.needs_template

    def write(self, dataset: Dataset, folder: Path) -> list[Path]:
        """Write the files of the splits that have lines; return them.

        Raises:
            StoreError: One of them cannot be written.
        """
        rows = {split: self.export.rows(material) for split, material in dataset.splits.items()}
        return [write_lines(folder / f"{split}.jsonl", lines) for split, lines in rows.items() if lines]


def write_lines(path: Path, rows: list[Row]) -> Path:
    """Write rows as JSONL; return the path.

    Raises:
        StoreError: It cannot be written.
    """
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, lines.encode())
    return path


def bundle_names() -> list[str]:
    """Return what `ragdata export --format` knows: every row format and every bundle, sorted."""
    return sorted({*exports.names(), *bundles.names()})


def open_bundle(name: str, where: str) -> Bundle:
    """Return the bundle of that name; a row format is one as plain JSONL.

    Raises:
        UnknownName: There is none; the error names the nearest.
    """
    if name in bundles.names():
        return bundles.get(name, where)
    if name in exports.names():
        return JsonLines(name)
    raise UnknownName(where, f"unknown export {name!r}", nearest_fix(name, bundle_names()))


for trainer in ("trl", "unsloth"):
    bundles.register(trainer)(JsonLines("messages"))
