"""What a fine-tune changed: base against tuned on the held-out rows of a recipe, by log-likelihood and multiple choice.

    axolotl train recipes/quickstart.yml && python benchmarks/finetune.py [recipes/quickstart.yml] [--json]

The log-likelihood is that of the reference answer, a token, in nats; multiple choice asks which of four answers the
model holds for the likeliest (the right one and those of three other held-out questions). Intervals are 95%, of the
paired differences, clustered by document. The bound is what four answers give by chance. A minute on two cores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from axolotl_ragdata.base_model import prepare_base_model
from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.distractors import with_distractors
from axolotl_ragdata.judge.local import LocalModel, weights_of
from axolotl_ragdata.judge.questions import asked_turns, load_questions
from axolotl_ragdata.judge.records import JudgeQuestion
from axolotl_ragdata.judge.statistics.paired import compare
from axolotl_ragdata.progress import Silent
from axolotl_ragdata.recipe import load_recipe

CHANCE = 0.25


def score(
    base: str, adapter: Path | None, questions: Sequence[JudgeQuestion], options: dict[str, tuple[str, ...]]
) -> tuple[list[float], list[float]]:
    """Return for each question the log-likelihood of its reference a token, and whether that is the best option's."""
    pairs = [(asked_turns(one, one.question), text) for one in questions for text in options[one.id]]
    model = LocalModel(weights_of(base, adapter), 2048)
    found: dict[int, tuple[float, int]] = {}
    for at, told in model.log_likelihoods(pairs):
        assert isinstance(told, tuple), "no answer of the demonstration is longer than the model's context"
        found[at] = told
    model.close()
    likely, right, at = [], [], 0
    for one in questions:
        own = [found[at + number][0] / found[at + number][1] for number in range(len(options[one.id]))]
        likely.append(own[0])
        right.append(float(own[0] == max(own)))
        at += len(own)
    return likely, right


def summary(tuned: list[float], base: list[float], documents: list[str]) -> dict[str, Any]:
    """Return both means and the paired difference with its interval."""
    found = compare(tuned, base, documents)
    interval = found.estimate.bootstrap
    return {
        "base": round(sum(base) / len(base), 3),
        "tuned": round(sum(tuned) / len(tuned), 3),
        "difference": round(found.estimate.mean, 3),
        "interval": [round(float(bound), 3) for bound in (interval.low, interval.high)],
        "p": round(found.p_permutation, 4),
        "n": len(base),
    }


def main() -> None:
    """Score both models and print what changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", type=Path, default=Path("recipes/quickstart.yml"))
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    recipe = load_recipe(wanted.recipe)
    asked = [one for one in load_questions(recipe, JudgeBlock(), Silent()) if one.reference and one.answerable]
    options = with_distractors(asked, JudgeBlock())
    questions = [one for one in asked if one.id in options]
    base = str(prepare_base_model())
    adapter = Path(str(recipe.axolotl["output_dir"]))
    made = [score(base, where, questions, options) for where in (adapter, None)]
    documents = [one.doc_id or one.id for one in questions]
    found: dict[str, Any] = {}
    for origin in ("all", *sorted({one.origin for one in questions})):
        kept = [at for at, one in enumerate(questions) if origin in ("all", one.origin)]
        names = [documents[at] for at in kept]
        for metric, number in (("log_likelihood", 0), ("multiple_choice", 1)):
            tuned, plain = ([scores[number][at] for at in kept] for scores in made)
            found[f"{metric} {origin}"] = summary(tuned, plain, names)
    found["chance"] = CHANCE
    if wanted.json:
        print(json.dumps(found))
        return
    print(f"{'':<30}{'n':>4}{'base':>9}{'tuned':>9}{'difference':>12}  95% interval        p")
    for name, row in found.items():
        if name != "chance":
            low, high = row["interval"]
            print(
                f"{name:<30}{row['n']:>4}{row['base']:>9.3f}{row['tuned']:>9.3f}{row['difference']:>+12.3f}"
                f"  {low:+.3f} to {high:+.3f}  {row['p']:.4f}"
            )
    print(f"multiple choice by chance: {CHANCE}")


if __name__ == "__main__":
    main()
