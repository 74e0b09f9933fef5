"""The exported tasks in the harness itself: loaded, run and scored with a tiny model, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from axolotl_ragdata.judge.exact import token_f1
from axolotl_ragdata.judge.harness import METRICS_CODE, export_harness
from axolotl_ragdata.progress import Silent
from axolotl_ragdata.recipe import Recipe

RUN = """
import json, sys
import lm_eval
from lm_eval.tasks import TaskManager

folder, base = sys.argv[1:]
manager = TaskManager(include_path=folder, include_defaults=False)
done = lm_eval.simple_evaluate(
    model="hf", model_args={"pretrained": base, "device": "cpu"}, tasks=["ragdata_recipe"], task_manager=manager,
    bootstrap_iters=0, gen_kwargs="max_gen_toks=4", batch_size=2,
)
counts = {name: found["effective"] for name, found in done["n-samples"].items()}
json.dump({"results": done["results"], "counts": counts}, sys.stdout, default=str)
"""


def test_what_is_written_can_be_read_without_us(
    finished: Callable[..., Recipe], write_lines: Callable[..., Path]
) -> None:
    write_lines("more.jsonl", {"question": "Why?", "options": ["no", "yes", "perhaps"], "label": "C"})
    files = export_harness(finished({"questions": ["more.jsonl"], "distractors": 2}), None, Silent())
    assert files[0].name == "ragdata_recipe.yaml"
    rows = [
        json.loads(line) for line in (files[0].parent / "ragdata_recipe_file_choice.jsonl").read_text().splitlines()
    ]
    assert rows[0]["options"] == ["no", "yes", "perhaps"]
    assert rows[0]["answer"] == 2
    seen = [
        json.loads(line)
        for line in (files[0].parent / "ragdata_recipe_test_seen_choice.jsonl").read_text().splitlines()
    ]
    assert all(row["options"][row["answer"]] == row["reference"] for row in seen)
    assert {row["answer"] for row in seen} != {0}, "the right one is not always the first"


def test_its_token_f1_is_ours() -> None:
    names: dict[str, object] = {"__file__": "x"}
    exec(METRICS_CODE, names)
    score = names["score_text"]
    assert callable(score)
    for answer, reference in (("The worry lasts.", "worry"), ("", "x"), ("the", "a"), ("x y", "y x x")):
        assert score({"reference": reference}, [answer])["token_f1"] == token_f1(answer, reference)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-evaluation-harness is not installed")
def test_the_harness_runs_every_task(finished: Callable[..., Recipe], tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    export_harness(finished({"distractors": 2}), folder, Silent())
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", RUN, str(folder), str(tiny["base"])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout[done.stdout.index('{"results"') :])
    origins, kinds = ("test_seen", "test_unseen"), ("open", "choice", "likelihood")
    assert found["counts"] == {f"ragdata_recipe_{origin}_{kind}": 2 for origin in origins for kind in kinds}
    assert found["results"]["ragdata_recipe_test_seen_likelihood"]["log_likelihood,none"] < 0
