"""Before the run: how many questions are needed. After it: the same with the spread that was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from axolotl_ragdata.judge.records import JudgeQuestion
from axolotl_ragdata.judge.results.records import Sensitivity
from axolotl_ragdata.judge.results.tables import Values, cluster_of
from axolotl_ragdata.judge.rubrics import HIGHEST, LOWEST
from axolotl_ragdata.judge.statistics.clusters import codes_of, intra_cluster_correlation
from axolotl_ragdata.judge.statistics.power import questions_needed, smallest_difference

ASSUMED_DEVIATION = 3.0
"""Points of a paired difference on a scale of 0 to 10, where nothing was measured yet."""
ASSUMED_ICC = 0.1
DIFFERENCES = (0.25, 0.5, 1.0, 2.0)


def expected_sensitivity(
    questions: Sequence[JudgeQuestion], deviation: float = ASSUMED_DEVIATION, icc: float = ASSUMED_ICC
) -> Sensitivity:
    """Return what so many questions can show, by an assumed spread.

    Args:
        questions: Those that will be asked; probes do not count.
        deviation: Standard deviation of a paired difference, in points; that of an earlier run where there is one.
        icc: Intra-cluster correlation of the differences.

    >>> found = expected_sensitivity([JudgeQuestion(id=str(n), origin="file", question="?") for n in range(60)])
    >>> found.needed["1"], round(found.smallest_difference, 2)
    (73, 1.1)
    """
    return _sensitivity(questions, deviation, icc, measured=False)


def measured_sensitivity(
    questions: Sequence[JudgeQuestion], values: Values, candidates: Sequence[str]
) -> Sensitivity | None:
    """Return the same by the spread of the second candidate against the baseline, None where there is none."""
    asked = [question for question in questions if question.id in values and question.probe is None]
    if len(candidates) < 2 or len(asked) < 3:
        return None
    first, second = candidates[1], candidates[0]
    differences = np.array([values[question.id][first] - values[question.id][second] for question in asked])
    if not differences.any():
        # equal scores everywhere: no spread to reckon with
        return None
    icc = intra_cluster_correlation(differences, codes_of([cluster_of(question) for question in asked]))
    return _sensitivity(asked, float(differences.std(ddof=1)), max(0.0, icc or 0.0), measured=True)


def sensitivity_lines(found: Sensitivity) -> list[str]:
    """Return it in words."""
    basis = "measured" if found.measured else "assumed"
    needed = ", ".join(f"{points} points: {count:,}" for points, count in found.needed.items())
    reach = f"show a difference of {found.smallest_difference:.2f} points or more in 80% of runs"
    if found.smallest_difference > HIGHEST - LOWEST:
        reach = "are too few to show any difference in 80% of runs"
    return [
        f"{found.questions:,} questions {reach} ({basis} deviation {found.deviation:.2f}, "
        f"{found.questions_a_document:.1f} questions a document, intra-cluster correlation {found.icc:.2f})",
        f"questions needed for a mean difference of {needed}",
    ]


def _sensitivity(questions: Sequence[JudgeQuestion], deviation: float, icc: float, measured: bool) -> Sensitivity:
    sizes = Counter(cluster_of(question) for question in questions if question.probe is None).values()
    count = sum(sizes)
    size = sum(n * n for n in sizes) / count if count else 1.0
    return Sensitivity(
        deviation=deviation,
        icc=icc,
        questions_a_document=size,
        measured=measured,
        questions=count,
        smallest_difference=smallest_difference(count, deviation, size, icc),
        needed={f"{points:g}": questions_needed(points, deviation, size, icc) for points in DIFFERENCES},
    )
