"""A finished run takes the place of the one before with all of its files, however the process ends.

They are written into a folder of their own, the manifest last: once it stands there, the new run is decided. Then each
is renamed into its place, the manifest last again; what a kill leaves half done is ended by the next who looks.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

MANIFEST = "manifest.json"
SPLITS = ("train", "validation", "test_seen", "test_unseen")
STAGED = ".next"
SHELVES = ".shelf-*"
DISK_FAILS = (errno.EIO, errno.ENOSPC, errno.EDQUOT)


def is_halfway(folder: Path) -> bool:
    """Return whether files of a run that is decided have yet to take their places."""
    return (folder / STAGED / MANIFEST).exists()


def put_in_place(folder: Path) -> None:
    """Let what was written for a folder take its place there, where it is whole; its own lock must be held.

    Raises:
        OSError: A file cannot be renamed; to do it again goes on there.
    """
    if not is_halfway(folder):
        return
    staged = folder / STAGED
    manifest = json.loads((staged / MANIFEST).read_text(encoding="utf-8"))
    sync_folder(staged)
    for path in sorted(staged.glob("[!.]*")):
        if path.name != MANIFEST:
            path.replace(folder / path.name)
    remove_stale_exports(folder, manifest.get("files", {}).values())
    sync_folder(folder)
    (staged / MANIFEST).replace(folder / MANIFEST)
    sync_folder(folder)
    shutil.rmtree(staged, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left of their work; the folder's lock must be held."""
    shutil.rmtree(folder / STAGED, ignore_errors=True)
    for path in folder.glob(SHELVES):
        with contextlib.suppress(OSError):
            path.unlink()


def remove_stale_exports(folder: Path, keep: Iterable[str]) -> None:
    """Remove the exported files of a folder that a manifest does not name.

    Raises:
        OSError: One cannot be removed.
    """
    kept = set(keep)
    for split in SPLITS:
        for path in folder.glob(f"{split}-*.jsonl"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they are still there after the power was cut.

    Raises:
        OSError: It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can.

    Raises:
        OSError: The disk fails.
    """
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as problem:
        # not every file system flushes folders, and not every folder can be opened
        if problem.errno in DISK_FAILS:
            raise
