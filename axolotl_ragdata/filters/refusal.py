"""Drops a row whose answer refuses: a model that apologises, or one that found nothing to say."""

from __future__ import annotations

import re

from axolotl_ragdata.filters import Evidence, Filter, Reason, answer_of, filters
from axolotl_ragdata.records import Example

# what an assistant says of itself, wherever it says it
OF_ITSELF = re.compile(
    r"\bas an? (?:\w+ ){0,2}?(?:AI|artificial intelligence|(?:large )?language model|LLM|virtual assistant|chatbot)\b"
    r"|\bI(?: am|['’]m) (?:just |only )?an? (?:\w+ ){0,2}?(?:AI|language model|assistant|chatbot)\b"
    r"|\b(?:my (?:training data|knowledge cut-?off|programming)|I was trained (?:on|to))\b"
    r"|\ben tant qu['’](?:IA|intelligence artificielle|assistante?)\b|\ben tant que mod[eè]le (?:de lang|d['’]IA)"
    r"|\bje suis (?:une IA|une intelligence artificielle|un mod[eè]le de lang|un assistant)",
    re.IGNORECASE,
)
# how a refusal begins
REFUSES = re.compile(
    r"^\W*(?:(?:unfortunately|regrettably|well|hello|sorry|malheureusement|désolée?|bonjour)\W+)?(?:but\s+|mais\s+)?(?:"
    r"(?:I(?:['’]m| am)|we(?:['’]re| are)) (?:very |so |really |truly )?(?:sorry|afraid|unable|not able|not allowed|not comfortable)\b"
    r"|my apologies\b|I apologi[sz]e\b|sorry\b"
    r"|(?:I|we) (?:cannot|can['’]t|can not|could not|couldn['’]t|won['’]t|will not|am not able|must decline|would prefer not)\b"
    r"|(?:I|we) (?:do not|don['’]t|did not|didn['’]t) (?:have|know|see|find|understand|feel)\b"
    r"|I (?:need|require|would need) more (?:information|context)\b"
    r"|(?:please )?(?:provide|share|give me) (?:me )?(?:the|more|some|additional) (?:\w+ )?(?:passage|text|context|information|details)\b"
    r"|je (?:suis |m['’]excuse|regrette|vous prie de m['’]excuser)(?:vraiment |sincèrement )?(?:désolée?|navrée?|incapable)?\b"
    r"|je (?:ne |n['’])(?:peux|puis|suis pas|sais|dispose|trouve|ai pas|vois)\b"
    r"|veuillez (?:me )?(?:fournir|donner|préciser)\b)",
    re.IGNORECASE,
)
# an answer that says that there is none
_SOURCE = (
    r"(?:passages?|texts?|documents?|context|excerpts?|sources?|information|articles?|stud(?:y|ies)|data|material)"
)
_QUELLE = r"(?:passages?|textes?|documents?|contexte|extraits?|sources?|informations?|articles?|études?|données)"
NOTHING_FOUND = re.compile(
    rf"\b(?:the |these |this |provided |given |available |supplied |retrieved )*{_SOURCE}(?: provided| given| above| available)? (?:do(?:es)? not|don['’]t|doesn['’]t|did not|didn['’]t|fails? to) "
    r"(?:\w+ly )?(?:contain|mention|provide|specify|state|say|include|answer|address|give|indicate|discuss|describe|offer|explain|tell|report)\b"
    r"|\b(?:is|are|was|were) not (?:\w+ly )?(?:mentioned|specified|stated|provided|given|addressed|discussed|available) (?:in|by) (?:the |these |this )?(?:\w+ )?"
    rf"{_SOURCE}\b"
    r"|\b(?:there is|there['’]s|there was) (?:no|not enough|insufficient) (?:\w+ )?(?:information|mention|answer|context|detail)"
    r"|\b(?:not enough|insufficient|no relevant) (?:information|context|details)\b"
    r"|\b(?:cannot|can['’]t|can not|could not) be (?:answered|determined|inferred|established|found) (?:from|based on|with|in|given|by)\b"
    r"|^\W*(?:not (?:mentioned|specified|stated|available|provided|applicable)|unknown|unanswerable|no answer|n/?a|none|cannot tell|no information)\W*$"
    rf"|\b(?:le|la|les|l['’]|ces?|cette)\s?(?:{_QUELLE})(?: fournie?s?| donnée?s?)? (?:ne |n['’])(?:contien(?:t|nent)|mentionne(?:nt)?|précise(?:nt)?|indique(?:nt)?|répond(?:ent)?|permet(?:tent)?|donne(?:nt)?|fourni(?:t|ssent)|évoque(?:nt)?|dit|disent) (?:pas|rien|aucune?)\b"
    r"|\bn['’](?:est|sont|était) pas (?:mentionnée?s?|précisée?s?|indiquée?s?|spécifiée?s?|fournie?s?)\b|\baucune (?:information|mention|réponse) (?:n['’]|dans|sur|ne)"
    r"|^\W*(?:non (?:précisé|mentionné|spécifié|communiqué)e?|inconnue?|sans réponse|aucune information)\W*$",
    re.IGNORECASE,
)


@filters.register("refusal")
class Refusal(Filter):
    """Refuses answers, in a model's own words, that decline to answer or say that there is nothing to say.

    A row that was made to abstain (`answerable: false`) may say that nothing was found; it may not apologise as a machine.
    """

    def check(self, example: Example, evidence: Evidence) -> Reason | None:
        """Return the words of the refusal, where there are any."""
        if not example.provenance.answer_model:
            return None
        answer = answer_of(example)
        if found := OF_ITSELF.search(answer):
            return Reason("the answer speaks as a machine", found[0])
        if example.answerable and (found := REFUSES.search(answer)):
            return Reason("the answer refuses", found[0].strip())
        if example.answerable and (found := NOTHING_FOUND.search(answer)):
            return Reason("the answer says that there is none", found[0])
        return None
