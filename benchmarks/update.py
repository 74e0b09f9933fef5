"""Does tuning again take over a changed fact? Log-likelihood of the old and the new answer, before and after.

    python benchmarks/update.py [--epochs 6] [--keep FOLDER] [--json]

One fact of a demonstration article is changed ("six months" to "nine months" of worry), the dataset is rebuilt, and
SmolLM2-135M is tuned again from the base model, by `axolotl train` on the recipe of the quickstart. Nothing is held
out, so that the fact is trained on. Three models give the log-likelihood of both answers to the question about the
fact and, so that forgetting shows, of the answers to all other training questions: the base, tuned on the old
document, tuned on the new one. Takes about ten minutes on two quiet cores; set OMP_NUM_THREADS=1 where they are busy.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from axolotl_ragdata.base_model import prepare_base_model
from axolotl_ragdata.judge.local import LocalModel, weights_of
from axolotl_ragdata.pipeline import build
from axolotl_ragdata.recipe import load_recipe
from axolotl_ragdata.records import Example, Message
from axolotl_ragdata.store import RunDirectory

RECIPES = Path(__file__).parent.parent / "recipes"
CHANGED = "generalised-anxiety-disorder.tei.xml"
OLD, NEW = "six months", "nine months"


def write_recipe(folder: Path, epochs: int) -> Path:
    """Return the quickstart's recipe over the documents in a folder, with nothing held out."""
    recipe = yaml.safe_load((RECIPES / "quickstart.yml").read_text(encoding="utf-8"))
    recipe["ragdata"]["output"] = "./data"
    recipe["ragdata"]["sources"] = [{"path": "./documents/*.tei.xml", "reader": "grobid"}]
    recipe["ragdata"]["split"] = {"validation": 0.0, "test_seen": 0.0, "test_unseen": 0.0}
    recipe.update(num_epochs=epochs, learning_rate=0.001, save_strategy="no", eval_strategy="no")
    recipe.update(dataset_prepared_path="./prepared", output_dir="./tuned")
    path = folder / "recipe.yml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def tune(folder: Path, epochs: int, fact: tuple[str, str] | None) -> list[Example]:
    """Build and tune in a folder; return the training rows. `fact` is a wording and what replaces it."""
    (folder / "documents").mkdir(parents=True)
    text = (RECIPES / "demo-documents" / CHANGED).read_text(encoding="utf-8")
    if fact is not None:
        assert fact[0] in text
        text = text.replace(*fact)
    (folder / "documents" / CHANGED).write_text(text, encoding="utf-8")
    path = write_recipe(folder, epochs)
    report = build(load_recipe(path))
    axolotl = Path(sys.executable).with_name("axolotl")
    variables = {**os.environ, "AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    variables["PATH"] = f"{axolotl.parent}{os.pathsep}{variables['PATH']}"
    log = (folder / "train.log").open("w")
    subprocess.run([axolotl, "train", "recipe.yml"], cwd=folder, env=variables, check=True, stdout=log, stderr=log)
    return RunDirectory(report.folder).read_table("examples", Example)


def likelihoods(adapter: Path | None, pairs: list[tuple[str, str]]) -> list[tuple[float, int]]:
    """Return (log-likelihood, tokens) of each answer to its question."""
    model = LocalModel(weights_of(str(prepare_base_model()), adapter), 4096)
    asked = [((Message(role="user", content=question),), answer) for question, answer in pairs]
    found: dict[int, Any] = dict(model.log_likelihoods(asked))
    model.close()
    return [found[at] for at in range(len(pairs))]


def measure(folder: Path, epochs: int) -> dict[str, Any]:
    """Return the table."""
    before = tune(folder / "before", epochs, None)
    after = tune(folder / "after", epochs, (OLD, NEW))
    old_row = next(row for row in before if OLD in row.answer)
    new_row = next(row for row in after if row.question == old_row.question)
    assert NEW in new_row.answer
    others = [(row.question, row.answer) for row in before if row.answer in {each.answer for each in after}]
    pairs = [(old_row.question, old_row.answer), (old_row.question, new_row.answer), *others]
    models = {
        "base": None,
        "tuned on the old": folder / "before" / "tuned",
        "tuned on the new": folder / "after" / "tuned",
    }
    rows = []
    for name, adapter in models.items():
        old, new, *rest = likelihoods(adapter, pairs)
        per_token = sum(each[0] for each in rest) / sum(each[1] for each in rest)
        rows.append({"model": name, "old": old[0], "new": new[0], "new_less_old": new[0] - old[0], "others": per_token})
    return {
        "question": old_row.question,
        "old_answer": old_row.answer,
        "new_answer": new_row.answer,
        "rows_before": len(before),
        "rows_after": len(after),
        "other_rows": len(others),
        "epochs": epochs,
        "models": rows,
    }


def show(found: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    lines = [
        f"Q {found['question']}",
        f"old answer: {found['old_answer']}",
        f"new answer: {found['new_answer']}",
        f"rows: {found['rows_before']} before, {found['rows_after']} after; {found['epochs']} epochs",
        "",
        "| model | old answer, nats | new answer, nats | new less old | other rows, nats a token |",
        "|---|---|---|---|---|",
    ]
    for row in found["models"]:
        numbers = f"{row['old']:.2f} | {row['new']:.2f} | {row['new_less_old']:+.2f} | {row['others']:.3f}"
        lines.append(f"| {row['model']} | {numbers} |")
    return "\n".join(lines)


@contextlib.contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """Yield a folder, removed afterwards unless it was named."""
    if keep is not None:
        shutil.rmtree(keep, ignore_errors=True)
        yield keep
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--keep", type=Path, default=None, help="folder for everything; left out: a temporary one")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with workplace(args.keep) as folder:
        found = measure(folder.resolve(), args.epochs)
    print(json.dumps(found, ensure_ascii=False) if args.json else show(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
