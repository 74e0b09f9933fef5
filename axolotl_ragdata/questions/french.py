"""French sentence patterns, headings and tables that carry a question with them.

Questions are put so that they need no gender of a noun that the text does not show.
"""

from __future__ import annotations

import re

from axolotl_ragdata.questions.grammar import Language, TableWords, phrase, rule, titled

DET = r"(?P<det>Un |Une |Le |La |L['’]|Les )"
OF = r"(?:de la |de l['’]|de |du |des |d['’])?"
AKA = r"(?: \([A-Z][\w/.-]{1,12}\)|, (?:ou|abrégée?|aussi appelée?|dite?) [^,]{2,40},)?"
SOUVENT = r"(?:souvent |généralement |habituellement |surtout |principalement )?"
CONTRAST_VERB = r"(?:est|sont|a|ont|concernent?|répond(?:ent)?|regarde(?:nt)?|dure(?:nt)?|désigne(?:nt)?|commence(?:nt)?|touche(?:nt)?)"
# "de la peur" holds "la peur"
ARTICLE_OF = {
    "du ": "le ",
    "de la ": "la ",
    "de l'": "l'",
    "de l’": "l’",
    "des ": "les ",
    "de ": "",
    "d'": "",
    "d’": "",
}


RULES = (
    rule(
        "differe",
        "comparison",
        rf"^{DET}{phrase('x', 5, OF)} (?:se distingue|se distinguent|diffère|diffèrent) "
        rf"(?P<of>de la |de l['’]|du |des |d['’]|de ){phrase('y', 5, OF)} (?:par|en|car)\b.{{8,}}$",
        "Quelle est la différence entre {det}{x} et {of_article}{y} ?",
    ),
    rule(
        "tandis-que",
        "comparison",
        rf"^{DET}{phrase('x', 4, OF)} {CONTRAST_VERB} [^;:]{{8,120}}?, (?:tandis que|alors que) (?P<det2>le |la |l['’]|les )"
        rf"{phrase('y', 4, OF)} {CONTRAST_VERB}\b.{{5,}}$",
        "Quelle est la différence entre {det}{x} et {det2}{y} ?",
    ),
    rule(
        "prevalence",
        "numeric",
        r"^(?P<det>La )(?P<measure>prévalence|incidence)(?P<kind>(?: [a-zé-]+){0,2}?) (?P<of>du |de la |de l['’]|des )"
        rf"{phrase('x', 6, OF)} (?P<verb>est|était) (?:estimée à |d['’]environ |de |proche de )?\d.*$",
        "Quelle {verb} la {measure}{kind} {of}{x} ?",
    ),
    rule(
        "part-des",
        "numeric",
        r"^(?:Environ |Près de |Plus de |Moins de )?\d+(?:,\d+)? ?% des (?P<whose>(?:adultes|personnes|enfants|femmes|hommes|patients|cas|espèces) "
        r"[^,;:()]{8,110}?)(?:[,;] .*)?\.$",
        "Quelle part des {whose} ?",
    ),
    rule(
        "comporte",
        "numeric",
        rf"^(?P<det>L['’]|Le |La ){phrase('x', 8, OF)}(?:, publiée? en \d{{4}},)? (?:comporte|contient|compte|comprend) (?:\d+|deux|trois|quatre|"
        r"cinq|six|sept|huit|neuf|dix|\w+) (?P<things>items|questions|symptômes|parties)\b.*$",
        "Combien de {things} comporte {det}{x} ?",
    ),
    rule(
        "est-un",
        "definition",
        rf"^{DET}{phrase('x', 6, OF)}{AKA} (?P<verb>est|sont) (?!(?:le |la |les )?(?:plus|moins|plupart)\b)(?:une? |des |le |la |l['’])"
        r"(?!(?:\w+ )?(?:préalable|contribution|exemple|cas|raison|but|objectif|question|problème|enjeu|convention)\b)"
        r"(?=.*\b(?:qui|que|dont|où|de|du|des|par|pour|à|en|avec)\b|.*\bd['’]).{25,}$",
        "Qu’est-ce que {det}{x} ?",
    ),
    rule(
        "se-definit",
        "definition",
        rf"^{DET}{phrase('x', 6, OF)}{AKA} (?:se définit|se définissent|est définie?|désigne|désignent|signifie) .{{15,}}$",
        "Comment définit-on {det}{x} ?",
    ),
    rule(
        "consiste",
        "definition",
        rf"^{DET}{phrase('x', 7, OF)} consiste(?:nt)? (?:à|en) .{{15,}}$",
        "En quoi consiste {det}{x} ?",
    ),
    rule(
        "caracterise",
        "definition",
        rf"^{DET}{phrase('x', 6, OF)} (?:se caractérise|se caractérisent|est caractérisée?|sont caractérisée?s) par .{{15,}}$",
        "Qu’est-ce qui caractérise {det}{x} ?",
    ),
    rule(
        "cause",
        "mechanism",
        rf"^{DET}{phrase('x', 5, OF)} (?:est|sont) {SOUVENT}(?:due?s?|causée?s?) (?:à|au|aux|par) .{{8,}}$",
        "Quelle est la cause de {det}{x} ?",
    ),
    rule(
        "depend",
        "mechanism",
        rf"^{DET}{phrase('x', 6, OF)} dépend(?:ent)? (?:de|du|des|d['’]).{{10,}}$",
        "De quoi dépend{ent} {det}{x} ?",
    ),
    rule(
        "non-recommande",
        "mechanism",
        rf"^{DET}{phrase('x', 5, OF)} (?P<not>ne sont pas|n['’]est pas) (?P<done>recommandée?s?|conseillée?s?)\b.{{0,60}}?\b(?:en raison de|parce que|"
        r"car|à cause de) .{10,}$",
        "Pourquoi {det}{x} {not} {done} ?",
    ),
)

EMPTY = re.compile(
    r"\b(?:étude|études|article|articles|résultats?|objectifs?|but|buts|données|méthodes?|modèles?|analyses?|tableau|figure|section|ouvrage|"
    r"auteure?s?|nous|on|il|elle|ils|elles|ce|cela|ceci|cette|ces|celui|celle|premier|première|second|seconde|autre|autres|certains|tel|telle|"
    r"plusieurs|exemple|différence|raison|problème|questions?|fait|partie|qui|que|dont|où|et|ou|mais|personnes?|patients?|texte|début|fin|suite|"
    r"enquête|livre|chapitre|projet|recherche|corpus|enfant|auteur|durée|présence|nombre|ensemble|est|sont|été)\b",
    re.IGNORECASE,
)
LEANING = re.compile(
    r"(?:il|elle|ils|elles|ce|c['’]|cet|cette|ces|cela|ceci|celui|celle|ceux|leur|leurs|son|sa|ses|toutefois|cependant|pourtant|ainsi|donc|mais|"
    r"or|et|ou|en outre|de plus|par ailleurs|en revanche|au contraire|nous|notre|nos|on|les deux|le premier|la première|dans ce|si|lorsque|"
    r"quand|comme|puisque|bien que|quoique|tandis que|alors que|enfin|ensuite|d['’]abord|par exemple|selon|ici)\b",
    re.IGNORECASE,
)
NO_SUBJECT = re.compile(
    r"^(?:en|pour|à|au|aux|avec|par|de|du|des|sur|dans|après|avant|sous|comme|sans|chez|entre|plus|moins)\b|\b(?:en|pour|à|au|avec|par|de|du|"
    r"des|sur|dans|plus|moins|aussi|souvent|ne|y|se)$",
    re.IGNORECASE,
)


def polish(question: str) -> str:
    """Return a question with its contractions and elisions.

    >>> polish("Qu’est-ce que un signe de le trouble ?")
    'Qu’est-ce qu’un signe du trouble ?'
    """
    question = re.sub(r"\bque (?=une?\b)", "qu’", question)
    question = re.sub(r"\bde le (?=\w)", "du ", re.sub(r"\bde les (?=\w)", "des ", question))
    return re.sub(r"\b([dD])e (?=[aeiouéèêâîô])", "\\1’", question)


FEMININE = frozenset(["durée", "cause", "prévalence", "fréquence", "issue", "fonction", "origine", "localisation"])


def agree(label: str) -> dict[str, str]:
    """Return the article and the ending of "quel" that go with a label.

    >>> agree("durée minimale"), agree("objet de la peur")
    ({'article': 'la ', 'e': 'le'}, {'article': 'l’', 'e': ''})
    """
    head = label.split()[0].lower()
    article = "l’" if head[0] in "aeiouéèêâîôœ" else "la " if head in FEMININE else "le "
    return {"article": article, "e": "le" if head in FEMININE else ""}


TABLE = TableWords(
    attributes=re.compile(
        r"^(?:durée|objet|cause|déclencheur|prévalence|fréquence|âge de début|traitement|seuil|issue|stade|fonction|origine|localisation)"
        r"(?: (?:de|du|des|minimale?|typique|habituelle?).*)?$|^objet de .*$",
        re.IGNORECASE,
    ),
    keys=(
        (
            re.compile(
                r"^(?:trouble|maladie|affection|syndrome|espèce|pays|élément|méthode|instrument|échelle)s?$",
                re.IGNORECASE,
            ),
            " : ",
        ),
    ),
    corner=re.compile(r"^(?:critère|caractéristique|aspect|point)s?$", re.IGNORECASE),
    scores=re.compile(r"^(?:score|score total|total|points)$", re.IGNORECASE),
    levels=(
        (
            re.compile(r"^(?:niveau|degré|sévérité|gravité|interprétation|signification)\b", re.IGNORECASE),
            "la mention « {cell} » ({label})",
        ),
    ),
    instrument=re.compile(r"score (?:total )?(?P<x>(?:au|à la|à l['’]|de l['’]|du|de la) ?.+?)\.?$", re.IGNORECASE),
    ask_cell="{Thing} : quel{e} est {article}{label} ?",
    answer_cell=("{Thing} : {article}{label} est « {cell} ».", "{Thing} : {article}{label} est « {cell} »."),
    ask_difference="",
    answer_difference=("", ""),
    ask_band="Comment interpréter un score de {band} {instrument} ?",
    answer_band="Un score de {band} {instrument} correspond à {level}.",
    captions=(titled("table", r"^interprétation (?:du (?P<x>.+?))\.?$", "Comment interpréter le {x} ?"),),
    schemes=re.compile(r"^(?:DSM|CIM)[\w.-]{0,8}$"),
    of_labels=re.compile(r"^(?!)"),
    subject=re.compile(r"\b(?:critères|règles) (?:du|de la|de l['’]) ?(?P<x>.+?) (?:selon|dans)\b", re.IGNORECASE),
    cells_without_news=re.compile(r"^(?:oui|non|[-–—]|n/?a|aucune?|variable|\W*)$", re.IGNORECASE),
    agree=agree,
    colon=" :",
)

FRENCH = Language(
    code="fr",
    rules=RULES,
    leaning=LEANING,
    speaking=re.compile(r"\b(?:nous|notre|nos|je|mon|ma|mes)\b|\bet al\b|https?:|\[p\.", re.IGNORECASE),
    dangling=re.compile(r"\b(?:cet|cette|ces|celui-ci|celle-ci|ceux-ci)\b|\bce (?!qu|dont|n)", re.IGNORECASE),
    vague=re.compile(r"^(?!)"),
    unnamed=re.compile(r"\b(?:le trouble|la maladie|l['’]affection|le syndrome)(?= \?|$)"),
    everyday=frozenset(),
    in_topic="{} dans {} ?",
    empty_subjects=EMPTY,
    no_subject=NO_SUBJECT,
    bare=re.compile(r"^(?!)"),
    plural=lambda subject: subject.split()[0].endswith(("s", "x")),
    fill={"ent": ("", "ent")},
    kept_capitals=frozenset(),
    pronouns=(),
    headings=(
        titled(
            "criteria",
            r"^(?P<what>symptômes|critères|caractéristiques|signes|causes)(?P<kind> \w+s)? (?P<rest>(?:du|de|des|d['’]).+)$",
            "Quels sont les {what}{kind} {rest} ?",
        ),
        titled(
            "criteria",
            r"^(?P<what>(?:symptômes|critères|signes)(?: (?:principaux|diagnostiques|cliniques|cardinaux))?)$",
            "Quels sont les {what} de {topic} ?",
        ),
    ),
    sections=(
        titled(
            "heading",
            r"^(?:fréquence|épidémiologie|prévalence)$",
            "Quelle est la fréquence de {topic} ?",
            r"\d ?%|\bfois plus\b|\bmoitié\b",
        ),
        titled("heading", r"^(?:évolution|pronostic|cours évolutif)$", "Comment évolue {topic} ?"),
        titled("heading", r"^(?:traitements?|prise en charge)$", "Quelle est la prise en charge de {topic} ?"),
    ),
    leads=(),
    table=TABLE,
    polish=polish,
    article_of=ARTICLE_OF,
)
