"""Sentence patterns that carry a question with them, by language: what a rule asks without a model.

Each pattern is matched against one whole sentence (citation marks left out). Its groups fill the question; `asks` may
hold two forms, for a singular and a plural subject. The language decides only which table is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

# the words of a noun phrase; no verb can be told by its form, so phrases are kept short
NOUN = r"[^\W_](?:[^\W_]|[-'’/&](?=\w))*"


def phrase(name: str, most: int, after: str = "") -> str:
    """Return a named group of up to so many words."""
    return rf"(?P<{name}>{NOUN}(?: (?:{after}{NOUN})){{0,{most - 1}}}?)"


@dataclass(frozen=True)
class Rule:
    """A pattern of a sentence and the question that it answers.

    `asks` is filled by `str.format` with the pattern's groups; `{is_are}` and the like follow the subject's number.
    """

    name: str
    type: str
    pattern: re.Pattern[str]
    asks: str
    subject: str = "x"


@dataclass(frozen=True)
class Language:
    """What the rules need to know of a language."""

    code: str
    rules: tuple[Rule, ...]
    leaning: re.Pattern[str]
    """A sentence that begins so cannot stand alone."""
    empty_subjects: re.Pattern[str]
    """A subject that holds one of these words names nothing that a reader could look up."""
    plural: Callable[[str], bool]
    lower_first: Callable[[str], str]
    fill: dict[str, tuple[str, str]]
    """Words that follow the subject's number: (singular, plural)."""
    headings: tuple[tuple[re.Pattern[str], str, str], ...]
    """(pattern of a section title, type, question); `{topic}` is the document's subject."""
    table_cell: str
    """The question about a cell: `{row}` is what is asked for, `{column}` what it is asked of."""
    label_of_no_noun: re.Pattern[str]
    """A label of a table that cannot be asked for."""
    criterion_headers: re.Pattern[str]


def english(name: str, type_: str, pattern: str, asks: str, subject: str = "x") -> Rule:
    """Return an English rule."""
    return Rule(name, type_, re.compile(pattern), asks, subject)


ENGLISH_RULES = (
    english(
        "is-a",
        "definition",
        rf"^(?P<det>An? |The )?{phrase('x', 5)} (?P<verb>is|are) (?:an?|the|one of the|one of|any) (?!(?:(?:\w+ )?"
        r"(?:same|case|reason|result|most|best|first|main|only|key|sum|sign|number|total|score|consequence|cause|effect|problem|"
        r"challenge|question|way|step|example|exception|focus|basis|part|limitation|advantage|matter|function of|"
        r"characteristic of|hallmark|property that should)\b)|(?:very |more |most )?(?:challenging|powerful|important|useful|promising|popular|"
        r"major|crucial|critical|serious|comprehensive|suitable|valuable)\b)(?P<rest>.{25,})$",
        "What {verb} {det}{x}?",
    ),
    english(
        "defined-as",
        "definition",
        rf"^(?P<det>An? |The )?{phrase('x', 6)} (?P<verb>is|are) (?:usually |commonly |often )?(?:defined|understood|described)"
        r" (?:as|by)\b.{15,}$",
        "How {verb} {det}{x} defined?",
    ),
    english(
        "refers-to",
        "definition",
        rf"^(?:The term |The phrase )?(?P<det>An? |The )?[\"“]?{phrase('x', 5)}[\"”]? (?:refers? to|means|denotes?) .{{20,}}$",
        "What is meant by {det}{x}?",
    ),
    english(
        "called",
        "definition",
        rf"^.{{25,}} (?:is|are) (?:called|known as|termed) (?P<det>an? |the )?{phrase('x', 4)}\.$",
        "What is meant by {det}{x}?",
    ),
    english(
        "requires",
        "criteria",
        rf"^(?:For |In )?(?P<det>An? |The |A diagnosis of )?{phrase('x', 6)} requires? (?P<rest>at least .{{10,}}|(?:both|"
        r"either|all|that|two|three|four|five|six)\b.{10,})$",
        "What {does} {det}{x} require?",
    ),
    english(
        "counts-as",
        "criteria",
        rf"^(?P<det>An? |The ){phrase('x', 4)} (?:counts? as|is (?:called|considered|regarded as|classed as)) {phrase('y', 4)} "
        r"(?:if|when|only if|only when) .{15,}$",
        "When does {det}{x} count as {y}?",
    ),
    english(
        "includes",
        "criteria",
        rf"^(?P<x>(?:[A-Z]\w+ )?(?:[a-z]+ )?(?:symptoms|signs|features|causes|triggers|criteria|complications|consequences|"
        r"factors|types|forms|treatments|instruments|components|effects|methods|examples|reasons) (?:of|for) "
        rf"{NOUN}(?: {NOUN}){{0,4}}) (?:include|comprise|are(?= [^.]*,)) (?P<rest>.{{20,}})$",
        "What are {x}?",
    ),
    english(
        "consists-of",
        "criteria",
        rf"^(?P<det>An? |The )?{phrase('x', 6)} (?:consists? of|comprises?|is made up of|falls? into|has three parts) .{{15,}}$",
        "What {does} {det}{x} consist of?",
    ),
    english(
        "differs-from",
        "comparison",
        rf"^{phrase('x', 6)} (?:also )?differs? from {phrase('y', 6)} (?:in|by|because|mainly|chiefly|in that|on)\b.{{8,}}$",
        "How {does} {x} differ from {y}?",
    ),
    english(
        "unlike",
        "comparison",
        rf"^(?:Unlike|In contrast to|Compared with|As opposed to) {phrase('y', 5)}, {phrase('x', 5)} (?P<verb>is|are|has|have|"
        r"does|do|begins?|lasts?|occurs?|requires?|involves?)\b.{15,}$",
        "How {does} {x} differ from {y}?",
    ),
    english(
        "difference-between",
        "comparison",
        rf"^The (?P<kind>main |chief |key |essential )?difference between {phrase('x', 6)} and {phrase('y', 6)} "
        r"(?:is that|is in|lies|rests|concerns)\b.{8,}$",
        "What is the {kind}difference between {x} and {y}?",
    ),
    english(
        "not-the-same",
        "comparison",
        rf"^(?P<det>An? |The )?{phrase('x', 5)} (?:is|are) not the same (?:thing )?as {phrase('y', 5)}[:;,.].{{15,}}$",
        "How {does} {det}{x} differ from {y}?",
    ),
    english(
        "measure-in-place",
        "numeric",
        rf"^In (?P<place>[^,.;]{{3,60}}), the (?P<measure>(?:[a-z0-9-]+ ){{0,3}}(?:prevalence|incidence|median age|mean age|"
        rf"age of onset|sensitivity|specificity|heritability|mortality|rate)) of {phrase('x', 8)} (?P<verb>was|is) (?:about |"
        r"around |estimated at |approximately )?(?P<rest>\d.*)$",
        "What {verb} the {measure} of {x} in {place}?",
    ),
    english(
        "measure",
        "numeric",
        rf"^The (?P<measure>(?:[a-z0-9-]+ ){{0,3}}(?:prevalence|incidence|median age|mean age|sensitivity|specificity|"
        rf"heritability|mortality|lifetime risk|rate)) of {phrase('x', 8)} (?P<verb>was|is) (?:about |around |estimated at |"
        r"approximately )?(?P<rest>\d.*)$",
        "What {verb} the {measure} of {x}?",
    ),
    english(
        "affects",
        "numeric",
        rf"^{phrase('x', 5)} affects? (?:about |around |approximately |roughly |an estimated )?(?P<rest>\d[^.]*(?:%|per cent|"
        r"percent|people|adults|children|in \d).*)$",
        "How common {is_are} {x}?",
    ),
    english(
        "has-items",
        "numeric",
        rf"^(?P<det>The ){phrase('x', 9)} (?:has|contains|consists of) (?P<n>\d+|two|three|four|five|six|seven|eight|nine|ten|"
        r"[a-z]+teen|twenty\S*) (?P<things>items|questions|symptoms|subscales|parts|sections|domains|points)\b.*$",
        "How many {things} does the {x} have?",
    ),
    english(
        "must-last",
        "numeric",
        rf"^(?P<det>The |An? )?{phrase('x', 6)} (?:must|has to|have to|should) (?:last|persist|continue|be present) (?:for )?"
        r"(?:at least |more than )?(?P<rest>(?:\d+|one|two|three|four|six|twelve)\b.*)$",
        "How long must {det}{x} last?",
    ),
    english(
        "lasting",
        "numeric",
        rf"^(?P<det>The |An? )?{phrase('x', 5)} (?:usually |typically |generally |often |commonly |normally )?lasts? (?:for )?(?:at least |more than |"
        r"between |about |from |around )?(?P<rest>(?:\d+|one|two|three|four|six|a few|several)\b.*)$",
        "How long {does} {det}{x} last?",
    ),
    english(
        "scored",
        "numeric",
        rf"^(?P<det>The ){phrase('x', 8)} (?:ranges|runs|is scored|is rated) from (?P<rest>\d+ to \d+.*)$",
        "What is the range of the {x}?",
    ),
    english(
        "why-because",
        "mechanism",
        rf"^(?P<det>The |An? )?{phrase('x', 6)} (?P<verb>is|are) (?P<what>(?:often |usually |commonly )?(?:missed|overlooked|"
        r"avoided|needed|checked|recommended|preferred|misdiagnosed|not recommended)) because (?P<rest>.{15,})$",
        "Why {verb} {det}{x} {what}?",
    ),
)

FRENCH_RULES = (
    Rule(
        "est-un",
        "definition",
        re.compile(
            rf"^(?P<det>Un |Une |Le |La |L['’]|Les )?{phrase('x', 6, '(?:de |du |des |d’|d[' + chr(39) + r'])?')} "
            r"(?P<verb>est|sont) (?:un|une|des|le|la|l['’])\s?(?P<rest>.{25,})$"
        ),
        "Qu’est-ce que {det}{x} ?",
    ),
    Rule(
        "se-definit",
        "definition",
        re.compile(
            rf"^(?P<det>Un |Une |Le |La |L['’]|Les )?{phrase('x', 6)} (?:se définit|se définissent|est défini|est définie|"
            r"désigne|désignent|signifie) .{15,}$"
        ),
        "Comment définit-on {det}{x} ?",
    ),
    Rule(
        "differe",
        "comparison",
        re.compile(
            rf"^(?P<det>Le |La |L['’]|Les ){phrase('x', 5)} (?:se distingue|se distinguent|diffère|diffèrent) "
            rf"(?P<de>de la |de l['’]|du |des |d['’]|de ){phrase('y', 5)} (?:par|en|car|en ce)\b.{{8,}}$"
        ),
        "En quoi {det}{x} se distingue-t-{pronoun} {de}{y} ?",
    ),
    Rule(
        "prevalence",
        "numeric",
        re.compile(
            rf"^(?P<det>La )(?P<measure>prévalence|incidence)(?P<kind>(?: [a-zé-]+){{0,2}}?) (?P<de>du |de la |de l['’]|des )"
            rf"{phrase('x', 6)} (?P<verb>est|était) (?:estimée à |d['’]environ |de |proche de )?(?P<rest>\d.*)$"
        ),
        "Quelle {verb} la {measure}{kind} {de}{x} ?",
    ),
    Rule(
        "comporte",
        "numeric",
        re.compile(
            rf"^(?P<det>L['’]|Le |La ){phrase('x', 8)} (?:comporte|contient|compte|comprend) (?P<n>\d+|deux|trois|quatre|cinq|six|"
            r"sept|huit|neuf|dix|\w+) (?P<things>items|questions|symptômes|parties)\b.*$"
        ),
        "Combien {d}{things} {det}{x} comporte-t-{pronoun} ?",
    ),
)

ACRONYM = re.compile(r"^(?:[A-Z0-9][\w-]*[A-Z0-9]\w*|[A-Z]\d?)$")
PROPER = re.compile(r"^[A-ZÀ-Þ][\w’'-]+(?: (?:[A-ZÀ-Þ][\w’'-]+|of|for|the|and|de|du|des|la))* [A-ZÀ-Þ0-9][\w’'-]*")
KEPT_CAPITAL = frozenset(
    """I Alzheimer Parkinson Asperger Tourette Hamilton Beck Young Mood Montgomery English French German American European
    Bayesian Gaussian Western Eastern African Asian""".split()  # noqa: SIM905
)


def english_plural(subject: str) -> bool:
    """Return whether an English subject takes a plural verb, by its head noun."""
    head = re.split(r" (?:of|for|in|with|from|to|on|between) ", subject)[0].split()[-1].lower()
    if " and " in subject:
        return True
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "ics", "sis", "itis", "abetes"))


def lower_first(subject: str) -> str:
    """Return a subject as it stands inside a sentence: a capital is kept for a name or an acronym."""
    words = subject.split()
    if (
        ACRONYM.match(words[0])
        or words[0].removesuffix("'s").removesuffix("’s") in KEPT_CAPITAL
        or PROPER.match(subject)
    ):
        return subject
    return subject[0].lower() + subject[1:]


EMPTY_EN = re.compile(
    r"\b(?:an?|aims?|goals?|purposes?|objectives?|study|studies|paper|papers|articles?|results?|findings?|analys[ie]s|analyses|data|dataset|"
    r"samples?|sample size|participants?|subjects|experiments?|hypothes[ie]s|limitations?|methods?|models?|approach|algorithms?|work|figures?|"
    r"tables?|sections?|contributions?|conclusions?|questions?|authors?|we|our|us|this|that|these|those|there|it|they|he|she|which|what|who|"
    r"whom|here|one|ones|others?|another|some|many|most|few|each|both|all|none|first|second|third|former|latter|example|examples|"
    r"difference|reason|problem|issue|thing|idea|point|fact|question|answer|rule|case|way|part|parts|number|two|three|four|seven|eight|"
    r"also|however|therefore|who|if|when|where|while|because|not|and|or|but|was|were|is|are|has|have|had|be|been|can|may|will|"
    r"used|using|based|found|showed|shown|called|known|given|seen|people|patients|persons?|someone|doctors|clinicians|researchers)\b",
    re.IGNORECASE,
)
EMPTY_FR = re.compile(
    r"\b(?:étude|études|article|articles|résultats?|objectifs?|but|buts|données|méthodes?|modèles?|analyse|analyses|tableau|figure|section|"
    r"auteurs?|nous|on|il|elle|ils|elles|ce|cela|ceci|cette|ces|celui|celle|premier|première|second|seconde|autre|autres|certains|tel|telle|"
    r"plusieurs|exemple|différence|raison|problème|question|questions|fait|partie|qui|que|dont|où|et|ou|mais|personnes?|patients?|texte)\b",
    re.IGNORECASE,
)
LEANING_EN = re.compile(
    r"(?:it|its|this|that|these|those|they|their|them|he|she|his|her|such|both|either|neither|however|therefore|thus|hence|moreover|"
    r"furthermore|besides|instead|but|and|or|so|yet|then|here|there|also|we|our|i|another|other|others|the (?:former|latter|same|other|"
    r"first|second|third|two|three|four|rest|seven|eight|list|following)|in (?:this|that|such|these|both|contrast|addition)|for (?:this|these|"
    r"example|instance)|as a result|on the other hand|by comparison|by contrast|since|although|though|while|whereas|because|if|when|as|how|"
    r"why|what|which|who|where|once|until|unless|despite|given|in text|see|note|reported)\b",
    re.IGNORECASE,
)
LEANING_FR = re.compile(
    r"(?:il|elle|ils|elles|ce|cet|cette|ces|cela|ceci|celui|celle|ceux|leur|leurs|son|sa|ses|toutefois|cependant|pourtant|ainsi|donc|mais|"
    r"or|et|ou|en outre|de plus|par ailleurs|en revanche|au contraire|nous|notre|nos|on|les deux|le premier|la première|dans ce|si|lorsque|quand|comme|puisque|bien que|quoique|tandis que|alors que)\b",
    re.IGNORECASE,
)
FEATURES = (
    r"(?:core |main |clinical |diagnostic |typical |common |other |key |chief )?(?:features|symptoms|signs|criteria|characteristics|causes|"
    r"risk factors|complications|types|subtypes|forms|components|stages|indications|contraindications|warning signs)"
)

LANGUAGES = {
    "en": Language(
        code="en",
        rules=ENGLISH_RULES,
        leaning=LEANING_EN,
        empty_subjects=EMPTY_EN,
        plural=english_plural,
        lower_first=lower_first,
        fill={"does": ("does", "do"), "is_are": ("is", "are")},
        headings=(
            (
                re.compile(rf"^(?P<what>{FEATURES}) (?P<rest>(?:of|for) .+)$", re.IGNORECASE),
                "criteria",
                "What are the {what} {rest}?",
            ),
            (re.compile(rf"^(?P<what>{FEATURES})$", re.IGNORECASE), "criteria", "What are the {what} of {topic}?"),
        ),
        table_cell="What {verb} the {row} for {column}?",
        label_of_no_noun=re.compile(
            r"^(?:how|what|who|when|where|why|if|whether|which|comments?|notes?|examples?|references?|codes?|variables?|coding type|"
            r"descriptions?|details?|conditions?|abbreviations?|names?|units?|types?)\b|[,/>]|\b(?:by|of|for|in|to|with|from|"
            r"present|differs?|follows?|required|used|found|needed|given|counted|affected)$|\((?!.*\))",
            re.IGNORECASE,
        ),
        criterion_headers=re.compile(
            r"^(?:feature|features|rule|rules|criterion|criteria|characteristic|aspect|property|question|point|dimension|domain|variable|"
            r"measure|item|parameter)$",
            re.IGNORECASE,
        ),
    ),
    "fr": Language(
        code="fr",
        rules=FRENCH_RULES,
        leaning=LEANING_FR,
        empty_subjects=EMPTY_FR,
        plural=lambda subject: subject.split()[0].endswith(("s", "x")),
        lower_first=lower_first,
        fill={"pronoun": ("il", "ils"), "d": ("de ", "de ")},
        headings=(
            (
                re.compile(
                    r"^(?P<what>Symptômes|Critères|Caractéristiques|Signes|Facteurs de risque|Causes) (?P<rest>(?:du|de|des|d['’]).+)$"
                ),
                "criteria",
                "Quels sont les {what} {rest} ?",
            ),
        ),
        table_cell="Pour {column}, quelle information correspond à « {row} » ?",
        label_of_no_noun=re.compile(
            r"^(?:comment|qui|quand|où|pourquoi|si|remarques?|notes?)\b|,|\b(?:par|de|pour|en|avec)$", re.IGNORECASE
        ),
        criterion_headers=re.compile(r"^(?:critère|caractéristique|aspect|point|élément)$", re.IGNORECASE),
    ),
}
