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
    "What is shown in Fig 3?",
    "How was sleep measured in the present work?",
    "What did our experiments show about sleep?",
    "Quels sont les résultats de ce travail ?",
]
SPEAKING = [
    "What does the text say about mania, sleep and fear?",
    "How does the passage describe mania?",
    "Que dit le texte au sujet de la manie ?",
    "Que montre l'ouvrage au sujet des universités ?",
    "Que révèle l’étude sur les plantes ?",
    "Que montre le tableau ?",
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
    "How many people feel burnt out in this work environment?",
    "How many figs make 3 kg?",
    "What do our eyes do in sleep?",
    "Que dit l'ouvrage de Freud sur les rêves ?",
    "Que montre la figure du cavalier dans l’art ?",
    "Quel est l'ouvrage d'art le plus long ?",
    "Que révèle l'étude de la mémoire ?",
    "Que montre le tableau clinique de la dépression ?",
    "Que révèle l'étude génétique des jumeaux ?",
    "Que montre l'article 3 du code civil ?",
    "How ripe is a fig 2 weeks after the harvest?",
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
