"""A page is valid, holds everything it shows, runs nothing, and escapes whatever others said."""

from __future__ import annotations

import re
from pathlib import Path

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.page import POLICY, Chart, bars, histogram, intervals, link_to, render

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\" ' & ]]> javascript:alert(1) \x00\x1b \ud800 \u202e"
TEMPLATE = """{% extends "shell.html" %}{% import "parts.html" as parts %}
{% block contents %}{{ parts.contents([("a", "A")]) }}{% endblock %}
{% block content %}<h2 id="a">A</h2>{{ parts.tiles([(1234, "rows")]) }}<p>{{ said }}</p>
{{ parts.table(["name", "count"], [(said, 3), (none, 0.98765)], "What there is") }}
{% for chart in charts %}{{ parts.figure(chart) }}{% endfor %}{% endblock %}"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "test.html"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def charts(label: str = "a") -> list[Chart]:
    return [
        bars(f"Bars {label}", [label, "b"], {"train": [3, 1], label + "2": [0, 2]}),
        histogram(f"Lengths {label}", [1, 2, 2, 9], "words", limits=[3]),
        histogram(f"One value {label}", [0.5], "cosine"),
        intervals(f"Recall {label}", [(label, 0.8, 0.7, 0.9), ("text", 0.5, 0.4, 0.6)]),
    ]


def parsed(page: str) -> html5lib.html5parser.HTMLParser:
    """Return the tree of a page that breaks no rule of HTML."""
    page.encode("utf-8")
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(page)


def test_hostile_texts_are_shown_and_do_nothing(template: Path) -> None:
    page = render(template, title=HOSTILE, lead=HOSTILE, said=HOSTILE, charts=charts(HOSTILE), version="1")
    tree = parsed(page)
    assert [element.tag for element in tree.iter() if element.tag == "script"] == []
    assert not any(name.startswith("on") for element in tree.iter() for name in element.attrib)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert tree.find(".//title").text.startswith("<script>")


def test_a_page_loads_nothing(template: Path) -> None:
    page = render(template, title="t", said="s", charts=charts())
    assert POLICY.startswith("default-src 'none'")
    assert "http-equiv" in page
    for element in parsed(page).iter():
        for name, value in element.attrib.items():
            if str(name).endswith(("href", "src", "data", "action")):
                assert value.startswith(("#", "./")), (element.tag, name, value)
    assert not re.search(r"url\((?!#)|@import", page)


def test_ids_stand_once_and_every_pointer_has_its_target(template: Path) -> None:
    page = render(template, title="t", said="s", charts=[*charts("x"), *charts("y")])
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    pointed = {*re.findall(r'href="#([^"]+)"', page), *re.findall(r"url\(#([^)]+)\)", page)}
    assert pointed <= set(ids)


def test_charts_take_their_colours_and_letters_from_the_page() -> None:
    for chart in charts():
        assert "var(--c1)" in chart.svg
        # black stays nowhere: it would not be seen in the dark
        assert not re.search(r"#0{3,6}\b|#0000[0c][0-9]|DejaVu", chart.svg), chart.svg
        assert "<title" in chart.svg
        assert "<desc" in chart.svg
        assert chart.rows


def test_equal_charts_are_equal_text() -> None:
    assert [chart.svg for chart in charts()] == [chart.svg for chart in charts()]


def test_a_chart_draws_any_writing_and_no_formula() -> None:
    chart = bars("مرحبا 漢字", ["السؤال", "漢字かな", "$x^2$ \\frac", "é" * 80], {"rows": [1, 2, 3, 4]})
    assert "$x^2$ \\frac" in chart.svg
    assert "漢字かな" in chart.svg
    assert chart.rows[3][0] == "é" * 80


def test_whole_numbers_have_whole_bars() -> None:
    chart = histogram("Ranks", [1, 1, 2, 5], "rank")
    assert [row[1] for row in chart.rows] == [2, 1, 0, 0, 1]


@given(st.text(st.characters(codec=None), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_makes_a_valid_page(said: str) -> None:
    folder = Path(__file__).parent
    page = render(folder / "said.html", title=said or "t", said=said)
    assert parsed(page).find(".//p") is not None


@pytest.mark.parametrize("name", ["javascript:alert(1)", "//evil.example/x", "a b#c?d%.pdf", "é\udcff.xml", 'q"><b>'])
def test_a_link_is_never_more_than_a_file(tmp_path: Path, name: str) -> None:
    address = link_to(tmp_path / "sources" / name.lstrip("/"), tmp_path / "run" / "report.html", "page=3")
    assert address.startswith("./../sources/")
    assert not set(address) & set(":<>\"' ?")
    assert address.endswith("#page=3")
