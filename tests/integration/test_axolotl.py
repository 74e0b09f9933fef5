"""The shipped quickstart through the real `axolotl`: preprocess, train, merge-lora; every command is a process."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("axolotl") is None, reason="axolotl is not installed"),
]

STEPS = 3
BUILDING = "embedding and indexing"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    text: str


def run_axolotl(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run `axolotl` in a folder; return its exit code and everything that it printed."""
    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"  # it calls `accelerate` by name
    command = [str(binaries / "axolotl"), *arguments]
    env = {**os.environ, "PATH": path, "AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", **environment}
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


def run_directory(folder: Path) -> Path:
    return folder / "recipes" / "data" / "quickstart"


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((run_directory(folder) / "manifest.json").read_text(encoding="utf-8")))


def clone(repository: Path, folder: Path) -> Path:
    """Lay out what a fresh clone holds of the quickstart, with four of its documents."""
    documents = folder / "recipes" / "demo-documents"
    documents.mkdir(parents=True)
    shutil.copy(repository / "recipes" / "quickstart.yml", folder / "recipes")
    for path in sorted((repository / "recipes" / "demo-documents").glob("*.tei.xml"))[:4]:
        shutil.copy(path, documents)
    return folder


@pytest.fixture(scope="module")
def preprocessed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Ended]]:
    folder = clone(repository, tmp_path_factory.mktemp("clone"))
    yield folder, run_axolotl(folder, "preprocess", "recipes/quickstart.yml")
    shutil.rmtree(folder)  # a merged model is 270 MB


@pytest.fixture(scope="module")
def trained(preprocessed: tuple[Path, Ended]) -> tuple[Path, Ended]:
    folder, _ = preprocessed
    return folder, run_axolotl(folder, "train", "recipes/quickstart.yml", "--max-steps", str(STEPS))


def test_preprocess_builds_the_dataset_first(preprocessed: tuple[Path, Ended]) -> None:
    folder, ended = preprocessed
    assert ended.code == 0, ended.text[-3000:]
    assert BUILDING in ended.text
    files = manifest(folder)["files"]
    assert {"train", "validation"} <= files.keys()
    assert all((run_directory(folder) / name).exists() for name in files.values())
    assert list((folder / "outputs" / "quickstart-prepared").iterdir())


def test_only_the_answer_and_its_end_are_trained_on(preprocessed: tuple[Path, Ended]) -> None:
    from datasets import load_from_disk
    from transformers import AutoTokenizer

    from axolotl_ragdata.base_model import prepare_base_model

    folder, _ = preprocessed
    tokenizer = AutoTokenizer.from_pretrained(prepare_base_model())
    lines = (run_directory(folder) / manifest(folder)["files"]["train"]).read_text(encoding="utf-8").splitlines()
    answers = {json.loads(line)["messages"][-1]["content"].strip() + "<|im_end|>" for line in lines}
    folders = [path.parent for path in (folder / "outputs" / "quickstart-prepared").glob("*/state.json")]
    prepared = [load_from_disk(str(path)) for path in folders]
    rows = max(prepared, key=len)
    assert len(rows) == len(lines), "no row was dropped"
    for row in rows:
        trained_on = [label for label in row["labels"] if label != -100]
        assert tokenizer.decode(trained_on) in answers
        assert row["input_ids"].count(tokenizer.bos_token_id) == 3, "system, user, assistant: no doubled BOS"


def test_training_saves_an_adapter_that_leads_back_to_its_data(trained: tuple[Path, Ended]) -> None:
    folder, ended = trained
    assert ended.code == 0, ended.text[-3000:]
    assert BUILDING not in ended.text, "what preprocess built is built no second time"
    output = folder / "outputs" / "quickstart"
    assert (output / "adapter_model.safetensors").stat().st_size > 1_000_000
    record = json.loads((output / "ragdata.json").read_text(encoding="utf-8"))
    built = manifest(folder)
    assert record["dataset_id"] == built["dataset_id"]
    assert record["index_tag"] == built["index"]["tag"]
    assert record["recipe"] == "quickstart.yml"
    name = record["files"]["train"]
    digest = hashlib.sha256((run_directory(folder) / name).read_bytes()).hexdigest()
    assert record["sha256"][name] == digest


def test_the_loss_on_held_out_rows_falls(trained: tuple[Path, Ended]) -> None:
    folder, _ = trained
    state = json.loads(
        (folder / "outputs" / "quickstart" / f"checkpoint-{STEPS}" / "trainer_state.json").read_text(encoding="utf-8")
    )
    losses = [entry["eval_loss"] for entry in state["log_history"] if "eval_loss" in entry]
    assert state["global_step"] == STEPS
    assert len(losses) >= 2
    assert losses[-1] < losses[0]


def test_the_adapter_is_merged_without_documents_or_a_build(trained: tuple[Path, Ended]) -> None:
    from safetensors import safe_open

    from axolotl_ragdata.base_model import prepare_base_model

    folder, _ = trained
    away = folder / "recipes" / "demo-documents-moved"
    (folder / "recipes" / "demo-documents").rename(away)
    try:
        ended = run_axolotl(folder, "merge-lora", "recipes/quickstart.yml")
    finally:
        away.rename(folder / "recipes" / "demo-documents")
    assert ended.code == 0, ended.text[-3000:]
    assert BUILDING not in ended.text
    name, weights = "model.layers.0.self_attn.q_proj.weight", []
    for path in (prepare_base_model(), folder / "outputs" / "quickstart" / "merged"):
        with safe_open(path / "model.safetensors", "pt") as file:
            weights.append(file.get_tensor(name))
    assert weights[0].shape == weights[1].shape
    assert not weights[0].equal(weights[1]), "the adapter changed something"


def test_a_changed_document_is_built_before_training_goes_on(trained: tuple[Path, Ended]) -> None:
    folder, _ = trained
    before = manifest(folder)["dataset_id"]
    sorted((folder / "recipes" / "demo-documents").glob("*.tei.xml"))[-1].unlink()
    ended = run_axolotl(folder, "preprocess", "recipes/quickstart.yml")
    assert ended.code == 0, ended.text[-3000:]
    assert BUILDING in ended.text
    assert manifest(folder)["dataset_id"] != before


def test_training_does_not_go_on_from_a_checkpoint_of_another_dataset(trained: tuple[Path, Ended]) -> None:
    folder, _ = trained
    checkpoint = folder / "outputs" / "quickstart" / f"checkpoint-{STEPS}"
    then = json.loads((checkpoint / "ragdata.json").read_text(encoding="utf-8"))["files"]["train"]
    assert manifest(folder)["files"]["train"] != then, "the test before this one changed the documents"
    arguments = ("--launcher", "python", "--resume-from-checkpoint", str(checkpoint))
    ended = run_axolotl(folder, "train", "recipes/quickstart.yml", *arguments)
    assert ended.code == 2, ended.text[-3000:]
    assert (
        f"was trained on {then}, the dataset is now {manifest(folder)['files']['train']}: the documents" in ended.text
    )
    assert "Loading model" not in ended.text


def run_two_ranks(folder: Path) -> Ended:
    """Train with two processes; on a CPU Axolotl gets as far as loading the model."""
    command = [str(Path(sys.executable).parent / "torchrun"), "--nproc-per-node", "2", "-m", "axolotl.cli.train"]
    env = {**os.environ, "AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "recipes/quickstart.yml"],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


def test_of_two_ranks_one_builds_and_both_go_on_to_the_model(repository: Path, tmp_path: Path) -> None:
    folder = clone(repository, tmp_path)
    ended = run_two_ranks(folder)
    assert ended.text.count(f"{BUILDING}: ") == 1, ended.text[-3000:]
    assert "building the dataset under a launch of several processes (there is no finished build)" in ended.text
    assert "Cannot access accelerator device" in ended.text, "what a CPU ends with, past the build"
    assert {"train", "validation"} <= manifest(folder)["files"].keys()
    assert "error: " not in ended.text.split(BUILDING)[0]


def test_a_build_that_fails_ends_both_ranks_with_our_error_and_code(repository: Path, tmp_path: Path) -> None:
    folder = clone(repository, tmp_path)
    documents = folder / "recipes" / "demo-documents"
    shutil.rmtree(documents)
    documents.mkdir()
    # nothing that a rule could ask about
    (documents / "plain.tei.xml").write_text(
        '<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader/><text><body><div><head>Walk</head>'
        "<p>We went along the river and came home late.</p></div></body></text></TEI>",
        encoding="utf-8",
    )
    ended = run_two_ranks(folder)
    assert "the build is finished and has no row" in ended.text, ended.text[-3000:]
    assert re.search(r"exitcode\s*: 4\b", ended.text)
    assert ended.text.count(f"{BUILDING}: ") == 1
    assert "Cannot access accelerator device" not in ended.text


@pytest.mark.parametrize(
    ("command", "code"), [(("preprocess",), 2), (("train", "--launcher", "python"), 2), (("train",), 1)]
)
def test_a_wrong_key_ends_with_our_error(command: tuple[str, ...], code: int, repository: Path, tmp_path: Path) -> None:
    folder = clone(repository, tmp_path)
    recipe = folder / "recipes" / "quickstart.yml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("top_k:", "topk:"), encoding="utf-8")
    ended = run_axolotl(folder, *command, "recipes/quickstart.yml")
    assert ended.code == code, "`accelerate launch` turns every code into 1"
    assert "ragdata.answers.topk: unknown key 'topk'\nfix: did you mean 'top_k'?" in ended.text
    assert not run_directory(folder).exists()
    assert code == 1 or "Traceback" not in ended.text.split("unknown key")[1]


def test_missing_documents_end_with_our_error_before_a_model_is_loaded(repository: Path, tmp_path: Path) -> None:
    folder = clone(repository, tmp_path)
    shutil.rmtree(folder / "recipes" / "demo-documents")
    ended = run_axolotl(folder, "train", "--launcher", "python", "recipes/quickstart.yml")
    assert ended.code == 2
    assert "error: " in ended.text
    assert "ragdata.sources" in ended.text
    assert "Traceback" not in ended.text
    assert not (folder / "outputs" / "quickstart" / "adapter_model.safetensors").exists()


def test_our_commands_are_axolotls_too(repository: Path, tmp_path: Path) -> None:
    ended = run_axolotl(clone(repository, tmp_path), "ragdata", "--help")
    assert ended.code == 0
    assert "ragdata build recipe.yml" in ended.text
