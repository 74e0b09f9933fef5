"""Which documents of the corpus a document cites: its bibliography, looked up by DOI and then by title."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from axolotl_ragdata.records import Document, Passage
from axolotl_ragdata.wording import normalised

Links = Mapping[str, Mapping[str, str]]
"""Document id → id of an entry of its bibliography → id of the document of the corpus that it names."""
LEAST_TITLE_WORDS = 3
"""Shorter titles name too many papers."""


def resolve_references(documents: Sequence[Document]) -> dict[str, dict[str, str]]:
    """Return what the bibliographies of documents name among these documents; a document never cites itself.

    The DOI decides where both sides have one; otherwise the title, word for word but for case and punctuation.
    """
    dois = {_doi(document.doi): document.id for document in documents if document.doi}
    titles = {normalised(document.title): document.id for document in documents if _is_telling(document.title)}
    links: dict[str, dict[str, str]] = {}
    for document in documents:
        for reference in document.references:
            found = dois.get(_doi(reference.doi)) if reference.doi else None
            if found is None and reference.title and _is_telling(reference.title):
                found = titles.get(normalised(reference.title))
            if found is not None and found != document.id:
                links.setdefault(document.id, {})[reference.id] = found
    return links


def cited_documents(passage: Passage, links: Links) -> tuple[str, ...]:
    """Return the ids of the documents of the corpus that a passage cites, in the order of its marks."""
    own = links.get(passage.doc_id, {})
    return tuple(dict.fromkeys(own[ref_id] for ref_id in passage.ref_ids if ref_id in own))


def _doi(doi: str | None) -> str:
    r"""Return a DOI without its resolver and in lower case.

    >>> _doi("https://doi.org/10.1000/ABC ")
    '10.1000/abc'
    """
    return re.sub(r"^(?:https?://)?(?:dx\.)?doi\.org/|^doi:\s*", "", (doi or "").strip().casefold())


def _is_telling(title: str) -> bool:
    return len(normalised(title).split()) >= LEAST_TITLE_WORDS
