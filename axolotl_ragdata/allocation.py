"""A total → whole numbers in proportion to weights: drawn anew, or as near as may be to what stands already."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import ceil, floor
from typing import TypeVar

from axolotl_ragdata.questions import draw

Key = TypeVar("Key", bound=Hashable)
PLACES = 9
"""A sum of floats may miss a whole number by a few units in the last place."""


def shares_of(total: int, weights: Mapping[Key, float], caps: Mapping[Key, int]) -> dict[Key, float]:
    """Return the parts of a total in proportion to the weights, what a cap holds back poured over the rest.

    Their sum is `total` or that of the caps.
    """
    shares: dict[Key, float] = {}
    # without any weight all are alike
    open_keys = {key: weight if any(weights.values()) else 1.0 for key, weight in weights.items()}
    left = float(min(total, sum(caps.get(key, 0) for key in weights)))
    while open_keys:
        unit = left / sum(open_keys.values()) if any(open_keys.values()) else 0.0
        full = [key for key, weight in open_keys.items() if weight * unit >= caps.get(key, 0)]
        if not full:
            shares |= {key: weight * unit for key, weight in open_keys.items()}
            break
        for key in full:
            shares[key] = float(caps.get(key, 0))
            left -= shares[key]
            del open_keys[key]
    return {key: shares[key] for key in weights}


def rounded(shares: Mapping[Key, float], caps: Mapping[Key, int], *salt: str) -> dict[Key, int]:
    """Return each share rounded up or down, so that their sum stays.

    Fractions are rounded systematically, from a start that is drawn from the salt: over many calls every key gets its
    share exactly, and no key is always the one that is rounded up.

    >>> caps = {"a": 4, "b": 9, "c": 9}
    >>> rounded(shares_of(10, {"a": 3.0, "b": 1.0, "c": 1.0}, caps), caps)
    {'a': 4, 'b': 3, 'c': 3}
    """
    # 53 bits of the draw, as a fraction below 1
    start = (draw("allocate", *salt) >> 11) / 2.0**53
    made: dict[Key, int] = {}
    reached, below = 0.0, 0
    for key, share in shares.items():
        reached += share
        up_to = int(round(reached, PLACES) + start)
        made[key] = min(up_to - below, caps.get(key, 0))
        below = up_to
    return made


def settled(
    total: int, shares: Mapping[Key, float], drawn: Mapping[Key, int], held: Mapping[Key, int]
) -> dict[Key, int]:
    """Return each share rounded up or down, of the sum `total`, as near to what is held as that allows.

    What must move all the same moves to what was drawn. Of nothing that is held comes what was drawn.

    >>> settled(2, {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}, {"a": 0, "b": 1, "c": 0, "d": 1}, {"a": 1})
    {'a': 1, 'b': 0, 'c': 0, 'd': 1}

    Args:
        total: The sum of the shares, or within one of it for a part of them.
        shares: What each key would get if numbers had fractions.
        drawn: The shares rounded, by `rounded`.
        held: What each key has; one that is not named has nothing.
    """
    made = nearest(shares, held)
    over = sum(made.values()) - total
    step, bound = (-1, floor) if over > 0 else (1, ceil)
    movable = [key for key, share in shares.items() if made[key] != bound(round(share, PLACES))]
    movable.sort(key=lambda key: (step * (made[key] - drawn[key]), draw("settled", key)))
    for key in movable[: abs(over)]:
        made[key] += step
    return made


def nearest(shares: Mapping[Key, float], held: Mapping[Key, int]) -> dict[Key, int]:
    """Return each share rounded towards what is held.

    >>> nearest({"a": 0.5, "b": 0.5, "c": 2.5}, {"b": 4, "c": 1})
    {'a': 0, 'b': 1, 'c': 2}
    """
    exact = {key: round(share, PLACES) for key, share in shares.items()}
    return {key: min(max(held.get(key, 0), floor(share)), ceil(share)) for key, share in exact.items()}
