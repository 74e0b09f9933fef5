"""Names of languages, as prompts use them."""

from __future__ import annotations

LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}


def language_name(code: str | None) -> str:
    """Return a language's English name for a prompt.

    >>> language_name("fr-CA"), language_name(None), language_name("sl")
    ('French', 'the language of the passage', 'the language with the code sl')
    """
    if not code:
        return "the language of the passage"
    short = code.split("-")[0].lower()
    return LANGUAGES.get(short, f"the language with the code {short}")
