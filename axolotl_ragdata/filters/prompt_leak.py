"""Drops a row that repeats how it was asked for: marks, role tags, JSON, sentences of a prompt, small talk."""

from __future__ import annotations

import re

from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, asked_of, filters
from axolotl_ragdata.records import Example

KINDS: dict[str, re.Pattern[str]] = {
    "a mark of the prompt": re.compile(
        r"</?(?:passage|question|document|context|answer|instructions?|row|evidence|think|thinking|reasoning)\b[^<>\n]*>|\bseal\s?=\s?[\"']?[0-9a-f]"
        r"|[\[(]p\d+(?:, ?p\d+)*[\])]|\bpassages? \[?p\d+\b|\bpassage_id\b",
        re.IGNORECASE,
    ),
    "a role tag": re.compile(
        r"<\|[a-z_]{2,24}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
        r"|^[^\S\n]*#{2,4}\s*(?:instruction|response|input|question|answer|réponse|consigne)s?\b"
        r"|^[^\S\n]*(?:\*\*)?(?:user|assistant|system|human|question|answer|q|a|utilisateur|réponse|système)(?:\*\*)?\s?:(?:\*\*)?\s",
        re.IGNORECASE | re.MULTILINE,
    ),
    "the JSON around it": re.compile(
        r"[{,]\s*[\"'](?:questions?|answers?|quotes?|citations|answerable|score|verdict|reason)[\"']\s*:|```", re.I
    ),
    "words of the prompt": re.compile(
        r"\bcopied exactly\b|\bcharacter by character\b|\bteaches a (?:language )?model\b|\bbetween the marks\b|\bdataset that teaches\b"
        r"|\bas (?:an? )?(?:instructed|requested)\b(?! by)|\b(?:the|my|your|this|system) prompt (?:asks?|says?|above|requires?|is|was)\b|\baccording to (?:the|my|your) (?:prompt|instructions)\b"
        r"|\bquestions? of (?:the|this) type\b|\bselon (?:les|vos|mes) (?:instructions|consignes)\b|\bcomme (?:demandé|indiqué dans les consignes)\b|\bcopiée? exactement\b",
        re.IGNORECASE,
    ),
    "small talk": re.compile(
        r"^\W*(?:sure|certainly|of course|absolutely|great question|good question|happy to help|bien sûr|certainement|avec plaisir|bonne question|excellente question)\s?[,!.]"
        r"|^\W*(?:here(?:['’]s| is| are)|voici|voilà)\s+(?:(?:an?|the|your|some|my|one|two|three|\d+|une?|la|le|les|ma|votre|deux|trois|quelques)\s+)?(?:\w+\s+)?(?:questions?|answers?|responses?|réponses?|examples?|exemples?|summary|résumé|définition demandée)\b"
        r"|\b(?:let me know if|I hope (?:this|that|it) helps|feel free to|do you have any (?:other|more)|n['’]hésitez pas|j['’]espère que (?:cela|ça)|dites-moi si)\b",
        re.IGNORECASE,
    ),
}


@filters.register("prompt_leak")
class PromptLeak(Filter):
    """Refuses questions, and answers in the model's own words, that show the prompt or the conversation they came of."""

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return what was leaked and where, where something was."""
        texts = {"question": asked_of(example)}
        if example.provenance.answer_model:
            texts["answer"] = answer_of(example)
        for name, text in texts.items():
            for kind, pattern in KINDS.items():
                if found := pattern.search(text):
                    return Reason(f"the {name} holds {kind}", found[0].strip())
        return None
