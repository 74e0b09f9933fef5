"""A known judge on loopback."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .built import finished, tiny, write_lines
from .judging import truth

__all__ = ["finished", "tiny", "write_lines"]


@pytest.fixture(scope="session")
def judge_server() -> ModuleType:
    """The module of the known judge, `tests/servers/judge.py`."""
    name = "ragdata_judge_server"
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "servers" / "judge.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def known_judge(model_server: ModuleType, judge_server: ModuleType) -> Iterator[Callable[..., tuple[str, Any]]]:
    """Start judges: `known_judge("constant")` returns (base URL, the judge)."""
    servers = []

    def start(kind: str = "honest", **settings: Any) -> tuple[str, Any]:
        judge = judge_server.KnownJudge(model_server.completion, settings.pop("truth", truth), kind, **settings)
        servers.append(model_server.ModelServer(behaviour=judge).start())
        return servers[-1].base_url, judge

    yield start
    for server in servers:
        server.stop()
