from __future__ import annotations

import pytest

from axolotl_ragdata.readers._language import settle_language

RUSSIAN = "Депрессия является психическим расстройством. Она характеризуется унынием и потерей интереса. " * 3
CHINESE = "抑郁症是一种常见的精神障碍，其特征是持续的悲伤和失去兴趣。" * 4
GERMAN = "Die Patienten wurden nach der Behandlung untersucht, und der Befund ist in der Akte. " * 6
PORTUGUESE = (
    "A depressão é uma doença que não passa sem ajuda, e os doentes dizem que a vida deles já não tem cor. " * 4
)
DIALOGUE = "".join(f"I: Did you sleep in week {week}?\nP: No.\nA: Ah, I see, in week {week}.\n" for week in range(8))

DENIALS = "".join(f"T: Did she sleep in week {week}?\nP: No, no, no. No!\n" for week in range(8))
FRENCH = "La dépression est un trouble de l'humeur qui se traduit par une tristesse et une perte de plaisir. " * 4
ENGLISH = "This is the archive of the research that is done in the country, whether it is published or not. " * 3
SPANISH = "Los pacientes del estudio no tienen otra enfermedad y fueron evaluados por el médico en la clínica. " * 4


@pytest.mark.parametrize(
    ("declared", "text", "language", "doubted"),
    [
        ("en", DIALOGUE, "en", False),
        (None, DIALOGUE, None, False),
        ("en", DENIALS, "en", False),
        ("en", FRENCH, "fr", True),
        ("fr", f"{ENGLISH} {FRENCH}", "fr", False),
        ("en", f"{ENGLISH} {FRENCH}", "en", False),
        ("en", SPANISH, "es", True),
        ("pt", PORTUGUESE, "pt", False),
        ("en", PORTUGUESE, "pt", True),
        ("en", RUSSIAN, "ru", True),
        (None, RUSSIAN, "ru", False),
        ("uk", RUSSIAN, "uk", False),
        ("en", CHINESE, "zh", True),
        ("ja", CHINESE, "ja", False),
        ("und", CHINESE, "zh", False),
        ("en", "Слово.", "en", False),
        ("ger", GERMAN, "de", False),
        ("deu-AT", GERMAN, "de-AT", False),
        ("Deutsch", GERMAN, "de", False),
        ("eng", GERMAN, "de", True),
        ("eng", "Short.", "en", False),
        ("EN_gb", "Short.", "en-gb", False),
    ],
)
def test_the_language_is_that_of_the_text(declared: str | None, text: str, language: str | None, doubted: bool) -> None:
    found, doubt = settle_language(declared, text)
    assert found == language
    assert (doubt is not None) == doubted
    assert doubt is None or f"declared language {declared!r}" in doubt
