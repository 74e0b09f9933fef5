"""Near-duplicates: precision and recall on planted pairs with hard negatives, and seconds for 100,000 questions.

Planted duplicates are paraphrases of one question; hard negatives have the same template with another disorder, number,
population, aspect, direction or negation. Vectors of the first part are the embedded model's; those of the second
part are made (vectors of one disorder and aspect lie close together, as paraphrases do), so that it measures the
search and not the model.

    python benchmarks/duplicates.py
"""

from __future__ import annotations

import itertools
import random
import time

import numpy as np

from axolotl_ragdata.duplicates import find_duplicates
from axolotl_ragdata.embed import EmbeddedEmbedder

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


def measure_quality(name: str, *groups: tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]) -> None:
    texts, labels = planted(*groups)
    vectors = EmbeddedEmbedder().embed(texts)
    found = find_duplicates(texts, vectors)
    wrong = [(texts[at], texts[of]) for at, of in enumerate(found) if of is not None and labels[at] != labels[of]]
    flagged = sum(of is not None for of in found)
    to_find = len(texts) - len(set(labels))
    close = np.triu(vectors @ vectors.T >= 0.92, 1)
    same = np.triu(np.equal.outer(labels, labels), 1)
    both = (close & same).sum()
    print(f"{name}: {len(texts)} questions, {to_find} of them repeat another")
    print(f"  the bound, cosine alone: precision {both / close.sum():.4f}, recall {both / same.sum():.3f} of pairs")
    precision, recall = 1 - len(wrong) / max(1, flagged), (flagged - len(wrong)) / to_find
    print(f"  with the guard: precision {precision:.4f}, recall {recall:.3f} of questions")
    for one, other in wrong[:10]:
        print("  wrong:", one, "|", other)


def measure_speed(count: int = 100_000) -> None:
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
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    started = time.perf_counter()
    found = find_duplicates(texts, vectors)
    seconds = time.perf_counter() - started
    flagged = [(at, of) for at, of in enumerate(found) if of is not None]
    right = sum(anchors[at] == anchors[of] for at, of in flagged)
    to_find = count - len(set(anchors))
    print(f"{count:,} questions in {seconds:.1f} s; precision {right / len(flagged):.4f}, recall {right / to_find:.3f}")


if __name__ == "__main__":
    measure_quality("planted", (PARAPHRASES, DISORDERS), (FRENCH, TROUBLES))
    measure_quality("wordings that the guard was not written for", (UNSEEN_WORDINGS, DISORDERS))
    measure_speed()
