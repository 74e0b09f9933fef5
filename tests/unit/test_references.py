from __future__ import annotations

import pytest

from axolotl_ragdata.references import points_at_source, refers_to_source

POINTING = [
    "According to the passage, what is mania?",
    "Based on the provided context, how long does mania last?",
    "In this study, how was sleep measured?",
    "What is shown in the table above?",
    "What did the authors find?",
    "What does Table 2 show?",
    "What is the aim of the study?",
    "Which symptoms are listed above?",
    "As stated in the text, what is mania?",
    "What is said in passage p2?",
    "Selon le passage, qu’est-ce que la manie ?",
    "Que montre le tableau 2 ?",
    "Quels critères cet article donne-t-il ?",
    "D’après les auteurs, que faut-il mesurer ?",
]
SPEAKING = [
    "What does the text say about mania, sleep and fear?",
    "How does the passage describe mania?",
    "Que dit le texte au sujet de la manie ?",
]
NEITHER = [
    "What is the study of twins called?",
    "Which section of a beam carries the load?",
    "According to DSM-5-TR, how long must mania last?",
    "How is memory measured in this context?",
    "What is the source of an infection?",
    "How are words in a document weighted?",
    "What is figure skating?",
    "Who are the authors of the Declaration?",
    "Qu’est-ce que la section d’une poutre ?",
    "Quels sont les auteurs de la loi ?",
    "What does Section 5 of the Act forbid?",
]


@pytest.mark.parametrize("text", POINTING)
def test_a_phrase_that_points_at_the_document_is_found(text: str) -> None:
    assert points_at_source(text)
    assert refers_to_source(text)


@pytest.mark.parametrize("text", SPEAKING)
def test_a_text_that_speaks_is_left_to_the_filter(text: str) -> None:
    assert points_at_source(text) is None
    assert refers_to_source(text)


@pytest.mark.parametrize("text", NEITHER)
def test_everyday_words_point_at_nothing(text: str) -> None:
    assert refers_to_source(text) is None
