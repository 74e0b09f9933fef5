"""`ragdata push` against a hub on loopback; nothing leaves the machine."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

SECRET = "hf_secret_token_of_the_tests"


@pytest.fixture(scope="module")
def hub_module(repository: Path) -> ModuleType:
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("ragdata_hub", repository / "tests" / "servers" / "hub.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ragdata_hub"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(hub_module: ModuleType) -> Iterator[Callable[..., Any]]:
    started = []

    def start(refusal: int | None = None) -> Any:
        started.append(hub_module.Hub(refusal).start())
        return started[-1]

    yield start
    for hub in started:
        hub.stop()


@pytest.fixture
def run(ragdata: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def run(hub: Any, *arguments: object, **environment: str) -> Any:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        env = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": SECRET, "HF_HOME": str(home)}
        return ragdata("push", *arguments, env={**env, "HF_HUB_DISABLE_XET": "1", **environment})

    return run


def test_a_new_repository_is_private_and_holds_the_card_and_the_rows(
    built: Path, start: Callable[..., Any], run: Callable[..., Any]
) -> None:
    import pyarrow.parquet

    hub = start()
    ended = run(hub, built, "me/disorders")
    assert ended.code == 0, ended.err
    (made,) = hub.repositories
    assert made["name"] == "disorders"
    assert made.get("private") is True or made.get("visibility") == "private"
    assert hub.tokens == {f"Bearer {SECRET}"}
    card = hub.files["README.md"].decode()
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "cc0-1.0"
    rows = pyarrow.parquet.read_table(io.BytesIO(hub.files["data/train-00000-of-00001.parquet"])).to_pylist()
    manifest = json.loads((built.parent / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert len(rows) == manifest["counts"]["train"]
    assert manifest["dataset_id"] in hub.commits[0]["summary"]
    assert f"pushed to {hub.url}/datasets/me/disorders" in ended.out
    assert "the card that Axolotl writes for it holds this recipe with its paths" in " ".join(ended.err.split())
    assert SECRET not in ended.out + ended.err


def test_a_dry_run_shows_what_would_go_and_sends_nothing(
    built: Path, start: Callable[..., Any], run: Callable[..., Any]
) -> None:
    hub = start()
    ended = run(hub, built, "me/disorders", "--dry-run", "--json", HF_TOKEN="")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["url"] is None
    assert "data/train-00000-of-00001.parquet" in told["files"]
    assert not hub.repositories


def test_documents_without_a_licence_need_one(
    built: Path, tmp_path: Path, start: Callable[..., Any], run: Callable[..., Any]
) -> None:
    shutil.copytree(built.parent, tmp_path / "copy")
    examples = tmp_path / "copy" / "run" / "examples.jsonl"
    lines = [json.loads(line) for line in examples.read_text(encoding="utf-8").splitlines()]
    lines[0]["provenance"]["licence"] = None
    examples.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    recipe, hub = tmp_path / "copy" / "recipe.yml", start()
    ended = run(hub, recipe, "me/disorders")
    assert ended.code == 2
    assert "--licence: no licence to publish under: the documents' are cc0-1.0, unknown" in ended.err
    assert not hub.repositories
    ended = run(hub, recipe, "me/disorders", "--licence", "cc-by-4.0", "--public")
    assert ended.code == 0, ended.err
    assert "license: cc-by-4.0" in hub.files["README.md"].decode()
    assert hub.repositories[0].get("private") is False or hub.repositories[0].get("visibility") == "public"


def test_a_hub_that_refuses_and_one_that_is_not_there(
    built: Path, start: Callable[..., Any], run: Callable[..., Any]
) -> None:
    refused = run(start(403), built, "me/disorders")
    assert refused.code == 1
    assert "403" in refused.err
    assert "Traceback" not in refused.err
    gone = start()
    gone.port = 9
    absent = run(gone, built, "me/disorders")
    assert absent.code == 1
    assert "error: http://127.0.0.1:9: " in absent.err


@pytest.mark.parametrize(
    ("name", "environment", "code", "message"),
    [
        ("me/disorders", {"HF_TOKEN": ""}, 2, "HF_TOKEN: is not set"),
        ("a/b/c", {}, 2, "fix: give NAME or OWNER/NAME"),
        ("me/disorders", {"HF_HUB_OFFLINE": "1"}, 1, "fix: unset HF_HUB_OFFLINE"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    name: str,
    environment: dict[str, str],
    code: int,
    message: str,
    built: Path,
    start: Callable[..., Any],
    run: Callable[..., Any],
) -> None:
    ended = run(start(), built, name, **environment)
    assert ended.code == code
    assert message in ended.err
