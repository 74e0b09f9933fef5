from __future__ import annotations

import asyncio
from typing import Any

from axolotl_ragdata.answers import AnswerStage, ExtractStage
from axolotl_ragdata.answers.retrieval import Search, find_evidence, join_neighbours, joined_text, preferred
from axolotl_ragdata.quotes import citation_of
from axolotl_ragdata.records import Answer, Hit, Passage, Question, Rejected, Turn

from .handwritten import Person, demo

DOCUMENT, PASSAGES = demo("panic-disorder-and-agoraphobia")


def section(title: str) -> Passage:
    return next(one for one in PASSAGES if one.section_path[-1:] == (title,) and one.kind == "paragraph")


ATTACK, EPIDEMIOLOGY = section("Features of a panic attack"), section("Epidemiology")
COURSE = section("Course and treatment overview")
NEED = "Four or more of thirteen symptoms are needed for a full attack."
SHARE = EPIDEMIOLOGY.text[: EPIDEMIOLOGY.text.index("[4].") + 4]
WANE = "Without treatment panic disorder tends to wax and wane over years."


def question(text: str = "What is a panic attack?", **keys: Any) -> Question:
    given = {"id": "q", "type": "definition", "passage_ids": (ATTACK.id,), "generator": "llm", "producer": "x"}
    return Question(**{**given, "text": text, "language": "en", **keys})


def piece(name: str, ordinal: int, text: str, start: int, **keys: Any) -> Passage:
    given = {"doc_id": "d", "section_path": ("S",), "n_tokens": 9, "language": "en"}
    return Passage(
        **{**given, "id": name, "ordinal": ordinal, "text": text, "start": start, "end": start + len(text), **keys}
    )


A = piece("a", 0, "One wall stands. Two walls lean.", 0)
B = piece("b", 1, "Two walls lean. Three walls fall.", 17)
C = piece("c", 2, "Four walls rest.", 60)


def test_neighbours_are_joined_and_their_overlap_is_shown_once() -> None:
    blocks = join_neighbours([B, C, A])
    assert [[one.id for one in block] for block in blocks] == [["a", "b", "c"]]
    assert joined_text(blocks[0]) == "S\nOne wall stands. Two walls lean. Three walls fall.\n\nFour walls rest."


def test_what_only_looks_like_a_neighbour_stays_apart() -> None:
    other = piece("o", 1, "Two walls lean.", 17, doc_id="e")
    table = piece("t", 1, "| wall |", 17, kind="table")
    elsewhere = piece("x", 1, "Two walls lean.", 17, section_path=("T",))
    for passage in (other, table, elsewhere):
        assert len(join_neighbours([A, passage])) == 2


def test_a_quote_in_joined_passages_is_cited_in_the_one_that_holds_it() -> None:
    person = Person(
        {
            "answerable": True,
            "answer": "Three of them.",
            "citations": [{"passage_id": "p1", "quote": "Three walls fall."}],
        },
        found=[A, B],
    )
    (made,) = asyncio.run(AnswerStage(5, "m").process(question("How many walls fall?"), person))
    assert isinstance(made, Answer)
    (citation,) = made.citations
    assert (citation.passage_id, citation.start) == ("b", B.start + B.text.index("Three"))
    assert person.requests[0].user.count("<passage id=") == 1


def test_passages_below_the_floor_are_left_out_and_none_left_is_said_with_the_number() -> None:
    found = asyncio.run(find_evidence(question("Two walls lean"), Search(5, 0.5), Person(found=[A, EPIDEMIOLOGY])))
    assert [passage.id for passage in found.passages] == ["a"]
    person = Person(found=[EPIDEMIOLOGY])
    (outcome,) = asyncio.run(AnswerStage(5, "m", min_score=0.5).process(question("Two walls lean"), person))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "no passage is near enough to the question"
    assert outcome.threshold == 0.5
    assert outcome.score is not None
    assert outcome.score < 0.5
    assert person.requests == [], "nothing is paid for"
    (extracted,) = asyncio.run(ExtractStage(5, 0.5).process(question("Two walls lean"), person))
    assert isinstance(extracted, Rejected)
    assert extracted.reason == outcome.reason


def test_a_cosine_that_the_search_computed_is_taken_as_it_is() -> None:
    class Searched(Person):
        async def retrieve(self, query: str, top_k: int) -> list[tuple[Hit, Passage]]:
            return [(Hit(passage_id="a", rank=1, score=9.0, dense_score=0.1), A)]

        async def embed(self, texts: Any) -> Any:
            raise AssertionError("nothing is embedded twice")

    found = asyncio.run(find_evidence(question(), Search(5, 0.2), Searched()))
    assert (found.passages, found.best) == ([], 0.1)


def hits(*passages: Passage) -> list[tuple[Hit, Passage]]:
    return [(Hit(passage_id=one.id, rank=at, score=1.0), one) for at, one in enumerate(passages, 1)]


def test_the_cited_paper_comes_right_behind_the_best_hit() -> None:
    cited = piece("z", 7, "Walls of the other book.", 0, doc_id="cited")
    found = hits(A, B, C, cited)
    assert [one.id for _, one in preferred(found, ("cited",), 3)] == ["a", "z", "b"]
    assert [one.id for _, one in preferred(found, (), 3)] == ["a", "b", "c"]
    assert [one.id for _, one in preferred(found, ("cited",), 1)] == ["a"]
    assert [one.id for _, one in preferred(hits(cited, A), ("cited",), 2)] == ["z", "a"]


def test_neighbours_of_what_was_found_are_brought_when_asked_for() -> None:
    person = Person(found=[B], passages=[A, B, C])
    found = asyncio.run(find_evidence(question(), Search(5, None, 1), person))
    assert [[one.id for one in block] for block in found.blocks] == [["a", "b", "c"]]
    assert [hit.passage_id for hit, _ in found.found] == ["b"]


def reply(text: str, *quotes: str, answerable: bool = True) -> dict[str, Any]:
    cited = [{"passage_id": "p1", "quote": quote} for quote in quotes]
    return {"answerable": answerable, "answer": text, "citations": cited}


TOGETHER = question("Which disorder of 4.7% has four symptoms?", passage_ids=(ATTACK.id, EPIDEMIOLOGY.id))


def test_a_question_of_two_passages_is_given_both_and_must_need_both() -> None:
    person = Person(
        reply("Panic disorder, 4.7%, four symptoms.", NEED, SHARE),
        reply("Panic disorder.", NEED),
        found=[COURSE],
        passages=PASSAGES,
    )
    (made,) = asyncio.run(AnswerStage(5, "m").process(TOGETHER, person))
    assert isinstance(made, Answer)
    assert {citation.passage_id for citation in made.citations} == {ATTACK.id, EPIDEMIOLOGY.id}
    assert NEED in person.requests[0].user
    (outcome,) = asyncio.run(AnswerStage(5, "m").process(TOGETHER, person))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "the answer needs one passage only"


def open_question() -> Question:
    citation = citation_of(WANE, COURSE)
    assert citation is not None
    return question(
        "What share of children recover without treatment?",
        answerable=False,
        answer_text="the share of children",
        citations=(citation,),
        passage_ids=(COURSE.id,),
    )


def test_an_abstention_says_what_is_missing_and_cites_what_comes_nearest() -> None:
    said = "That share is not known; the disorder waxes and wanes without treatment."
    person = Person(reply(said, "made up by nobody", answerable=False), found=[COURSE])
    (made,) = asyncio.run(AnswerStage(5, "m").process(open_question(), person))
    assert isinstance(made, Answer)
    assert (made.text, made.citations[0].quote) == (said, WANE)
    assert "thought not to answer" in " ".join(person.requests[0].system.split())


def test_what_the_corpus_answers_is_no_abstention() -> None:
    person = Person(
        reply("It waxes and wanes.", WANE),
        reply("", answerable=False),
        reply("The passage is silent on that study. According to the passage no.", answerable=False),
        found=[COURSE],
    )
    reasons = []
    for _ in range(3):
        (outcome,) = asyncio.run(AnswerStage(5, "m").process(open_question(), person))
        assert isinstance(outcome, Rejected)
        reasons.append(outcome.reason)
    assert reasons == [
        "the corpus answers it",
        "the model does not say what is missing",
        "the answer refers to the passages",
    ]


TALK = question(
    "What does NICE advise against?",
    type="follow_up",
    turns=(
        Turn(text="How does it go on?", standalone="How does panic disorder go on without treatment?"),
        Turn(text="And what helps?", standalone="What helps against panic disorder?"),
    ),
)


def test_every_turn_is_answered_by_itself_and_all_quotes_are_kept() -> None:
    person = Person(
        reply("It waxes and wanes over years.", WANE), reply("Four symptoms are needed.", NEED), found=[COURSE, ATTACK]
    )
    (made,) = asyncio.run(AnswerStage(5, "m").process(TALK, person))
    assert isinstance(made, Answer)
    assert made.earlier == ("It waxes and wanes over years.",)
    assert made.text == "Four symptoms are needed."
    assert [citation.quote for citation in made.citations] == [WANE, NEED]
    assert "How does panic disorder go on without treatment?" in person.requests[0].user
    assert "And what helps?" not in person.requests[1].user, "what stands alone is searched and asked"


def test_a_turn_without_an_answer_takes_the_conversation_with_it() -> None:
    person = Person(reply("It waxes and wanes.", WANE), reply("", answerable=False), found=[COURSE])
    (outcome,) = asyncio.run(AnswerStage(5, "m").process(TALK, person))
    assert isinstance(outcome, Rejected)
    assert outcome.detail.startswith("turn 2")
    same = Person(reply("It waxes and wanes.", WANE), reply("It waxes and wanes.", WANE), found=[COURSE])
    (outcome,) = asyncio.run(AnswerStage(5, "m").process(TALK, same))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "two turns have the same answer"


def test_an_answer_that_came_with_the_question_costs_no_call() -> None:
    citation = citation_of(NEED, ATTACK)
    assert citation is not None
    given = question("How many?", answer_text="B) four", label="four", options=("two", "four"), citations=(citation,))
    for stage in (AnswerStage(5, "m"), ExtractStage(5)):
        person = Person(found=[ATTACK])
        (made,) = asyncio.run(stage.process(given, person))
        assert isinstance(made, Answer)
        assert (made.text, made.citations, person.requests) == ("B) four", (citation,), [])
        assert [hit.passage_id for hit in made.hits] == [ATTACK.id]


def test_extraction_answers_of_quotes_and_turn_by_turn_and_never_abstains() -> None:
    cited = tuple(one for one in (citation_of(NEED, ATTACK), citation_of(SHARE, EPIDEMIOLOGY)) if one)
    person = Person(found=[COURSE, ATTACK], passages=PASSAGES)
    together = TOGETHER.model_copy(update={"citations": cited})
    (made,) = asyncio.run(ExtractStage(5).process(together, person))
    assert isinstance(made, Answer)
    assert made.text.startswith(NEED)
    (outcome,) = asyncio.run(ExtractStage(5).process(open_question(), person))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "only a chat model can tell that the corpus does not answer it"
