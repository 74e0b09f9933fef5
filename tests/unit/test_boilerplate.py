from __future__ import annotations

import pytest

from axolotl_ragdata.boilerplate import skipped_as
from axolotl_ragdata.records import Passage


def passage(title: str, text: str = "The usual course is long and its end is open.", part: str = "body") -> Passage:
    path = tuple(title.split(" / ")) if title else ()
    return Passage(
        id="p", doc_id="d", section_path=path, part=part, ordinal=0, text=text, start=0, end=len(text), n_tokens=9
    )


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("References", "references"),
        ("7. REFERENCES", "references"),
        ("Références bibliographiques", "references"),
        ("Funding statement", "funding"),
        ("Financement", "funding"),
        ("Author Contributions", "authors"),
        ("Authors' contributions", "authors"),
        ("Contributions des auteurs", "authors"),
        ("Acknowledgments", "acknowledgements"),
        ("Remerciements", "acknowledgements"),
        ("Conflict of interest", "declarations"),
        ("Competing interests", "declarations"),
        ("Conflits d'intérêts", "declarations"),
        ("Ethics approval and consent to participate", "declarations"),
        ("Data availability", "availability"),
        ("Code and data availability statement", "availability"),
        ("Publisher's Note", "publisher"),
        ("Supplementary Material", "supplement"),
        ("Keywords", "front"),
        ("Mots-clés", "front"),
        ("Back / Acknowledgements", "acknowledgements"),
    ],
)
def test_headings_of_what_is_not_the_subject(title: str, kind: str) -> None:
    assert skipped_as(passage(title)) == kind


@pytest.mark.parametrize(
    "title",
    [
        "",
        "Reference values of ferritin",
        "Funding of mental health care",
        "Authoritarian parenting",
        "Conflict in families",
        "Data",
        "Materials and methods",
        "Ethical reasoning in children",
        "Licence to drive",
        "Index event bias",
        "Thanksgiving",
    ],
)
def test_headings_of_the_subject(title: str) -> None:
    assert skipped_as(passage(title)) is None


REFERENCES = (
    "1. Ade A. B., Bo C. On keels. J Ships. 2011;3(4):1-9. doi:10.1/a. 2. Cy D., Do E. F. On skegs. J Ships. "
    "2012;4(1):2-5. doi:10.1/b. 3. Eve G., Fox H. Hulls (2013). https://doi.org/10.1/c. "
    "4. Gil I., Hal J. Pitch (2014). doi:10.1/d."
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (REFERENCES, "references"),
        ("© 2020 The Authors. This is an open access article under a Creative Commons licence.", "publisher"),
        ("Corresponding author: A. Bee, Department of Ships, University of Bow. a.bee@bow.example", "authors"),
    ],
)
def test_texts_of_what_is_not_the_subject(text: str, kind: str) -> None:
    assert skipped_as(passage("Introduction", text)) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Keels were first measured by Ade et al. (2011), who found them heavy; Bo (2012) agreed and Cy (2013) did not.",
        "Patients may write to the clinic at help@clinic.example before a visit, and most do so in the first week.",
        "Panic disorder affects 4.7% of adults over a lifetime, more often women than men (OR 1.9, p < 0.001).",
    ],
)
def test_texts_of_the_subject(text: str) -> None:
    assert skipped_as(passage("Results", text)) is None


def test_back_matter_without_a_known_heading_is_skipped_as_such() -> None:
    assert skipped_as(passage("A word at the end", part="back")) == "back matter"
