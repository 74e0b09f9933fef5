"""What the plugin adds to `axolotl train` once the dataset is built: checks, hashes, and the files put in place.

    python benchmarks/plugin.py [--json]

The quickstart is built in a folder of its own; then `register` and `load_datasets` are timed as Axolotl calls them. The
bound is hashing every file that the dataset depends on, which is the least that proves that nothing changed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import yaml
from axolotl.utils.dict import DictDefault

import axolotl_ragdata
from axolotl_ragdata.pipeline import build
from axolotl_ragdata.recipe import load_recipe
from axolotl_ragdata.store import sha256_of

RECIPES = Path(__file__).parent.parent / "recipes"
ROUNDS = 5


def seconds(recipe: Path) -> float:
    """Return how long the plugin takes on a finished build."""
    cfg = DictDefault(yaml.safe_load(recipe.read_text(encoding="utf-8")))
    cfg.axolotl_config_path, cfg.output_dir = str(recipe), str(recipe.parent / "out")
    plugin = axolotl_ragdata.RagdataPlugin()
    started = time.perf_counter()
    plugin.register(cfg)
    plugin.load_datasets(cfg)
    return time.perf_counter() - started


def hashing(recipe: Path) -> float:
    """Return how long it takes to hash the documents and the tables of the run."""
    run = load_recipe(recipe).output
    started = time.perf_counter()
    for path in [*(recipe.parent / "demo-documents").iterdir(), *run.glob("*.jsonl")]:
        sha256_of(path)
    return time.perf_counter() - started


def main() -> None:
    """Print the median of some rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(RECIPES / "demo-documents", folder / "demo-documents")
        recipe = Path(shutil.copy(RECIPES / "quickstart.yml", folder))
        build(load_recipe(recipe))
        first = seconds(recipe)  # transformers and its tokenizer are imported once in a process
        rounds = sorted(seconds(recipe) for _ in range(ROUNDS))[ROUNDS // 2]
        bound = hashing(recipe)
    found = {"first_s": round(first, 3), "seconds": round(rounds, 3), "hashing_s": round(bound, 4)}
    found["ratio_to_hashing"] = round(rounds / bound, 1)
    print(json.dumps(found) if as_json else "\n".join(f"{key:<18}{value:>8}" for key, value in found.items()))


if __name__ == "__main__":
    main()
