from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from axolotl_ragdata.grobid import ParseOptions


@pytest.fixture
def serve(grobid_server: ModuleType) -> Iterator[Callable[..., Any]]:
    """Starts a server: `serve(behaviour, latency_s=…)`."""
    running = []

    def start(*arguments: Any, **named: Any) -> Any:
        running.append(grobid_server.GrobidServer(*arguments, **named).start())
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def pdfs(tmp_path: Path, grobid_server: ModuleType) -> Callable[..., Path]:
    """Writes PDFs of one page into a folder: `pdfs("a", "b")`; the text of each is its name."""
    folder = tmp_path / "pdfs"
    folder.mkdir()

    def write(*names: str) -> Path:
        for name in names:
            (folder / f"{name}.pdf").write_bytes(grobid_server.pdf_of([f"Text of {name}."]))
        return folder

    return write


@pytest.fixture
def patience() -> Callable[..., ParseOptions]:
    """Options that wait for milliseconds: `patience(server, force=True)`."""

    def options(server: Any, **more: Any) -> ParseOptions:
        waits = {"busy_wait_s": (0.02, 0.05), "retry_wait_s": 0.02, "start_wait_s": 0.3, "timeout_s": 20.0}
        return ParseOptions(**{"url": server.url} | waits | more)

    return options
