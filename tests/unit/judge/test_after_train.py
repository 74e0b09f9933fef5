"""The judge at the end of a training: once, by the first rank, and never with harm to the weights or the training."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from axolotl_ragdata.recipe import Recipe

pytestmark = pytest.mark.skipif(find_spec("axolotl") is None, reason="axolotl is not installed")
Finished = Callable[..., Recipe]


@pytest.fixture
def server(model_server: ModuleType) -> Iterator[Any]:
    started = model_server.ModelServer().start()
    yield started
    started.stop()


def after(recipe: Recipe, folder: Path) -> Any:
    """End a training as Axolotl does: it calls before it saves the weights and after."""
    from axolotl_ragdata.plugin import RagdataPlugin

    plugin = RagdataPlugin()
    plugin._recipe = recipe
    cfg = SimpleNamespace(output_dir=str(folder))
    plugin.post_train(cfg, None)
    assert not plugin._judged, "the weights are not there yet"
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    plugin.post_train(cfg, None)
    plugin.post_train(cfg, None)
    plugin.post_train_unload(cfg)
    return plugin


def judged(server: Any, **changes: Any) -> dict[str, Any]:
    candidate = {"kind": "endpoint", "model": "careful", "base_url": server.base_url}
    return {"candidates": [candidate], "after_train": True, **changes}


def test_it_is_called_once_though_axolotl_calls_twice(
    finished: Finished, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    recipe = finished(judged(server))
    after(recipe, tmp_path)
    assert len(server.requests) == 4
    results = json.loads((recipe.output / "judge" / "results.json").read_text(encoding="utf-8"))
    assert results["candidates"] == ["careful"]


def test_other_ranks_and_other_recipes_do_nothing(
    finished: Finished, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    after(finished(judged(server, after_train=False)), folders[0])
    after(finished(None), folders[1])
    monkeypatch.setenv("RANK", "1")
    after(finished(judged(server)), folders[2])
    assert server.requests == []


def test_a_failure_is_said_and_the_weights_stay(
    finished: Finished, server: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "adapter_model.safetensors"
    digest = hashlib.sha256(b"weights").digest()
    recipe = finished(judged(server, judges=[{"model": "gpt", "api_key_env": "NO_SUCH_KEY"}]))
    after(recipe, tmp_path)
    said = capfd.readouterr().err
    assert "NO_SUCH_KEY is not set" in said
    assert "the judge ended with exit code 2; the weights in" in said
    assert hashlib.sha256(weights.read_bytes()).digest() == digest


def test_weights_of_an_earlier_training_are_not_judged(finished: Finished, server: Any, tmp_path: Path) -> None:
    old = tmp_path / "adapter_model.safetensors"
    old.write_bytes(b"old")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    after(finished(judged(server)), tmp_path)
    assert len(server.requests) == 4
