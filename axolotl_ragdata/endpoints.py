"""Endpoints of models: where they are, the key that they want, and which refusals every other call would meet too."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from axolotl_ragdata.errors import MissingKey, RecipeError

OPENAI_URL = "https://api.openai.com/v1"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NO_KEY = "none"
ABOUT_THE_TEXT = re.compile(r"moderat|flagged|content[ _]polic|content[ _]filter|safety|harmful", re.IGNORECASE)


def base_url_of(named: str | None) -> str:
    """Return where a model answers: what the recipe names, else OPENAI_BASE_URL, else OpenAI."""
    return named or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


def key_for(base_url: str, variable: str, where: str) -> str:
    """Return the key of an endpoint, NO_KEY where one on this machine needs none.

    Args:
        base_url: Where it is.
        variable: The environment variable that holds the key; blanks around it are left out.
        where: The key of the recipe, for errors.

    Raises:
        MissingKey: The endpoint is not on this machine and the environment holds no key.
        RecipeError: The key holds what cannot be sent.
    """
    key = os.environ.get(variable, "").strip()
    if not key and urlsplit(base_url).hostname in LOOPBACK:
        return NO_KEY
    if not key:
        fix = f"export {variable}=…, or name a local endpoint with base_url"
        raise MissingKey(where, f"{variable} is not set, and {base_url} wants a key", fix)
    if not (key.isascii() and key.isprintable()):
        what = f"{variable} holds characters that no key has"
        raise RecipeError(where, what, f"set {variable} again, without line breaks")
    return key


def redirect_target(location: str) -> str:
    """Return where a redirect points to, without its query, which may hold a secret.

    >>> redirect_target("https://example.org/v1/chat?token=1")
    'https://example.org/v1/chat'
    """
    to = urlsplit(location)
    return f"{to.scheme}://{to.hostname}{to.path}" if to.hostname else to.path or "nowhere"


def ending(status: int, said: str, location: str, variable: str, has_answered: bool) -> tuple[str, str] | None:
    """Return what is wrong and its fix where every other call would be refused too, None where only this one is.

    Args:
        status: Of the refusal.
        said: What the endpoint said.
        location: Where a redirect points to.
        variable: The environment variable that holds the key.
        has_answered: Whether it has answered other calls.

    >>> ending(403, "flagged by moderation", "", "OPENAI_API_KEY", False) is None
    True
    """
    if status == 401 or (status == 403 and not has_answered and not ABOUT_THE_TEXT.search(said)):
        fix = f"correct the environment variable {variable}, then run the same command again"
        return f"refuses the key ({status}): {said}", fix
    if 300 <= status < 400:
        return f"redirects ({status}) to {redirect_target(location)}; the key is not sent on", "correct base_url"
    if status == 402 or (status == 429 and "insufficient_quota" in said):
        return f"the account has no credit: {said}", "add credit, then run the same command again"
    return None
