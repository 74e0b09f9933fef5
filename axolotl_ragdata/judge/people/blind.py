"""Blind pairs: answers without their authors go to raters, their choices come back and are joined."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from axolotl_ragdata.errors import RecipeError, StoreError
from axolotl_ragdata.judge.people.records import BlindKey, BlindPair, HumanResults, HumanVerdict
from axolotl_ragdata.judge.people.tables import csv_text, jsonl_text, read_rows
from axolotl_ragdata.judge.records import PairVerdict
from axolotl_ragdata.judge.results.duels import Combined, combine, pair_rows
from axolotl_ragdata.judge.results.records import Coefficient, Results
from axolotl_ragdata.judge.results.tables import Settings, cluster_of
from axolotl_ragdata.judge.results.trust import coefficient
from axolotl_ragdata.judge.statistics.agreement import Agreement, cohen_kappa, krippendorff_alpha
from axolotl_ragdata.records import content_id
from axolotl_ragdata.store import write_atomically

PAIRS, KEY = "pairs", "blind-key.json"
HEADER = ("id", "question", "answer_a", "answer_b", "choice", "score_a", "score_b", "comment", "rater")
MORE = ("reference", "sources")
CHOICES = {"a": "a", "b": "b", "tie": "tie", "t": "tie", "=": "tie", "'=": "tie", "": ""}


def export_blind(results: Results, folder: Path, pairs_most: int | None = None, seed: int = 42) -> list[Path]:
    """Write answer pairs for raters, as CSV and JSONL in `folder/blind`, and the key beside that folder.

    Pairs are the baseline against each other candidate, on questions that both answered; probes are left out. Their
    order and who is A are drawn. Raters fill in `choice` (a, b or tie), and if they like `score_a`,
    `score_b` (0 to 10), `comment` and `rater`.

    Args:
        results: Of a run.
        folder: The judge's folder.
        pairs_most: Most pairs; left out, all. Those on which the judges' verdicts lie apart come first.
        seed: Of the draw; equal seeds draw the same.

    Returns:
        The paths of both tables and of the key.

    Raises:
        RecipeError: There is no pair of answers.
        StoreError: The files cannot be written.
    """
    drawn = draw_pairs(results, pairs_most, seed)
    if not drawn:
        fix = "judge two candidates or more on the same questions"
        raise RecipeError(str(folder), "no question was answered by two candidates", fix)
    pairs = [pair for pair, _ in drawn]
    rows = [_row(pair) for pair in pairs]
    table, lines = folder / "blind" / f"{PAIRS}.csv", folder / "blind" / f"{PAIRS}.jsonl"
    blank = {"choice": "", "score_a": None, "score_b": None, "comment": "", "rater": ""}
    write_atomically(table, csv_text((*HEADER[:2], *MORE, *HEADER[2:]), rows).encode("utf-8", "replace"))
    shown = jsonl_text([{**pair.model_dump(mode="python"), **blank} for pair in pairs])
    write_atomically(lines, shown.encode("utf-8", "replace"))
    key = folder / KEY
    payload = json.dumps([each.model_dump() for _, each in drawn], ensure_ascii=False, indent=1)
    write_atomically(key, payload.encode("utf-8", "replace"))
    key.chmod(0o600)
    return [table, lines, key]


def draw_pairs(results: Results, pairs_most: int | None, seed: int) -> list[tuple[BlindPair, BlindKey]]:
    """Return pairs in a drawn order, each with A and B drawn, and its key."""
    source = random.Random(seed)  # noqa: S311
    texts = {(one.question_id, one.candidate): one.text for one in results.answers if one.text is not None}
    found = []
    for question, other in itertools.product(results.questions, results.candidates[1:]):
        names = [results.baseline, other]
        if question.probe is not None or any((question.id, name) not in texts for name in names):
            continue
        source.shuffle(names)
        a, b = (texts[question.id, name] for name in names)
        identity = content_id("b", question.id, seed, a, b)
        pair = BlindPair(
            id=identity,
            question=question.question,
            reference=question.reference,
            sources=tuple(passage.text for passage in question.passages),
            answer_a=a,
            answer_b=b,
        )
        key = BlindKey(id=identity, question_id=question.id, candidate_a=names[0], candidate_b=names[1])
        found.append((pair, key))
    source.shuffle(found)
    disputed = {one.question_id for one in results.disputed}
    chosen = sorted(found, key=lambda each: each[1].question_id not in disputed)[:pairs_most]
    source.shuffle(chosen)
    return chosen


def _row(pair: BlindPair) -> dict[str, str]:
    shown = {"reference": pair.reference or "", "sources": "\n\n".join(pair.sources)}
    texts = {"id": pair.id, "question": pair.question, "answer_a": pair.answer_a, "answer_b": pair.answer_b}
    return {**dict.fromkeys(HEADER, ""), **texts, **shown}


def import_blind(results: Results, folder: Path, paths: Sequence[Path], seed: int = 42) -> HumanResults:
    """Return what raters said, joined with the key; several files are several raters' where they name none.

    Args:
        results: Of the run whose pairs were rated.
        folder: The judge's folder, with the key.
        paths: CSV or JSONL files that came back.
        seed: Of the bootstrap.

    Raises:
        RecipeError: A file cannot be read, a row is of no pair, a choice or score is none, or one rater rated a pair
            twice; the line is named.
        StoreError: There is no key.
    """
    keys = read_key(folder)
    verdicts: list[HumanVerdict] = []
    unrated = 0
    seen: dict[tuple[str, str], str] = {}
    for path in paths:
        for where, row in read_rows(path):
            key = _key(row, keys, where)
            rater = str(row.get("rater") or "").strip() or path.stem
            verdict = _verdict(row, key, rater, results.baseline, where)
            if verdict is None:
                unrated += 1
                continue
            if (rater, key.id) in seen:
                what = f"{rater} rated the pair {key.id} before, at {seen[rater, key.id]}"
                raise RecipeError(where, what, "keep one of the two, or name the second rater in `rater`")
            seen[rater, key.id] = where
            verdicts.append(verdict)
    if not verdicts:
        shown = ", ".join(str(path) for path in paths)
        raise RecipeError(shown, "no pair was rated", "write a, b or tie into `choice`")
    return _results(results, verdicts, unrated, seed)


def read_key(folder: Path) -> dict[str, BlindKey]:
    """Return the key by pair.

    Raises:
        StoreError: There is none, or the file is not a key.
    """
    path = folder / KEY
    try:
        return {row["id"]: BlindKey.model_validate(row) for row in json.loads(path.read_bytes())}
    except FileNotFoundError:
        raise StoreError(str(path), "there is no key", "run `ragdata judge --export-blind` first") from None
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise StoreError(str(path), f"is not a key: {problem}", "put back the file of the export") from None


def _key(row: Mapping[str, Any], keys: Mapping[str, BlindKey], where: str) -> BlindKey:
    name = str(row.get("id") or "").strip()
    if name not in keys:
        what = f"{name!r} is no pair of this export" if name else "has no `id`"
        raise RecipeError(where, what, "rate the file that --export-blind wrote last; keep its column `id`")
    return keys[name]


def _verdict(row: Mapping[str, Any], key: BlindKey, rater: str, baseline: str, where: str) -> HumanVerdict | None:
    said = str(row.get("choice") or "").strip().lower()
    if said not in CHOICES:
        raise RecipeError(where, f"choice {said!r}", "write a, b or tie, or leave it empty")
    scores = {side: _score(row.get(f"score_{side}"), f"{where}: score_{side}") for side in ("a", "b")}
    choice = CHOICES[said]
    if not choice:
        if scores["a"] is None or scores["b"] is None:
            return None
        choice = "tie" if scores["a"] == scores["b"] else "a" if scores["a"] > scores["b"] else "b"
    # the baseline first, whoever was A
    first, second = ("a", "b") if key.candidate_a == baseline else ("b", "a")
    names = {"a": key.candidate_a, "b": key.candidate_b}
    return HumanVerdict(
        question_id=key.question_id,
        first=names[first],
        second=names[second],
        rater=rater,
        outcome="tie" if choice == "tie" else "first" if choice == first else "second",
        score_first=scores[first],
        score_second=scores[second],
        comment=str(row.get("comment") or ""),
    )


def _score(value: Any, where: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 10:
        raise RecipeError(where, f"{value!r} is no score", "write a number from 0 to 10, or leave it empty")
    return number


def _results(results: Results, verdicts: Sequence[HumanVerdict], unrated: int, seed: int) -> HumanResults:
    settings = Settings(results.candidates, 10_000, seed)
    outcomes = {"first": "win", "second": "loss", "tie": "tie"}
    combined = [
        Combined(one.question_id, one.first, one.second, one.rater, 0, outcomes[one.outcome])  # type: ignore[arg-type]
        for one in verdicts
    ]
    raters = tuple(dict.fromkeys(one.rater for one in verdicts))
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in verdicts:
        said[one.question_id, one.second].add(one.outcome)
    return HumanResults(
        raters=raters,
        rated=len(verdicts),
        unrated=unrated,
        pairs=tuple(pair_rows(results.questions, combined, settings)),
        agreement=(*_between_raters(results, verdicts, raters, seed), *_with_judges(results, verdicts)),
        disputed=tuple(dict.fromkeys(qid for (qid, _), each in said.items() if len(each) > 1)),
        verdicts=tuple(verdicts),
    )


def _between_raters(
    results: Results, verdicts: Sequence[HumanVerdict], raters: Sequence[str], seed: int
) -> list[Coefficient]:
    if len(raters) < 2:
        return []
    where = {question.id: cluster_of(question) for question in results.questions}
    codes = {"second": 0.0, "tie": 1.0, "first": 2.0}
    items = list(dict.fromkeys((one.question_id, one.second) for one in verdicts))
    place = {item: number for number, item in enumerate(items)}
    ratings = np.full((len(raters), len(items)), np.nan)
    for one in verdicts:
        ratings[raters.index(one.rater), place[one.question_id, one.second]] = codes[one.outcome]
    alpha = krippendorff_alpha(ratings, "nominal", [where[qid] for qid, _ in items], seed=seed)
    found = [coefficient("Krippendorff's alpha (nominal)", "all raters", alpha)]
    for a, b in itertools.combinations(range(len(raters)), 2):
        both = ~np.isnan(ratings[a]) & ~np.isnan(ratings[b])
        documents = [where[items[at][0]] for at in np.nonzero(both)[0]]
        kappa = cohen_kappa(ratings[a][both].tolist(), ratings[b][both].tolist(), clusters=documents, seed=seed)
        found.append(coefficient("Cohen's kappa", f"{raters[a]} and {raters[b]}", kappa))
    return found


def _with_judges(results: Results, verdicts: Sequence[HumanVerdict]) -> list[Coefficient]:
    """Return kappa of the raters' majority and each judge's verdict in both orders."""
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in verdicts:
        votes[one.question_id, one.second][{"first": "win", "second": "loss", "tie": "tie"}[one.outcome]] += 1
    people = {item: _majority(count) for item, count in votes.items()}
    found = []
    for judge in dict.fromkeys(pair.judge for pair in results.verdicts.pairs):
        own: list[PairVerdict] = [pair for pair in results.verdicts.pairs if pair.judge == judge and pair.repeat == 0]
        both = [
            (people[one.question_id, one.second], "tie" if one.outcome == "disagreement" else str(one.outcome))
            for one in combine(own, results.candidates)
            if one.outcome is not None and (one.question_id, one.second) in people
        ]
        kappa = cohen_kappa([a for a, _ in both], [b for _, b in both]) if both else Agreement(None, 0)
        found.append(coefficient("Cohen's kappa", f"people and {judge}", kappa))
    return found


def _majority(votes: Counter[str]) -> str:
    (first, most), *rest = votes.most_common()
    return "tie" if rest and rest[0][1] == most else first
