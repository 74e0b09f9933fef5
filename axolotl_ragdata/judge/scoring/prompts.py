"""What a judge is shown: sources, reference, question and answers between marks that no text can close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axolotl_ragdata.blocks import JudgeModelBlock
from axolotl_ragdata.delimiters import enclosed, seal_for
from axolotl_ragdata.guidance import guided_verdict
from axolotl_ragdata.judge.records import JudgeQuestion
from axolotl_ragdata.judge.rubrics import Rubric
from axolotl_ragdata.stage import ChatRequest

UNANSWERABLE = "The sources do not answer this question: a good answer says so."


def request_of(
    rubric: Rubric,
    question: JudgeQuestion,
    answers: Mapping[str, str],
    judge: JudgeModelBlock,
    own_answer: str | None = None,
    draw: int = 0,
) -> ChatRequest:
    """Return the call of one verdict. Passages are shown whole: where they do not fit, the endpoint refuses the call.

    Args:
        rubric: What is asked for.
        question: With its passages and reference.
        answers: The texts to judge by the name of their mark, in the order shown; {} where none is.
        judge: Who is asked; its longest verdict, or the rubric's where that is longer.
        own_answer: What the judge answered before.
        draw: Which repetition it is.
    """
    texts = _texts(question, answers, own_answer)
    seal = seal_for(*(text for _, text, _ in texts))
    shown = [enclosed(tag, text, seal, attributes, "seal-id") for tag, text, attributes in texts]
    notes = [] if question.answerable else [UNANSWERABLE]
    return ChatRequest(
        stage=rubric.producer,
        subject_id=question.id,
        system=rubric.system,
        user="\n\n".join([*shown, *notes, f"{rubric.reminder} The seal-id is {seal}."]),
        schema=guided_verdict(rubric.verdict, judge.model, seal),
        schema_name=rubric.name,
        max_tokens=max(judge.max_tokens, rubric.head.max_tokens),
        seal=seal,
        draw=draw,
    )


def _texts(
    question: JudgeQuestion, answers: Mapping[str, str], own_answer: str | None
) -> Sequence[tuple[str, str, dict[str, str]]]:
    """Return (tag, text, attributes) of all that is shown, in order; what candidates wrote comes last."""
    texts: list[tuple[str, str, dict[str, str]]] = [
        ("passage", "\n".join(part for part in (passage.heading, passage.text) if part), {"id": f"p{number}"})
        for number, passage in enumerate(question.passages, 1)
    ]
    if question.reference:
        texts.append(("expected" if question.probe else "reference", question.reference, {}))
    asked = question.question
    if question.options:
        asked = "\n".join([asked, *(f"- {option}" for option in question.options)])
    texts.append(("question", asked, {}))
    if own_answer is not None:
        texts.append(("own_answer", own_answer, {}))
    texts += [(name, text, {}) for name, text in answers.items()]
    return texts
