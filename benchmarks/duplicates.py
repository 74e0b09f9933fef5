"""Near-duplicates: precision and recall on planted pairs with hard negatives, and seconds for 100,000 questions.

Planted duplicates are paraphrases of one question; hard negatives have the same template with another disorder, number,
population, aspect, direction or negation. Vectors of the first part are the embedded model's; those of the second
part are made (vectors of one disorder and aspect lie close together, as paraphrases do), so that it measures the
search and not the model.

    python benchmarks/duplicates.py [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from axolotl_ragdata.duplicates import content_of, find_duplicates, find_repeats_of
from axolotl_ragdata.embed import EmbeddedEmbedder
from axolotl_ragdata.overlap import OverlapIndex

DISORDERS = (
    "panic disorder",
    "bipolar I disorder",
    "bipolar II disorder",
    "social anxiety disorder",
    "generalised anxiety disorder",
    "separation anxiety disorder",
    "major depressive disorder",
    "persistent depressive disorder",
    "schizophrenia",
    "schizoaffective disorder",
    "obsessive-compulsive disorder",
    "body dysmorphic disorder",
    "hoarding disorder",
    "post-traumatic stress disorder",
    "acute stress disorder",
    "adjustment disorder",
    "anorexia nervosa",
    "bulimia nervosa",
    "binge-eating disorder",
    "insomnia disorder",
    "narcolepsy",
    "autism spectrum disorder",
    "attention-deficit hyperactivity disorder",
    "Tourette's disorder",
    "borderline personality disorder",
    "alcohol use disorder",
    "opioid use disorder",
    "gambling disorder",
    "delirium",
    "Alzheimer's disease",
)
# each line: one question in several wordings
PARAPHRASES = (
    ("What are the symptoms of {x}?", "Which symptoms does {x} have?", "What are the signs and symptoms of {x}?"),
    ("What is {x}?", "How is {x} defined?", "Define {x}.", "What does the term {x} mean?"),
    ("How is {x} treated?", "What is the treatment for {x}?", "Which treatments are used for {x}?"),
    ("What causes {x}?", "What are the causes of {x}?"),
    ("How common is {x} in adults?", "What is the prevalence of {x} in adults?", "How prevalent is {x} among adults?"),
    ("How common is {x} in children?", "What is the prevalence of {x} in children?"),
    (
        "What percentage of people with {x} relapse within {n} months?",
        "What proportion of patients with {x} relapse within {n} months?",
    ),
    (
        "How many symptoms are needed for a diagnosis of {x}?",
        "How many symptoms are required to diagnose {x}?",
    ),
    ("How long does {x} usually last?", "What is the typical duration of {x}?"),
    ("Which complications does {x} have?", "What are the complications of {x}?"),
    ("At what age does {x} usually begin?", "What is the typical age of onset of {x}?"),
    ("Does {x} increase the risk of suicide?", "Is the risk of suicide increased in {x}?"),
    ("Which drugs should not be used in {x}?", "What medicines should not be used for {x}?"),
    ("Which drugs should be used in {x}?", "What medicines should be used for {x}?"),
    ("What is the first-line treatment of {x}?", "Which treatment is first-line for {x}?"),
    ("Is {x} more common in women than in men?", "Is {x} more frequent in women than in men?"),
    ("Is {x} more common in men than in women?", "Is {x} more frequent in men than in women?"),
    ("What role does sleep play in {x}?", "How is sleep involved in {x}?"),
    ("Which brain regions are implicated in {x}?", "What areas of the brain are involved in {x}?"),
    ("Can {x} be cured?", "Is there a cure for {x}?"),
    ("How is {x} diagnosed?", "How do clinicians make a diagnosis of {x}?"),
    ("What laboratory tests help to rule out {x}?", "Which lab tests are useful for excluding {x}?"),
    ("When should a patient with {x} be admitted to hospital?", "When is hospital admission indicated in {x}?"),
    ("What is the starting dose of sertraline for {x} in mg?", "At what dose in mg is sertraline started in {x}?"),
)
FRENCH = (
    ("Quels sont les symptômes de {x} ?", "Quels symptômes présente {x} ?"),
    ("Qu'est-ce que {x} ?", "Comment définit-on {x} ?"),
    ("Quelle est la prévalence de {x} chez l'enfant ?", "À quelle fréquence {x} touche-t-il l'enfant ?"),
)
TROUBLES = ("le trouble panique", "le trouble bipolaire", "la schizophrénie", "l'anorexie mentale", "l'insomnie")


# written after the word lists of the guard were finished, and left alone since
UNSEEN_WORDINGS = (
    ("Which genes have been linked to {x}?", "What genes are associated with {x}?"),
    ("How does {x} affect school performance?", "What is the impact of {x} on performance at school?"),
    ("Are there gender differences in {x}?", "Does {x} differ between the genders?"),
    ("Which questionnaire is used to screen for {x}?", "What questionnaire can screen for {x}?"),
    ("What is the long-term prognosis of {x}?", "How good is the long-term prognosis in {x}?"),
    ("Which other conditions often co-occur with {x}?", "What conditions are commonly comorbid with {x}?"),
    ("Is psychotherapy effective for {x}?", "Does psychotherapy work in {x}?"),
    ("Who is at increased risk of {x}?", "Which groups have a higher risk of {x}?"),
)


def planted(*groups: tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]) -> tuple[list[str], list[int]]:
    """Return questions and, for each, the number of the question that it is a wording of."""
    texts, labels = [], []
    label = itertools.count()
    for templates, subjects in groups:
        for wordings, subject in itertools.product(templates, subjects):
            for number in (3, 6, 12) if "{n}" in wordings[0] else (0,):
                own = next(label)
                texts += [wording.format(x=subject, n=number) for wording in wordings]
                labels += [own] * len(wordings)
    order = list(range(len(texts)))
    random.Random(7).shuffle(order)
    return [texts[at] for at in order], [labels[at] for at in order]


def measure_quality(name: str, *groups: tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]) -> dict[str, Any]:
    """Return precision and recall on planted questions, and those of cosine alone as the bound to beat."""
    texts, labels = planted(*groups)
    vectors = EmbeddedEmbedder().embed(texts)
    found = find_duplicates(texts, vectors)
    wrong = [(texts[at], texts[of]) for at, of in enumerate(found) if of is not None and labels[at] != labels[of]]
    flagged = sum(of is not None for of in found)
    to_find = len(texts) - len(set(labels))
    close = np.triu(vectors @ vectors.T >= 0.92, 1)
    same = np.triu(np.equal.outer(labels, labels), 1)
    both = (close & same).sum()
    return {
        "set": name,
        "questions": len(texts),
        "to_find": to_find,
        "precision": round(1 - len(wrong) / max(1, flagged), 4),
        "recall": round((flagged - len(wrong)) / to_find, 4),
        "cosine_alone": {
            "precision": round(float(both / close.sum()), 4),
            "recall": round(float(both / same.sum()), 4),
        },
        "wrong": wrong[:10],
    }


def many(count: int) -> tuple[list[str], NDArray[np.float32], list[int]]:
    """Return made-up questions, vectors that lie close together where they ask the same, and what each asks."""
    rng = np.random.default_rng(7)
    words = [f"{a}{b}ia" for a in "abcdefghijklmnopqrst" for b in ("ron", "lex", "mat", "phor", "gnos", "thym", "dys")]
    subjects = [f"{one} {other} disorder" for one, other in itertools.product(words, words)]
    texts, anchors = [], []
    for at in range(count):
        subject = int(rng.integers(len(subjects)))
        wordings = PARAPHRASES[at % 6]
        texts.append(wordings[int(rng.integers(len(wordings)))].format(x=subjects[subject], n=3))
        anchors.append(subject * 6 + at % 6)
    base = {key: rng.standard_normal(384).astype(np.float32) for key in set(anchors)}
    vectors = np.stack([base[key] for key in anchors]) + 0.2 * rng.standard_normal((count, 384)).astype(np.float32)
    return texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), anchors


def measure_speed(count: int = 100_000, evaluated: int = 1_000) -> dict[str, Any]:
    """Return seconds for near-duplicates and for decontamination; the bound is to read every question once."""
    texts, vectors, anchors = many(count)
    content_of.cache_clear()
    started = time.perf_counter()
    for text in texts:
        content_of(text)
    bound = time.perf_counter() - started
    content_of.cache_clear()
    started = time.perf_counter()
    found = find_duplicates(texts, vectors)
    seconds = time.perf_counter() - started
    flagged = [(at, of) for at, of in enumerate(found) if of is not None]
    right = sum(anchors[at] == anchors[of] for at, of in flagged)
    content_of.cache_clear()
    started = time.perf_counter()
    held = find_repeats_of(texts[:evaluated], vectors[:evaluated], texts[evaluated:], vectors[evaluated:])
    index = OverlapIndex(texts[:evaluated])
    for text in texts[evaluated:]:
        index.nearest(text)
    return {
        "questions": count,
        "seconds": round(seconds, 2),
        "bound_seconds": round(bound, 2),
        "times_the_bound": round(seconds / bound, 2),
        "precision": round(right / len(flagged), 4),
        "recall": round(right / (count - len(set(anchors))), 4),
        "decontamination": {
            "evaluated": evaluated,
            "seconds": round(time.perf_counter() - started, 2),
            "dropped": sum(one is not None for one in held),
        },
    }


def main() -> None:
    """Print the figures, as JSON with --json, and exit with 1 below what the project promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    quality = [
        measure_quality("planted", (PARAPHRASES, DISORDERS), (FRENCH, TROUBLES)),
        measure_quality("wordings that the guard was not written for", (UNSEEN_WORDINGS, DISORDERS)),
    ]
    speed = measure_speed()
    if options.json:
        print(json.dumps({"quality": quality, "speed": speed}))
    else:
        for one in quality:
            alone = one["cosine_alone"]
            print(f"{one['set']}: {one['questions']} questions, {one['to_find']} of them repeat another")
            print(f"  the bound, cosine alone: precision {alone['precision']}, recall {alone['recall']} of pairs")
            print(f"  with the guard: precision {one['precision']}, recall {one['recall']} of questions")
            for pair in one["wrong"]:
                print("  wrong:", " | ".join(pair))
        print(
            f"{speed['questions']:,} questions in {speed['seconds']} s, {speed['times_the_bound']} times the bound "
            f"(to read each once, {speed['bound_seconds']} s); precision {speed['precision']}, recall {speed['recall']}"
        )
        held = speed["decontamination"]
        print(
            f"compared with {held['evaluated']:,} evaluation questions in {held['seconds']} s: {held['dropped']} drop"
        )
    sys.exit(0 if quality[0]["precision"] >= 0.99 and quality[0]["recall"] >= 0.85 and speed["seconds"] <= 60 else 1)


if __name__ == "__main__":
    main()
