from __future__ import annotations

import unicodedata

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
