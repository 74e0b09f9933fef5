"""The judges of a run: who they are related to, what they will cost, and their chats."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

from axolotl_ragdata.accounting import failed_attempts
from axolotl_ragdata.attempts import CHARACTERS_A_TOKEN, journal_key
from axolotl_ragdata.base_model import EMBEDDED, ORIGIN
from axolotl_ragdata.blocks import JudgeBlock, JudgeModelBlock
from axolotl_ragdata.embedded import LlmServer
from axolotl_ragdata.journal import Journal
from axolotl_ragdata.judge.candidates import Candidate
from axolotl_ragdata.judge.families import check_judges
from axolotl_ragdata.judge.judgement import Verdicts
from axolotl_ragdata.judge.records import CandidateAnswer, JudgeQuestion, OwnAnswer
from axolotl_ragdata.judge.scoring import OwnAnswers, Plan, plan, score
from axolotl_ragdata.llm import Chat, open_chat_of
from axolotl_ragdata.progress import Progress
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Usage
from axolotl_ragdata.stage import ChatRequest, Completion

ANSWER_CHARACTERS = 500
VERDICT_TOKENS = 200
"""What an answer and a verdict are expected to be long, for the estimate."""


def models_of(candidates: Sequence[Candidate]) -> dict[str, str]:
    """Return the model of each candidate by its name, of a tuned one the model that was tuned; '' of a file."""
    found = {}
    for candidate in candidates:
        if candidate.block.source == "answers":
            found[candidate.name] = ""
        elif candidate.base is not None:
            found[candidate.name] = ORIGIN if candidate.base == EMBEDDED else candidate.base
        else:
            found[candidate.name] = candidate.block.model
    return found


def refuse_relatives(recipe: Recipe, block: JudgeBlock, candidates: Sequence[Candidate]) -> None:
    """Refuse judges that are all of a candidate's family, unless they are asked for by name.

    Raises:
        RecipeError: They are.
    """
    judges = {judge.label: judge.model for judge in block.judges}
    check_judges(judges, models_of(candidates), block.allow_self_judging, recipe.where("judge", "judges"))


@contextlib.asynccontextmanager
async def opened_judges(
    recipe: Recipe, block: JudgeBlock, journal: Journal, before: Mapping[str, Usage], progress: Progress
) -> AsyncIterator[dict[str, Chat]]:
    """Open a chat of each judge, by its name; the embedded model is started where it is one.

    Args:
        recipe: Names the places of errors.
        block: The judges.
        journal: Where verdicts are kept.
        before: By judge, what earlier runs of the same judgement used: it counts against the caps.
        progress: Hears of batches.
    """
    async with contextlib.AsyncExitStack() as stack:
        chats = {}
        for number, judge in enumerate(block.judges):
            where = recipe.where("judge", "judges", number)
            base_url = stack.enter_context(LlmServer()).base_url if judge.model == EMBEDDED else None
            chat = open_chat_of(judge, where, journal, base_url, before[judge.label], progress.say)
            chats[judge.label] = await stack.enter_async_context(chat)
        yield chats


async def judged(
    recipe: Recipe,
    block: JudgeBlock,
    questions: Sequence[JudgeQuestion],
    answers: Sequence[CandidateAnswer],
    journal: Journal,
    progress: Progress,
) -> Verdicts:
    """Return what the judges said, and what each used in this run; nothing where there is no judge.

    Raises:
        RagdataError: What ends a run.
    """
    if not block.judges:
        return Verdicts()
    if "claims" in block.scoring and (without := sum(not each.passages for each in questions if each.probe is None)):
        progress.say(f"claims: {without:,} questions come without source passages; no claim is checked there")
    planned = plan(block, questions, answers)
    if known := _answered_first(planned, journal):
        planned = plan(block, questions, answers, known)
    left, before = _in_journal(planned, journal)
    shown = ", ".join(f"{name} {count:,}" for name, count in left.items())
    progress.say(f"calls of judges that the journal does not hold: {shown}")
    async with opened_judges(recipe, block, journal, before, progress) as chats:
        scores = await score(planned, chats, progress)
        usage = {name: chat.usage for name, chat in chats.items()}
        cost = {name: chat.cost for name, chat in chats.items() if chat.cost is not None}
    return Verdicts(scores, usage, cost)


def _answered_first(planned: Plan, journal: Journal) -> OwnAnswers:
    """Return what the journal holds of the answers that judges give before they see a candidate's."""
    by_name = {judge.label: judge for judge in planned.block.judges}
    found = {}
    for ask in (*planned.planted_first, *planned.first):
        entry = journal.get(journal_key(by_name[ask.judge], ask.request))
        if entry is not None:
            said = ask.read(Completion(entry["text"], entry["value"], entry["model"], Usage(**entry["usage"])))
            assert isinstance(said, OwnAnswer)
            found[ask.judge, said.question_id] = said
    return found


def _in_journal(planned: Plan, journal: Journal) -> tuple[dict[str, int], dict[str, Usage]]:
    """Return, by judge, how many calls are left to make, and what earlier runs paid for, failed attempts included."""
    by_name = {judge.label: judge for judge in planned.block.judges}
    left, before = dict.fromkeys(by_name, 0), dict.fromkeys(by_name, Usage())
    failed = failed_attempts(journal.folder)
    for ask in planned.calls():
        key = journal_key(by_name[ask.judge], ask.request)
        entry = journal.get(key)
        before[ask.judge] += failed.pop(key, Usage())
        if entry is None:
            left[ask.judge] += 1
        else:
            before[ask.judge] += Usage(**entry["usage"])
    return left, before


def estimated(block: JudgeBlock, questions: Sequence[JudgeQuestion], candidates: Sequence[str]) -> list[str]:
    """Return a line for each judge: the most calls and tokens that it can need, with the cost if priced."""
    text = "x" * ANSWER_CHARACTERS
    answers = [
        CandidateAnswer(question_id=question.id, candidate=name, text=text)
        for question in questions
        for name in candidates
    ]
    calls: Counter[str] = Counter()
    characters: dict[str, int] = defaultdict(int)
    for ask in plan(block, questions, answers).calls():
        calls[ask.judge] += 1
        characters[ask.judge] += _length(ask.request)
    by_name = {judge.label: judge for judge in block.judges}
    return [_line(by_name[name], calls[name], characters[name]) for name in by_name]


def _length(request: ChatRequest) -> int:
    return len(request.system) + len(request.user) + sum(len(turn.content) for turn in request.history)


def _line(judge: JudgeModelBlock, calls: int, characters: int) -> str:
    tokens_in, tokens_out = characters / CHARACTERS_A_TOKEN, VERDICT_TOKENS * calls
    line = f"judge {judge.label}: at most {calls:,} calls, about {tokens_in:,.0f} tokens in and {tokens_out:,} out"
    if judge.price is not None:
        cost = (tokens_in * judge.price.input + tokens_out * judge.price.output) / 1e6
        line += f", about {cost:.2f} in the currency of `price`"
    return f"{line}, less what the journal holds"
