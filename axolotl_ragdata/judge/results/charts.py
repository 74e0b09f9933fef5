"""Charts as SVG that follows the page's colours: means with intervals, and how scores are spread."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from axolotl_ragdata.judge.results.records import Results, Table
from axolotl_ragdata.judge.results.wording import interval, number
from axolotl_ragdata.judge.rubrics import HIGHEST

WIDTH = 720
LABEL = 190
ROW = 34
BAR_HEIGHT = 96


def means(table: Table) -> str:
    """Return each model's mean on a scale of 0 to 10, with its interval."""
    height = ROW * len(table.totals) + 28
    parts = [_scale(height)]
    for at, total in enumerate(table.totals):
        y = ROW * at + ROW / 2
        parts.append(_label(total.candidate, y))
        if total.mean is None:
            continue
        shown = f"{total.candidate}: mean {number(total.mean)}, 95% interval {interval(total.interval)}"
        line = ""
        if total.interval is not None:
            low, high = _x(total.interval.low), _x(total.interval.high)
            line = f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        dot = f'<circle class="dot" cx="{_x(total.mean):.1f}" cy="{y}" r="5"/>'
        value = f'<text class="value" x="{WIDTH - 4}" y="{y + 4}" text-anchor="end">{number(total.mean)}</text>'
        parts.append(f"<g><title>{escape(shown)}</title>{line}{dot}{value}</g>")
    return _svg(WIDTH, height, "Mean score of each model with its 95% interval", "".join(parts))


def distribution(name: str, values: Sequence[float]) -> str:
    """Return how often each score from 0 to 10 was given to a model."""
    counts = [sum(round(value) == score for value in values) for score in range(HIGHEST + 1)]
    most = max([1, *counts])
    step = 30
    parts = []
    for score, count in enumerate(counts):
        height = BAR_HEIGHT * count / most
        x, y = score * step + 3, BAR_HEIGHT - height + 14
        shown = f"{count} of {len(values)} answers: {score}"
        parts.append(f'<rect class="bar" x="{x}" y="{y:.1f}" width="{step - 6}" height="{height:.1f}" rx="2">')
        parts.append(f"<title>{escape(shown)}</title></rect>")
        parts.append(f'<text x="{x + 12}" y="{BAR_HEIGHT + 30}" text-anchor="middle">{score}</text>')
        if count:
            parts.append(f'<text class="value" x="{x + 12}" y="{y - 3:.1f}" text-anchor="middle">{count}</text>')
    chart = _svg(step * (HIGHEST + 1), BAR_HEIGHT + 36, f"How scores of {name} are spread", "".join(parts))
    return f"<figure><figcaption>{escape(name)}</figcaption>{chart}</figure>"


def distributions(results: Results) -> str:
    """Return the spread of every model's scores over questions that are no probes."""
    plain = {question.id for question in results.questions if question.probe is None}
    found = []
    for name in results.candidates:
        values = [
            score.value
            for score in results.verdicts.scores
            if score.candidate == name and score.value is not None and score.question_id in plain
        ]
        if values:
            found.append(distribution(name, values))
    return f'<div class="side">{"".join(found)}</div>' if found else ""


def _scale(height: int) -> str:
    parts = []
    for score in range(0, HIGHEST + 1, 2):
        x = _x(score)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 24}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{score}</text>')
    return "".join(parts)


def _label(name: str, y: float) -> str:
    short = name if len(name) <= 24 else f"{name[:23]}…"
    return f'<text x="{LABEL - 12}" y="{y + 4}" text-anchor="end">{escape(short)}</text>'


def _x(score: float) -> float:
    return LABEL + (WIDTH - LABEL - 60) * min(HIGHEST, max(0.0, score)) / HIGHEST


def _svg(width: float, height: float, title: str, inner: str) -> str:
    shown = escape(title)
    return f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" aria-label="{shown}">{inner}</svg>'
