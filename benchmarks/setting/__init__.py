"""What benchmarks stand on: the mock endpoint beside the repository, and documents made of nothing but arithmetic."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent.parent
MOCK = REPOSITORY.parent / "shared" / "bench" / "mock_llm.py"
SUBJECTS = ("Anxiety", "Mania", "Insomnia", "Catatonia", "Delirium", "Agoraphobia", "Bulimia", "Narcolepsy")
SYLLABLES = (
    "ba",
    "cor",
    "din",
    "fel",
    "gam",
    "hol",
    "jun",
    "kes",
    "lor",
    "mip",
    "nat",
    "pru",
    "sel",
    "tov",
    "vex",
    "zan",
)


VOCABULARY = 4096


class NoMock(SystemExit):
    """The mock endpoint is not beside the repository."""

    def __init__(self) -> None:
        print(f"skipped: {MOCK.name} is not beside the repository", file=sys.stderr)
        super().__init__(0)


@contextmanager
def mock_endpoint(**options: Any) -> Iterator[str]:
    """Run the mock endpoint; yields its base URL, ending in /v1. Options are its own, such as `latency=0.2`."""
    if not MOCK.exists():
        raise NoMock
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, str(MOCK), "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def counters(base_url: str) -> dict[str, Any]:
    """Return the mock's counters."""
    return dict(_get(f"{base_url.removesuffix('/v1')}/stats"))


def reset(base_url: str, **options: Any) -> None:
    """Zero the mock's counters; options change how it answers, `keep_seen=1` keeps the bodies that it has seen."""
    query = "&".join(f"{name}={value}" for name, value in options.items())
    _get(f"{base_url.removesuffix('/v1')}/reset?{query}")


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def write_documents(folder: Path, count: int, sections: int = 10, sentences: int = 6) -> None:
    """Write Markdown documents, each section one passage of its own text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:06d}.md").write_text(document_text(number, sections, sentences), encoding="utf-8")


def document_text(number: int, sections: int = 10, sentences: int = 6) -> str:
    """Return one document's Markdown; equal numbers give equal texts."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    parts = [f"# {subject}, report {number}"]
    for section in range(sections):
        parts.append(f"## Cohort {section + 1} of report {number}")
        parts.append(" ".join(_sentence(subject, number, section, at) for at in range(sentences)))
    return "\n\n".join(parts) + "\n"


def _sentence(subject: str, number: int, section: int, at: int) -> str:
    chosen = random.Random(f"{number}/{section}/{at}")
    # frequent words and rare ones, as in any text: without rare words every search would end in a tie
    words = [_word(int(VOCABULARY ** chosen.random())) for _ in range(chosen.randint(10, 24))]
    dose, grade = chosen.randint(2, 98), 1 + number * 100 + section
    return f"{subject} of grade {grade} is {' '.join(words[:-3])} with {dose} mg {' '.join(words[-3:])}."


def _word(number: int) -> str:
    parts = []
    for _ in range(3):
        number, place = divmod(number, len(SYLLABLES))
        parts.append(SYLLABLES[place])
    return "".join(parts)


def write_recipe(folder: Path, base_url: str, llm: Mapping[str, Any] | None = None, **blocks: Any) -> Path:
    """Write a recipe over `folder/documents` that asks the mock and embeds with it; returns its path."""
    block: dict[str, Any] = {
        "output": "./run",
        "sources": [{"path": "./documents"}],
        "passages": {"max_tokens": 384, "overlap": 0},
        "embed": {"model": "mock", "base_url": base_url, "batch_size": 256},
        "llm": {"model": "mock", "base_url": base_url, "concurrency": 64, "timeout_s": 20.0, **(llm or {})},
        "questions": {"from": "llm", "types": ["definition", "criteria", "comparison"], "per_passage": 2},
        "answers": {"mode": "generative", "top_k": 5},
        # the mock's own wording ("what does the text say") is no part of what is measured
        "filters": [],
        "max_failure_share": 1.0,
        **blocks,
    }
    path = folder / "recipe.yml"
    path.write_text(json.dumps({"base_model": "none", "ragdata": block}, indent=1), encoding="utf-8")
    return path


def ragdata(*arguments: str | Path) -> list[str]:
    """Return the command line of a `ragdata` call with this interpreter."""
    return [sys.executable, "-m", "axolotl_ragdata.cli", *map(str, arguments)]


def show(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print a benchmark's figures: one JSON line, or a line each."""
    print(json.dumps(facts) if as_json else "\n".join(f"{name:<28}{value}" for name, value in facts.items()))
