"""Drops a row that a text written for the model, not for a reader, may have had a hand in."""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field

from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, asked_of, filters
from axolotl_ragdata.injection import planted_orders, untrusted_from
from axolotl_ragdata.records import Example, Passage


@filters.register("injection")
class Injection(Filter):
    """Keeps a row when no passage behind it gives a model orders, and the row gives none itself.

    What a model wrote after it had read such a passage is not trusted, whatever it says: an order can be obeyed in ways
    that no comparison of words finds. A sentence that was taken from the document without a model is dropped only where
    it is, or follows, the order. Passages that hold orders are listed in the manifest.
    """

    shown: bool = Field(
        True, description="whether a passage that was only shown with the question counts too: true or false"
    )

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the order, with its kind and place, where there is one."""
        for said in (asked_of(example), answer_of(example)):
            if found := planted_orders(said):
                return Reason("the row gives a model orders", f"{found[0].kind}: {found[0].excerpt}")
        if not (example.provenance.question_model or example.provenance.answer_model):
            return _quoted(example, evidence)
        return self._read(example, evidence)

    def _read(self, example: Example, evidence: Evidence) -> Reason | None:
        origin = example.provenance
        stands_on = [*origin.passage_ids, *(citation.passage_id for citation in origin.citations), *example.context]
        beside = [hit.passage_id for hit in origin.hits] if self.shown and origin.answer_model else []
        for reason, keys in (
            ("stands on a passage that gives a model orders", stands_on),
            ("was written beside a passage that gives a model orders", beside),
        ):
            for key in dict.fromkeys(keys):
                if order := _order(evidence.passages.get(key)):
                    return Reason(reason, f"{key}: {order}")
        return None


def _quoted(example: Example, evidence: Evidence) -> Reason | None:
    for citation in example.provenance.citations:
        passage = evidence.passages.get(citation.passage_id)
        start = None if passage is None else _untrusted(passage.in_context)
        if passage is None or start is None:
            continue
        start -= len(passage.in_context) - len(passage.text)
        if citation.end - passage.start > start:
            return Reason("quotes a passage where it gives a model orders", f"{passage.id}: {_order(passage)}")
    for key in example.context:
        if order := _order(evidence.passages.get(key)):
            return Reason("shows a passage that gives a model orders", f"{key}: {order}")
    return None


def _order(passage: Passage | None) -> str | None:
    return None if passage is None else _first(passage.in_context)


@lru_cache(maxsize=1 << 16)
def _first(text: str) -> str | None:
    found = planted_orders(text)
    return f"{found[0].kind}: {found[0].excerpt}" if found else None


@lru_cache(maxsize=1 << 16)
def _untrusted(text: str) -> int | None:
    return untrusted_from(text)
