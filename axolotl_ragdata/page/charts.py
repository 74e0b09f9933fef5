"""Charts as SVG that take their colours from the page: drawn by matplotlib, then made part of the page.

Every colour that matplotlib draws with stands for a CSS variable, so that one chart serves light, dark and print.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import unicodedata
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.page.shell import showable

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

WIDTH_IN = 4.8
"""At 72 units an inch; narrow enough that a phone shrinks no letter below what can be read."""
ROW_IN = 0.27
LONGEST_LABEL = 30
LONGEST_NAME = 17
LETTERS_PT = 9.5
INK, SOFT, LINE = "#000001", "#000002", "#000003"
SERIES = ("#0000c1", "#0000c2", "#0000c3", "#0000c4", "#0000c5", "#0000c6")
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line"} | {name: f"--{name[-2:]}" for name in SERIES}
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
FONT = re.compile(r"font-family: [^;]*;?")


@dataclass(frozen=True)
class Chart:
    """A chart and the table behind it. Equal charts have equal ids, so a page shows each once."""

    title: str
    svg: Markup
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str = "rows") -> Chart:
    """Return horizontal bars, stacked where there are several series.

    Args:
        title: What is shown.
        labels: One a bar, from the top down.
        series: Name → one value a bar, each 0 or more.
        unit: What is counted.
    """
    with _drawing(ROW_IN * len(labels) + 0.45 + 0.25 * (len(series) > 1) * -(-len(series) // 3)) as drawing:
        axes = drawing.axes
        left = [0.0] * len(labels)
        for (name, values), colour in zip(series.items(), _colours(len(series)), strict=True):
            axes.barh(
                range(len(labels)), values, left=left, color=colour, height=0.68, label=_short(name, LONGEST_NAME)
            )
            left = [start + value for start, value in zip(left, values, strict=True)]
        _label_rows(axes, labels)
        axes.set_xlim(0, max([*left, 1]) * 1.14)
        for at, total in enumerate(left):
            _say(axes, total, at, f"{total:,.0f}" if float(total).is_integer() else f"{total:,.4g}")
        axes.set_xticks([])
        if len(series) > 1:
            _legend(axes, len(series))
    names = tuple(series)
    rows = tuple((label, *(series[name][at] for name in names)) for at, label in enumerate(labels))
    peak = max(zip(left, labels, strict=True), default=(0, ""))
    said = f"{title}: {len(labels)} bars in {unit}; the longest is {peak[1]} with {peak[0]:,.4g}."
    return Chart(title, drawing.markup(title, said), ("", *names), rows)


def histogram(title: str, values: Sequence[float], unit: str, limits: Sequence[float] = (), bins: int = 20) -> Chart:
    """Return how often values fall into equal ranges.

    Args:
        title: What is shown.
        values: At least one.
        unit: What they are measured in.
        limits: Values to mark with a line, such as a threshold.
        bins: Most ranges; whole numbers never share a bar with less than one of them.
    """
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    edges = _edges(values, bins)
    counts, _ = np.histogram(values, edges)
    with _drawing(1.9) as drawing:
        axes = drawing.axes
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, align="edge", color=SERIES[0])
        if all(float(edge).is_integer() for edge in edges):
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel(unit, color=SOFT, fontsize=LETTERS_PT)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        for limit in limits:
            axes.axvline(limit, color=SERIES[1], linewidth=1.4, linestyle="--")
    rows = tuple(
        (f"{low:,.4g} to {high:,.4g}", int(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    middle = float(np.median(values))
    said = (
        f"{title}: {len(values):,} values from {min(values):,.4g} to {max(values):,.4g} {unit}, median {middle:,.4g}."
    )
    return Chart(title, drawing.markup(title, said), (unit, "count"), rows)


def intervals(title: str, rows: Sequence[tuple[str, float, float, float]], low: float = 0, high: float = 1) -> Chart:
    """Return points with their intervals on a common scale.

    Args:
        title: What is shown.
        rows: Name, value, lower and upper end of its interval, from the top down.
        low: Left end of the scale.
        high: Right end of the scale.
    """
    with _drawing(0.34 * len(rows) + 0.5) as drawing:
        axes = drawing.axes
        for at, (_, value, lower, upper) in enumerate(rows):
            axes.plot([lower, upper], [at, at], color=SERIES[0], linewidth=3, alpha=0.45, solid_capstyle="round")
            axes.plot([value], [at], "o", color=SERIES[0], markersize=6)
            _say(axes, upper, at, f"{value:.3f}")
        _label_rows(axes, [row[0] for row in rows])
        axes.set_xlim(low, high + 0.1 * (high - low))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="x", color=LINE, linewidth=0.6)
    said = f"{title}: " + "; ".join(f"{name} {value:.3f} ({lo:.3f} to {hi:.3f})" for name, value, lo, hi in rows)
    shown = tuple((name, f"{value:.3f}", f"{lo:.3f}", f"{hi:.3f}") for name, value, lo, hi in rows)
    return Chart(title, drawing.markup(title, f"{said}."), ("", "value", "from", "to"), shown)


class _Drawing:
    """What is drawn on, and the file that came of it."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.text = ""

    def markup(self, title: str, description: str) -> Markup:
        """Return the drawing as an element of a page."""
        from markupsafe import Markup

        return Markup(_inlined(self.text, title, description))  # noqa: S704


@contextlib.contextmanager
def _drawing(height_in: float) -> Iterator[_Drawing]:
    """Yield axes in our manner; what is drawn on them is a file when the block ends."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {"svg.fonttype": "none", "svg.hashsalt": "ragdata", "text.parse_math": False, "font.size": LETTERS_PT}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        drawing = _Drawing(figure.subplots())
        _plain(drawing.axes)
        yield drawing
        text = io.StringIO()
        with warnings.catch_warnings():
            # the browser has the letters that matplotlib's own font lacks
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
            figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        drawing.text = text.getvalue()


def _plain(axes: Axes) -> None:
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(LINE)
    axes.tick_params(colors=SOFT, labelsize=LETTERS_PT, length=0)
    axes.set_axisbelow(True)


def _inlined(text: str, title: str, description: str) -> str:
    """Return matplotlib's file as an element: without what is not drawn, its ids and colours made the page's."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(text)  # noqa: S314
    prefix = f"c{hashlib.blake2b((title + text).encode('utf-8', 'replace'), digest_size=5).hexdigest()}-"
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _adopt(element, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}title {prefix}desc")
    for at, (name, said) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{SVG}}}{name}", {"id": f"{prefix}{name}"})
        element.text = showable(said)
        root.insert(at, element)
    return ET.tostring(root, encoding="unicode")


def _adopt(element: ET.Element, prefix: str) -> None:
    for name, value in list(element.attrib.items()):
        if name == "id":
            # an id that nothing points to is not worth its letters
            if element.tag in (f"{{{SVG}}}clipPath", f"{{{SVG}}}path"):
                element.set(name, f"{prefix}{value}")
            else:
                del element.attrib[name]
        elif name == f"{{{XLINK}}}href":
            element.set(name, f"#{prefix}{value.removeprefix('#')}")
        elif name == "style":
            element.set(name, _themed(value))
        else:
            element.set(name, " ".join(value.replace("url(#", f"url(#{prefix}").split()))
    element.text = element.text if element.text and element.text.strip() else None
    element.tail = None


def _themed(style: str) -> str:
    for colour, variable in VARIABLES.items():
        style = style.replace(colour, f"var({variable})")
    return FONT.sub("", style)


def _colours(count: int) -> list[str]:
    return [SERIES[at % len(SERIES)] for at in range(count)]


def _say(axes: Axes, x: float, y: float, text: str) -> None:
    style: dict[str, Any] = {"va": "center", "ha": "left", "color": INK, "fontsize": LETTERS_PT}
    axes.annotate(text, (x, y), xytext=(4, 0), textcoords="offset points", annotation_clip=False, **style)


def _label_rows(axes: Axes, labels: Sequence[str]) -> None:
    short = [_short(label) for label in labels]
    axes.set_yticks(range(len(labels)), short, color=INK)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _short(label: str, longest: int = LONGEST_LABEL) -> str:
    """Return a label in one line that leaves room for the chart; letters of double width count twice.

    >>> _short("abcdef", 4), _short("漢字かな", 4)
    ('abc…', '漢…')
    """
    text, room = " ".join(showable(label).split()), longest
    for at, letter in enumerate(text):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 1 and at < len(text) - 1:
            return f"{text[:at]}…"
    return text


def _legend(axes: Axes, count: int) -> None:
    placed = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": min(count, 3), "borderaxespad": 0.2}
    axes.legend(**placed, frameon=False, labelcolor=INK, handlelength=1, columnspacing=1.1, fontsize=LETTERS_PT)


def _edges(values: Sequence[float], bins: int) -> Any:
    import numpy as np

    low, high = float(min(values)), float(max(values))
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    if all(float(value).is_integer() for value in values):
        step = max(1, int(np.ceil((high - low + 1) / bins)))
        return np.arange(low, high + step + 1, step)
    return np.linspace(low, high, bins + 1)
