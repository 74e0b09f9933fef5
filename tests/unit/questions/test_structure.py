from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.blocks import PassagesBlock
from axolotl_ragdata.errors import DocumentRefused, UnknownName
from axolotl_ragdata.passages import cut
from axolotl_ragdata.questions.structure import TYPES, StructureAsker, ask_by_structure
from axolotl_ragdata.readers import read_document
from axolotl_ragdata.records import Block, Document, Passage, Question, Rejected, Section, Source, content_id
from axolotl_ragdata.references import refers_to_source

from ..handwritten import DEMO, Words, demo


def document(*blocks: Block | str, title: str = "", heading: str = "Bees", language: str | None = "en") -> Document:
    made = tuple(Block(kind="paragraph", text=block) if isinstance(block, str) else block for block in blocks)
    source = Source(path="x", sha256="", reader="text", reader_version="1")
    sections = (Section(path=(heading,), blocks=made),)
    return Document(id=content_id("d", title), title=title, language=language, sections=sections, source=source)


def ask(source: Document, types: tuple[str, ...] = TYPES, per_passage: int = 5) -> list[Question | Rejected]:
    passages = cut(source, PassagesBlock(max_tokens=384, overlap=48), Words())
    return ask_by_structure(source, passages, types, per_passage)


def texts(source: Document) -> list[str]:
    return [outcome.text for outcome in ask(source) if isinstance(outcome, Question)]


ENGLISH = [
    ("A drone is a male bee that mates with the queen and does no work in the hive.", "What is a drone?"),
    ("Royal jelly is a secretion that nurse bees feed to every larva.", "What is royal jelly?"),
    ("Propolis refers to a resin that bees gather from the buds of trees.", "What is meant by propolis?"),
    ("Swarming is defined as the departure of a queen with half of her colony.", "How is swarming defined?"),
    ("The DSQ-9 has nine items, each of them scored from 0 to 3.", "How many items does the DSQ-9 have?"),
    ("A wasp differs from a bee in that it has no hair and can sting again.", "How does a wasp differ from a bee?"),
    ("Honey is a store for the winter, whereas pollen is the food of the brood.", "How does honey differ from pollen?"),
    ("The prevalence of bee allergy was 3.4% in adults.", "What was the prevalence of bee allergy?"),
    ("About 15% of adults with allergies carry an injector.", "What share of adults with allergies carry an injector?"),
    ("Foulbrood is caused by a bacterium that kills the larvae.", "What causes foulbrood?"),
    ("Smoke is used to calm a colony before the hive is opened.", "What is smoke used for?"),
    ("Acacia honey is preferred in winter because it stays liquid.", "Why is acacia honey preferred in winter?"),
    ("The Bee Health Scale was published in 1998 and has nine parts.", "When was the Bee Health Scale published?"),
    ("Winter losses depend on the mites that a colony carries in autumn.", "What do winter losses depend on?"),
]  # fmt: skip
FRENCH = [
    ("Le faux bourdon est une abeille mâle qui ne travaille pas dans la ruche.", "Qu’est-ce que le faux bourdon ?"),
    ("La propolis désigne une résine que les abeilles récoltent au printemps.", "Comment définit-on la propolis ?"),
    (
        "La guêpe se distingue de l’abeille par une taille très fine et un corps lisse.",
        "Quelle est la différence entre la guêpe et l’abeille ?",
    ),
    ("Le score BHS comporte 14 questions sur la colonie.", "Combien de questions comporte le score BHS ?"),
    ("L’essaimage consiste à quitter la ruche avec la moitié de la colonie.", "En quoi consiste l’essaimage ?"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "question"), ENGLISH)
def test_a_sentence_that_carries_a_question_is_asked_in_english(sentence: str, question: str) -> None:
    assert texts(document(sentence)) == [question]


@pytest.mark.parametrize(("sentence", "question"), FRENCH)
def test_a_sentence_that_carries_a_question_is_asked_in_french(sentence: str, question: str) -> None:
    assert texts(document(sentence, language="fr-FR")) == [question]


@pytest.mark.parametrize(
    "sentence",
    [
        "It is a male bee that mates with the queen and does no work.",
        "The framework is a set of frames that holds the combs of the hive.",
        "This study is a survey of keepers that was made in ten countries.",
        "We think that a drone is a male bee that mates with the queen.",
        "In our sample, a drone is a male bee that mates with the queen.",
        "Honey is one of the best things that a person can put on bread.",
        "A drone is the reason that the queen leaves her hive in spring.",
        "A drone is a male bee (see and does no work in the hive for weeks.",
        "The ratio is a number with a = b / c (1) that is used in the hive.",
        "Doc2Bee Doc2Bee is a method that turns the dances of bees into vectors.",
        "The mean weight of bees was 0.22 mg, whereas the mean weight of wasps was 0.3 mg.",
        "Table 2 is a list of all the hives that were used for the count.",
        "A bad night is an everyday experience everywhere.",
        "HL60 is the hive with the lowest amount of honey that was found.",
        "Are bees insects that live in colonies with a queen of their own?",
    ],
)
def test_a_question_that_cannot_be_made_well_is_not_made(sentence: str) -> None:
    (outcome,) = ask(document(sentence))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "no rule applies"


def test_marks_of_citations_are_left_out_of_the_answer_and_kept_in_the_evidence() -> None:
    source = document("A drone is a male bee that mates with the queen [2, 3] (Smith et al., 2019).")
    (question,) = ask(source)
    assert isinstance(question, Question)
    assert question.answer_text == "A drone is a male bee that mates with the queen."
    ((start, end),) = question.evidence
    assert source.text[start:end] == source.text


def test_what_it_means_comes_from_the_sentence_before() -> None:
    source = document("The BHS-7 is a scale that measures the health of hives. It has seven items in two parts.")
    first, second = (one for one in ask(source) if isinstance(one, Question))
    assert (first.text, second.text) == ("What is the BHS-7?", "How many items does the BHS-7 have?")
    assert len(second.evidence) == 2


LIST = Block(kind="list", text="A queen who lays.\nWorkers of every age.\nStores for the winter.")


def test_a_list_is_asked_by_its_heading_with_lead_in_and_all_items() -> None:
    source = document(
        "A strong colony has what follows.", LIST, "Nothing else is needed.", heading="Features of a strong colony"
    )
    question = next(one for one in ask(source) if isinstance(one, Question))
    assert question.text == "What are the features of a strong colony?"
    assert question.answer_text == (
        "A strong colony has what follows.\n- A queen who lays.\n- Workers of every age.\n- Stores for the winter."
    )
    assert [source.text[start:end] for start, end in question.evidence][-1] == "Stores for the winter."


def test_a_list_is_asked_by_the_sentence_that_leads_into_it() -> None:
    assert "Which three signs are seen in a strong colony?" not in texts(document("A colony is strong.", LIST))
    assert texts(document("Three clear signs are seen in a strong colony:", LIST)) == [
        "Which three clear signs are seen in a strong colony?"
    ]


def test_a_rule_whose_sentence_leads_into_a_list_takes_the_list() -> None:
    source = document("Foulbrood is diagnosed when all of these statements are true.", LIST)
    (question,) = (one for one in ask(source) if isinstance(one, Question))
    assert question.text == "When is foulbrood diagnosed?"
    assert len(question.evidence) == 4
    assert "- Workers of every age." in (question.answer_text or "")


def test_the_topic_of_the_document_completes_a_heading_and_an_everyday_word() -> None:
    text = "Swarm fever is common. Hives get swarm fever. Tolerance is defined as a need for room. Swarm fever ends."
    source = document(text, title="Swarm fever: a short guide")
    assert "How is tolerance defined in swarm fever?" in texts(source)


def table(text: str) -> Block:
    return Block(kind="table", text=text)


PAIRS = table(
    "Table 1. Comparison of honey and nectar\n| Disease | Typical duration | Remarks |\n| --- | --- | --- |\n"
    "| Foulbrood | 3 to 6 weeks | Frequent |\n| Chalk brood | Until the summer | Rare |"
)
BANDS = table(
    "Table 2. Interpretation of the BHS-7 total score\n| Total score | Severity |\n| --- | --- |\n"
    "| 0-4 | None |\n| 5-9 | Mild |\n| 10-14 | Severe |"
)


def test_a_table_is_asked_cell_by_cell_and_in_pairs() -> None:
    asked = texts(document(PAIRS))
    assert "What is the typical duration of foulbrood?" in asked
    assert "How do foulbrood and chalk brood differ in typical duration?" in asked
    assert not any("remarks" in text for text in asked)


def test_a_table_of_scores_is_asked_as_a_whole_and_by_band() -> None:
    outcomes = [one for one in ask(document(BANDS)) if isinstance(one, Question)]
    by_text = {one.text: one for one in outcomes}
    whole = by_text["How is the BHS-7 total score interpreted?"]
    assert whole.answer_text == "Interpretation of the BHS-7 total score:\n- 0-4: None\n- 5-9: Mild\n- 10-14: Severe"
    assert len(whole.evidence) == 3
    band = by_text["How is a score of 5-9 on the BHS-7 interpreted?"]
    assert band.answer_text == "A score of 5-9 on the BHS-7 stands for mild severity."
    ((start, end),) = band.evidence
    assert document(BANDS).text[start:end] == "| 5-9 | Mild |"


@pytest.mark.parametrize(
    "rows",
    [
        "| Hive | Typical duration |\n| --- | --- |\n| A | 3.4 |\n| B | 4.5 |",
        "| Disease | Typical duration |\n| --- | --- |\n| Foulbrood | p < 0.05 |\n| Chalk brood | two weeks |",
        "| Disease | Typical duration |\n| --- | --- |\n|  | three weeks |\n| Chalk brood | two weeks |",
        "| Disease | Typical duration |\n| --- | --- |\n| Foulbrood |\n| Chalk brood | two weeks |",
        "| Disease | Typical duration |\n| --- | --- |\n| Foulbrood | a few weeks |",
        "no rows at all",
        "|",
    ],
)
def test_a_table_of_measurements_or_out_of_line_is_not_asked(rows: str) -> None:
    (outcome,) = ask(document(table(f"Table 1. Diseases\n{rows}")))
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize("language", ["sl", None, "de"])
def test_a_language_without_rules_is_skipped_by_name(language: str | None) -> None:
    (outcome,) = ask(document("A drone is a male bee that mates with the queen.", language=language))
    assert isinstance(outcome, Rejected)
    assert outcome.reason.startswith("no rules for the language")
    assert (language or "not known") in outcome.reason


def test_only_the_types_of_the_recipe_are_asked_and_no_more_than_it_says() -> None:
    source = document(" ".join(sentence for sentence, _ in ENGLISH))
    outcomes = ask(source, ("definition",), 2)
    assert [outcome.type for outcome in outcomes if isinstance(outcome, Question)] == ["definition", "definition"]
    (other,) = ask(document(ENGLISH[0][0]), ("table",))
    assert isinstance(other, Rejected)
    assert other.reason == "the rules ask only questions of other types"


def test_the_asker_can_be_sent_to_another_process_and_its_version_follows_from_its_settings() -> None:
    asker = StructureAsker(["definition", "table"], 2)
    again = pickle.loads(pickle.dumps(asker))
    source, passages = demo("adhd")
    assert again.ask(source, passages) == asker.ask(source, passages)
    assert asker.version == again.version != StructureAsker(["definition"], 2).version


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'definition'"):
        StructureAsker(["defnition"], 2, "r.yml: ragdata.questions.types")


def check(source: Document, passages: list[Passage]) -> list[Question]:
    outcomes = ask_by_structure(source, passages, TYPES, 3)
    known = {passage.id: passage for passage in passages}
    accounted = {one.passage_ids[0] if isinstance(one, Question) else one.subject_id for one in outcomes}
    assert accounted == set(known)
    questions = [one for one in outcomes if isinstance(one, Question)]
    assert len({one.id for one in questions}) == len(questions)
    for one in questions:
        place = known[one.passage_ids[0]]
        assert one.evidence
        assert all(place.start <= start < end <= place.end for start, end in one.evidence)
        assert list(one.evidence) == sorted(one.evidence)
        assert one.text.endswith("?")
        assert refers_to_source(one.text) is None, one.text
        assert "{" not in one.text
    assert outcomes == ask_by_structure(source, passages, TYPES, 3)
    return questions


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".tei.xml") for path in DEMO.glob("*.tei.xml")))
def test_every_passage_of_a_demonstration_article_is_accounted_for(name: str) -> None:
    assert len(check(*demo(name))) >= 10


def test_every_passage_of_real_articles_is_accounted_for(shared_data: Path) -> None:
    asked = 0
    for path in sorted((shared_data / "tei").glob("*.xml")):
        try:
            source = read_document(path, "grobid")
        except DocumentRefused:
            continue
        asked += len(check(source, cut(source, PassagesBlock(max_tokens=384, overlap=48), Words())))
    assert asked >= 30


WORDS = "The A It is are of the a that which (1) (2) | - , ; : . ? [1] differs from whereas Table 1 DSM-5 0-4 é x { }"
TOKENS = st.sampled_from([*WORDS.split(" "), "\n", "\n\n"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(TOKENS, min_size=1, max_size=60),
    st.sampled_from(["paragraph", "list", "table"]),
    st.sampled_from(["en", "fr"]),
)
def test_any_text_is_asked_or_rejected_and_never_breaks(words: list[str], kind: str, language: str) -> None:
    text = " ".join(words).strip()
    if not text:
        return
    source = document(Block(kind=kind, text=text), language=language, heading=text[:40])  # type: ignore[arg-type]
    check(source, cut(source, PassagesBlock(max_tokens=64, overlap=8), Words()))
