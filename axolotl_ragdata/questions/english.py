"""What the rules need to know of English: words that name nothing, headings, lists and tables."""

from __future__ import annotations

import re

from axolotl_ragdata.questions.english_rules import COUNT, RULES
from axolotl_ragdata.questions.grammar import Language, TableWords, titled

FEATURES = (
    r"(?:(?:core|main|clinical|diagnostic|typical|common|key|chief) )?(?:features|symptoms|signs|criteria|characteristics|causes|"
    r"risk factors|complications|types|subtypes|forms|components|stages|indications|contraindications|warning signs|triggers)"
)

EMPTY = re.compile(
    r"\b(?:an?|aims?|goals?|purposes?|objectives?|study|studies|paper|papers|articles?|results?|findings?|analys[ie]s|data|dataset|"
    r"samples?|participants?|subjects|experiments?|hypothes[ie]s|limitations?|methods?|models?|approach|algorithms?|work|figures?|"
    r"tables?|sections?|contributions?|conclusions?|questions?|authors?|we|our|us|this|that|these|those|there|it|they|he|she|which|what|"
    r"who|whom|here|one|ones|others?|another|some|many|most|few|each|both|all|none|first|second|third|former|latter|examples?|"
    r"difference|reason|problem|issue|thing|idea|point|fact|answer|rule|case|cases|way|part|parts|number|two|three|four|five|six|seven|"
    r"eight|also|however|therefore|if|when|where|while|because|not|and|or|but|was|were|is|are|has|have|had|be|been|can|may|will|must|"
    r"used|using|based|found|showed|shown|called|known|given|seen|people|patients|persons?|someone|doctors|clinicians|researchers|"
    r"treatment|support|practice|criterion|text|letter|word|above|below|following|previous|latter|respectively|cohorts?|screen|"
    r"differences|overview)\b",
    re.IGNORECASE,
)
LEANING = re.compile(
    r"(?:it|its|this|that|these|those|they|their|them|he|she|his|her|such|both|either|neither|however|therefore|thus|hence|moreover|"
    r"furthermore|besides|instead|but|and|or|so|yet|then|here|there (?!are (?:two|three|four|five|six|seven|eight|\d))|also|we|our|i|"
    rf"another|other|others|the other|most (?:are|of)|(?:in plain words )?the (?:former|latter|same|first|second|third|{COUNT}|rest|list|"
    r"following|current|present|proposed|above)|in (?:this|that|such|these|both|contrast(?! to)|addition|text|the same)|for (?:this|these|example|instance)|"
    r"as a result|on the other hand|by comparison|by contrast|since|although|though|because|if|when|as(?! opposed)|how|why|what|"
    r"which|who|where|once|until|unless|despite|given|see|note|reported|specifically|similarly|finally|additionally|consequently|"
    r"overall|notably|first|second|third|lastly|next|accordingly|indeed|interestingly|importantly|for its)\b",
    re.IGNORECASE,
)
SPEAKING = re.compile(
    r"\b(?:we|our|ours|herein|(?-i:us|my|I(?= (?:am|was|have|had|think|will|would|did|do|see|argue|believe)\b)))\b|\b(?:see|in) (?:Fig|Table|Section|Supplement)|\bet al\b|\bQED\b|https?:|www\.",
    re.IGNORECASE,
)
NO_SUBJECT = re.compile(
    r"^(?:onset|groups?|factors?|values?|tasks?|images?|cells?|networks?|systems?|risks?|symptoms|scores?|levels?|bands|severity bands)$|\b(?:values?|(?-i:[A-Z]{2,4})s)$|"
    r"^(?:emitted|obtained|resulting|observed|measured|recorded|selected|extracted|separate|remaining|corresponding|respective|proposed|"
    r"present|current|same|total)\b|"
    r"^(?:the|an?|in|for|at|with|by|from|on|after|before|under|as|of|to|during|within|among|between|through|via|like|unlike|than|since|per|no|"
    r"any|every|its|their|more|less|only|very|about)\b|\b(?:in|for|at|with|by|from|on|of|to|only|also|often|usually|then|still|now|here|"
    r"there|than|as|always|never|both|either|itself|themselves|typically|commonly|generally)$",
    re.IGNORECASE,
)
BARE = re.compile(r"^[a-z]+$")


def is_plural(subject: str) -> bool:
    """Return whether a subject takes a plural verb, by its head noun."""
    head = re.split(r" (?:of|for|in|with|from|to|on|between) ", subject)[0].split()[-1].lower()
    if " and " in subject or head in (
        "children",
        "people",
        "men",
        "women",
        "criteria",
        "data",
        "bacteria",
        "mice",
        "phenomena",
    ):
        return True
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "ics", "sis", "itis", "abetes"))


TABLE = TableWords(
    attributes=re.compile(
        r"^(?:[a-z-]+ ){0,2}(?:duration|onset|age of onset|prevalence|incidence|frequency|cause|trigger|outcome|complaint|severity|"
        r"core symptoms|main symptoms|distinguishing feature|treatment|location|range|threshold|cut-?off|dose|mechanism|time "
        r"frame|body weight|temperature|size|length|diagnosis|function|purpose|origin|habitat|pattern|half-life|boiling point|melting "
        r"point|density|unit|capital|symptoms required)(?: (?:of|after|before|at|for) [a-z ]{3,30})?$",
        re.IGNORECASE,
    ),
    keys=(
        (re.compile(r"^(?:condition|disorder|disease|diagnosis|syndrome|illness|infection)s?$", re.IGNORECASE), " in "),
        (
            re.compile(r"^(?:instrument|scale|questionnaire|test|measure|tool|index|inventory)s?$", re.IGNORECASE),
            " of the ",
        ),
        (re.compile(r"^(?:manifestation|symptom|sign|drug|medicine|treatment|therapy)s?$", re.IGNORECASE), " for "),
        (
            re.compile(
                r"^(?:species|animal|plant|element|material|substance|compound|country|city|method|type|phase|stage|name)s?$",
                re.I,
            ),
            " of ",
        ),
    ),
    corner=re.compile(
        r"^(?:features?|rules?|criterion|criteria|characteristics?|aspect|property|dimension|variable|parameter|attribute)$",
        re.IGNORECASE,
    ),
    scores=re.compile(r"(?:^|\b)(?:total )?scores?$|^(?:points|total)$", re.IGNORECASE),
    levels=(
        (re.compile(r"^(?:severity|grade)$", re.IGNORECASE), "{cell} {label}"),
        (re.compile(r"^(?:level|degree) of ", re.IGNORECASE), "a {cell} {label}"),
        (
            re.compile(
                r"^(?:meaning|interpretation|category|band|result|classification|diagnosis|risk)$", re.IGNORECASE
            ),
            "{cell}",
        ),
    ),
    instrument=re.compile(
        r"(?:interpretation|severity bands|scores?|cut-offs|scoring) (?:of|on|for) the (?P<x>.+?)(?: (?:total )?scores?)?\.?$|"
        r"^(?P<x2>[A-Z][\w-]*[A-Z0-9][\w-]*) (?:total )?scores?\b",
        re.IGNORECASE,
    ),
    ask_cell="What {is_are} the {label}{joint}{thing}?",
    answer_cell=("The {label}{joint}{thing} {is_are} {cell}.", "The {label}{joint}{thing} {is_are} {cell}."),
    ask_difference="How do {thing} and {other} differ in {label}?",
    answer_difference=(
        "The {label}{joint}{thing} {is_are} {cell}.",
        "The {label}{joint}{other} {is_are} {other_cell}.",
    ),
    ask_band="How is a score of {band} on the {instrument} interpreted?",
    answer_band="A score of {band} on the {instrument} stands for {level}.",
    captions=(
        titled("table", r"^interpretation of (?P<x>the .+?)\.?$", "How is {x} interpreted?"),
        titled(
            "table",
            rf"^(?P<x>(?:the )?(?:{COUNT} )?(?:[\w-]+ )?(?:items|subscales|clusters|levels|grades|stages|types|phases|categories|"
            r"criteria|bands|components|steps) (?:of|in|for) .+?)(?: by .+)?\.?$",
            "What are {the_x}?",
        ),
        titled(
            "table",
            r"^(?P<x>(?:[\w-]+ )?(?:conditions|disorders|diseases|drugs|substances|species|factors|methods|instruments)) (?:that|which) "
            r"(?P<rest>.+?)\.?$",
            "Which {x} {rest}?",
        ),
        titled("comparison", r"^comparison of (?P<x>[^,]+? and [^,]+?)\.?$", "How do {x} compare?"),
    ),
    schemes=re.compile(r"^(?:DSM|ICD|ISO|WHO|NICE|APA)[\w.-]{0,8}$"),
    of_labels=re.compile(
        r"(?:duration|onset|prevalence|incidence|frequency|cause|treatment|distinguishing feature|time frame|severity|trigger|dose|size|length)$",
        re.IGNORECASE,
    ),
    subject=re.compile(
        r"\b(?:rules|criteria|requirements|thresholds|definitions?) (?:for|of) (?P<x>.+?) (?:in|by|according|under)\b",
        re.IGNORECASE,
    ),
    cells_without_news=re.compile(
        r"^(?:cannot|can|may|must|starts?|begins?|ends?|falls?|follows?|has|have|is|are|lasts?|improves?|occurs?|usually|often|talks?|any|none|"
        r"suggests?)\b|.*\bsuggests\b|^(?:yes|no|[-–—]|n/?a|none|varies|variable|episodes|support|possible|required|usual|often|usually|not required|not fixed|other|"
        r"unknown|see .*|until treated|support|any|all|\W*|by algorithm)$",
        re.IGNORECASE,
    ),
    scheme_joint=" of {x} in ",
)

COMMON = r"\d(?:%| per cent| percent| million| in \d)|\b(?:one in|prevalence|incidence|more common|rare)\b"
ENGLISH = Language(
    code="en",
    rules=RULES,
    leaning=LEANING,
    speaking=SPEAKING,
    empty_subjects=EMPTY,
    no_subject=NO_SUBJECT,
    bare=BARE,
    plural=is_plural,
    fill={"does": ("does", "do"), "is_are": ("is", "are")},
    dangling=re.compile(
        r"\b(?:this|these|those(?! (?:who|of|that|with|in|whose))|aforementioned|the same survey|that (?:survey|study|sample))\b",
        re.I,
    ),
    vague=re.compile(
        r"^(?:(?:untreated|expected|unexpected|first|new|typical|single|severe|mild|hospital|early|late) )?(?:episode|attack|prevalence|"
        r"incidence|frequency|response|outcome|admission|prognosis|relapse|severity)s?$|"
        r"\b(?:first|new|single|untreated) (?:episode|attack)s?\b"
    ),
    unnamed=re.compile(r"\bthe (?:disorder|condition|disease|illness|syndrome|infection)\b(?! of)"),
    everyday=frozenset(
        [
            "insight",
            "exposure",
            "response",
            "masking",
            "tolerance",
            "withdrawal",
            "accommodation",
            "avoidance",
            "recovery",
            "intoxication",
            "dependence",
            "remission",
            "craving",
            "intrusion",
            "sensitivity",
            "specificity",
            "expression",
            "attention",
            "capacity",
            "resistance",
            "transfer",
            "reduction",
            "worry",
            "inattention",
            "hyperactivity",
            "impulsivity",
            "restlessness",
            "monitoring",
            "screening",
        ]
    ),
    in_topic="{} in {}?",
    kept_capitals=frozenset(
        [
            "I",
            "Alzheimer",
            "Parkinson",
            "Asperger",
            "Tourette",
            "Hamilton",
            "Beck",
            "Young",
            "Mood",
            "Montgomery",
            "English",
            "French",
            "German",
            "American",
            "European",
            "Bayesian",
            "Gaussian",
            "Western",
            "Eastern",
            "African",
            "Asian",
            "Wernicke",
            "Crohn",
            "Hodgkin",
            "Doppler",
            "Fourier",
            "Markov",
            "Poisson",
            "Greek",
            "Latin",
            "Chinese",
            "Indian",
        ]
    ),
    pronouns=(
        (
            re.compile(
                r"^It (?=(?:has|is|was|ranges|runs|lasts|requires|consists|comprises|affects|depends|differs)\b)"
            ),
            "{subject} ",
        ),
        (re.compile(r"^Its (?=\w)"), "{subject}’s "),
    ),
    headings=(
        titled("criteria", rf"^(?P<what>{FEATURES}) (?P<rest>(?:of|for) .+)$", "What are the {what} {rest}?"),
        titled("criteria", rf"^(?P<what>{FEATURES})$", "What are the {what} of {topic}?"),
    ),
    sections=(
        titled(
            "heading",
            r"^(?:treatments?|management|treatment overview|treatment and management|therapy)$",
            "How is {topic} treated?",
        ),
        titled(
            "heading",
            r"^(?:course|prognosis|course and prognosis|clinical course|natural history|phases and course|course and outcome)$",
            "What is the course of {topic}?",
        ),
        titled(
            "heading", r"^(?:epidemiology|prevalence|how common it is|frequency)$", "How common is {topic}?", COMMON
        ),
        titled(
            "heading",
            r"^(?:causes|a?etiology|causes and risk factors|pathophysiology|origins)$",
            "What causes {topic}?",
        ),
    ),
    leads=(
        titled(
            "criteria",
            rf"^(?P<n>{COUNT}) (?!or |of )(?P<what>[a-z-]+(?: [a-z-]+){{1,4}}) (?P<rest>(?:are|apply|must|have|can|help)\b[^.:]*)[.:]$",
            "Which {n} {what} {rest}?",
        ),
        titled(
            "criteria",
            r"^(?P<what>(?:the )?(?:[a-z-]+ ){1,3}(?:of|for) [a-z -]{3,60}?) (?:include|are|comprise)(?: the following| as follows)?[:.]$",
            "What are {what}?",
        ),
    ),
    table=TABLE,
    polish=lambda question: question.replace("the the ", "the "),
)
