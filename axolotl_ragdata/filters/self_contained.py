"""Leaves out a row that speaks of "the passage" or "the study": in a closed-book row there is none."""

from __future__ import annotations

from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, asked_of, filters
from axolotl_ragdata.records import Example
from axolotl_ragdata.references import refers_to_source


@filters.register("self_contained")
class SelfContained(Filter):
    """Refuses questions, and answers in the model's own words, that refer to the text that they were made from.

    An extractive answer is a sentence of the document; what it says of "the study" is what the document says. A row
    that carries its passages (`context`) may point at them, and one that abstains may name what is missing.
    """

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the reference, where there is one."""
        if example.context:
            return None
        if found := refers_to_source(asked_of(example)):
            return Reason("the question refers to its source", found)
        if example.answerable and example.provenance.answer_model and (found := refers_to_source(answer_of(example))):
            return Reason("the answer refers to its source", found)
        return None
