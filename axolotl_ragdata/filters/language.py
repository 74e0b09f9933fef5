"""Drops a row that is in another language than its document."""

from __future__ import annotations

from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, asked_of, filters
from axolotl_ragdata.languages import spoken_language
from axolotl_ragdata.records import Example


@filters.register("language")
class Language(Filter):
    """Keeps a row whose question and answer are in the document's language, or too short to tell."""

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return which half is in which language, where it is another."""
        passage = next((evidence.passages.get(key) for key in example.provenance.passage_ids), None)
        of_document = (passage.language if passage is not None else None) or example.language
        wanted = (of_document or "").replace("_", "-").split("-")[0].lower()
        if not wanted:
            return None
        for name, text in (("question", asked_of(example)), ("answer", answer_of(example))):
            found = spoken_language(text)
            if found is not None and found != wanted:
                return Reason(f"the {name} is in another language than its document", f"{found}, not {wanted}")
        return None
