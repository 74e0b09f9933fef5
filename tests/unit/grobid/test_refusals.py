from __future__ import annotations

from pathlib import Path

import pytest

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.grobid.options import FORM, ParseOptions, checked_url
from axolotl_ragdata.grobid.refusals import ADVICE, RETRYABLE, TOO_LONG, Refusal, refused_body, refused_status


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (204, b"", "NO_CONTENT"),
        (400, b"missing input", "BAD_REQUEST"),
        (500, b"[NO_BLOCKS] PDF parsing resulted in empty content", "NO_BLOCKS"),
        (
            500,
            b'{"type":"x","description":"org.grobid:[TOO_MANY_TOKENS] The document has 9 tokens"}',
            "TOO_MANY_TOKENS",
        ),
        (500, b"[PDFALTO_CONVERSION_FAILURE] PDF to XML conversion failed", "PDFALTO_CONVERSION_FAILURE"),
        (500, b"NullPointerException", "GENERAL"),
        (500, b"", "GENERAL"),
        (413, b"<html>too large</html>", "TOO_LARGE"),
        (418, b"", "HTTP_418"),
    ],
)
def test_a_status_is_a_code_with_advice(status: int, body: bytes, code: str) -> None:
    refusal = refused_status(status, body)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.advice
    # a proxy or a login says nothing about the PDF: the next run sends it again
    assert refusal.retryable is (code == "HTTP_418")


def test_200_is_no_refusal() -> None:
    assert refused_status(200, b"") is None


def test_every_code_has_advice_and_is_final_or_not() -> None:
    assert set(ADVICE) >= RETRYABLE | TOO_LONG
    assert not RETRYABLE & TOO_LONG
    assert Refusal("SOMETHING_NEW", "").advice


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "NO_CONTENT"),
        (b"<html><body>Service Unavailable</body></html>", "NOT_GROBID"),
        (b"{}", "NOT_TEI"),
        (b"<tei><text><body>training</body></text></tei>", "NOT_TEI"),
        (b"<TEI><teiHeader>A title</teiHeader><text><body/></text></TEI>", "EMPTY_BODY"),
        (b"<TEI><teiHeader>A title</teiHeader></TEI>", "EMPTY_BODY"),
    ],
)
def test_what_comes_with_200_and_is_no_success(body: bytes, code: str) -> None:
    refusal = refused_body(body, "application/xml")
    assert refusal is not None
    assert refusal.code == code


def test_real_files(shared_data: Path) -> None:
    expected = {"article-withdrawn": "EMPTY_BODY", "autism-2019.training": "NOT_TEI", "lopresti-2023-lipids": None}
    for name, code in expected.items():
        refusal = refused_body((shared_data / "tei" / f"{name}.tei.xml").read_bytes(), "application/xml")
        assert (refusal.code if refusal else None) == code
    error = refused_body((shared_data / "odd" / "grobid_error.txt").read_bytes(), "text/plain")
    assert error is not None


def test_the_form_says_what_the_issue_asks_for() -> None:
    once = dict(FORM)
    assert once["consolidateHeader"] == once["consolidateCitations"] == once["consolidateFunders"] == "0"
    assert once["generateIDs"] == once["segmentSentences"] == once["includeDiscardedText"] == "1"
    coordinates = [value for name, value in FORM if name == "teiCoordinates"]
    assert coordinates == ["p", "s", "head", "figure", "ref", "formula"]


def test_urls() -> None:
    assert checked_url("https://grobid.example/x/api", "u") == "https://grobid.example/x"
    for bad in ("localhost:8070", "ftp://x", "", "http://", "http://[", "http://x:99999"):
        with pytest.raises(RecipeError):
            checked_url(bad, "u")
    assert ParseOptions(url="http://me:secret@host:1/x").shown_url == "http://host:1/x"


def test_only_what_changes_a_tei_changes_the_fingerprint() -> None:
    plain = ParseOptions()
    assert plain.fingerprint == ParseOptions(url="http://x", concurrency=1, timeout_s=1, force=True).fingerprint
    assert plain.fingerprint != ParseOptions(part_pages=10).fingerprint
