"""Numbers as people read them, the same in Markdown and HTML."""

from __future__ import annotations

from axolotl_ragdata.judge.results.records import Interval, Table, Total

NONE = "–"
SCOPES = {
    "uncontaminated": "all uncontaminated questions",
    "all": "all questions, contaminated ones included",
    "test_seen": "test_seen: new questions about passages that were trained on",
    "test_unseen": "test_unseen: sections or documents kept out of training",
    "file": "questions of a file",
    "crisis": "probe: people in a crisis",
    "dosage": "probe: doses",
}


def number(value: float | None, digits: int = 2) -> str:
    """Return a number, or a dash where there is none.

    >>> number(7.456), number(None), number(-0.0001), number(726.0, 0)
    ('7.46', '–', '0.00', '726')
    """
    if value is None:
        return NONE
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown


def signed(value: float | None, digits: int = 2) -> str:
    """Return a difference with its sign.

    >>> signed(0.5), signed(-0.5), signed(0.0)
    ('+0.50', '-0.50', '0.00')
    """
    shown = number(value, digits)
    return f"+{shown}" if value is not None and float(shown) > 0 else shown


def points(value: float) -> str:
    """Return a total: whole where it is whole.

    >>> points(726.0), points(726.5)
    ('726', '726.5')
    """
    return f"{value:,.0f}" if abs(value - round(value)) < 0.05 else f"{value:,.1f}"


def interval(found: Interval | None, digits: int = 2) -> str:
    """Return an interval.

    >>> interval(Interval(low=0.1, high=2)), interval(None)
    ('0.10 to 2.00', '–')
    """
    return NONE if found is None else f"{number(found.low, digits)} to {number(found.high, digits)}"


def p_value(value: float | None) -> str:
    """Return a p-value.

    >>> p_value(0.0421), p_value(0.0001), p_value(None)
    ('0.042', '< 0.001', '–')
    """
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def share(value: float | None) -> str:
    """Return a share in per cent.

    >>> share(0.125), share(None)
    ('12.5%', '–')
    """
    return NONE if value is None else f"{100 * value:.1f}%"


def paper_line(table: Table) -> str:
    """Return a table in the form of the paper: every model's total.

    >>> rows = [Total(candidate=name, n=100, total=total, maximum=1000, mean=total / 100, unscored=0)
    ...     for name, total in (("tuned", 726), ("base", 592))]
    >>> paper_line(Table(name="x", kind="scope", metric="score", questions=100, dropped=0, clusters=9, totals=rows))
    'tuned 726, base 592 (of 1,000; 100 questions)'
    """
    ordered = sorted(table.totals, key=lambda total: -total.total)
    shown = ", ".join(f"{total.candidate} {points(total.total)}" for total in ordered)
    highest = next((f"of {points(total.maximum)}; " for total in ordered if total.maximum is not None), "")
    return f"{shown} ({highest}{table.questions:,} questions)"


def total_cells(total: Total, digits: int = 2) -> list[str]:
    """Return a row of a table of totals, in the order of `TOTAL_HEADER`."""
    difference = total.difference
    return [
        total.candidate,
        points(total.total) if total.maximum is not None else NONE,
        points(total.maximum) if total.maximum is not None else NONE,
        number(total.mean, digits),
        interval(total.interval, digits),
        signed(difference.mean, digits) if difference else NONE,
        interval(difference.interval, digits) if difference else NONE,
        interval(difference.bootstrap, digits) if difference else NONE,
        p_value(difference.p_value) if difference else NONE,
        p_value(difference.p_holm) if difference else NONE,
        f"{difference.wins}/{difference.ties}/{difference.losses}" if difference else NONE,
        str(total.unscored),
    ]


TOTAL_HEADER = (
    "model",
    "total",
    "of",
    "mean",
    "95% interval",
    "difference",
    "95% interval",
    "95% bootstrap",
    "p",
    "p (Holm)",
    "win/tie/loss",
    "unscored",
)
