"""Questions of prose: single sentences by their pattern, lists by their heading or lead-in, sections by their title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from axolotl_ragdata.questions.drafts import Draft, Span, is_well_formed
from axolotl_ragdata.questions.grammar import Language, Titled, lower_first
from axolotl_ragdata.quotes import as_read
from axolotl_ragdata.records import Document, Passage
from axolotl_ragdata.references import points_at_source
from axolotl_ragdata.sentences import sentence_spans

MARK_ONLY = re.compile(r"[\[(].*[\])]|[\d,;–\- ]+", re.DOTALL)
NUMBERED = re.compile(r"\((\d{1,2}|[a-h]|[ivx]{1,4})\)")
EQUATION = re.compile(r"\w ?[=≈∝] ?\w|\|")
SHORTEST_SENTENCE_WORDS, LONGEST_SENTENCE_WORDS, LONGEST_TOPIC_WORDS = 5, 60, 6
MOST_SECTION_SENTENCES = 8


@dataclass(frozen=True)
class Text:
    """A passage's prose: its sentences, with their offsets in the passage and as they are read."""

    document: Document
    passage: Passage
    language: Language
    spans: tuple[Span, ...]
    marks: tuple[Span, ...] = ()

    def read(self, *spans: Span) -> str:
        """Return spans as they are read: without marks of citations and notes, on one line."""
        return " ".join(self._clean(start, end) for start, end in spans)

    def _clean(self, start: int, end: int) -> str:
        text = self.passage.text[start:end]
        for first, last in reversed(self.marks):
            if start <= first and last <= end and MARK_ONLY.fullmatch(self.passage.text[first:last]):
                text = text[: first - start].rstrip() + text[last - start :]
        return as_read(text)

    def inside(self, words: str) -> str:
        """Return words from the beginning of a sentence as they stand inside one."""
        return lower_first(words, self.language.kept_capitals, self.document.text)

    @property
    def title(self) -> str:
        """The title of the section."""
        return self.passage.section_path[-1].strip() if self.passage.section_path else ""


def _marks(document: Document, passage: Passage) -> tuple[Span, ...]:
    """Return where the marks of citations stand in a passage, in reading order."""
    return tuple(
        (at + mark.start - passage.start, at + mark.end - passage.start)
        for _, block, at in document.placed_blocks
        for mark in block.citations
        if passage.start <= at + mark.start and at + mark.end <= passage.end
    )


def of_prose(document: Document, passage: Passage, language: Language) -> list[Draft]:
    """Return the drafts of a passage of prose or of a list."""
    spans = tuple(sentence_spans(passage.text, passage.language))
    text = Text(document, passage, language, spans, _marks(document, passage))
    drafts = [*_of_lists(text), *_of_sentences(text), *_of_section(text)]
    return [draft for draft in drafts if is_well_formed(draft.text)]


def _of_sentences(text: Text) -> Iterator[Draft]:
    lists = {lead[-1]: items for lead, items in _list_blocks(text) if lead}
    known: tuple[str, Span] | None = None
    for span in text.spans:
        sentence = text.read(span)
        leans = bool(text.language.leaning.match(sentence))
        usable = _is_usable(sentence, text.language, span in lists)
        if leans and usable and known:
            yield from _about(known, sentence, span, text)
        if leans:
            continue
        draft, subject = (_by_rules(sentence, (span,), text) if usable else None) or (None, None)
        known = (subject, span) if subject else None
        if draft and span in lists:
            draft = _with_items(draft, lists[span], text)
        if draft:
            yield draft


def _with_items(draft: Draft, items: tuple[Span, ...], text: Text) -> Draft | None:
    """Return a draft whose sentence leads into a list, with the list's items as part of its evidence."""
    answer = _listed(text, draft.spans, items)
    return replace(draft, spans=(*draft.spans, *items), answer=answer) if answer else None


def _is_usable(sentence: str, language: Language, leads: bool = False) -> bool:
    words = len(sentence.split())
    ends = (".", "!", ":") if leads else (".", "!")
    return (
        SHORTEST_SENTENCE_WORDS <= words <= LONGEST_SENTENCE_WORDS
        and (sentence[0].isupper() or sentence[0].isdigit() or sentence[0] in '"“«')
        and sentence.rstrip('"”»)')[-1:] in ends
        and sentence.count("(") == sentence.count(")")
        and sentence.count("[") == sentence.count("]")
        and not EQUATION.search(sentence)
        and not language.speaking.search(sentence)
        and (leads or not language.dangling.search(sentence))
        and not points_at_source(sentence)
    )


def _about(known: tuple[str, Span], sentence: str, span: Span, text: Text) -> Iterator[Draft]:
    """Yield the draft of a sentence that speaks of the subject of an earlier one; both are its evidence."""
    for pattern, instead in text.language.pronouns:
        if pattern.match(sentence):
            made = _by_rules(pattern.sub(instead.format(subject=known[0]), sentence), (known[1], span), text)
            if made and made[0].type != "definition":
                yield made[0]


def _by_rules(sentence: str, spans: tuple[Span, ...], text: Text) -> tuple[Draft, str | None] | None:
    """Return the draft of the first rule that a sentence fits, and the subject that "it" means in the next sentence."""
    for rule in text.language.rules:
        found = rule.pattern.match(sentence)
        if found is None:
            continue
        groups = {name: (value or "") for name, value in found.groupdict().items()}
        if all(_is_subject(groups.get(name), text.language) for name in ("x", "y")) and not _points_back(groups, text):
            question = _placed(text.language.polish(rule.asks.format(**_filled(groups, text))), groups, text)
            if question is None:
                continue
            defines = rule.type == "definition" and groups.get("det", "") in ("", "The ")
            subject = groups.get("det", "") + groups.get("x", "") if defines else None
            return Draft(rule.type, rule.name, question, spans, text.read(*spans)), subject
    return None


def _is_subject(subject: str | None, language: Language) -> bool:
    if subject is None:
        return True
    inner = re.sub(r"(?<=\w) (?:of|for|in|with|de|du|des) ", " ", subject)
    named = re.search(r"[^\W\d_]{3}", subject) or re.search(r"\b[A-Z]{2}", subject)
    return bool(named) and not language.empty_subjects.search(inner) and not language.no_subject.search(subject)


def _points_back(groups: dict[str, str], text: Text) -> bool:
    # "The framework is …": which one was said before
    definite = groups.get("det", "").strip().lower() == "the"
    return definite and bool(text.language.bare.match(groups.get("x", "")))


def _placed(question: str, groups: dict[str, str], text: Text) -> str | None:
    """Return a question about a word that means other things elsewhere with the document's topic; None without one."""
    subject = (groups.get("x") or groups.get("whose", "")).casefold()
    vague = bool(text.language.vague.search(subject))
    unnamed = text.language.unnamed.search(question)
    if not vague and not unnamed and subject not in text.language.everyday:
        return question
    topic = _topic(text.document, text.language)
    if topic is None:
        return None if vague or unnamed else question
    if unnamed:
        return text.language.unnamed.sub(lambda _: topic, question)
    return (
        question
        if topic.casefold() in question.casefold()
        else text.language.in_topic.format(question[:-1].rstrip(), topic)
    )


def _filled(groups: dict[str, str], text: Text) -> dict[str, str]:
    language = text.language
    subject = groups.get("x") or groups.get("y")
    words = {name: forms[language.plural(subject) if subject else False] for name, forms in language.fill.items()}
    for name, value in groups.items():
        # what stood first in the sentence stands inside the question
        inside = name in ("x", "y") and value and not groups.get("det" if name == "x" else "det2")
        words[name] = text.inside(value) if inside else value
    for name in ("det", "det2"):
        words[name] = groups.get(name, "")[:1].lower() + groups.get(name, "")[1:]
    words["of_article"] = language.article_of.get(groups.get("of", ""), "")
    return words


def _of_section(text: Text) -> Iterator[Draft]:
    """Yield the question of a section's title, with the sentences that stand alone as evidence to choose from."""
    titled = _first(text.language.sections, text.title)
    topic = _topic(text.document, text.language)
    if titled is None or topic is None or not _begins_section(text):
        return
    spans = [span for span in text.spans[:MOST_SECTION_SENTENCES] if _is_usable(text.read(span), text.language)]
    read = [(span, text.read(span)) for span in spans]
    fits = titled.needs or re.compile("")
    fitting = [(span, said) for span, said in read if not text.language.leaning.match(said) and fits.search(said)]
    # a section on treatment may define its terms; that is another question's answer
    alone = tuple(span for span, said in fitting if not _defines(said, span, text))
    if alone:
        yield Draft(titled.type, "section", text.language.polish(titled.asks.format(topic=topic)), alone)


def _defines(sentence: str, span: Span, text: Text) -> bool:
    made = _by_rules(sentence, (span,), text)
    return made is not None and made[0].type == "definition"


def _begins_section(text: Text) -> bool:
    starts = (at for section, _, at in text.document.placed_blocks if section.path == text.passage.section_path)
    return next(starts, -1) == text.passage.start


def _first(titled: Sequence[Titled], title: str) -> Titled | None:
    return next((each for each in titled if each.pattern.match(title)), None)


def _topic(document: Document, language: Language) -> str | None:
    """Return what a document is about, from the head of its title; None where that is no short name."""
    head = re.split(r"[:,;–—?]| - | across | in | and the ", document.title)[0].strip()
    if not 0 < len(head.split()) <= LONGEST_TOPIC_WORDS or not _is_subject(head, language):
        return None
    return (
        lower_first(head, language.kept_capitals, document.text)
        if document.text.casefold().count(head.casefold()) >= 3
        else None
    )


def _of_lists(text: Text) -> Iterator[Draft]:
    """Yield the question of each enumeration whose heading or lead-in says what it lists."""
    by_heading = _first(text.language.headings, text.title)
    for lead, items in _enumerations(text):
        lead_in = text.read(lead[-1]) if lead else ""
        answer = _listed(text, lead, items)
        question = _by_lead(lead_in, text.language) or (_by_heading(by_heading, text) if by_heading else None)
        if question and answer and not text.language.speaking.search(answer):
            if question == _by_lead(lead_in, text.language):
                rule_name = "list-lead"
            else:
                rule_name, by_heading = "heading", None
            spans = (*lead, *items)
            yield Draft("criteria", rule_name, text.language.polish(question), spans, answer)


def _by_lead(lead_in: str, language: Language) -> str | None:
    for titled in language.leads:
        if found := titled.pattern.match(lead_in):
            return titled.asks.format(
                **{name: value[:1].lower() + value[1:] for name, value in found.groupdict().items()}
            )
    return None


def _by_heading(titled: Titled, text: Text) -> str | None:
    found = titled.pattern.match(text.title)
    topic = _topic(text.document, text.language)
    if found is None or ("{topic}" in titled.asks and topic is None):
        return None
    groups = {name: (value or "")[:1].lower() + (value or "")[1:] for name, value in found.groupdict().items()}
    return titled.asks.format(topic=topic, **groups)


def _enumerations(text: Text) -> Iterator[tuple[tuple[Span, ...], tuple[Span, ...]]]:
    """Yield (lead-in, items) of each list block and of each run of numbered items in a sentence, in reading order."""
    found = [*_list_blocks(text), *_numbered(text)]
    yield from sorted(found, key=lambda each: each[1][0])


def _list_blocks(text: Text) -> Iterator[tuple[tuple[Span, ...], tuple[Span, ...]]]:
    passage = text.passage
    for section, block, at in text.document.placed_blocks:
        inside = passage.start <= at and at + len(block.text) <= passage.end
        if (
            block.kind != "list"
            or not inside
            or len(block.text.split("\n")) < 2
            or section.path != passage.section_path
        ):
            continue
        first, last = at - passage.start, at + len(block.text) - passage.start
        items = tuple(span for span in text.spans if first <= span[0] and span[1] <= last)
        before = [number for number, span in enumerate(text.spans) if span[1] <= first]
        yield _lead(text, before[-1]) if before else (), items


def _lead(text: Text, at: int) -> tuple[Span, ...]:
    """Return the sentence that leads into a list, with the one before where it leans on it."""
    leans = (at > 0 and text.language.leaning.match(text.read(text.spans[at]))) or "follow" in text.read(text.spans[at])
    return text.spans[at - 1 : at + 1] if leans and at > 0 else (text.spans[at],)


def _numbered(text: Text) -> Iterator[tuple[tuple[Span, ...], tuple[Span, ...]]]:
    at = 0
    while at < len(text.spans):
        marks = NUMBERED.findall(text.passage.text[slice(*text.spans[at])])
        end = at + 1
        if len(marks) >= 2 and marks[0] in ("1", "a", "i"):
            while end < len(text.spans) and marks[0] == "1" and _continues(text, end, marks):
                marks += NUMBERED.findall(text.passage.text[slice(*text.spans[end])])
                end += 1
            yield _before(text, at), text.spans[at:end]
        at = end


def _before(text: Text, at: int) -> tuple[Span, ...]:
    leans = text.language.leaning.match(text.read(text.spans[at]))
    return (text.spans[at - 1],) if leans and at and not text.read(text.spans[at - 1]).endswith("?") else ()


def _continues(text: Text, at: int, marks: Sequence[str]) -> bool:
    more = NUMBERED.findall(text.passage.text[slice(*text.spans[at])])
    return bool(more) and more[0].isdigit() and int(more[0]) == int(marks[-1]) + 1


def _listed(text: Text, lead: Sequence[Span], items: Sequence[Span]) -> str | None:
    """Return a list as it is read: the lead-in, then the items; None where it says nothing by itself."""
    shown = [text.read(item) for item in items]
    if any(points_at_source(line) for line in (*shown, text.read(*lead))) or len(" ".join(shown).split()) > 250:
        return None
    numbered = bool(NUMBERED.search(shown[0]))
    before = text.read(*lead)
    if numbered:
        return " ".join([before, *shown]).strip()
    return "\n".join([before, *(f"- {line}" for line in shown)]) if before else None
