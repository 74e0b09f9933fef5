"""The LLaMA-Factory export, loaded by LLaMA-Factory; `make llamafactory` prepares its environment and runs this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from axolotl_ragdata.delivery import deliver
from axolotl_ragdata.pipeline import build
from axolotl_ragdata.recipe import load_recipe

PYTHON = Path(os.environ.get("LLAMAFACTORY_PYTHON", ".venv-llamafactory/bin/python")).absolute()
SCRIPT = Path(__file__).parent.parent / "servers" / "llamafactory_rows.py"

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="LLaMA-Factory has no environment here (make llamafactory)"),
]


@pytest.fixture(scope="module")
def exported(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of four demonstration articles with a system prompt, as LLaMA-Factory and as messages."""
    folder = tmp_path_factory.mktemp("llamafactory")
    (folder / "demo-documents").mkdir()
    for path in sorted((repository / "recipes" / "demo-documents").glob("*.tei.xml"))[:4]:
        shutil.copy(path, folder / "demo-documents")
    text = (repository / "recipes" / "quickstart.yml").read_text(encoding="utf-8")
    said = "export: {format: messages, system: Answer in one sentence.}"
    (folder / "recipe.yml").write_text(text.replace("export: {format: messages}", said), encoding="utf-8")
    recipe = load_recipe(folder / "recipe.yml")
    build(recipe)
    for name in ("llamafactory", "messages"):
        deliver(recipe, name, folder / name)
    return folder


def test_it_trains_on_every_answer_and_keeps_the_system_prompt(exported: Path) -> None:
    from axolotl_ragdata.base_model import prepare_base_model

    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), str(prepare_base_model())],
        cwd=exported / "llamafactory",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "DISABLE_VERSION_CHECK": "0", "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    loaded = json.loads(done.stdout.strip().splitlines()[-1])
    lines = (exported / "messages" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = [json.loads(line)["messages"] for line in lines]
    assert len(loaded["rows"]) == len(wanted)
    assert loaded["evaluated"] >= 1
    answers = sorted(turns[-1]["content"] for turns in wanted)
    assert sorted(row["trained_on"].split("<|im_end|>")[0].strip() for row in loaded["rows"]) == answers
    for row in loaded["rows"]:
        assert row["text"].startswith("<|im_start|>system\nAnswer in one sentence.<|im_end|>")
        assert row["text"].count("<|im_start|>user") == 1
