"""The judge's questions as tasks of EleutherAI's lm-evaluation-harness (MIT licence; 0.4.8 and later).

A folder that `lm_eval --include_path FOLDER --tasks NAME` reads: a group of up to three tasks for each origin, their
rows as JSONL, and a Python file with the loader and the metrics, which imports nothing of this package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.judge.distractors import with_distractors
from axolotl_ragdata.judge.questions import load_questions
from axolotl_ragdata.judge.records import JudgeQuestion
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.store import write_atomically

FORMAT = "lm-eval"
CODE = "ragdata_metrics.py"
METRICS = {
    "open": [
        {"metric": "token_f1", "aggregation": "mean", "higher_is_better": True},
        {"metric": "exact", "aggregation": "mean", "higher_is_better": True},
    ],
    "choice": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
    ],
    "likelihood": [
        {"metric": "log_likelihood", "aggregation": "mean", "higher_is_better": True},
    ],
}
SHAPES: dict[str, dict[str, Any]] = {
    "open": {
        "output_type": "generate_until",
        "doc_to_target": "{{reference}}",
        "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": 256},
    },
    "choice": {"output_type": "multiple_choice", "doc_to_target": "{{answer}}", "doc_to_choice": "{{options}}"},
    "likelihood": {"output_type": "loglikelihood", "doc_to_target": "{{reference}}"},
}
METRICS_CODE = '''"""Rows and metrics of the tasks beside this file; written by `ragdata export --format lm-eval`."""

import json
import re
import string
from collections import Counter
from pathlib import Path


def load(file, **_):
    """Return the rows of a file beside this one as the split `test`."""
    import datasets

    lines = Path(__file__).with_name(file).read_text(encoding="utf-8").split("\\n")
    return datasets.DatasetDict({"test": datasets.Dataset.from_list([json.loads(line) for line in lines if line])})


def words(text):
    """Return the words of a text as SQuAD's evaluation normalises them."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\\b(a|an|the)\\b", " ", bare).split()


def score_text(doc, results):
    """Return token F1 and exact match of an answer with its reference."""
    own, wanted = words(results[0]), words(doc["reference"])
    shared = sum((Counter(own) & Counter(wanted)).values())
    f1 = 2 * shared / (len(own) + len(wanted)) if own and wanted else float(own == wanted)
    return {"token_f1": f1, "exact": float(own == wanted)}


def score_likelihood(doc, results):
    """Return the log-likelihood of the reference, in nats."""
    return {"log_likelihood": results[0][0]}
'''


def export_harness(recipe: Recipe, folder: Path | None, progress: Progress) -> list[Path]:
    """Write the judge's questions as tasks of lm-evaluation-harness; return the files, the group's first.

    Multi-turn questions and those that come with passages in front are asked as one text.

    Raises:
        RecipeError: There is no question, or a file of questions is wrong.
        StoreError: The build cannot be read, or the folder cannot be written.
    """
    block = recipe.ragdata.judge or JudgeBlock()
    questions = load_questions(recipe, block, progress)
    target = folder or recipe.output / "exports" / FORMAT
    name = f"ragdata_{re.sub(r'[^a-z0-9]+', '_', recipe.path.stem.lower()).strip('_')}"
    files: dict[str, str] = {}
    tasks = []
    for task, kind, rows in _tasks(name, questions, with_distractors(questions, block)):
        files[f"{task}.jsonl"] = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        files[f"{task}.yaml"] = _yaml(_task(task, kind))
        tasks.append(task)
    files = {f"{name}.yaml": _yaml({"group": name, "task": tasks, "metadata": {"version": 1.0}}), **files}
    files[CODE] = METRICS_CODE
    for file, text in files.items():
        write_atomically(target / file, text.encode())
    return [target / file for file in files]


def _tasks(
    name: str, questions: Sequence[JudgeQuestion], compared: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for origin in dict.fromkeys(question.origin for question in questions):
        own = [question for question in questions if question.origin == origin]
        referenced = [_row(question) for question in own if question.reference and question.answerable]
        chosen = [_choice(question, compared[question.id]) for question in own if question.id in compared]
        for kind, rows in (("open", referenced), ("choice", chosen), ("likelihood", referenced)):
            if rows:
                yield f"{name}_{origin}_{kind}", kind, rows


def _row(question: JudgeQuestion) -> dict[str, Any]:
    asked = "\n\n".join(turn.content for turn in question.turns) or question.question
    return {"id": question.id, "question": asked, "reference": question.reference or "", "type": question.type or ""}


def _choice(question: JudgeQuestion, compared: Sequence[str]) -> dict[str, Any]:
    """Return a row with its options in an order that does not give the right one away: that of their texts."""
    right = compared[0]
    options = list(question.options) or sorted(compared)
    return {**_row(question), "options": options, "answer": options.index(right)}


def _task(name: str, kind: str) -> dict[str, Any]:
    functions = {"open": "score_text", "likelihood": "score_likelihood"}
    scored = {"process_results": Function(functions[kind])} if kind in functions else {}
    return {
        "task": name,
        "custom_dataset": Function("load"),
        "dataset_kwargs": {"file": f"{name}.jsonl"},
        "test_split": "test",
        "num_fewshot": 0,
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "target_delimiter": " ",
        **SHAPES[kind],
        **scored,
        "metric_list": METRICS[kind],
        "metadata": {"version": 1.0},
    }


class Function(str):
    """The name of a function in the Python file beside a task, which the harness loads by a tag of its own."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


def _tagged(dumper: yaml.SafeDumper, value: Function) -> yaml.ScalarNode:
    return dumper.represent_scalar("!function", f"{Path(CODE).stem}.{value}", style="")


_Dumper.add_representer(Function, _tagged)


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
