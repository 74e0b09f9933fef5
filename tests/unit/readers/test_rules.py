from __future__ import annotations

import unicodedata

import pytest

from axolotl_ragdata.readers._text import TextRules


def test_every_character_that_composition_may_change_is_known_by_its_bytes() -> None:
    """What is not NFC by itself, what is ordered among marks, and what composes with the character before it."""
    seconds = {
        int(parts[1], 16)
        for code in range(0x110000)
        if len(parts := unicodedata.decomposition(chr(code)).split()) == 2 and parts[0][0] != "<"
    }
    hangul = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}
    for code in (*range(0x80, 0xD800), *range(0xE000, 0x110000)):
        character = chr(code)
        changes = unicodedata.combining(character) or not unicodedata.is_normalized("NFC", character)
        if changes or code in seconds or code in hangul:
            assert TextRules(character.encode()).composes, hex(code)


@pytest.mark.parametrize("before", [b"", b"&amp;", b"&amp;" * 299, b"&amp;" * 300, b"&amp;" * 301, b"&"])
def test_a_reference_to_a_character_is_seen_wherever_it_stands(before: bytes) -> None:
    assert TextRules(before + b"a&#173;b").special
    assert not TextRules(before + b"a&amp;#b &").special
