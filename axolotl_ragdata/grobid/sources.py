"""Which PDFs are meant, and what their TEI files are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.readers import find_files

SUFFIX = ".pdf"
TEI_SUFFIX = ".tei.xml"


@dataclass(frozen=True)
class PdfSource:
    """A PDF, and the name that its TEI is given, relative and without a suffix: `handbooks/anxiety`."""

    path: Path
    name: str


def find_pdfs(sources: Iterable[Path | str]) -> list[PdfSource]:
    """Return the PDFs that files, folders (at any depth, hidden ones left out) and globs name, each once.

    Below a folder the TEI keeps the folders of its PDF.
    """
    found: dict[Path, PdfSource] = {}
    for source in sources:
        folder = Path(source)
        is_folder, is_file = folder.is_dir(), folder.is_file()
        for path in find_files(source, also=(SUFFIX,)):
            if path.suffix.lower() != SUFFIX and not is_file:
                continue
            relative = path.relative_to(folder) if is_folder else Path(path.name)
            found.setdefault(path.absolute(), PdfSource(path, shown(relative.with_suffix(""))))
    return list(found.values())


def shown(path: Path) -> str:
    """Return a path as text; bytes of it that are not UTF-8 are written as escapes."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def tei_name(wanted: str, sha256: str, taken: Sequence[str] | set[str]) -> str:
    """Return the file of a TEI, relative; the hash of the PDF sets it apart where another PDF has the name.

    >>> tei_name("a/b", "0123456789abcdef", {"a/b.tei.xml"})
    'a/b-01234567.tei.xml'
    """
    plain = f"{wanted}{TEI_SUFFIX}"
    return plain if plain not in taken else f"{wanted}-{sha256[:8]}{TEI_SUFFIX}"
