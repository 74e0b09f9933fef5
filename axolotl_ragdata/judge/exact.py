"""Scores that need no judge: labels, options, abstention, token F1, log-likelihood.

An answer that cannot be read has no value and counts as unscored; it is never 0.
"""

from __future__ import annotations

import re
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from axolotl_ragdata.judge.questions import LETTERS
from axolotl_ragdata.judge.records import CandidateAnswer, ExactScore, ExactSummary, JudgeQuestion
from axolotl_ragdata.wording import normalised

ACCURACY = "accuracy"
MACRO_F1 = "macro_f1"
WORD_F1 = "token_f1"
ABSTAINED = "abstained"
LIKELIHOOD = "reference_log_likelihood"
LIKELIHOOD_EACH = "reference_log_likelihood_per_token"
CHOICE = "choice_by_log_likelihood"
CHOICE_A_CHARACTER = "choice_by_log_likelihood_per_character"
UNPARSABLE = "unparsable"
ARTICLES = re.compile(r"\b(a|an|the)\b")
LETTER = re.compile(
    r"(?:(?:the )?(?:correct )?(?:answer|option)(?: is)?:? ?)?[(\[]?([a-z])[)\].:]*(?: (.*))?", re.DOTALL
)
LEAD = re.compile(r"^(?:the )?(?:answer|label)(?: is)?:? ", re.IGNORECASE)
# a source that says nothing; "worry does not say it all" is no abstention
SILENT = (
    r"\b(?:documents?|sources?|passages?|texts?|corpus|articles?|context|materials?|excerpts?|sections?|data|"
    r"literature|studies|study)\b[^.!?]{0,60}\b(?:do|does|did)(?: not|n't) (?:say|state|mention|answer|contain|specify|"
    r"provide|give|cover|describe|report|address|include|discuss|indicate|explain)\b"
)
UNABLE = (
    r"\b(?:can(?:not|'t| not)|could not|couldn't|(?:am|are|is) unable to|(?:impossible|not possible) to) "
    r"(?:be )?(?:answer|determine|say|tell|know|find|state|provide)(?:ed|n|d)?\b"
    r"|\b(?:i|we) (?:do not|don't) know\b|\b(?:is|are|was|were) not (?:answered|stated|mentioned|specified)\b"
    r"|\bno (?:information|answer|mention)\b|\b(?:not enough|insufficient) information\b"
)
MUETS = (
    r"\b(?:documents?|sources?|passages?|textes?|corpus|articles?|contexte)\b[^.!?]{0,60}\bn(?:e |')\w+ (?:pas|rien)\b"
    r"|\bje ne sais pas\b|\b(?:ne peut|impossible de|pas possible de) (?:être )?(?:répond|dire|déterminer|savoir)\w*"
    r"|\baucune (?:information|réponse|mention)\b|\bpas assez d'informations?\b"
    r"|\bn'est pas (?:précisé|indiqué|mentionné)e?"
)
ABSTENTION = re.compile(f"{SILENT}|{UNABLE}|{MUETS}", re.IGNORECASE)


def score_exactly(questions: Sequence[JudgeQuestion], answers: Sequence[CandidateAnswer]) -> list[ExactScore]:
    """Return every exact score that the questions allow, for each answer; the constants name the metrics."""
    asked = {question.id: question for question in questions}
    labels = sorted({question.label for question in questions if question.label and not question.options})
    scores: list[ExactScore] = []
    for answer in answers:
        if (question := asked.get(answer.question_id)) is not None:
            scores += _written(question, answer, labels)
            scores += _likely(question, answer)
    return scores


def _written(question: JudgeQuestion, answer: CandidateAnswer, labels: Sequence[str]) -> Iterable[ExactScore]:
    def score(
        metric: str, value: float | None = None, predicted: str | None = None, why: str | None = None
    ) -> ExactScore:
        return ExactScore(
            question_id=question.id,
            candidate=answer.candidate,
            metric=metric,
            value=value,
            predicted=predicted,
            unscored=why,
        )

    if answer.text is None:
        open_ended = question.reference and question.answerable
        metrics = [ACCURACY] if question.label else [WORD_F1] if open_ended else []
        return [score(metric, why=f"no answer: {answer.failure}") for metric in [*metrics, ABSTAINED]]
    found = [score(ABSTAINED, float(abstains(answer.text)))]
    if question.label is not None:
        read = read_option(answer.text, question.options) if question.options else read_label(answer.text, labels)
        found.append(
            score(ACCURACY, why=UNPARSABLE) if read is None else score(ACCURACY, float(read == question.label), read)
        )
    elif question.reference and question.answerable:
        found.append(score(WORD_F1, token_f1(answer.text, question.reference)))
    return found


def _likely(question: JudgeQuestion, answer: CandidateAnswer) -> Iterable[ExactScore]:
    total, tokens = answer.reference_log_likelihood, answer.reference_tokens
    named = {"question_id": question.id, "candidate": answer.candidate}
    if total is not None and tokens:
        yield ExactScore(**named, metric=LIKELIHOOD, value=total)
        yield ExactScore(**named, metric=LIKELIHOOD_EACH, value=total / tokens)
    if sums := answer.option_log_likelihoods:
        lengths = [max(1, len(option)) for option in answer.compared_options]
        by_character = [each / length for each, length in zip(sums, lengths, strict=True)]
        for metric, values in ((CHOICE, list(sums)), (CHOICE_A_CHARACTER, by_character)):
            best = max(range(len(values)), key=values.__getitem__)
            # the right one stands first; a tie at the top is no choice
            chosen = values.count(values[best]) == 1 and best == 0
            yield ExactScore(**named, metric=metric, value=float(chosen), predicted=answer.compared_options[best])


def token_f1(answer: str, reference: str) -> float:
    """Return the F1 of the words that two texts share, 0 to 1, as SQuAD's evaluation normalises them.

    Lower case, without punctuation and the articles a, an, the; words count as often as they stand (Rajpurkar et al.,
    2016, https://arxiv.org/abs/1606.05250, section 6.1).

    >>> token_f1("The worry lasts.", "worry"), token_f1("a worry", "Worry!"), token_f1("", "worry")
    (0.6666666666666666, 1.0, 0.0)
    """
    own, wanted = squad_tokens(answer), squad_tokens(reference)
    if not own or not wanted:
        return float(own == wanted)
    shared = sum((Counter(own) & Counter(wanted)).values())
    return 2 * shared / (len(own) + len(wanted))


def squad_tokens(text: str) -> list[str]:
    """Return the words of a text as SQuAD's evaluation counts them.

    >>> squad_tokens("The cat's  hat, an ANIMAL.")
    ['cats', 'hat', 'animal']
    """
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return ARTICLES.sub(" ", bare).split()


def read_option(answer: str, options: Sequence[str]) -> str | None:
    """Return the option that an answer names, None where it names none or more than one.

    It must be an option's text, or its letter alone, after "Answer:", or before its own text. Nothing is searched for
    in running text, so that an answer which discusses the options has to say which one it chooses.

    >>> answers = ("B", "(b) panic", "Answer: A.", "worry", "A or B", "B worry")
    >>> [read_option(text, ["worry", "panic"]) for text in answers]
    ['panic', 'panic', 'worry', 'worry', None, None]
    """
    text = " ".join(answer.split()).casefold()
    by_text = {normalised(option): option for option in options}
    if (same := by_text.get(normalised(LEAD.sub("", text)))) is not None:
        return same
    found = LETTER.fullmatch(text)
    if found is None or (at := LETTERS.lower().index(found[1])) >= len(options):
        return None
    rest = normalised(found[2] or "")
    return options[at] if not rest or rest == normalised(options[at]) else None


def read_label(answer: str, labels: Sequence[str]) -> str | None:
    """Return the label that an answer consists of, None where it is no label of the questions.

    >>> read_label("Label: Anxiety.", ["anxiety", "mood"]), read_label("anxiety or mood", ["anxiety", "mood"])
    ('anxiety', None)
    """
    return {normalised(label): label for label in labels}.get(normalised(LEAD.sub("", answer.strip())))


def abstains(answer: str) -> bool:
    """Return whether an answer says in its first two sentences that there is no answer (English and French).

    >>> abstains("The documents do not say how often."), abstains("Les documents ne disent pas combien.")
    (True, True)
    >>> abstains("Worry does not say it all: it lasts six months.")
    False
    """
    start = " ".join(re.split(r"(?<=[.!?])\s+", answer.strip())[:2])
    return bool(ABSTENTION.search(start.replace("’", "'")))


def summarise(questions: Sequence[JudgeQuestion], scores: Sequence[ExactScore]) -> list[ExactSummary]:
    """Return each candidate's metrics over each origin and over all; macro-F1 and abstention are taken over sets."""
    asked = {question.id: question for question in questions}
    origins = list(dict.fromkeys(question.origin for question in questions))
    summaries: list[ExactSummary] = []
    for candidate in dict.fromkeys(score.candidate for score in scores):
        for origin in ("all", *origins):
            own = [
                score
                for score in scores
                if score.candidate == candidate and origin in ("all", asked[score.question_id].origin)
            ]
            summaries += _summaries(candidate, origin, own, asked)
    return summaries


def _summaries(
    candidate: str, origin: str, scores: Sequence[ExactScore], asked: Mapping[str, JudgeQuestion]
) -> Iterable[ExactSummary]:
    by_metric: dict[str, list[ExactScore]] = defaultdict(list)
    for score in scores:
        by_metric[score.metric].append(score)

    def summary(metric: str, value: float | None, n: int, unscored: int = 0) -> ExactSummary:
        return ExactSummary(candidate=candidate, origin=origin, metric=metric, value=value, n=n, unscored=unscored)

    for metric, own in by_metric.items():
        values = [score.value for score in own if score.value is not None]
        missing = len(own) - len(values)
        if metric == ABSTAINED:
            for name, value, count in abstention(own, asked):
                yield summary(name, value, count, missing)
            continue
        yield summary(metric, sum(values) / len(values) if values else None, len(values), missing)
        if metric == ACCURACY:
            pairs = list(_classes(own, asked))
            yield summary(MACRO_F1, macro_f1(pairs), len(pairs), missing)


def abstention(
    scores: Sequence[ExactScore], asked: Mapping[str, JudgeQuestion]
) -> Iterable[tuple[str, float | None, int]]:
    """Yield precision and recall of abstaining; nothing where every question can be answered and all were.

    Precision: of the answers that abstain, the share whose question has no answer. Recall: of the questions without an
    answer, the share that was abstained from.
    """
    scored = [score for score in scores if score.value is not None]
    hopeless = [score for score in scored if not asked[score.question_id].answerable]
    given_up = [score for score in scored if score.value]
    right = [score for score in given_up if not asked[score.question_id].answerable]
    yield "abstention_rate", len(given_up) / len(scored) if scored else None, len(scored)
    if hopeless:
        yield "abstention_precision", len(right) / len(given_up) if given_up else None, len(given_up)
        yield "abstention_recall", len(right) / len(hopeless), len(hopeless)


def _classes(
    scores: Sequence[ExactScore], asked: Mapping[str, JudgeQuestion]
) -> Iterable[tuple[str | None, str | None]]:
    """Yield (predicted, true) classes: labels, options that all questions share, or else the options' letters."""
    shared = len({frozenset(asked[score.question_id].options) for score in scores}) == 1
    for score in scores:
        question = asked[score.question_id]
        if shared or not question.options:
            yield score.predicted, question.label
            continue
        letters = dict(zip(question.options, LETTERS, strict=False))
        yield letters.get(score.predicted or ""), letters[question.label or ""]


def macro_f1(pairs: Sequence[tuple[str | None, str | None]]) -> float | None:
    """Return the unweighted mean over the true classes of F1, from (predicted, true); None predicts no class.

    An answer that could not be read is a miss of its class here and not a hit of another: F1 needs every question.

    >>> macro_f1([("a", "a"), ("b", "a"), ("b", "b"), (None, "b")])
    0.5833333333333333
    """
    classes = sorted({true for _, true in pairs if true is not None})
    if not classes:
        return None
    values = []
    for name in classes:
        hits = sum(predicted == true == name for predicted, true in pairs)
        named = sum((predicted == name) + (true == name) for predicted, true in pairs)
        values.append(2 * hits / named if named else 0.0)
    return sum(values) / len(values)
