"""What became of the parts of a PDF so far, on the disk, so that an interrupted book goes on with the others."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from axolotl_ragdata.grobid.cutting import Part
from axolotl_ragdata.grobid.refusals import Refusal
from axolotl_ragdata.store import write_atomically

OF = "of"
"""The file in the folder that says of which PDF the parts are."""


class KeptParts:
    """The parts of one PDF that are done, or were refused for good.

    Args:
        folder: Where they are: another one for other bytes of the PDF or other options.
        pdf: The PDF, as the report names it.
    """

    def __init__(self, folder: Path, pdf: str) -> None:
        self._folder = folder
        self._pdf = pdf

    def found(self, part: Part) -> bytes | Refusal | None:
        """Return what came of a part, None where nothing is known."""
        tei, refusal = self._places(part)
        with contextlib.suppress(OSError, ValueError, TypeError):
            if tei.exists():
                return tei.read_bytes()
            if refusal.exists():
                return Refusal(**json.loads(refusal.read_bytes()))
        return None

    def keep(self, part: Part, outcome: bytes | Refusal) -> None:
        """Keep what came of a part.

        Raises:
            StoreError: The folder cannot be written.
        """
        tei, refusal = self._places(part)
        if not (self._folder / OF).exists():
            write_atomically(self._folder / OF, self._pdf.encode())
        if isinstance(outcome, bytes):
            write_atomically(tei, outcome)
        else:
            write_atomically(refusal, json.dumps({"code": outcome.code, "reason": outcome.reason}).encode())

    def has_pieces(self, part: Part) -> bool:
        """Return whether some of the pages of a part went through by themselves."""
        places = (file.name.partition(".")[0].split("-") for file in self._folder.glob("*.tei.xml"))
        return any(part.first <= int(first) and int(last) <= part.last for first, last in places)

    def forget(self) -> None:
        """Remove them: the PDF is done."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._folder.parent.rmdir()

    def forget_others(self) -> None:
        """Remove the parts of what the PDF was before it changed, and those that were made with other options."""
        for mark in self._folder.parent.glob(f"*/{OF}"):
            with contextlib.suppress(OSError, ValueError):
                if mark.parent != self._folder and mark.read_text(encoding="utf-8") == self._pdf:
                    KeptParts(mark.parent, self._pdf).forget()

    def _places(self, part: Part) -> tuple[Path, Path]:
        stem = f"{part.first:06d}-{part.last:06d}"
        return self._folder / f"{stem}.tei.xml", self._folder / f"{stem}.refused.json"
