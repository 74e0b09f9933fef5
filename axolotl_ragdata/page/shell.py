"""Templates → one HTML page that holds everything it shows; whatever a document or a model said is escaped."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy of every page: no script at all, nothing is loaded, nothing is sent."""
UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What HTML forbids, and what UTF-8 cannot carry."""


def render(template: Path, **content: Any) -> str:
    """Return the page that a template makes of its content.

    Args:
        template: A Jinja2 file that extends `shell.html`; it may import the macros of `parts.html`. Files beside it are
            found by name.
        content: What it shows; texts are escaped. The shell wants `title`, and knows `lead`, `language` and `version`.

    Raises:
        jinja2.UndefinedError: The template names what is not in `content`: a bug, never a gap in the page.
    """
    page = _environment(template.parent).get_template(template.name).render(policy=POLICY, **content)
    return f"{page.strip()}\n"


def showable(text: str) -> str:
    r"""Return a text with what HTML forbids replaced, so that the page stays valid.

    >>> showable("a" + chr(0) + "b" + chr(0xD800))
    'a\ufffdb\ufffd'
    """
    return UNSHOWABLE.sub("\ufffd", text)


def link_to(path: Path, page: Path, fragment: str = "") -> str:
    """Return the address of a file as seen from a page: relative, so that nothing in a name can make it anything else.

    Args:
        path: The file.
        page: The page that links to it.
        fragment: What stands behind `#`, such as `page=3` of a PDF.

    >>> link_to(Path("/run/javascript:alert(1).xml"), Path("/run/out/report.html"))
    './../javascript%3Aalert%281%29.xml'
    """
    relative = Path(os.path.relpath(path, page.parent)).as_posix()
    named = quote(relative.encode("utf-8", "surrogateescape"))
    return f"./{named}#{quote(fragment, safe='=')}" if fragment else f"./{named}"


def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_final,
    )
    environment.filters["number"] = number
    return environment


def _final(value: Any) -> Any:
    # markup is ours; it was made of texts that came through here
    return showable(value) if type(value) is str else value


def number(value: float) -> str:
    """Return a number as a page shows it: thousands apart, at most three decimals.

    >>> number(12345), number(0.98765), number(2.0)
    ('12,345', '0.988', '2')
    """
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3f}"
