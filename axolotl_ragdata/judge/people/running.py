"""What `ragdata judge --calibrate`, `--export-blind` and `--import-blind` do."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from axolotl_ragdata.blocks import JudgeBlock
from axolotl_ragdata.errors import QualityGateFailed, RecipeError
from axolotl_ragdata.interruption import run_interruptibly
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.judge.candidates import require_key
from axolotl_ragdata.judge.judges import estimated, judged
from axolotl_ragdata.judge.people.blind import export_blind, import_blind
from axolotl_ragdata.judge.people.calibration import CANDIDATE, asked, calibration, pointwise, read_ratings
from axolotl_ragdata.judge.people.records import Calibration, HumanResults
from axolotl_ragdata.judge.people.writing import write_calibration, write_human
from axolotl_ragdata.judge.results.writing import JSON, read_results
from axolotl_ragdata.judge.run import judge_folder
from axolotl_ragdata.progress import Progress, Silent
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.store import RunDirectory


def calibrate(recipe: Recipe, path: Path, progress: Progress | None = None) -> Calibration:
    """Return how far the recipe's judges agree with people's scores, and write it into the judge's folder.

    Raises:
        RecipeError: The recipe names no judge, or the file is missing, empty or wrong.
        MissingKey: A judge's endpoint wants a key and the environment has none.
        RunLocked: Another command writes the run directory.
        BudgetReached: The next call would cross a cap.
        EndpointError: An endpoint is down, or refuses the key or the model.
    """
    heard, block = progress or Silent(), recipe.ragdata.judge or JudgeBlock()
    if not block.judges:
        fix = "name a chat model under ragdata.judge.judges"
        raise RecipeError(recipe.where("judge", "judges"), "there is no judge to calibrate", fix)
    for number, judge in enumerate(block.judges):
        require_key(judge, recipe.where("judge", "judges", number))
    folder, run = judge_folder(recipe), RunDirectory(recipe.output)
    results = read_results(folder) if (folder / JSON).exists() else None
    ratings = read_ratings(path, results)
    questions, answers = asked(ratings, results)
    wanted = pointwise(block)
    heard.say(f"{len(ratings):,} ratings of {len(questions):,} answers")
    for line in estimated(wanted, questions, [CANDIDATE]):
        heard.say(line)
    run.create()
    with run.locked(), contextlib.closing(Journal.open(run.journal)) as journal:
        asking = judged(recipe, wanted, questions, answers, journal, heard)
        verdicts = run_interruptibly(asking, str(run.folder))
    found = calibration(wanted, ratings, verdicts.scores)
    write_calibration(found, folder)
    return found


def refuse_void(found: Calibration, recipe: Recipe) -> None:
    """Raise where a judge failed its self-test; the files are written.

    Raises:
        QualityGateFailed: One did.
    """
    if found.void_reasons:
        fix = "name a stronger judge; what it said is in calibration.json"
        raise QualityGateFailed(str(judge_folder(recipe)), "; ".join(found.void_reasons), fix)


def send_blind(recipe: Recipe, pairs_most: int | None = None) -> list[Path]:
    """Write blind pairs of the last run for raters and return the paths: CSV, JSONL, key.

    Raises:
        StoreError: There are no results yet, or files cannot be written.
        RecipeError: No question was answered by two candidates.
    """
    folder, block = judge_folder(recipe), recipe.ragdata.judge or JudgeBlock()
    return export_blind(read_results(folder), folder, pairs_most, block.seed)


def receive_blind(recipe: Recipe, paths: Sequence[Path]) -> HumanResults:
    """Return what raters chose, joined with the key, and write it into the judge's folder.

    Raises:
        StoreError: There are no results or no key.
        RecipeError: A file or a row of it is wrong.
    """
    folder, block = judge_folder(recipe), recipe.ragdata.judge or JudgeBlock()
    found = import_blind(read_results(folder), folder, paths, block.seed)
    write_human(found, folder)
    return found
