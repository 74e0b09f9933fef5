from __future__ import annotations

from axolotl_ragdata.proofs import groups_together, within_quota
from axolotl_ragdata.records import Example, Message, Passage, Provenance


def row(number: int, **keys: object) -> Example:
    origin = Provenance(
        doc_id="d",
        doc_title="",
        source_path="s",
        source_sha256="",
        licence=None,
        section_path=("S",),
        passage_ids=("p",),
        question_id=f"q{number}",
        answer_id=f"a{number}",
        citations=(),
        generator="llm",
        question_producer="x",
        answer_producer="y",
    )
    turns = (Message(role="user", content="q"), Message(role="assistant", content="a"))
    made = Example(id=f"ex{number}", type="t", question="q", answer="a", messages=turns, provenance=origin)
    return made.model_copy(update=keys)


PASSAGE = Passage(id="p", doc_id="d", section_path=("S", "Below"), ordinal=0, text="x", start=0, end=1, n_tokens=1)


def test_phrasings_in_two_splits_are_named() -> None:
    rows = [row(1, group="g"), row(2, group="g", split="validation"), row(3), row(4, split="validation")]
    assert [text for text in groups_together(rows) if text] == ["g is in train and validation"]
    assert [text for text in groups_together(rows[:1]) if text] == []


def test_rows_beyond_what_was_asked_for_are_named() -> None:
    rows = [row(1), row(2)]
    assert list(within_quota(rows, [PASSAGE], {"target": 2})) == [""]
    assert list(within_quota(rows, [PASSAGE], {"target": 1})) == ["2 rows, 1 were asked for"]
    assert list(within_quota(rows, [PASSAGE], {"per_section": 2})) == [""]
    assert list(within_quota(rows, [PASSAGE], {"per_section": 1})) == ["d / S / Below has 2 rows, 1 were asked for"]
    assert list(within_quota(rows, [PASSAGE], {"per_section": 1, "section_depth": 0})) == [
        "d has 2 rows, 1 were asked for"
    ]
    assert list(within_quota(rows, [PASSAGE], {})) == []
