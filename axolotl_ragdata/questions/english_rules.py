"""English sentence patterns that carry a question with them, by the type of question; the first that fits asks."""

from __future__ import annotations

from axolotl_ragdata.questions.grammar import NOUN, phrase, rule

DET = r"(?P<det>An? |The )?"
# "Attention-deficit/hyperactivity disorder, abbreviated ADHD, is": another name between subject and verb
AKA = r"(?: \([A-Z][\w/.-]{1,12}\)|, (?:abbreviated|known as|also (?:known as|called)|formerly|or|called) [^,]{2,40},)?"
OFTEN = r"(?:usually |typically |commonly |often |generally |normally |mainly |chiefly |mostly |sometimes |also |widely |frequently |primarily |largely |thought to be )?"
SOME = r"(?:about |around |approximately |roughly |nearly |almost |only |an estimated |estimated at |some |up to )?"
COUNT = r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|several|\d{1,2})"
MEASURE = (
    r"(?:[a-z0-9-]+ ){0,3}?(?:prevalence|incidence|median age of onset|mean age of onset|median age|mean age|sensitivity|"
    r"specificity|heritability|mortality|lifetime risk)"
)
# a judgement or a place in the argument, not what a thing is
NO_DEFINITION = (
    r"(?!(?:\w+ )?(?:same|case|reason|result|most|best|first|only|key|sum|sign|total|consequence|cause|effect|problem|"
    r"challenge|question|way|step|example|exception|focus|basis|limitation|advantage|matter|characteristic of|hallmark|"
    r"property that should|rule of thumb|exercise|convention|lifelong|flexible approach|contributor|determinant|driver)\b)"
    r"(?!(?:very |more |most |highly )?(?:challenging|powerful|important|useful|promising|popular|major|crucial|critical|"
    r"serious|comprehensive|suitable|valuable|flexible|natural|good|bad|great|significant|recent|likely)\b)"
    # "is a construct and many …": the phrase ends before it has said anything
    r"(?!.*\b(?:lowest|highest|largest|smallest|greatest)\b)"
    r"(?!(?:[\w-]+ ){1,4}(?:and|but)\b(?! [\w-]+ (?:of|that|which|in which|for|with|by)\b))"
)
SAYS_WHAT = (
    r"(?=.*\b(?:that|which|who|whose|where|when|of|for|with|by|used|in|to|between|from|without|on|about|than)\b)"
)
CONTRAST_VERB = (
    r"(?:is|are|has|have|comes?|means?|refers? to|lasts?|requires?|concerns?|involves?|begins?|occurs?|affects?|persists?|"
    r"responds?|looks?|tends?|describes?)"
)

DEFINITIONS = (
    rule(
        "is-a",
        "definition",
        rf"^{DET}{phrase('x', 5, '(?:of |for |in )?')}{AKA} (?P<verb>is|are) (?:an?|the|any) {NO_DEFINITION}{SAYS_WHAT}.{{25,}}$",
        "What {verb} {det}{x}?",
    ),
    rule(
        "are-things",
        "definition",
        rf"^{phrase('x', 3)}{AKA} are (?:[a-z-]+ ){{0,2}}?[a-z]+s (?:that|which|whose|who|such as|in which) .{{20,}}$",
        "What are {x}?",
    ),
    rule(
        "defined-as",
        "definition",
        rf"^(?:[A-Z][a-z]+ly, )?{DET}{phrase('x', 6)}{AKA} (?P<verb>is|are) {OFTEN}(?:defined|understood|described) (?:as|by)\b.{{15,}}$",
        "How {verb} {det}{x} defined?",
    ),
    rule(
        "refers-to",
        "definition",
        rf"^(?:[A-Z][a-z]+ly, |Plus, )?(?:The term |The phrase )?{DET}[\"“]?{phrase('x', 5)}[\"”]?{AKA} (?:refers? to|means|denotes?) .{{20,}}$",
        "What is meant by {det}{x}?",
    ),
    rule(
        "called",
        "definition",
        rf"^.{{25,}} (?:is|are) (?:called|known as|termed) (?P<det>an? |the )?{phrase('x', 4)}\.$",
        "What is meant by {det}{x}?",
    ),
    rule(
        "characterised-by",
        "definition",
        rf"^{DET}{phrase('x', 5)}{AKA} (?:is|are) {OFTEN}characteri[sz]ed by .{{20,}}$",
        "What characterises {det}{x}?",
    ),
)
CRITERIA = (
    rule(
        "requires",
        "criteria",
        rf"^(?:For |In )?(?P<det>An? |The |A diagnosis of )?{phrase('x', 6)} requires? (?:at least .{{10,}}|(?:both|either|all|"
        rf"that|{COUNT})\b.{{10,}})$",
        "What {does} {det}{x} require?",
    ),
    rule(
        "counts-as",
        "criteria",
        rf"^(?P<det>An? |The ){phrase('x', 4)} (?:counts? as|is (?:called|considered|regarded as|classed as)) {phrase('y', 3)} "
        r"(?:if|when|only if|only when) .{15,}$",
        "When does {det}{x} count as {y}?",
    ),
    rule(
        "decided-when",
        "criteria",
        rf"^{DET}{phrase('x', 5)} (?P<verb>is|are) {OFTEN}(?P<done>diagnosed|considered|offered|recommended|suspected|indicated|"
        r"positive|avoided) (?:when|if|only when|only if) .{15,}$",
        "When {verb} {det}{x} {done}?",
    ),
    rule(
        "includes",
        "criteria",
        rf"^(?P<x>(?:[A-Z]\w+ )?(?:[a-z]+ )?(?:symptoms|signs|features|causes|triggers|criteria|complications|consequences|"
        rf"factors|types|forms|treatments|instruments|components|effects|methods|examples|reasons) (?:of|for) "
        rf"{NOUN}(?: {NOUN}){{0,4}}) (?:include|comprise|are(?= [^.]*,)) .{{20,}}$",
        "What are {x}?",
    ),
    rule(
        "are-among",
        "criteria",
        rf"^.{{8,}} are (?:among the )?(?P<what>(?:[a-z-]+ ){{0,2}}(?:triggers|risk factors|causes|symptoms|signs|features|"
        rf"complications|side effects)) (?P<of>of|for) {phrase('y', 5)}\.$",
        "What are {what} {of} {y}?",
    ),
    rule(
        "consists-of",
        "criteria",
        rf"^{DET}{phrase('x', 6)} (?:consists? of|comprises?|is made up of|falls? into|covers(?= \(1\))) "
        r"(?!malignant|a group|a range|a variety).{15,}$",
        "What {does} {det}{x} consist of?",
    ),
    rule(
        "divided-into",
        "criteria",
        rf"^{DET}{phrase('x', 5)} (?P<verb>is|are) {OFTEN}(?P<done>classified|divided|grouped|categori[sz]ed|subdivided) "
        r"(?:into|by|according to|as) .{12,}$",
        "How {verb} {det}{x} {done}?",
    ),
    rule(
        "there-are",
        "criteria",
        rf"^There are (?P<n>{COUNT}) (?P<x>(?:main |major |basic |distinct )?(?:types|kinds|forms|stages|phases|groups|categories|"
        rf"levels|classes|subtypes|components) of {NOUN}(?: {NOUN}){{0,4}})[:,(—–-].{{10,}}$",
        "What are the {n} {x}?",
    ),
)
COMPARISONS = (
    rule(
        "differs-from",
        "comparison",
        rf"^{DET}{phrase('x', 6)} (?:also |chiefly |mainly )?(?:differs?|is distinguished|are distinguished|is distinct|are distinct) from "
        rf"(?P<det2>an? |the )?{phrase('y', 6)} (?:only |chiefly |mainly )?(?:, in part, )?(?:in|by|because|on)\b.{{8,}}$",
        "How {does} {det}{x} differ from {det2}{y}?",
    ),
    rule(
        "unlike",
        "comparison",
        rf"^(?:Unlike|In contrast to|Compared (?:with|to)|As opposed to) (?P<det2>an? |the )?{phrase('y', 5)}, {'(?P<det>an? |the )?'}"
        rf"{phrase('x', 5)} (?:is|are|has|have|does|do|begins?|lasts?|occurs?|requires?|involves?)\b.{{15,}}$",
        "How {does} {det}{x} differ from {det2}{y}?",
    ),
    rule(
        "whereas",
        "comparison",
        rf"^{DET}{phrase('x', 4)} {CONTRAST_VERB} [^;:]{{8,120}}?, (?:whereas|while) (?P<det2>an? |the )?{phrase('y', 4)} "
        rf"{CONTRAST_VERB}\b.{{5,}}$",
        "How {does} {det}{x} differ from {det2}{y}?",
    ),
    rule(
        "whereas-first",
        "comparison",
        rf"^(?:Whereas|While) {'(?P<det>an? |the )?'}{phrase('x', 4)} {CONTRAST_VERB} [^;:]{{8,120}}?, (?P<det2>an? |the )?"
        rf"{phrase('y', 4)} {CONTRAST_VERB}\b.{{5,}}$",
        "How {does} {det}{x} differ from {det2}{y}?",
    ),
    rule(
        "difference-between",
        "comparison",
        rf"^The (?P<kind>main |chief |key |essential )?difference between {phrase('x', 6)} and {phrase('y', 6)} "
        r"(?:is that|is in|lies|rests|concerns)\b.{8,}$",
        "What is the {kind}difference between {x} and {y}?",
    ),
    rule(
        "not-the-same",
        "comparison",
        rf"^{DET}{phrase('x', 5)} (?:is|are) not the same (?:thing )?as (?P<det2>an? |the )?{phrase('y', 5)}[:;,.].{{15,}}$",
        "How {does} {det}{x} differ from {det2}{y}?",
    ),
)
NUMBERS = (
    rule(
        "measure-in-place",
        "numeric",
        rf"^In (?P<place>[^,.;]{{3,60}}?)(?:, [^,.;]{{3,60}})?,? the (?P<measure>{MEASURE}) of {phrase('x', 8)} (?P<verb>was|is) "
        rf"{SOME}\d.*$",
        "What {verb} the {measure} of {x} in {place}?",
    ),
    rule(
        "measure",
        "numeric",
        rf"^The (?P<measure>{MEASURE}) of {phrase('x', 8)} (?P<verb>was|is) {SOME}\d.*$",
        "What {verb} the {measure} of {x}?",
    ),
    rule(
        "put-at",
        "numeric",
        rf"^[A-Z][^.;]{{10,}}? (?:put|estimated|estimates|puts) the (?P<measure>{MEASURE}) of {phrase('x', 6)} at {SOME}\d.*$",
        "What is the estimated {measure} of {x}?",
    ),
    rule(
        "found-in",
        "numeric",
        rf"^[A-Z][^.;]{{10,}}? found {phrase('x', 5)} in {SOME}\d[^.;]*?(?:%|per cent|percent) of .*$",
        "How common {is_are} {x}?",
    ),
    rule(
        "affects",
        "numeric",
        rf"^{phrase('x', 5)} affects? {SOME}\d[^.]*(?:%|per cent|percent|people|adults|children|in \d).*$",
        "How common {is_are} {x}?",
    ),
    rule(
        "share-of",
        "numeric",
        rf"^(?:More than |Less than |Fewer than |Over |At least )?(?i:{SOME})(?:\d+(?:\.\d+)?(?: ?%| per ?cent| percent)|half|(?:a|one) "
        r"(?:third|quarter|half)|two thirds|three quarters|one in \w+) of (?P<whose>(?:the )?(?:adults|people|children|adolescents|"
        r"women|men|patients|households|persons|infants|individuals|cases|species|adults and children) (?:with|who|in|that|of|from) "
        r"[^,;:()]{8,110}?)(?:[,;:] [^:]*)?\.$",
        "What share of {whose}?",
    ),
    rule(
        "has-items",
        "numeric",
        rf"^(?P<det>The ){phrase('x', 9)} (?:has|contains|consists of) (?P<n>\d+|two|three|four|five|six|seven|eight|nine|ten|"
        r"[a-z]+teen|twenty\S*) (?P<things>items|questions|symptoms|subscales|parts|sections|domains|points)\b.*$",
        "How many {things} does the {x} have?",
    ),
    rule(
        "total-range",
        "numeric",
        rf"^(?P<det>The ){phrase('x', 9)}['’]s (?:total|total score|score|scores|totals) (?:therefore |thus )?(?:ranges?|runs?|goes?|go) "
        r"from \d+ to \d+\b.*$",
        "What is the range of scores on the {x}?",
    ),
    rule(
        "must-last",
        "numeric",
        rf"^{DET}{phrase('x', 6)} (?:must|has to|have to|should) (?:last|persist|continue|be present) (?:for )?"
        r"(?:at least |more than )?(?:\d+|one|two|three|four|six|twelve)\b.*$",
        "How long must {det}{x} last?",
    ),
    rule(
        "lasting",
        "numeric",
        rf"^{DET}{phrase('x', 5)} {OFTEN}lasts? (?:for )?(?:at least |more than |between |about |from |around )?"
        r"(?:\d+|one|two|three|four|six|a few|several)\b.*$",
        "How long {does} {det}{x} last?",
    ),
    rule(
        "scored",
        "numeric",
        rf"^(?P<det>The ){phrase('x', 8)} (?:ranges|runs|is scored|is rated) from \d+ to \d+.*$",
        "What is the range of the {x}?",
    ),
    rule(
        "in-year",
        "numeric",
        rf"^(?P<det>The )?(?:word |term )?[\"“]?{phrase('x', 7)}[\"”]? (?P<verb>was|were) (?:first )?(?P<done>published|introduced|founded|"
        r"discovered|coined|developed|invented|established) (?:by [^,.;]{3,40} )?in (?:1[5-9]|20)\d\d\b.*$",
        "When {verb} {det}{x} {done}?",
    ),
)
# "is regulated by" → "What regulates …?"
AGENTS = {
    "produced": "produces",
    "caused": "causes",
    "influenced": "influences",
    "affected": "affects",
    "determined": "determines",
    "regulated": "regulates",
    "triggered": "triggers",
    "mediated": "mediates",
    "controlled": "controls",
    "secreted": "secretes",
    "encoded": "encodes",
    "elicited": "elicits",
    "driven": "drives",
    "shaped": "shapes",
}
REASONS = (
    *(
        rule(
            f"{done}-by",
            "mechanism",
            rf"^{DET}{phrase('x', 6, '(?:of |in )?')}(?:, by contrast,)? (?:is|are|can be) {OFTEN}{done} by .{{8,}}$",
            f"What {does} {{det}}{{x}}?",
        )
        for done, does in AGENTS.items()
    ),
    rule(
        "why-because",
        "mechanism",
        rf"^{DET}{phrase('x', 6, '(?:of |in |with |for )?')} (?P<verb>is|are) (?P<what>(?:not )?{OFTEN}[a-z-]+(?: [^,;]{{3,55}}?)?),? "
        r"(?:because|since(?= (?:it|they|the|this|these|no)\b)|as(?= (?:it|they)\b)) .{15,}$",
        "Why {verb} {det}{x} {what}?",
    ),
    rule(
        "how-by",
        "mechanism",
        rf"^{DET}{phrase('x', 5, '(?:of |in |with |for )?')} can (?P<what>(?!be\b)[a-z]+ [^,;]{{4,50}}?) by [a-z]+ing .{{8,}}$",
        "How can {det}{x} {what}?",
    ),
    rule(
        "measured-by",
        "mechanism",
        rf"^{DET}{phrase('x', 6, '(?:of |in |with |for )?')} (?:is|are|can be) {OFTEN}(?P<done>measured|assessed|calculated|computed|estimated|"
        r"quantified) (?:by|with|using|from) .{12,}$",
        "How can {det}{x} be {done}?",
    ),
    rule(
        "tool-for",
        "mechanism",
        rf"^{DET}{phrase('x', 4)}{AKA} (?:is|are) (?:an? )?(?:powerful |useful |popular |common |valuable |standard )?(?:tools?|techniques?) "
        r"(?:to|for) .{12,}$",
        "What {is_are} {det}{x} used for?",
    ),
    rule(
        "leads-to",
        "mechanism",
        rf"^{DET}{phrase('x', 4)} (?:(?:can|may) )?{OFTEN}(?:leads? to|results? in|causes?) .{{15,}}$",
        "What {does} {det}{x} lead to?",
    ),
    rule(
        "depends-on",
        "mechanism",
        rf"^{DET}{phrase('x', 6)} depends? (?:mainly |largely |strongly )?(?:up)?on .{{10,}}$",
        "What {does} {det}{x} depend on?",
    ),
    rule(
        "used-for",
        "mechanism",
        rf"^{DET}{phrase('x', 5)}{AKA} (?:is|are|can be) {OFTEN}used (?:to|for) .{{12,}}$",
        "What {is_are} {det}{x} used for?",
    ),
    rule(
        "role-in",
        "mechanism",
        rf"^{DET}{phrase('x', 5)} plays? (?:an?|the) (?:[\w-]+ )?role in {phrase('y', 6)} (?:by|through|because|as)\b.{{10,}}$",
        "What role {does} {det}{x} play in {y}?",
    ),
    rule(
        "affects-what",
        "mechanism",
        rf"^{DET}{phrase('x', 4)} (?:increases?|raises?|reduces?|lowers?|decreases?|improves?|impairs?|worsens?) (?P<det2>the )?"
        rf"{phrase('y', 5)} (?:by|to|because|through|since)\b.{{10,}}$",
        "How {does} {det}{x} affect {det2}{y}?",
    ),
)

RULES = (*COMPARISONS, *CRITERIA, *NUMBERS, *DEFINITIONS, *REASONS)
