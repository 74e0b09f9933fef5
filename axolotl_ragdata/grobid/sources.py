"""Which PDFs are meant, and what their TEI files are called."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from axolotl_ragdata.readers import find_files

SUFFIX = ".pdf"
TEI_SUFFIX = ".tei.xml"
LONGEST_NAME = 255
"""Bytes that the name of a file may have."""


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


def finding_nothing(sources: Iterable[Path | str]) -> list[str]:
    """Return those of the files, folders and globs that name no PDF."""
    return [str(source) for source in sources if not find_pdfs([source])]


def shown(path: Path) -> str:
    """Return a path as text; bytes of it that are not UTF-8 are written as escapes."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def tei_name(wanted: str, sha256: str, is_taken: Callable[[str], bool]) -> str:
    """Return the file of a TEI, relative; the hash of the PDF sets it apart where the name is taken.

    >>> tei_name("a/b", "0123456789abcdef", {"a/b.tei.xml"}.__contains__)
    'a/b-01234567.tei.xml'
    """
    apart = (f"-{sha256[:length]}" for length in (8, 16, 64))
    endings = itertools.chain(("",), apart, (f"-{sha256[:8]}-{number}" for number in itertools.count(2)))
    names = (fitting(wanted, ending + TEI_SUFFIX) for ending in endings)
    return next(name for name in names if not is_taken(name))


def fitting(path: str, ending: str) -> str:
    """Return a path with an ending; names in it that are too long for a file system are cut, with a hash of the whole.

    >>> fitting("a/b", ".tei.xml"), len(fitting("a" * 300, ".tei.xml"))
    ('a/b.tei.xml', 255)
    """
    *folders, name = path.split("/")
    return "/".join([*(_fitting(folder, "") for folder in folders), _fitting(name, ending)])


def _fitting(name: str, ending: str) -> str:
    most = LONGEST_NAME - len(ending.encode())
    raw = name.encode()
    if len(raw) <= most:
        return name + ending
    mark = f"-{hashlib.sha256(raw).hexdigest()[:8]}"
    return raw[: most - len(mark)].decode("utf-8", "ignore") + mark + ending
