"""Student's t distribution for any positive degrees of freedom, without a library of 40 MB behind it."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

TINY = 1e-300
STEPS = 500
PRECISION = 1e-15
NORMAL_FROM = 1e7
"""Degrees of freedom from which t and the normal distribution agree to nine digits."""


def t_cdf(value: float, degrees: float) -> float:
    """Return P(T <= value) of Student's t.

    By the regularised incomplete beta function: Abramowitz and Stegun (1964), 26.7.1 and 26.5.

    Args:
        value: Any number.
        degrees: Degrees of freedom, above 0; need not be whole.

    >>> round(t_cdf(2.0, 10), 6)
    0.963306
    """
    if degrees >= NORMAL_FROM:
        return NormalDist().cdf(value)
    if math.isinf(value):
        return 1.0 if value > 0 else 0.0
    tail = 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + value * value))
    return 1.0 - tail if value > 0 else tail


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: float) -> float:
    """Return the value below which Student's t lies with this probability, by bisection of `t_cdf`.

    >>> round(t_quantile(0.975, 10), 6), round(t_quantile(0.025, 3.5), 4)
    (2.228139, -2.9401)
    """
    if not 0 < probability < 1:
        raise ValueError(f"a probability between 0 and 1, not {probability}")
    if degrees >= NORMAL_FROM:
        return NormalDist().inv_cdf(probability)
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    low, high = 0.0, 2.0
    while t_cdf(high, degrees) < probability:
        low, high = high, high * 2
    while high - low > 1e-12 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for x in 0..1.

    The continued fraction of DLMF (https://dlmf.nist.gov/8.17.22), evaluated by the modified Lentz method
    (Thompson and Barnett, 1986), on the side of the mean where it converges fast.

    >>> round(incomplete_beta(2, 3, 0.4), 6)
    0.5248
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1 - x)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / a / _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + term * d)
        c = _away_from_zero(1.0 + term / c)
        value *= c * d
        if abs(c * d - 1.0) < PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
