"""Recipes and runs that the command-line tests share; every command is a real process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

STRUCTURE = "questions: {from: structure}\n  answers: {mode: extractive}"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run_ragdata(*arguments: object, env: Mapping[str, str] | None = None, timeout_s: float = 240) -> Ended:
    """Run `ragdata` and return its exit code and streams."""
    command = [sys.executable, "-m", "axolotl_ragdata.cli", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, env={**os.environ, **(env or {})}, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def ragdata() -> Callable[..., Ended]:
    """The command line, run as a process."""
    return run_ragdata


@pytest.fixture(scope="session")
def demo_documents(repository: Path) -> Path:
    """The documents that the repository ships."""
    return repository / "recipes" / "demo-documents"


@pytest.fixture(scope="session")
def make_recipe(demo_documents: Path) -> Callable[..., Path]:
    """Writes a recipe into a folder: `make_recipe(folder, body)`."""
    return lambda folder, body=STRUCTURE: write_recipe(folder, demo_documents, body)


@pytest.fixture
def small_recipe(tmp_path: Path, demo_documents: Path) -> Path:
    """A recipe without an LLM over three demonstration documents, in a folder of its own."""
    return write_recipe(tmp_path, demo_documents)


def write_recipe(folder: Path, demo_documents: Path, body: str = STRUCTURE) -> Path:
    """Write a recipe over copies of three documents; `body` is the rest of the `ragdata:` block."""
    (folder / "tei").mkdir(parents=True, exist_ok=True)
    for path in sorted(demo_documents.glob("*.tei.xml"))[:3]:
        shutil.copy(path, folder / "tei")
    recipe = folder / "recipe.yml"
    recipe.write_text(
        "base_model: embedded\nplugins: [axolotl_ragdata.RagdataPlugin]\n"
        f"ragdata:\n  output: ./run\n  sources: [{{path: ./tei}}]\n  {body}\n",
        encoding="utf-8",
    )
    return recipe


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, demo_documents: Path) -> Path:
    """A recipe that was built once; tests that change the run copy it first."""
    recipe = write_recipe(tmp_path_factory.mktemp("built"), demo_documents)
    ended = run_ragdata("build", recipe)
    assert ended.code == 0, ended.err
    return recipe
